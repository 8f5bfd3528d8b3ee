import type { Job } from "../../api/types/batch-v1.ts";
import type { Container, Pod } from "../../api/types/core-v1.ts";
import { comparePodsForDeletion } from "../pods.ts";
import { completionIndex, indexOf } from "./indexes.ts";
import {
  counts,
  ignoredIndexFailures,
  indexFailures,
  isIndexed,
  limitsPerIndex,
  numberIn,
  type Progress,
  replacesOnlyEnded,
  trackingFinalizer,
} from "./tracking.ts";

/** A generated name is cut to 63 characters, five of which are its suffix. */
const maxNamePrefix = 58;

/**
 * Makes a pod of the template the Job's own: held until it was counted and, with an index, named and numbered after it.
 * `replaced` is the failed pod of that index which this one follows.
 */
export function adjustPod(job: Job, pod: Pod, index: number | undefined, replaced: Pod | undefined): void {
  const { metadata } = pod;
  metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), trackingFinalizer])];
  if (index === undefined) return;
  const suffix = `-${index}-`;
  const name = job.metadata.name ?? "";
  metadata.generateName = name.slice(0, maxNamePrefix - suffix.length) + suffix;
  metadata.labels = { ...metadata.labels, [completionIndex]: String(index) };
  metadata.annotations = { ...metadata.annotations, [completionIndex]: String(index) };
  if (limitsPerIndex(job)) Object.assign(metadata.annotations, failureCounts(job, replaced));
  pod.spec.hostname = `${name}-${index}`;
  pod.spec.containers = pod.spec.containers.map(withIndexVariable);
  if (pod.spec.initContainers !== undefined)
    pod.spec.initContainers = pod.spec.initContainers.map(withIndexVariable);
}

function failureCounts(job: Job, replaced: Pod | undefined): Record<string, string> {
  if (replaced === undefined) return { [indexFailures]: "0" };
  const counted = counts(job, replaced);
  const failures = numberIn(replaced, indexFailures) + (counted ? 1 : 0);
  const ignored = numberIn(replaced, ignoredIndexFailures) + (counted ? 0 : 1);
  return {
    [indexFailures]: String(failures),
    ...(ignored > 0 ? { [ignoredIndexFailures]: String(ignored) } : {}),
  };
}

/** Every container learns its index from JOB_COMPLETION_INDEX, unless it sets that itself. */
function withIndexVariable(container: Container): Container {
  const name = "JOB_COMPLETION_INDEX";
  if (container.env?.some((variable) => variable.name === name) === true) return container;
  const valueFrom = { fieldRef: { fieldPath: `metadata.labels['${completionIndex}']` } };
  return { ...container, env: [...(container.env ?? []), { name, valueFrom }] };
}

/** The lowest indexes that nobody works on, has finished, or has given up. */
export function pendingIndexes(job: Job, progress: Progress, count: number): number[] {
  const busy = new Set<number | undefined>(progress.active.map(indexOf));
  if (replacesOnlyEnded(job)) for (const pod of progress.terminating) busy.add(indexOf(pod));
  const pending: number[] = [];
  for (let index = 0; index < (job.spec.completions ?? 0) && pending.length < count; index++) {
    if (busy.has(index) || progress.succeededIndexes.has(index)) continue;
    if (progress.failedIndexes?.has(index) !== true) pending.push(index);
  }
  return pending;
}

/** Active pods that must go: those without a place of their own, and as many more as are too many. */
export function surplusPods(job: Job, active: readonly Pod[], atLeast: number, nowMs: number): Pod[] {
  const inOrder = active.toSorted(comparePodsForDeletion(() => 0, nowMs));
  const misplaced = isIndexed(job) ? withoutPlace(inOrder, job.spec.completions ?? 0) : [];
  const others = inOrder.filter((pod) => !misplaced.includes(pod));
  return [...misplaced, ...others.slice(0, Math.max(0, atLeast - misplaced.length))];
}

/** Pods without an index, beyond the last index, and all but the best of those that share one. */
function withoutPlace(inOrder: readonly Pod[], completions: number): Pod[] {
  const best = new Map<number, Pod>();
  for (const pod of inOrder) {
    const index = indexOf(pod);
    if (index !== undefined && index < completions) best.set(index, pod);
  }
  const kept = new Set(best.values());
  return inOrder.filter((pod) => !kept.has(pod));
}
