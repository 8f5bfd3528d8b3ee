import {
  CelCompileError,
  CelCostExceeded,
  type CelEnvironment,
  CelEvaluationError,
  type CelProgram,
  type CelType,
  type CelValue,
} from "../../../cel/index.ts";

/** What one expression may cost, and what all of a policy may together: apis/cel/config. */
export const perCallLimit = 1_000_000;
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

/** An expression of a stored object, compiled when it is first evaluated. One that does not compile fails by that name. */
export class Expression {
  readonly source: string;
  readonly #compile: () => CelProgram | CelCompileError;
  #program: CelProgram | CelCompileError | undefined;

  constructor(environment: () => CelEnvironment, source: string, outputTypes: readonly CelType[]) {
    this.source = source;
    this.#compile = () => environment().compile(source, { outputTypes });
  }

  /** Rejects with OutOfBudget; whatever else is wrong becomes an outcome. */
  async evaluate(variables: Readonly<Record<string, unknown>>, budget: Budget): Promise<Outcome> {
    this.#program ??= this.#compile();
    const program = this.#program;
    if (program instanceof CelCompileError) return { error: `compilation error: ${compileMessage(program)}` };
    try {
      const { value, cost } = await program.evaluateAsync(variables, { costBudget: perCallLimit });
      budget.spend(cost);
      return { value };
    } catch (error) {
      if (!(error instanceof CelEvaluationError)) throw error;
      // What it cost up to its failure counts as well.
      budget.spend(error instanceof CelCostExceeded ? perCallLimit : error.cost);
      return { error: `expression '${this.source}' resulted in error: ${error.message}` };
    }
  }
}

/** As validation and runtime word what is wrong with an expression. */
export function compileMessage({ stage, message }: CelCompileError): string {
  if (stage === "compilation") return `compilation failed: ${message}`;
  return stage === "instantiation" ? `program instantiation failed: ${message}` : message;
}
