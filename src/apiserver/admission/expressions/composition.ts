import type { Variable } from "../../../api/types/admissionregistration-v1.ts";
import { CelCompileError, type CelType, dynType, structType } from "../../../cel/index.ts";
import { CelErr, CelMap, type CelValue } from "../../../cel/values.ts";
import { type AdmissionVariables, admissionEnvironment } from "./environment.ts";
import { type Budget, compileMessage, Expression, type Outcome } from "./expression.ts";

interface Named {
  readonly name: string;
  readonly expression: Expression;
  /** Names of earlier variables that it reads. */
  readonly reads: readonly string[];
}

/**
 * The `variables` of a policy: expressions with names, each of which may read those before it. They are evaluated when an
 * expression reads them, once per request and list of expressions, and cost is charged to who reads them first.
 */
export class Composition {
  readonly #declared: AdmissionVariables;
  readonly #variables: readonly Variable[];
  #compiled: { readonly named: ReadonlyMap<string, Named>; readonly type: CelType } | undefined;

  constructor(variables: readonly Variable[], declared: AdmissionVariables) {
    this.#variables = variables;
    this.#declared = declared;
  }

  /** An expression that may read the variables. */
  expression(
    source: string,
    outputTypes: readonly CelType[] | undefined,
    declared: AdmissionVariables,
  ): Expression {
    const environment = () => admissionEnvironment({ ...declared, variables: this.#compile().type });
    return new Expression(environment, source, outputTypes);
  }

  /** For one list of expressions about one request; `inputs` are the variables that every expression has. */
  scope(inputs: Readonly<Record<string, unknown>>): Scope {
    return new Scope(() => this.#compile().named, inputs);
  }

  #compile() {
    this.#compiled ??= compileVariables(this.#variables, this.#declared);
    return this.#compiled;
  }
}

/** In their order, so that each knows the types of those before it. What does not compile has any type. */
function compileVariables(variables: readonly Variable[], declared: AdmissionVariables) {
  const fields: Record<string, CelType> = {};
  const named = new Map<string, Named>();
  for (const { name, expression: source } of variables) {
    const type = structType("kubernetes.variables", { ...fields });
    const expression = new Expression(() => admissionEnvironment({ ...declared, variables: type }), source);
    const program = expression.program();
    const isBroken = program instanceof CelCompileError;
    fields[name] = isBroken ? dynType : program.outputType;
    named.set(name, { name, expression, reads: namesRead(expression) });
  }
  return { named, type: structType("kubernetes.variables", fields) };
}

/** Of expressions that were compiled: each is asked about with every request. */
const known = new WeakMap<Expression, readonly string[]>();

function namesRead(expression: Expression): readonly string[] {
  let names = known.get(expression);
  if (names === undefined) {
    const program = expression.program();
    names = program instanceof CelCompileError ? [] : variablesRead(program.fieldPaths);
    known.set(expression, names);
  }
  return names;
}

function variablesRead(fieldPaths: ReadonlySet<string>): string[] {
  const names = [...fieldPaths]
    .filter((path) => path.startsWith("variables."))
    .map((path) => path.split(".")[1] ?? "");
  return [...new Set(names)];
}

/** Expressions of one list, evaluated one after the other, with what they have made of the variables. */
export class Scope {
  readonly #named: () => ReadonlyMap<string, Named>;
  /** With `variables` among them. */
  readonly #inputs: Readonly<Record<string, unknown>>;
  readonly #outcomes = new Map<string, Outcome & { cost: number }>();
  readonly #values = new VariableValues((name) => this.#take(name));
  #unpaid = 0;

  constructor(named: () => ReadonlyMap<string, Named>, inputs: Readonly<Record<string, unknown>>) {
    this.#named = named;
    this.#inputs = { ...inputs, variables: this.#values };
  }

  /** Rejects with OutOfBudget. */
  async evaluate(expression: Expression, budget: Budget): Promise<Outcome> {
    for (const name of namesRead(expression)) await this.#prepare(name);
    const outcome = await expression.evaluate(this.#inputs, budget);
    this.#pay(budget);
    return outcome;
  }

  /** Variables are evaluated before the expression that may read them: a check of the authorizer has to be waited for. */
  async #prepare(name: string): Promise<void> {
    const variable = this.#named().get(name);
    if (variable === undefined || this.#outcomes.has(name)) return;
    for (const other of variable.reads) await this.#prepare(other);
    this.#outcomes.set(name, await this.#evaluateVariable(variable));
  }

  async #evaluateVariable({ name, expression }: Named): Promise<Outcome & { cost: number }> {
    const program = expression.program();
    if (program instanceof CelCompileError)
      return { error: `composited variable "${name}" fails to compile: ${compileMessage(program)}`, cost: 0 };
    const { cost, ...outcome } = await expression.run(this.#inputs);
    if ("value" in outcome) return { ...outcome, cost };
    return { error: `composited variable "${name}" fails to evaluate: ${outcome.error}`, cost };
  }

  #take(name: string): CelValue | undefined {
    const outcome = this.#outcomes.get(name);
    if (outcome === undefined) return undefined;
    this.#unpaid += outcome.cost;
    outcome.cost = 0;
    return "value" in outcome ? outcome.value : new CelErr(outcome.error);
  }

  #pay(budget: Budget): void {
    const cost = this.#unpaid;
    this.#unpaid = 0;
    budget.spend(cost);
  }
}

/** `variables` as expressions see it. */
class VariableValues extends CelMap {
  readonly size = 0;
  readonly #take: (name: string) => CelValue | undefined;

  constructor(take: (name: string) => CelValue | undefined) {
    super();
    this.#take = take;
  }

  find(key: CelValue): CelValue | undefined {
    return typeof key === "string" ? this.#take(key) : undefined;
  }

  keys(): CelValue[] {
    return [];
  }
}
