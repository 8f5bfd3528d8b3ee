import type { SuccessPolicy } from "../../api/types/batch-v1.ts";
import { parseIndexes } from "./indexes.ts";

/** What the condition says when a rule is met; undefined while none is (pkg/controller/job/success_policy.go). */
export function successPolicyMet(
  policy: SuccessPolicy | undefined,
  completions: number,
  succeeded: ReadonlySet<number>,
): string | undefined {
  if (succeeded.size === 0) return undefined;
  for (const [number, rule] of (policy?.rules ?? []).entries()) {
    const met = `Matched rules at index ${number}`;
    if (rule.succeededIndexes === undefined) {
      if (rule.succeededCount !== undefined && succeeded.size >= rule.succeededCount) return met;
      continue;
    }
    const required = parseIndexes(rule.succeededIndexes, completions);
    if (required.size === 0) continue;
    const done = [...required].filter((index) => succeeded.has(index)).length;
    if (done === required.size || (rule.succeededCount !== undefined && done >= rule.succeededCount))
      return met;
  }
  return undefined;
}
