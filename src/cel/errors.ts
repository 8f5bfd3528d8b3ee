import type { CelIssue } from "./source.ts";

/** Why an expression did not compile: its message is what `ERROR: <input>:1:5: …` says, all issues one after the other. */
export class CelCompileError extends Error {
  override readonly name = "CelCompileError";
  /** Where and what, by place. Empty when the expression is well-formed but gives a value of the wrong type. */
  readonly issues: readonly CelIssue[];
  /**
   * `compilation`: cel-go's own issues; callers put `compilation failed: ` before them. `output`: the type of the
   * result is none of those asked for. `instantiation`: a constant part of the expression cannot be evaluated; callers
   * put `program instantiation failed: ` before it.
   */
  readonly stage: "compilation" | "output" | "instantiation";

  constructor(stage: CelCompileError["stage"], message: string, issues: readonly CelIssue[] = []) {
    super(message);
    this.stage = stage;
    this.issues = issues;
  }
}

/** Why an evaluation gave no value, in cel-go's words: `no such key: foo`, `division by zero`. */
export class CelEvaluationError extends Error {
  override readonly name: string = "CelEvaluationError";
  /** What the evaluation cost until it ended. */
  readonly cost: number;

  constructor(message: string, cost: number) {
    super(message);
    this.cost = cost;
  }
}

/** The evaluation cost more than it may; it was ended there. */
export class CelCostExceeded extends CelEvaluationError {
  override readonly name = "CelCostExceeded";

  constructor(cost: number) {
    super("operation cancelled: actual cost limit exceeded", cost);
  }
}

/** `evaluate` met a check of the authorizer whose answer is not there yet: `evaluateAsync` would have waited. */
export class CelPending extends Error {
  override readonly name = "CelPending";
  readonly answer: Promise<void>;

  constructor(answer: Promise<void>) {
    super("an authorization check is under way; evaluate the expression asynchronously");
    this.answer = answer;
  }
}
