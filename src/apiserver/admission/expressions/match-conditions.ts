import { aggregate } from "../attributes.ts";
import { Budget, type Expression, matchConditionsBudget, type Outcome, OutOfBudget } from "./expression.ts";

export type MatchVerdict = (
  | { readonly matches: boolean }
  /** What the failurePolicy decides about. */
  | { readonly error: string }
) & {
  /** Conditions that could not be evaluated. */
  readonly failures: number;
};

/** Told of an evaluation, which it makes happen. */
export type MeasureConditions = (evaluate: () => Promise<MatchVerdict>) => Promise<MatchVerdict>;

/**
 * The conditions under which a webhook or a policy is concerned with a request. One that is false settles it, whatever became
 * of the others. Mirrors webhook/matchconditions.
 */
export async function evaluateConditions(
  conditions: readonly Expression[],
  evaluate: (condition: Expression, budget: Budget) => Promise<Outcome>,
): Promise<MatchVerdict> {
  const budget = new Budget(matchConditionsBudget);
  const errors: string[] = [];
  try {
    for (const condition of conditions) {
      const outcome = await evaluate(condition, budget);
      if ("error" in outcome) errors.push(outcome.error);
      else if (outcome.value === false) return { matches: false, failures: errors.length };
    }
  } catch (error) {
    if (!(error instanceof OutOfBudget)) throw error;
    return { error: error.message, failures: 0 };
  }
  const failures = errors.length;
  return failures > 0 ? { error: aggregate(errors), failures } : { matches: true, failures };
}
