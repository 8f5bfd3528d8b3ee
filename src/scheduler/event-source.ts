import type { Namespace, Node, Pod } from "../api/types/core-v1.ts";
import { deepEqual } from "../apimachinery/json.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Informer } from "../client/informer.ts";
import type { ClusterEvent, NodeAspect } from "./cluster-event.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { SchedulerInformers } from "./informers.ts";
import type { Nominations } from "./nominations.ts";
import { PodInfo } from "./pod-info.ts";
import type { SchedulingQueue } from "./scheduling-queue.ts";

/** Where the informers' news go. */
export interface EventTargets {
  readonly cluster: ClusterState;
  readonly queue: SchedulingQueue;
  readonly nominations: Nominations;
  readonly schedulerName: string;
}

/** Keeps the cluster's state and the queue up to date. Returns the function that stops it. */
export function connect(informers: SchedulerInformers, targets: EventTargets): () => void {
  const { cluster, queue } = targets;
  const removals = [
    informers.nodes.addHandler({
      added(node) {
        cluster.setNode(node);
        queue.notify({ type: "nodeAdded", node });
      },
      updated(old, node) {
        cluster.setNode(node);
        const changed = nodeChanges(old, node);
        if (changed.size > 0) queue.notify({ type: "nodeUpdated", node, changed });
      },
      deleted: (node) => cluster.removeNode(node.metadata.name ?? ""),
    }),
    informers.pods.addHandler({
      added: (pod) => podSeen(pod, undefined, targets),
      updated: (old, pod) => podSeen(pod, old, targets),
      deleted: (pod) => podGone(pod, targets),
    }),
    informers.namespaces.addHandler({
      added: (namespace) => namespaceChanged(namespace, targets),
      updated(old, namespace) {
        if (!deepEqual(old.metadata.labels, namespace.metadata.labels)) namespaceChanged(namespace, targets);
      },
    }),
    watchAll(informers.claims, queue, (claim, isNew) => ({ type: "claimChanged", isNew, claim })),
    watchAll(informers.volumes, queue, (volume, isNew) => ({ type: "volumeChanged", isNew, volume })),
    watchAll(informers.storageClasses, queue, (storageClass, isNew) => ({
      type: "storageClassChanged",
      isNew,
      storageClass,
    })),
  ];
  return () => {
    for (const remove of removals) remove();
  };
}

function watchAll<T extends KubernetesObject>(
  informer: Informer<T>,
  queue: SchedulingQueue,
  eventOf: (object: T, isNew: boolean) => ClusterEvent,
): () => void {
  return informer.addHandler({
    added: (object) => queue.notify(eventOf(object, true)),
    updated: (_, object) => queue.notify(eventOf(object, false)),
  });
}

/** What of a node matters for scheduling; most updates are heartbeats. */
function nodeChanges(old: Node, node: Node): ReadonlySet<NodeAspect> {
  const changed = new Set<NodeAspect>();
  if (!deepEqual(old.status?.allocatable, node.status?.allocatable)) changed.add("allocatable");
  if (!deepEqual(old.metadata.labels, node.metadata.labels)) changed.add("labels");
  if (!deepEqual(old.spec?.taints, node.spec?.taints)) changed.add("taints");
  if ((old.spec?.unschedulable === true) !== (node.spec?.unschedulable === true))
    changed.add("unschedulable");
  return changed;
}

function namespaceChanged({ metadata }: Namespace, { cluster, queue }: EventTargets): void {
  // Affinity terms may select namespaces by their labels.
  cluster.counts.clear();
  queue.notify({ type: "namespaceRelabeled", namespace: metadata.name ?? "" });
}

function podSeen(pod: Pod, old: Pod | undefined, targets: EventTargets): void {
  const { cluster, queue, nominations, schedulerName } = targets;
  if (isFinished(pod)) return podGone(pod, targets);
  if (cluster.refreshPod(pod)) return;
  const info = new PodInfo(pod);
  const nodeName = info.spec.nodeName ?? "";
  if (nodeName !== "") {
    placePod(info, nodeName, old, targets);
  } else if ((info.spec.schedulerName ?? schedulerName) === schedulerName) {
    const nominated = pod.status?.nominatedNodeName ?? "";
    // The scheduler's own decision is newer than an unchanged status.
    if (old === undefined || nominated !== (old.status?.nominatedNodeName ?? ""))
      nominations.set(info, nominated);
    if (cluster.placementOf(info.uid)?.assumed !== true && !onlyOwnStatusChanged(old, pod)) queue.set(info);
  }
}

/** The scheduler's own note on a pod must not make it try again. */
function onlyOwnStatusChanged(old: Pod | undefined, pod: Pod): boolean {
  if (old === undefined) return false;
  const { labels, annotations, deletionTimestamp } = pod.metadata;
  return (
    deepEqual(old.spec, pod.spec) &&
    deepEqual(old.metadata.labels, labels) &&
    deepEqual(old.metadata.annotations, annotations) &&
    old.metadata.deletionTimestamp === deletionTimestamp
  );
}

function placePod(info: PodInfo, nodeName: string, old: Pod | undefined, targets: EventTargets): void {
  const { cluster, queue, nominations } = targets;
  const before = cluster.placementOf(info.uid);
  cluster.placePod(info, nodeName);
  nominations.remove(info.uid);
  queue.remove(info.uid);
  if (before === undefined || before.assumed) {
    queue.notify({ type: "podAssigned", pod: info.pod });
  } else if (old !== undefined && !deepEqual(old.metadata.labels, info.pod.metadata.labels)) {
    queue.notify({ type: "podRelabeled", pod: info.pod });
  } else if (old !== undefined && old.metadata.deletionTimestamp !== info.pod.metadata.deletionTimestamp) {
    // Pods that are going away no longer count for spreading.
    queue.notify({ type: "podRelabeled", pod: info.pod });
  }
}

function podGone(pod: Pod, { cluster, queue, nominations }: EventTargets): void {
  const uid = pod.metadata.uid ?? "";
  const placed = cluster.placementOf(uid) !== undefined;
  cluster.removePod(uid);
  nominations.remove(uid);
  queue.remove(uid);
  if (placed) queue.notify({ type: "podGone", pod });
}

function isFinished({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}
