import {
  CelCompileError,
  CelCostExceeded,
  type CelEnvironment,
  CelEvaluationError,
  type CelProgram,
  type CelType,
  type CelValue,
  typeName,
} from "../../../cel/index.ts";
import { sameType } from "../../../cel/types.ts";

/** What one expression may cost, and what all of a policy may together: apis/cel/config. */
const perCallLimit = 1_000_000;
export const policyBudget = 10_000_000;
export const matchConditionsBudget = 2_500_000;

/** All expressions of a policy together cost too much: those that follow are not evaluated. */
export class OutOfBudget extends Error {
  constructor() {
    super("validation failed due to running out of cost budget, no further validation rules will be run");
  }
}

/** What is left for the expressions that follow. */
export class Budget {
  #remaining: number;

  constructor(cost: number) {
    this.#remaining = cost;
  }

  spend(cost: number): void {
    this.#remaining -= cost;
    if (this.#remaining < 0) throw new OutOfBudget();
  }
}

export type Outcome = { readonly value: CelValue } | { readonly error: string };

/** An expression of a stored object, compiled when it is first needed. One that does not compile fails by that name. */
export class Expression {
  readonly source: string;
  readonly #compile: () => CelProgram | CelCompileError;
  #program: CelProgram | CelCompileError | undefined;

  constructor(environment: () => CelEnvironment, source: string, outputTypes?: readonly CelType[]) {
    this.source = source;
    this.#compile = () => withOutput(environment().compile(source), outputTypes);
  }

  program(): CelProgram | CelCompileError {
    this.#program ??= this.#compile();
    return this.#program;
  }

  /** Rejects with OutOfBudget; whatever else is wrong becomes an outcome. */
  async evaluate(variables: Readonly<Record<string, unknown>>, budget: Budget): Promise<Outcome> {
    const program = this.program();
    if (program instanceof CelCompileError) return { error: `compilation error: ${compileMessage(program)}` };
    const { cost, ...outcome } = await this.run(variables);
    budget.spend(cost);
    if ("value" in outcome) return outcome;
    return { error: `expression '${this.source}' resulted in error: ${outcome.error}` };
  }

  /** The bare outcome, with what it cost; what it cost up to a failure counts as well. The expression must compile. */
  async run(variables: Readonly<Record<string, unknown>>): Promise<Outcome & { readonly cost: number }> {
    const program = this.program();
    if (program instanceof CelCompileError) throw program;
    try {
      return await program.evaluateAsync(variables, { costBudget: perCallLimit });
    } catch (error) {
      if (!(error instanceof CelEvaluationError)) throw error;
      return { error: error.message, cost: error instanceof CelCostExceeded ? perCallLimit : error.cost };
    }
  }
}

/** The program, unless its result is of none of the types. */
function withOutput(
  program: CelProgram | CelCompileError,
  types: readonly CelType[] | undefined,
): CelProgram | CelCompileError {
  if (types === undefined || program instanceof CelCompileError) return program;
  if (types.some((type) => sameType(type, program.outputType))) return program;
  const [first] = types;
  const wanted =
    types.length === 1 && first !== undefined ? typeName(first) : `one of [${types.map(typeName).join(" ")}]`;
  return new CelCompileError("output", `must evaluate to ${wanted} but got ${typeName(program.outputType)}`);
}

/** As validation and runtime word what is wrong with an expression. */
export function compileMessage({ stage, message }: CelCompileError): string {
  if (stage === "compilation") return `compilation failed: ${message}`;
  return stage === "instantiation" ? `program instantiation failed: ${message}` : message;
}
