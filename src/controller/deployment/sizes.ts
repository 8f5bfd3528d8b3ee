import type { Deployment, ReplicaSet } from "../../api/types/apps-v1.ts";
import { maxReplicas } from "./annotations.ts";
import {
  availablePods,
  byAge,
  isRollingUpdate,
  maxSurge,
  maxUnavailable,
  replicasOf,
  surgeOf,
  wantedPods,
} from "./limits.ts";

/** The size that the newest ReplicaSet may have now: as much of what is wanted as the surge leaves room for. */
export function newestSize(deployment: Deployment, all: readonly ReplicaSet[], newest: ReplicaSet): number {
  const wanted = replicasOf(deployment);
  const current = replicasOf(newest);
  if (!isRollingUpdate(deployment) || current >= wanted) return wanted;
  const room = wanted + surgeOf(deployment) - wantedPods(all);
  return room <= 0 ? current : current + Math.min(room, wanted - current);
}

/**
 * How far old ReplicaSets may shrink now, given that enough pods stay available. Pods that do not work go first: they
 * serve nobody, and a broken old template must not hold up its replacement.
 */
export function scaleDownSteps(
  deployment: Deployment,
  old: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
): [ReplicaSet, number][] {
  if (wantedPods(old) === 0) return [];
  const all = newest === undefined ? [...old] : [...old, newest];
  const needed = replicasOf(deployment) - maxUnavailable(deployment);
  const newUnavailable =
    newest === undefined ? 0 : replicasOf(newest) - (newest.status?.availableReplicas ?? 0);
  let removable = wantedPods(all) - needed - newUnavailable;
  if (removable <= 0) return [];
  let spare = availablePods(all) - needed;
  const steps: [ReplicaSet, number][] = [];
  for (const replicaSet of old.toSorted(byAge)) {
    const size = replicasOf(replicaSet);
    const broken = Math.min(removable, Math.max(0, size - (replicaSet.status?.availableReplicas ?? 0)));
    removable -= broken;
    const working = Math.min(Math.max(0, spare), size - broken);
    spare -= working;
    if (broken + working > 0) steps.push([replicaSet, size - broken - working]);
  }
  return steps;
}

/** The ReplicaSet's part of the pods that are to be added (or, below zero, removed), at most what is left. */
export function proportionOf(
  replicaSet: ReplicaSet,
  deployment: Deployment,
  toAdd: number,
  added: number,
): number {
  if (replicasOf(replicaSet) === 0 || toAdd === added) return 0;
  const left = toAdd - added;
  const share = shareOf(replicaSet, deployment);
  return toAdd > 0 ? Math.min(share, left) : Math.max(share, left);
}

/** By how much it would change if it kept its part of the whole. */
function shareOf(replicaSet: ReplicaSet, deployment: Deployment): number {
  const size = replicasOf(replicaSet);
  const wanted = replicasOf(deployment);
  if (wanted === 0) return -size;
  const before = maxReplicas(replicaSet) || deployment.status?.replicas || 0;
  if (before === 0) return 0;
  return Math.round((size * (wanted + maxSurge(deployment))) / before) - size;
}
