import { newForbidden } from "../../../apimachinery/status.ts";
import type { Authorizer } from "../../authorization/authorizer.ts";
import type { AdmissionAttributes } from "../admission.ts";
import type { VersionedRequest } from "./admission-review.ts";
import type { Hook } from "./hooks.ts";

/** The conditions of webhooks; the expression language is loaded when one of them has any. */
export class MatchConditions {
  readonly #authorizer: Authorizer;
  readonly #lists = new WeakMap<Hook, import("../expressions/match-conditions.ts").MatchConditionList>();

  constructor(authorizer: Authorizer) {
    this.#authorizer = authorizer;
  }

  /** Whether the webhook is to be asked. Rejects with 403 when that cannot be told and its failurePolicy is Fail. */
  async match(hook: Hook, attributes: AdmissionAttributes, versioned: VersionedRequest): Promise<boolean> {
    const { matchConditions = [], failurePolicy } = hook.webhook;
    if (matchConditions.length === 0) return true;
    const { MatchConditionList } = await import("../expressions/match-conditions.ts");
    const { expressionInputs } = await import("../expressions/inputs.ts");
    let list = this.#lists.get(hook);
    if (list === undefined) {
      list = new MatchConditionList(matchConditions, { authorizer: true });
      this.#lists.set(hook, list);
    }
    const verdict = await list.evaluate(
      expressionInputs(attributes, versioned, { authorizer: this.#authorizer }),
    );
    if (!("error" in verdict)) return verdict.matches;
    if (failurePolicy === "Ignore") return false;
    throw newForbidden(attributes.resource, attributes.name, verdict.error);
  }
}
