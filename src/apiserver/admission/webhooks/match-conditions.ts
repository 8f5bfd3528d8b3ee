import { newForbidden } from "../../../apimachinery/status.ts";
import type { Authorizer } from "../../authorization/authorizer.ts";
import type { AdmissionAttributes } from "../admission.ts";
import type { ConditionMetrics } from "../condition-metrics.ts";
import type { Expression } from "../expressions/expression.ts";
import type { VersionedRequest } from "./admission-review.ts";
import type { Hook } from "./hooks.ts";

const loadExpressions = () => import("../expressions/index.ts");

/** The conditions of webhooks; the expression language is loaded when one of them has any. */
export class MatchConditions {
  readonly #authorizer: Authorizer;
  readonly #metrics: ConditionMetrics;
  readonly #compiled = new WeakMap<Hook, readonly Expression[]>();

  constructor(authorizer: Authorizer, metrics: ConditionMetrics) {
    this.#authorizer = authorizer;
    this.#metrics = metrics;
  }

  /** Whether the webhook is to be asked. Rejects with 403 when that cannot be told and its failurePolicy is Fail. */
  async match(
    hook: Hook,
    type: "admit" | "validating",
    attributes: AdmissionAttributes,
    versioned: VersionedRequest,
  ): Promise<boolean> {
    const { matchConditions = [], failurePolicy, name } = hook.webhook;
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
    const owner = { kind: "webhook", name, operation: attributes.operation, type } as const;
    const evaluated = conditions;
    const verdict = await this.#metrics.measure(owner, () =>
      evaluateConditions(evaluated, (condition, budget) => condition.evaluate(inputs, budget)),
    );
    const isIgnored = "error" in verdict && failurePolicy === "Ignore";
    if (isIgnored || ("matches" in verdict && !verdict.matches)) this.#metrics.excluded(owner);
    if (!("error" in verdict)) return verdict.matches;
    if (isIgnored) return false;
    throw newForbidden(attributes.resource, attributes.name, verdict.error);
  }
}
