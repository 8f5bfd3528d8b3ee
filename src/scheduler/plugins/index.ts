import type { ClusterState } from "../cluster-state.ts";
import type { Plugin } from "../framework.ts";
import type { SchedulerInformers } from "../informers.ts";
import { workloadSelector } from "../workload-selector.ts";
import { imageLocality } from "./image-locality.ts";
import { interPodAffinity } from "./inter-pod-affinity.ts";
import { nodeAffinity } from "./node-affinity.ts";
import { nodeName } from "./node-name.ts";
import { nodePorts } from "./node-ports.ts";
import { balancedAllocation, nodeResourcesFit } from "./node-resources.ts";
import { nodeUnschedulable } from "./node-unschedulable.ts";
import { podTopologySpread } from "./pod-topology-spread.ts";
import { taintToleration } from "./taint-toleration.ts";
import { type VolumeBindingContext, volumeBinding } from "./volume-binding.ts";
import { volumeRestrictions } from "./volume-restrictions.ts";

/**
 * All plugins, in the order in which they filter and score. Scheduling gates and the order of the queue are the queue's
 * own (`scheduling-queue.ts`), preemption follows when all nodes were filtered out (`preemption.ts`).
 */
export function defaultPlugins(
  cluster: ClusterState,
  informers: SchedulerInformers,
  context: Pick<VolumeBindingContext, "client" | "clock">,
): readonly Plugin[] {
  return [
    nodeUnschedulable,
    nodeName,
    taintToleration,
    nodeAffinity,
    nodePorts,
    nodeResourcesFit,
    volumeRestrictions(cluster, informers.claims),
    volumeBinding({ ...context, ...informers }),
    podTopologySpread(cluster, workloadSelector(informers)),
    interPodAffinity(cluster),
    balancedAllocation,
    imageLocality(cluster),
  ];
}
