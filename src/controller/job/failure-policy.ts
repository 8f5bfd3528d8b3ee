import type { PodFailurePolicy, PodFailurePolicyRule } from "../../api/types/batch-v1.ts";
import type { Pod } from "../../api/types/core-v1.ts";

export type FailureAction = "FailJob" | "FailIndex" | "Ignore" | "Count";

export interface FailureVerdict {
  readonly action: FailureAction;
  /** For FailJob: what the condition says. */
  readonly message: string;
}

/** What a failed pod means for its Job, by the first rule that matches (pkg/controller/job/pod_failure_policy.go). */
export function judgeFailure(policy: PodFailurePolicy | undefined, pod: Pod): FailureVerdict {
  for (const [number, rule] of (policy?.rules ?? []).entries()) {
    const why = matchOf(rule, pod);
    if (why === undefined) continue;
    const action = rule.action as FailureAction;
    return { action, message: `${why} matching ${rule.action} rule at index ${number}` };
  }
  return { action: "Count", message: "" };
}

function matchOf(rule: PodFailurePolicyRule, pod: Pod): string | undefined {
  const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
  if (rule.onExitCodes !== undefined) {
    const { containerName, operator, values } = rule.onExitCodes;
    for (const status of [
      ...(pod.status?.containerStatuses ?? []),
      ...(pod.status?.initContainerStatuses ?? []),
    ]) {
      const exitCode = status.state?.terminated?.exitCode;
      if (exitCode === undefined || exitCode === 0) continue;
      if (containerName !== undefined && containerName !== status.name) continue;
      if (values.includes(exitCode) === (operator === "In")) {
        return `Container ${status.name} for pod ${name} failed with exit code ${exitCode}`;
      }
    }
    return undefined;
  }
  const found = (pod.status?.conditions ?? []).find(({ type, status }) =>
    (rule.onPodConditions ?? []).some(
      (pattern) => type === pattern.type && status === (pattern.status ?? "True"),
    ),
  );
  return found === undefined ? undefined : `Pod ${name} has condition ${found.type}`;
}
