import type { Job, JobStatus } from "../../api/types/batch-v1.ts";
import type { Pod } from "../../api/types/core-v1.ts";
import { isBeingDeleted } from "../../apimachinery/object.ts";
import { isPodActive, isPodReady, isPodTerminating } from "../pods.ts";
import { finishedAtMs } from "./backoff.ts";
import { type FailureVerdict, judgeFailure } from "./failure-policy.ts";
import { formatIndexes, indexOf, parseIndexes } from "./indexes.ts";

/** Keeps a finished pod until its Job has counted it. */
export const trackingFinalizer = "batch.kubernetes.io/job-tracking";

/** How often the index failed before this pod was made; carried along because failed pods may be gone. */
export const indexFailures = "batch.kubernetes.io/job-index-failure-count";
export const ignoredIndexFailures = "batch.kubernetes.io/job-index-ignored-failure-count";

/** At most so many pods are on their way to be counted, so that the status stays small. */
const maxUncounted = 500;

export const isIndexed = (job: Job): boolean => job.spec.completionMode === "Indexed";
export const isTracked = (pod: Pod): boolean => (pod.metadata.finalizers ?? []).includes(trackingFinalizer);
export const limitsPerIndex = (job: Job): boolean => job.spec.backoffLimitPerIndex !== undefined;

/** Whether a pod is replaced only once it has ended, not already while it winds down. */
export const replacesOnlyEnded = (job: Job): boolean =>
  job.spec.podReplacementPolicy === "Failed" || job.spec.podFailurePolicy !== undefined;

/** A pod that is deleted before it ended counts as failed, unless the replacement waits for its end. */
export function hasFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === "Failed") return true;
  return !replacesOnlyEnded(job) && isBeingDeleted(pod) && pod.status?.phase !== "Succeeded";
}

const hasSucceeded = (pod: Pod): boolean => pod.status?.phase === "Succeeded";

/** What the pods of a Job say, together with what was counted before. */
export interface Progress {
  readonly pods: readonly Pod[];
  readonly active: readonly Pod[];
  readonly ready: number;
  readonly terminating: readonly Pod[];
  /** Ended pods that neither the counters nor `uncountedTerminatedPods` know yet. */
  readonly newlySucceeded: readonly Pod[];
  readonly newlyFailed: readonly Pod[];
  readonly succeeded: number;
  readonly failed: number;
  readonly knownIndexes: ReadonlySet<number>;
  readonly succeededIndexes: ReadonlySet<number>;
  /** Only with backoffLimitPerIndex. */
  readonly failedIndexes: ReadonlySet<number> | undefined;
  /** The last failed pod of each index that waits to be replaced: it knows how often the index failed. */
  readonly awaitingReplacement: ReadonlyMap<number, Pod>;
  /** The first failure that by policy fails the whole Job. */
  readonly fatal: FailureVerdict | undefined;
  /**
   * Uids of the pods that wait to be counted: the finalizer is on and its removal not under way. Who releases one takes
   * it out: what the cache learns meanwhile does not count, for `pods` are older.
   */
  readonly open: Set<string>;
}

/** `released` are the uids of pods whose finalizer was removed, though the cache may still show it. */
export function measure(job: Job, pods: readonly Pod[], released: ReadonlySet<string>): Progress {
  const before = job.status ?? {};
  const uncounted = {
    succeeded: new Set(before.uncountedTerminatedPods?.succeeded),
    failed: new Set(before.uncountedTerminatedPods?.failed),
  };
  const end = isIndexed(job) ? (job.spec.completions ?? 0) : Number.MAX_SAFE_INTEGER;
  const open = new Set<string>();
  for (const pod of pods) {
    const { uid = "" } = pod.metadata;
    if (isTracked(pod) && !released.has(uid)) open.add(uid);
  }
  const hasPlace = (pod: Pod): boolean => !isIndexed(job) || (indexOf(pod) ?? end) < end;
  const isNew = (pod: Pod, known: ReadonlySet<string>): boolean =>
    open.has(pod.metadata.uid ?? "") && !known.has(pod.metadata.uid ?? "") && hasPlace(pod);

  const active = pods.filter(isPodActive);
  const newlySucceeded = pods.filter((pod) => hasSucceeded(pod) && isNew(pod, uncounted.succeeded));
  const newlyFailed = pods.filter((pod) => hasFailed(job, pod) && isNew(pod, uncounted.failed));
  const countedFailures = newlyFailed.filter((pod) => counts(job, pod)).length;

  const knownIndexes = parseIndexes(before.completedIndexes, end);
  const succeededIndexes = new Set(knownIndexes);
  const failedIndexes = new Set(parseIndexes(before.failedIndexes, end));
  if (isIndexed(job)) {
    for (const pod of pods) {
      const index = indexOf(pod);
      if (index === undefined || index >= end || !isTracked(pod)) continue;
      if (hasSucceeded(pod)) succeededIndexes.add(index);
      if (limitsPerIndex(job) && failsIndex(job, pod)) failedIndexes.add(index);
    }
  }
  const verdicts = pods
    .filter((pod) => job.spec.podFailurePolicy !== undefined && hasFailed(job, pod))
    .map((pod) => judgeFailure(job.spec.podFailurePolicy, pod));
  return {
    pods,
    active,
    ready: active.filter(isPodReady).length,
    terminating: pods.filter(isPodTerminating),
    newlySucceeded,
    newlyFailed,
    succeeded: isIndexed(job)
      ? succeededIndexes.size
      : (before.succeeded ?? 0) + newlySucceeded.length + uncounted.succeeded.size,
    failed: (before.failed ?? 0) + countedFailures + uncounted.failed.size,
    knownIndexes,
    succeededIndexes,
    failedIndexes: limitsPerIndex(job) ? failedIndexes : undefined,
    awaitingReplacement: limitsPerIndex(job)
      ? awaitingReplacement(
          pods.filter((pod) => hasFailed(job, pod) && open.has(pod.metadata.uid ?? "") && hasPlace(pod)),
          new Set([...succeededIndexes, ...failedIndexes, ...active.map((pod) => indexOf(pod) ?? -1)]),
        )
      : new Map(),
    fatal: verdicts.find(({ action }) => action === "FailJob"),
    open,
  };
}

/** Whether the failure counts towards the Job's limits. */
export const counts = (job: Job, pod: Pod): boolean =>
  judgeFailure(job.spec.podFailurePolicy, pod).action !== "Ignore";

function failsIndex(job: Job, pod: Pod): boolean {
  if (!hasFailed(job, pod)) return false;
  const { action } = judgeFailure(job.spec.podFailurePolicy, pod);
  if (action === "FailIndex") return true;
  return action !== "Ignore" && numberIn(pod, indexFailures) >= (job.spec.backoffLimitPerIndex ?? 0);
}

function awaitingReplacement(failed: readonly Pod[], settled: ReadonlySet<number>): Map<number, Pod> {
  const last = new Map<number, Pod>();
  for (const pod of failed) {
    const index = indexOf(pod);
    if (index === undefined || settled.has(index)) continue;
    const other = last.get(index);
    if (
      other === undefined ||
      (failuresBefore(other) <= failuresBefore(pod) && finishedAtMs(pod) >= finishedAtMs(other))
    )
      last.set(index, pod);
  }
  return last;
}

/** How often the pod's index failed before it, whether that counted or not. */
export const failuresBefore = (pod: Pod): number =>
  numberIn(pod, indexFailures) + numberIn(pod, ignoredIndexFailures);

export function numberIn(pod: Pod, annotation: string): number {
  const text = pod.metadata.annotations?.[annotation] ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}

/** What is to be written and released next. */
export interface Count {
  /** Their finalizers may go once the status has been written. */
  readonly release: readonly Pod[];
  /** More pods wait than one pass takes. */
  readonly partial: boolean;
}

/**
 * Counts each finished pod exactly once over crashes: first its uid is written to `uncountedTerminatedPods`, then its
 * finalizer is removed, and only then does the counter grow and the uid go (`settle`). `status` is changed in place.
 * Once the Job has failed (`jobFails`), pods that still run count as failed, too; once it has ended either way
 * (`jobEnds`), no pod is held any longer.
 */
export function countEnded(
  job: Job,
  progress: Progress,
  status: JobStatus,
  { jobEnds, jobFails }: { jobEnds: boolean; jobFails: boolean },
): Count {
  const uncounted = uncountedOf(status);
  const release: Pod[] = [];
  const newIndexes = new Set<number>();
  const end = job.spec.completions ?? 0;
  const pods = isIndexed(job)
    ? progress.pods.toSorted((a, b) => (indexOf(a) ?? -1) - (indexOf(b) ?? -1))
    : progress.pods;
  let partial = false;
  for (const pod of pods) {
    const uid = pod.metadata.uid ?? "";
    if (!progress.open.has(uid)) continue;
    const failed = hasFailed(job, pod);
    if (!mayRelease(job, progress, pod, { failed, jobEnds })) continue;
    release.push(pod);
    const index = indexOf(pod);
    const hasPlace = !isIndexed(job) || (index !== undefined && index < end);
    if (hasSucceeded(pod) && !uncounted.failed.includes(uid)) {
      if (isIndexed(job)) {
        if (index !== undefined && index < end && !progress.knownIndexes.has(index)) newIndexes.add(index);
      } else if (!uncounted.succeeded.includes(uid)) uncounted.succeeded.push(uid);
    } else if ((failed || jobFails) && hasPlace && !uncounted.failed.includes(uid) && counts(job, pod)) {
      uncounted.failed.push(uid);
    }
    if (newIndexes.size + uncounted.succeeded.length + uncounted.failed.length >= maxUncounted) {
      partial = true;
      break;
    }
  }
  if (isIndexed(job)) {
    const indexes = new Set([...progress.knownIndexes, ...newIndexes]);
    status.succeeded = indexes.size;
    status.completedIndexes = formatIndexes(indexes);
    if (progress.failedIndexes !== undefined) status.failedIndexes = formatIndexes(progress.failedIndexes);
  }
  return { release, partial };
}

function mayRelease(
  job: Job,
  progress: Progress,
  pod: Pod,
  { failed, jobEnds }: { failed: boolean; jobEnds: boolean },
): boolean {
  if (isBeingDeleted(job) || jobEnds || hasSucceeded(pod)) return true;
  return failed && progress.awaitingReplacement.get(indexOf(pod) ?? -1) !== pod;
}

/** Moves uids whose pods no longer hold the finalizer from the waiting lists into the counters. */
export function settle(status: JobStatus, holds: (uid: string) => boolean): void {
  const uncounted = uncountedOf(status);
  const succeeded = uncounted.succeeded.filter(holds);
  const failed = uncounted.failed.filter(holds);
  status.succeeded = (status.succeeded ?? 0) + uncounted.succeeded.length - succeeded.length;
  status.failed = (status.failed ?? 0) + uncounted.failed.length - failed.length;
  Object.assign(uncounted, { succeeded, failed });
}

/** The waiting lists of the status, both present. */
function uncountedOf(status: JobStatus): { succeeded: string[]; failed: string[] } {
  const uncounted = {
    succeeded: [...(status.uncountedTerminatedPods?.succeeded ?? [])],
    failed: [...(status.uncountedTerminatedPods?.failed ?? [])],
  };
  status.uncountedTerminatedPods = uncounted;
  return uncounted;
}
