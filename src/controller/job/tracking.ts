import type { Job, JobStatus } from "../../api/types/batch-v1.ts";
import type { Pod } from "../../api/types/core-v1.ts";
import { isBeingDeleted } from "../../apimachinery/object.ts";
import { type FailureVerdict, judgeFailure } from "./failure-policy.ts";
import { formatIndexes, indexOf, parseIndexes } from "./indexes.ts";

/** Keeps a finished pod until its Job has counted it. */
export const trackingFinalizer = "batch.kubernetes.io/job-tracking";

export const isIndexed = (job: Job): boolean => job.spec.completionMode === "Indexed";

/** What the pods of a Job say, together with what was counted before. */
export interface Progress {
  readonly active: readonly Pod[];
  readonly terminating: readonly Pod[];
  /** Status with the counters brought up to date; the caller adds conditions and times. */
  readonly status: JobStatus;
  readonly succeeded: number;
  readonly failed: number;
  readonly succeededIndexes: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
  /** Failures of an index so far, for backoffLimitPerIndex. */
  readonly failuresOf: (index: number) => number;
  /** Finished pods whose count is on its way: their finalizer may go once the status is written. */
  readonly counted: readonly Pod[];
  /** The first failure that by policy fails the whole Job. */
  readonly fatal: FailureVerdict | undefined;
  /** When the newest failure ended, in milliseconds; 0 without one. */
  readonly lastFailureMs: number;
}

const hasSucceeded = (pod: Pod): boolean => pod.status?.phase === "Succeeded";

/** A pod that was deleted before it ended counts as failed, unless the replacement waits for its end. */
function hasFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === "Failed") return true;
  return (
    isBeingDeleted(pod) &&
    pod.status?.phase !== "Succeeded" &&
    job.spec.podReplacementPolicy !== "Failed" &&
    job.spec.podFailurePolicy === undefined
  );
}

export const isTracked = (pod: Pod): boolean => (pod.metadata.finalizers ?? []).includes(trackingFinalizer);

/**
 * Counts each finished pod exactly once over crashes: first its uid is written to `uncountedTerminatedPods`, then its
 * finalizer is removed, and only when that is seen does the counter grow and the uid go.
 */
export function measure(job: Job, pods: readonly Pod[]): Progress {
  const before = job.status ?? {};
  const byUid = new Map(pods.map((pod) => [pod.metadata.uid ?? "", pod]));
  const waiting = {
    succeeded: [...(before.uncountedTerminatedPods?.succeeded ?? [])],
    failed: [...(before.uncountedTerminatedPods?.failed ?? [])],
  };
  let succeeded = before.succeeded ?? 0;
  let failed = before.failed ?? 0;
  const settle = (uids: string[], count: () => void): string[] =>
    uids.filter((uid) => {
      const pod = byUid.get(uid);
      if (pod !== undefined && isTracked(pod)) return true;
      count();
      return false;
    });
  waiting.succeeded = settle(waiting.succeeded, () => succeeded++);
  waiting.failed = settle(waiting.failed, () => failed++);

  const end = job.spec.completions ?? Number.MAX_SAFE_INTEGER;
  const succeededIndexes = parseIndexes(before.completedIndexes, end);
  const failedIndexes = parseIndexes(before.failedIndexes, end);
  const failuresByIndex = new Map<number, number>();
  const counted: Pod[] = [];
  const active: Pod[] = [];
  const terminating: Pod[] = [];
  let fatal: FailureVerdict | undefined;
  let lastFailureMs = 0;

  for (const pod of pods) {
    const index = indexOf(pod);
    const uid = pod.metadata.uid ?? "";
    if (hasSucceeded(pod)) {
      if (index !== undefined) succeededIndexes.add(index);
      if (isTracked(pod)) {
        counted.push(pod);
        if (!waiting.succeeded.includes(uid)) waiting.succeeded.push(uid);
      }
      continue;
    }
    if (!hasFailed(job, pod)) {
      (isBeingDeleted(pod) ? terminating : active).push(pod);
      continue;
    }
    if (pod.status?.phase !== "Failed") terminating.push(pod);
    lastFailureMs = Math.max(lastFailureMs, endedAtMs(pod));
    const verdict = judgeFailure(job.spec.podFailurePolicy, pod);
    if (verdict.action === "FailJob") fatal ??= verdict;
    if (index !== undefined && verdict.action !== "Ignore") {
      failuresByIndex.set(index, Math.max((failuresByIndex.get(index) ?? 0) + 1, annotatedFailures(pod) + 1));
      const limit = job.spec.backoffLimitPerIndex;
      if (
        verdict.action === "FailIndex" ||
        (limit !== undefined && (failuresByIndex.get(index) ?? 0) > limit)
      ) {
        failedIndexes.add(index);
      }
    }
    if (!isTracked(pod)) continue;
    counted.push(pod);
    if (verdict.action !== "Ignore" && !waiting.failed.includes(uid)) waiting.failed.push(uid);
  }
  for (const index of succeededIndexes) failedIndexes.delete(index);

  if (isIndexed(job))
    succeeded = succeededIndexes.size - pendingIndexes(waiting.succeeded, byUid, before, end);
  const status: JobStatus = {
    ...before,
    active: active.length,
    ready: active.filter(isReady).length,
    terminating: terminating.length,
    succeeded,
    failed,
    uncountedTerminatedPods: {
      ...(waiting.succeeded.length > 0 ? { succeeded: waiting.succeeded } : {}),
      ...(waiting.failed.length > 0 ? { failed: waiting.failed } : {}),
    },
    ...(isIndexed(job) ? { completedIndexes: formatIndexes(succeededIndexes) } : {}),
    ...(job.spec.backoffLimitPerIndex === undefined ? {} : { failedIndexes: formatIndexes(failedIndexes) }),
  };
  for (const field of ["active", "succeeded", "failed"] as const)
    if (status[field] === 0) delete status[field];
  return {
    active,
    terminating,
    status,
    succeeded: isIndexed(job) ? succeededIndexes.size : succeeded + waiting.succeeded.length,
    failed: failed + waiting.failed.length,
    succeededIndexes,
    failedIndexes,
    failuresOf: (index) => failuresByIndex.get(index) ?? 0,
    counted,
    fatal,
    lastFailureMs,
  };
}

/** Indexes that succeeded only by pods whose count is still on its way. */
function pendingIndexes(
  uids: readonly string[],
  byUid: ReadonlyMap<string, Pod>,
  before: JobStatus,
  end: number,
): number {
  const known = parseIndexes(before.completedIndexes, end);
  const pending = new Set(
    uids.map((uid) => indexOf(byUid.get(uid) ?? { ...noPod })).filter((index) => index !== undefined),
  );
  return [...pending].filter((index) => !known.has(index)).length;
}

const noPod: Pod = { apiVersion: "v1", kind: "Pod", metadata: {}, spec: { containers: [] } };

const isReady = (pod: Pod): boolean =>
  (pod.status?.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True");

/** How often the index failed before this pod was made; carried along because failed pods may be gone. */
export const indexFailures = "batch.kubernetes.io/job-index-failure-count";
const annotatedFailures = (pod: Pod): number => Number(pod.metadata.annotations?.[indexFailures] ?? "0") || 0;

function endedAtMs(pod: Pod): number {
  const ends = (pod.status?.containerStatuses ?? []).map(({ state }) =>
    Date.parse(state?.terminated?.finishedAt ?? ""),
  );
  const known = ends.filter((ms) => !Number.isNaN(ms));
  return known.length > 0 ? Math.max(...known) : Date.parse(pod.metadata.deletionTimestamp ?? "") || 0;
}
