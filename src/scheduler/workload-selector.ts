import type { Service } from "../api/types/core-v1.ts";
import { type Selector, selectorFromMap } from "../apimachinery/labels.ts";
import type { LabelSelector } from "../apimachinery/meta-v1.ts";
import { controllerOf } from "../apimachinery/object.ts";
import type { SchedulerInformers } from "./informers.ts";
import { type PodInfo, parseSelector } from "./pod-info.ts";

/**
 * The selector of the pods that a pod should be spread among when it does not say so itself: those of the Services that
 * select it and of the controller that made it (pkg/scheduler/framework/plugins/helper/spread.go).
 */
export function workloadSelector(
  informers: Pick<SchedulerInformers, "services" | "replicaSets" | "statefulSets" | "replicationControllers">,
): (pod: PodInfo) => Selector | undefined {
  return (pod) => {
    const matchLabels: Record<string, string> = {};
    for (const service of informers.services.list(pod.namespace)) {
      if (selects(service, pod)) Object.assign(matchLabels, service.spec?.selector);
    }
    const owner = controllerOf(pod.pod);
    let own: LabelSelector | undefined;
    if (owner?.kind === "ReplicationController") {
      Object.assign(
        matchLabels,
        informers.replicationControllers.get(owner.name, pod.namespace)?.spec?.selector,
      );
    } else if (owner?.kind === "ReplicaSet") {
      own = informers.replicaSets.get(owner.name, pod.namespace)?.spec?.selector;
    } else if (owner?.kind === "StatefulSet") {
      own = informers.statefulSets.get(owner.name, pod.namespace)?.spec?.selector;
    }
    const matchExpressions = own?.matchExpressions ?? [];
    const all: LabelSelector = { matchLabels: { ...matchLabels, ...own?.matchLabels }, matchExpressions };
    if (Object.keys(all.matchLabels ?? {}).length + matchExpressions.length === 0) return undefined;
    return parseSelector(all);
  };
}

function selects({ spec }: Service, pod: PodInfo): boolean {
  const { selector } = spec ?? {};
  if (selector === undefined || Object.keys(selector).length === 0) return false;
  return selectorFromMap(selector).matches(pod.labels);
}
