import type { Deployment, ReplicaSet } from "../api/types/apps-v1.ts";
import type { PodTemplateSpec } from "../api/types/core-v1.ts";
import { deepEqual } from "../apimachinery/json.ts";
import { controllerOf } from "../apimachinery/object.ts";

const hashLabel = "pod-template-hash";
const revisionAnnotation = "deployment.kubernetes.io/revision";

/** The replica sets of a deployment: the one of its template, and the others that still have pods. */
export function newAndOldReplicaSets(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
): { newest: ReplicaSet | undefined; old: ReplicaSet[]; all: ReplicaSet[] } {
  const all = sets
    .filter((set) => controllerOf(set)?.uid === deployment.metadata.uid)
    .toSorted((a, b) => compareTimes(a, b));
  const newest = all.find((set) =>
    deepEqual(plainTemplate(set.spec?.template), plainTemplate(deployment.spec.template)),
  );
  // Those without pods are of interest to the history alone.
  const old = all.filter((set) => set !== newest);
  return { newest, old, all };
}

function compareTimes(a: ReplicaSet, b: ReplicaSet): number {
  const [x, y] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
  if (x !== y) return x < y ? -1 : 1;
  return (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1;
}

/** A template as the deployment has it: without the hash that tells replica sets apart. */
export function plainTemplate(template: PodTemplateSpec | undefined): unknown {
  const { [hashLabel]: _, ...labels } = template?.metadata?.labels ?? {};
  return { ...template, metadata: { ...template?.metadata, labels } };
}

/** The revision that the deployment controller has noted down; 0 for none. */
export function revisionOf({ metadata }: ReplicaSet): number {
  return Number(metadata.annotations?.[revisionAnnotation] ?? 0);
}
