import { invalid } from "../../apimachinery/field-error.ts";
import type { PodDisruptionBudget } from "../types/policy-v1.ts";
import { type Errors, nonNegative, nonNegativeOrPercent, notMoreThan100Percent, oneOf } from "./basics.ts";
import { checkConditions } from "./conditions.ts";
import { checkLabelSelector } from "./label-selector.ts";

/** Disruption budgets. */
export function checkDisruptionBudget({ spec }: PodDisruptionBudget, errors: Errors): void {
  const { minAvailable, maxUnavailable } = spec;
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    errors.push(invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
  }
  for (const field of ["minAvailable", "maxUnavailable"] as const) {
    nonNegativeOrPercent(spec[field], `spec.${field}`, errors);
    notMoreThan100Percent(spec[field], `spec.${field}`, errors);
  }
  checkLabelSelector(spec.selector, "spec.selector", errors);
  if (spec.unhealthyPodEvictionPolicy !== undefined) {
    const policies = ["AlwaysAllow", "IfHealthyBudget"];
    oneOf(spec.unhealthyPodEvictionPolicy, policies, "spec.unhealthyPodEvictionPolicy", errors);
  }
}

export function checkDisruptionBudgetStatus(
  { status }: PodDisruptionBudget,
  _old: unknown,
  errors: Errors,
): void {
  const fields = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"] as const;
  checkConditions(status?.conditions, "status.conditions", errors);
  for (const field of fields) nonNegative(status?.[field], `status.${field}`, errors);
}
