import type { Scheme } from "../../api/scheme.ts";
import type { Pod, PodCondition, PodStatus } from "../../api/types/core-v1.ts";
import { setCondition } from "../../apimachinery/conditions.ts";

/** The status with the condition in it, as if it had been sent: with the time of no probe. */
export function withPodCondition(
  scheme: Scheme,
  status: PodStatus | undefined,
  condition: PodCondition,
  nowMs: number,
): PodStatus {
  const conditions = setCondition(status?.conditions, condition, nowMs);
  const { object } = scheme.decode("io.k8s.api.core.v1.Pod", { status: { conditions } });
  return { ...status, ...(object as unknown as Pod).status };
}
