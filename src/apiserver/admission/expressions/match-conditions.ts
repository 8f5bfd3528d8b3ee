import type { MatchCondition } from "../../../api/types/admissionregistration-v1.ts";
import { boolType } from "../../../cel/index.ts";
import { aggregate } from "../attributes.ts";
import { type AdmissionVariables, admissionEnvironment } from "./environment.ts";
import { Budget, Expression, matchConditionsBudget, OutOfBudget } from "./expression.ts";

export type MatchVerdict =
  | { readonly matches: boolean }
  /** What the failurePolicy decides about. */
  | { readonly error: string };

/** The conditions under which a webhook or a policy is concerned with a request. Mirrors webhook/matchconditions. */
export class MatchConditionList {
  readonly #expressions: readonly Expression[];

  constructor(conditions: readonly MatchCondition[], variables: AdmissionVariables) {
    this.#expressions = conditions.map(
      ({ expression }) => new Expression(() => admissionEnvironment(variables), expression, [boolType]),
    );
  }

  /** One that is false settles it, whatever became of the others. */
  async evaluate(inputs: Readonly<Record<string, unknown>>): Promise<MatchVerdict> {
    const budget = new Budget(matchConditionsBudget);
    const errors: string[] = [];
    try {
      for (const expression of this.#expressions) {
        const outcome = await expression.evaluate(inputs, budget);
        if ("error" in outcome) errors.push(outcome.error);
        else if (outcome.value === false) return { matches: false };
      }
    } catch (error) {
      if (!(error instanceof OutOfBudget)) throw error;
      return { error: error.message };
    }
    return errors.length > 0 ? { error: aggregate(errors) } : { matches: true };
  }
}
