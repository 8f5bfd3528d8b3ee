import type { Deployment, ReplicaSet } from "../../api/types/apps-v1.ts";
import { maxSurge, replicasOf } from "./limits.ts";

export const revisionAnnotation = "deployment.kubernetes.io/revision";
const revisionHistoryAnnotation = "deployment.kubernetes.io/revision-history";
const desiredReplicasAnnotation = "deployment.kubernetes.io/desired-replicas";
const maxReplicasAnnotation = "deployment.kubernetes.io/max-replicas";

/** Annotations of a Deployment that its ReplicaSets do not inherit. */
const notInherited = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  "deprecated.deployment.rollback.to",
]);

/** A longer history loses its oldest revisions. */
const historyMax = 2000;

type Annotations = Readonly<Record<string, string>>;

/** 0 when it has none. Any 64-bit number may come with a ReplicaSet that is adopted. */
function revisionOf({ metadata }: ReplicaSet): bigint {
  return readRevision(metadata.annotations?.[revisionAnnotation] ?? "") ?? 0n;
}

const readRevision = (text: string): bigint | undefined => (/^[0-9]+$/.test(text) ? BigInt(text) : undefined);

/** Oldest first. */
export function byRevision(a: ReplicaSet, b: ReplicaSet): number {
  const [left, right] = [revisionOf(a), revisionOf(b)];
  return left === right ? 0 : left < right ? -1 : 1;
}

export function maxRevision(replicaSets: readonly ReplicaSet[]): bigint {
  return replicaSets.map(revisionOf).reduce((a, b) => (a > b ? a : b), 0n);
}

/** The Deployment's replicas when the ReplicaSet was last scaled. */
export function desiredReplicas(replicaSet: ReplicaSet): number | undefined {
  return integerAnnotation(replicaSet, desiredReplicasAnnotation);
}

/** The most pods that the Deployment allowed when the ReplicaSet was last scaled. */
export function maxReplicas(replicaSet: ReplicaSet): number | undefined {
  return integerAnnotation(replicaSet, maxReplicasAnnotation);
}

function integerAnnotation({ metadata }: ReplicaSet, name: string): number | undefined {
  const text = metadata.annotations?.[name];
  return text === undefined || !/^-?[0-9]+$/.test(text) ? undefined : Number(text);
}

/** The annotations with the size that the Deployment has now. */
export function withSizes(annotations: Annotations | undefined, deployment: Deployment): Annotations {
  const replicas = replicasOf(deployment);
  return {
    ...annotations,
    [desiredReplicasAnnotation]: String(replicas),
    [maxReplicasAnnotation]: String(replicas + maxSurge(deployment)),
  };
}

/**
 * What the newest ReplicaSet carries: the Deployment's annotations, and the revision, which only ever rises. Each
 * revision that it had before is kept in the history.
 */
export function newestAnnotations(
  annotations: Annotations | undefined,
  deployment: Deployment,
  revision: bigint,
): Annotations {
  const result: Record<string, string> = { ...annotations };
  for (const [name, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!notInherited.has(name)) result[name] = value;
  }
  const before = result[revisionAnnotation];
  const known = readRevision(before ?? "0");
  if (known === undefined || known >= revision) return result;
  result[revisionAnnotation] = String(revision);
  if (before !== undefined && before !== "") {
    const history = result[revisionHistoryAnnotation] ?? "";
    result[revisionHistoryAnnotation] = appendToHistory(history, before);
  }
  return result;
}

function appendToHistory(history: string, revision: string): string {
  const entries = history === "" ? [] : history.split(",");
  entries.push(revision);
  while (entries.length > 1 && entries.join(",").length > historyMax) entries.shift();
  return entries.join(",");
}

export function sameAnnotations(a: Annotations | undefined, b: Annotations): boolean {
  const names = Object.keys(b);
  return Object.keys(a ?? {}).length === names.length && names.every((name) => a?.[name] === b[name]);
}
