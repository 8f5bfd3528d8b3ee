import { qosClassOf } from "../../api/pod-qos.ts";
import type { ContainerStatus, Pod, PodCondition, PodStatus } from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { setCondition } from "../../apimachinery/conditions.ts";
import { appContainers, ephemeralContainers, initContainers } from "../pods/pod-spec.ts";
import { readySandbox } from "../pods/runtime-state.ts";
import { ownConditions } from "./conditions.ts";
import { containerStatuses, type StatusSources } from "./container-statuses.ts";
import { hasEnded, podPhase } from "./phase.ts";

export interface PodStatusSources extends StatusSources {
  readonly nowMs: number;
  /** The status that was written last: transition times and the start go on from it. */
  readonly previous: PodStatus | undefined;
  readonly hostIps: readonly string[];
  /** Set when the kubelet itself ended the pod: Evicted, DeadlineExceeded. */
  readonly verdict: { readonly reason: string; readonly message: string } | undefined;
}

/** The whole status of a pod that this kubelet has taken on. Pure: the same sources give the same status. */
export function podStatus(pod: Pod, sources: PodStatusSources): PodStatus {
  const init = containerStatuses(pod, initContainers(pod), sources);
  const app = containerStatuses(pod, appContainers(pod), sources);
  const ephemeral = containerStatuses(pod, ephemeralContainers(pod), sources);
  const phase = finalPhase(pod, init, app, sources);
  const status: PodStatus = {
    phase,
    conditions: conditionsOf(pod, phase, { init, app }, sources),
    ...sources.verdict,
    ...addressesOf(pod, sources),
    startTime: sources.previous?.startTime ?? formatTime(sources.nowMs),
    ...(init.length > 0 ? { initContainerStatuses: init } : {}),
    containerStatuses: app,
    qosClass: pod.status?.qosClass ?? qosClassOf(pod.spec),
    ...(ephemeral.length > 0 ? { ephemeralContainerStatuses: ephemeral } : {}),
    ...observedGeneration(pod),
  };
  return status;
}

/** A phase that says the end is never taken back, whoever wrote it. */
function finalPhase(
  pod: Pod,
  init: readonly ContainerStatus[],
  app: readonly ContainerStatus[],
  { previous, verdict, ending }: PodStatusSources,
): string {
  for (const told of [previous, pod.status]) if (hasEnded(told)) return told.phase;
  const runs = [...init, ...app].some(({ state }) => state?.running !== undefined);
  if (verdict !== undefined && !runs) return "Failed";
  return podPhase(pod, init, app, ending && !runs);
}

function conditionsOf(
  pod: Pod,
  phase: string,
  statuses: { readonly init: readonly ContainerStatus[]; readonly app: readonly ContainerStatus[] },
  { previous, state, nowMs }: PodStatusSources,
): PodCondition[] {
  const own = ownConditions(pod, phase, statuses, state);
  const before = previous?.conditions ?? [];
  const fresh = own.map((condition) => {
    const prior = before.filter(({ type }) => type === condition.type);
    const [set = condition] = setCondition(prior, { ...condition, ...observedGeneration(pod) }, nowMs);
    return set;
  });
  // Conditions of others (the scheduler, readiness gates) are kept as the API server has them.
  const others = (pod.status?.conditions ?? []).filter(({ type }) => !own.some((mine) => mine.type === type));
  return [...fresh, ...others];
}

function observedGeneration(pod: Pod): { observedGeneration?: number } {
  const { generation } = pod.metadata;
  return generation === undefined ? {} : { observedGeneration: generation };
}

function addressesOf(pod: Pod, { state, hostIps, previous }: PodStatusSources): PodStatus {
  const ips = pod.spec?.hostNetwork === true ? hostIps : (readySandbox(state)?.ips ?? []);
  const [hostIP] = hostIps;
  const [podIP] = ips;
  return {
    ...(hostIP === undefined ? {} : { hostIP, hostIPs: hostIps.map((ip) => ({ ip })) }),
    ...(podIP === undefined ? keptAddress(previous) : { podIP, podIPs: ips.map((ip) => ({ ip })) }),
  };
}

/** A pod that has ended keeps showing the address it had. */
function keptAddress(previous: PodStatus | undefined): PodStatus {
  if (previous?.podIP === undefined) return {};
  return { podIP: previous.podIP, podIPs: previous.podIPs };
}
