import type { Pod } from "../../api/types/core-v1.ts";
import { podRequests } from "../pods/admission.ts";

export interface PodUsage {
  readonly pod: Pod;
  readonly memoryBytes: number;
}

/** Critical pods of the system stay. */
const systemCritical = 2_000_000_000;

/**
 * Who goes first when memory runs out: those that use more than they asked for, then those of low priority, then those
 * that use the most beyond their request. Mirrors rankMemoryPressure of pkg/kubelet/eviction.
 */
export function rankForMemory(usages: readonly PodUsage[]): PodUsage[] {
  return usages
    .filter(({ pod }) => (pod.spec?.priority ?? 0) < systemCritical)
    .sort((a, b) => {
      const [left, right] = [beyondRequest(a), beyondRequest(b)];
      return (
        Number(right > 0) - Number(left > 0) ||
        (a.pod.spec?.priority ?? 0) - (b.pod.spec?.priority ?? 0) ||
        right - left
      );
    });
}

/** Bytes used beyond the request; negative below it. */
export function beyondRequest({ pod, memoryBytes }: PodUsage): number {
  return memoryBytes - Number(podRequests(pod).get("memory")?.value() ?? 0n);
}
