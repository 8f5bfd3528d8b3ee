import type { Pod, PodTemplateSpec } from "../api/types/core-v1.ts";
import { findCondition } from "../apimachinery/conditions.ts";
import { deepCopy } from "../apimachinery/json.ts";
import type { OwnerReference } from "../apimachinery/meta-v1.ts";
import { dns1123SubdomainErrors } from "../apimachinery/names.ts";
import { isBeingDeleted, type KubernetesObject } from "../apimachinery/object.ts";
import { parseTime } from "../apimachinery/time.ts";

/** True when the Ready condition is. */
export function isPodReady(pod: Pod): boolean {
  return findCondition(pod.status?.conditions, "Ready")?.status === "True";
}

/** True when the pod has been ready for so long. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  if (!isPodReady(pod)) return false;
  return minReadySeconds === 0 || podReadySinceMs(pod) + minReadySeconds * 1000 <= nowMs;
}

/** How long until the ready pod is available; undefined when waiting alone does not make it so. */
export function timeToAvailableMs(pod: Pod, minReadySeconds: number, nowMs: number): number | undefined {
  if (!isPodReady(pod) || isPodAvailable(pod, minReadySeconds, nowMs)) return undefined;
  return podReadySinceMs(pod) + minReadySeconds * 1000 - nowMs;
}

/** The soonest time at which one more of the pods becomes available. */
export function nextAvailableMs(
  pods: readonly Pod[],
  minReadySeconds: number,
  nowMs: number,
): number | undefined {
  if (minReadySeconds === 0) return undefined;
  const waits = pods.flatMap((pod) => timeToAvailableMs(pod, minReadySeconds, nowMs) ?? []);
  return waits.length === 0 ? undefined : Math.min(...waits);
}

function podReadySinceMs(pod: Pod): number {
  const condition = findCondition(pod.status?.conditions, "Ready");
  return parseTime(condition?.lastTransitionTime) ?? Number.POSITIVE_INFINITY;
}

/** True when all of its containers have ended for good. */
export function isPodTerminal(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

/** Neither ended nor being deleted. */
export function isPodActive(pod: Pod): boolean {
  return !isPodTerminal(pod) && !isBeingDeleted(pod);
}

export function filterActivePods(pods: readonly Pod[]): Pod[] {
  return pods.filter(isPodActive);
}

/** Being deleted, and not at its end yet. */
export function isPodTerminating(pod: Pod): boolean {
  return !isPodTerminal(pod) && isBeingDeleted(pod);
}

/** A pod that the template describes, named after its owner by the server. */
export function podFromTemplate(
  template: PodTemplateSpec | undefined,
  owner: KubernetesObject,
  controllerRef: OwnerReference,
): Pod {
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: podNamePrefix(owner.metadata.name ?? ""),
      namespace: owner.metadata.namespace,
      ...(labels === undefined ? {} : { labels: { ...labels } }),
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }),
      ownerReferences: [controllerRef],
    },
    spec: deepCopy(template?.spec) ?? { containers: [] },
  };
}

/** With a dash, unless that makes the name too long. */
function podNamePrefix(ownerName: string): string {
  // A generated name ends in a suffix: the dash is judged as if something followed.
  return dns1123SubdomainErrors(`${ownerName}-a`).length === 0 ? `${ownerName}-` : ownerName;
}

const phaseOrder: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

export const podDeletionCostAnnotation = "controller.kubernetes.io/pod-deletion-cost";

/**
 * The order in which pods are given up when there are too many: those that serve least first. `rankOf` is higher for
 * pods that share their node with more of their kind. (Mirrors ActivePodsWithRanks of controller_utils.go.)
 */
export function comparePodsForDeletion(
  rankOf: (pod: Pod) => number,
  nowMs: number,
): (a: Pod, b: Pod) => number {
  return (a, b) =>
    Number(isAssigned(a)) - Number(isAssigned(b)) ||
    (phaseOrder[a.status?.phase ?? ""] ?? 0) - (phaseOrder[b.status?.phase ?? ""] ?? 0) ||
    Number(isPodReady(a)) - Number(isPodReady(b)) ||
    deletionCost(a) - deletionCost(b) ||
    rankOf(b) - rankOf(a) ||
    (isPodReady(a) && isPodReady(b) ? compareAges(a, b, readyAt(a), readyAt(b), nowMs) : 0) ||
    maxRestarts(b, "regular") - maxRestarts(a, "regular") ||
    maxRestarts(b, "sidecar") - maxRestarts(a, "sidecar") ||
    compareAges(
      a,
      b,
      parseTime(a.metadata.creationTimestamp),
      parseTime(b.metadata.creationTimestamp),
      nowMs,
    );
}

const isAssigned = ({ spec }: Pod): boolean => spec.nodeName !== undefined && spec.nodeName !== "";

const readyAt = (pod: Pod): number | undefined =>
  parseTime(findCondition(pod.status?.conditions, "Ready")?.lastTransitionTime);

function deletionCost({ metadata }: Pod): number {
  const text = metadata.annotations?.[podDeletionCostAnnotation] ?? "0";
  return /^-?(0|[1-9][0-9]*)$/.test(text) ? Number(text) : 0;
}

/**
 * Younger first. Ages count by their order of magnitude only, and within one the uid decides: pods of one rollout
 * would else always go in the order they came, whole failure domains at once.
 */
function compareAges(
  a: Pod,
  b: Pod,
  aMs: number | undefined,
  bMs: number | undefined,
  nowMs: number,
): number {
  if (aMs === bMs) return 0;
  if (aMs === undefined) return -1;
  if (bMs === undefined) return 1;
  const difference = magnitude(nowMs - aMs) - magnitude(nowMs - bMs);
  if (difference !== 0) return difference;
  return (a.metadata.uid ?? "") < (b.metadata.uid ?? "") ? -1 : 1;
}

/** The base-2 logarithm of an age in nanoseconds, as upstream counts. */
const magnitude = (ageMs: number): number => (ageMs > 0 ? Math.floor(Math.log2(ageMs * 1e6)) : -1);

function maxRestarts({ spec, status }: Pod, which: "regular" | "sidecar"): number {
  if (which === "regular") {
    return Math.max(0, ...(status?.containerStatuses ?? []).map(({ restartCount }) => restartCount));
  }
  const sidecars = new Set(
    (spec.initContainers ?? [])
      .filter(({ restartPolicy }) => restartPolicy === "Always")
      .map(({ name }) => name),
  );
  const statuses = (status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name));
  return Math.max(0, ...statuses.map(({ restartCount }) => restartCount));
}
