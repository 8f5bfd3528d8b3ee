import type { Deployment, ReplicaSet } from "../../api/types/apps-v1.ts";
import { resolveIntOrPercent } from "../../apimachinery/int-or-string.ts";

/** Defaults of apps/v1, for objects that came from elsewhere than our own server. */
const defaultShare = "25%";

export const replicasOf = ({ spec }: Deployment | ReplicaSet): number => spec.replicas ?? 1;

export const isRollingUpdate = ({ spec }: Deployment): boolean =>
  (spec.strategy?.type ?? "RollingUpdate") === "RollingUpdate";

/** How many pods there may be beyond those wanted. Shares are rounded up. */
export function surgeOf(deployment: Deployment): number {
  const share = deployment.spec.strategy?.rollingUpdate?.maxSurge ?? defaultShare;
  return resolveIntOrPercent(share, replicasOf(deployment), true);
}

/** The same, and none when the strategy replaces all at once. */
export function maxSurge(deployment: Deployment): number {
  return isRollingUpdate(deployment) ? surgeOf(deployment) : 0;
}

/** How many of the wanted pods may be missing. Shares are rounded down; with no surge either, one may be missing. */
export function maxUnavailable(deployment: Deployment): number {
  const replicas = replicasOf(deployment);
  if (!isRollingUpdate(deployment) || replicas === 0) return 0;
  const share = deployment.spec.strategy?.rollingUpdate?.maxUnavailable ?? defaultShare;
  const missing = resolveIntOrPercent(share, replicas, false);
  // Neither more nor fewer: a rollout could never move.
  const allowed = missing === 0 && surgeOf(deployment) === 0 ? 1 : missing;
  return Math.min(allowed, replicas);
}

const noDeadline = 2 ** 31 - 1;

/** Undefined when progress is not judged. */
export function progressDeadlineMs({ spec }: Deployment): number | undefined {
  const seconds = spec.progressDeadlineSeconds;
  return seconds === undefined || seconds === noDeadline ? undefined : seconds * 1000;
}

type Count = (replicaSet: ReplicaSet) => number | undefined;

const sum = (replicaSets: readonly ReplicaSet[], count: Count): number =>
  replicaSets.reduce((total, replicaSet) => total + (count(replicaSet) ?? 0), 0);

/** What the ReplicaSets ask for. */
export const wantedPods = (replicaSets: readonly ReplicaSet[]): number => sum(replicaSets, replicasOf);
/** What they have. */
export const actualPods = (replicaSets: readonly ReplicaSet[]): number =>
  sum(replicaSets, ({ status }) => status?.replicas);
export const readyPods = (replicaSets: readonly ReplicaSet[]): number =>
  sum(replicaSets, ({ status }) => status?.readyReplicas);
export const availablePods = (replicaSets: readonly ReplicaSet[]): number =>
  sum(replicaSets, ({ status }) => status?.availableReplicas);
export const terminatingPods = (replicaSets: readonly ReplicaSet[]): number =>
  sum(replicaSets, ({ status }) => status?.terminatingReplicas);

/** Those that ask for pods. */
export const activeOf = (replicaSets: readonly ReplicaSet[]): ReplicaSet[] =>
  replicaSets.filter((replicaSet) => replicasOf(replicaSet) > 0);

/** Oldest first; of the same second, by name. */
export function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const left = a.metadata.creationTimestamp ?? "";
  const right = b.metadata.creationTimestamp ?? "";
  if (left !== right) return left < right ? -1 : 1;
  return (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1;
}
