import type { DaemonSet } from "../../api/types/apps-v1.ts";
import type { Pod } from "../../api/types/core-v1.ts";
import { resolveIntOrPercent } from "../../apimachinery/int-or-string.ts";
import { isBeingDeleted } from "../../apimachinery/object.ts";
import { revisionHashLabel } from "../history.ts";
import { isPodAvailable } from "../pods.ts";

/** What one step of a rolling update does. */
export interface UpdateStep {
  readonly deletePods: Pod[];
  readonly createOn: string[];
}

/** Both limits round shares up. When neither allows a step, one pod may be unavailable. */
export function limitsOf({ spec }: DaemonSet, desired: number): { maxSurge: number; maxUnavailable: number } {
  const { maxSurge: surge = 0, maxUnavailable: missing = 1 } = spec.updateStrategy?.rollingUpdate ?? {};
  const maxSurge = resolveIntOrPercent(surge, desired, true);
  const maxUnavailable = resolveIntOrPercent(missing, desired, true);
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}

export const allowsSurge = ({ spec }: DaemonSet): boolean => {
  const { type = "RollingUpdate", rollingUpdate } = spec.updateStrategy ?? {};
  const surge = rollingUpdate?.maxSurge ?? 0;
  return type === "RollingUpdate" && surge !== 0 && surge !== "0%";
};

export const isUpdated = (pod: Pod, hash: string): boolean =>
  pod.metadata.labels?.[revisionHashLabel] === hash;

interface OnNode {
  readonly newPod: Pod | undefined;
  readonly oldPod: Pod | undefined;
}

/** The node's one new and one old pod; undefined when there are several of either: they are sorted out first. */
function onNode(pods: readonly Pod[], hash: string): OnNode | undefined {
  const present = pods.filter((pod) => !isBeingDeleted(pod));
  const fresh = present.filter((pod) => isUpdated(pod, hash));
  const old = present.filter((pod) => !isUpdated(pod, hash));
  return fresh.length > 1 || old.length > 1 ? undefined : { newPod: fresh[0], oldPod: old[0] };
}

/**
 * The next step towards the template with the hash. Without surge old pods are deleted, as many as may be away;
 * with surge new ones are made beside them and take over once they are available. Old pods that do not serve anyway
 * cost nothing and go at once. (Mirrors rollingUpdate of daemonset/update.go.)
 */
export function updateStep(
  set: DaemonSet,
  podsByNode: ReadonlyMap<string, readonly Pod[]>,
  hash: string,
  desired: number,
  nowMs: number,
): UpdateStep {
  const { maxSurge, maxUnavailable } = limitsOf(set, desired);
  const isAvailable = (pod: Pod): boolean => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
  return maxSurge === 0
    ? replaceStep(podsByNode, hash, maxUnavailable, isAvailable)
    : surgeStep(podsByNode, hash, maxSurge, isAvailable);
}

function replaceStep(
  podsByNode: ReadonlyMap<string, readonly Pod[]>,
  hash: string,
  maxUnavailable: number,
  isAvailable: (pod: Pod) => boolean,
): UpdateStep {
  let unavailable = 0;
  const free: Pod[] = [];
  const candidates: Pod[] = [];
  for (const pods of podsByNode.values()) {
    const found = onNode(pods, hash);
    if (found?.newPod === undefined && found?.oldPod !== undefined) {
      (isAvailable(found.oldPod) ? candidates : free).push(found.oldPod);
    } else if (found?.newPod === undefined || found.oldPod !== undefined || !isAvailable(found.newPod)) {
      unavailable++;
    }
  }
  const room = Math.max(0, maxUnavailable - unavailable);
  return { deletePods: [...free, ...candidates.slice(0, room)], createOn: [] };
}

function surgeStep(
  podsByNode: ReadonlyMap<string, readonly Pod[]>,
  hash: string,
  maxSurge: number,
  isAvailable: (pod: Pod) => boolean,
): UpdateStep {
  let surging = 0;
  const deletePods: Pod[] = [];
  const free: string[] = [];
  const candidates: string[] = [];
  for (const [node, pods] of podsByNode) {
    const found = onNode(pods, hash);
    if (found === undefined) {
      surging++;
    } else if (found.oldPod !== undefined && found.newPod === undefined) {
      (isAvailable(found.oldPod) ? candidates : free).push(node);
    } else if (found.oldPod !== undefined && found.newPod !== undefined) {
      if (isAvailable(found.newPod)) deletePods.push(found.oldPod);
      else surging++;
    }
  }
  const room = Math.max(0, maxSurge - surging);
  return { deletePods, createOn: [...free, ...candidates.slice(0, room)] };
}
