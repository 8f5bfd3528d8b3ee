import type { Rest } from "../apimachinery/in-slices.ts";
import type { CelType } from "./types.ts";
import type { CelValue } from "./values.ts";

/** What an evaluation may cost, and the worst and least that an expression can: in cel-go's units. */
export interface CostEstimate {
  readonly min: number;
  /** 2^64 stands for "without bound" as well. */
  readonly max: number;
}

export interface EvaluateOptions {
  /** The evaluation ends with `CelCostExceeded` when it costs more. Kubernetes' limit per call is the default. */
  readonly costBudget?: number;
}

export interface PartOptions extends EvaluateOptions {
  /** How much a part does, in units of cost and of work; by default some milliseconds' worth. */
  readonly partUnits?: number;
}

export interface Evaluation {
  readonly value: CelValue;
  readonly cost: number;
}

/** A compiled expression. It holds no state of an evaluation and may be kept and shared. */
export interface CelProgram {
  readonly source: string;
  readonly outputType: CelType;
  /** Names of the declared variables that it reads. */
  readonly variables: ReadonlySet<string>;
  /**
   * Fields read off variables, as written: `object.spec.replicas`, `request.userInfo.username`. A chain ends where it
   * is indexed or called upon.
   */
  readonly fieldPaths: ReadonlySet<string>;
  /**
   * Evaluates with the variables' values: plain JSON for declared types of data (undefined is an absent variable), a
   * `CelAuthorizer` for the authorizer, a function without arguments for what is to be made only when it is read
   * (its result is kept for the evaluation). Throws `CelEvaluationError`, or `CelCostExceeded`, which is one.
   */
  evaluate(variables: Readonly<Record<string, unknown>>, options?: EvaluateOptions): Evaluation;
  /** The same, unless that takes more than some milliseconds: then undefined, and `evaluateInParts` is to be asked. */
  evaluateBriefly(
    variables: Readonly<Record<string, unknown>>,
    options?: EvaluateOptions,
  ): Evaluation | undefined;
  /** The same a part at a time: value, cost and error are those of an evaluation in one go. */
  evaluateInParts(
    variables: Readonly<Record<string, unknown>>,
    options?: PartOptions,
  ): Generator<Rest, Evaluation>;
  /** The same for expressions that ask an authorizer, whose answers come later. Others have their turn meanwhile. */
  evaluateAsync(variables: Readonly<Record<string, unknown>>, options?: EvaluateOptions): Promise<Evaluation>;
  /**
   * The least and the most that an evaluation can cost, by the bounds of the schema: `root` is the type of the data
   * that all paths begin at, whatever the variable is called (`self` and `oldSelf` of a validation rule).
   */
  estimateCost(root?: CelType): CostEstimate;
}
