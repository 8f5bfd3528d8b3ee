import { newForbidden } from "../../../apimachinery/status.ts";
import type { Authorizer } from "../../authorization/authorizer.ts";
import type { AdmissionAttributes } from "../admission.ts";
import type { Expression } from "../expressions/expression.ts";
import type { VersionedRequest } from "./admission-review.ts";
import type { Hook } from "./hooks.ts";

const loadExpressions = () => import("../expressions/index.ts");

/** The conditions of webhooks; the expression language is loaded when one of them has any. */
export class MatchConditions {
  readonly #authorizer: Authorizer;
  readonly #compiled = new WeakMap<Hook, readonly Expression[]>();

  constructor(authorizer: Authorizer) {
    this.#authorizer = authorizer;
  }

  /** Whether the webhook is to be asked. Rejects with 403 when that cannot be told and its failurePolicy is Fail. */
  async match(hook: Hook, attributes: AdmissionAttributes, versioned: VersionedRequest): Promise<boolean> {
    const { matchConditions = [], failurePolicy } = hook.webhook;
    if (matchConditions.length === 0) return true;
    const { boolType, admissionEnvironment, evaluateConditions, Expression, expressionInputs } =
      await loadExpressions();
    let conditions = this.#compiled.get(hook);
    if (conditions === undefined) {
      const environment = () => admissionEnvironment({ authorizer: true });
      conditions = matchConditions.map(
        ({ expression }) => new Expression(environment, expression, [boolType]),
      );
      this.#compiled.set(hook, conditions);
    }
    const inputs = expressionInputs(attributes, versioned, { authorizer: this.#authorizer });
    const verdict = await evaluateConditions(conditions, (condition, budget) =>
      condition.evaluate(inputs, budget),
    );
    if (!("error" in verdict)) return verdict.matches;
    if (failurePolicy === "Ignore") return false;
    throw newForbidden(attributes.resource, attributes.name, verdict.error);
  }
}
