import type { Job, JobCondition, JobStatus } from "../../api/types/batch-v1.ts";
import type { Pod } from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { findCondition, isConditionTrue } from "../../apimachinery/conditions.ts";
import { successPolicyMet } from "./success-policy.ts";
import { isIndexed, limitsPerIndex, type Progress } from "./tracking.ts";

/** How a Job ends: the condition that announces it, while its last pods are counted and wind down. */
export interface Outcome {
  readonly type: "FailureTarget" | "SuccessCriteriaMet";
  readonly reason: string;
  readonly message: string;
}

const failure = (reason: string, message: string): Outcome => ({ type: "FailureTarget", reason, message });

const completed: Outcome = {
  type: "SuccessCriteriaMet",
  reason: "CompletionsReached",
  message: "Reached expected number of succeeded pods",
};

export const isFinished = (job: Job): boolean =>
  isConditionTrue(job.status?.conditions, "Complete") || isConditionTrue(job.status?.conditions, "Failed");

export const isSuspended = (job: Job): boolean => job.spec.suspend === true;

/** How the Job ends for a reason other than that all completions were reached; undefined while it goes on. */
export function outcomeOf(
  job: Job,
  status: JobStatus,
  progress: Progress,
  nowMs: number,
): Outcome | undefined {
  return (
    announced(status) ??
    (progress.fatal === undefined ? undefined : failure("PodFailurePolicy", progress.fatal.message)) ??
    limitReached(job, status, progress, nowMs) ??
    indexOutcome(job, progress)
  );
}

function announced({ conditions }: JobStatus): Outcome | undefined {
  for (const type of ["SuccessCriteriaMet", "FailureTarget"] as const) {
    const condition = findCondition(conditions, type);
    if (condition?.status !== "True") continue;
    return { type, reason: condition.reason ?? "", message: condition.message ?? "" };
  }
  return undefined;
}

function limitReached(job: Job, status: JobStatus, progress: Progress, nowMs: number): Outcome | undefined {
  const limit = job.spec.backoffLimit ?? (limitsPerIndex(job) ? 2 ** 31 - 1 : 6);
  if (progress.failed > limit || restartsExceed(job, progress.pods, limit)) {
    return failure("BackoffLimitExceeded", "Job has reached the specified backoff limit");
  }
  const leftMs = deadlineLeftMs(job, status, nowMs);
  if (leftMs !== undefined && leftMs <= 0) {
    return failure("DeadlineExceeded", "Job was active longer than specified deadline");
  }
  return undefined;
}

function indexOutcome(job: Job, progress: Progress): Outcome | undefined {
  if (!isIndexed(job)) return undefined;
  const { completions = 0, maxFailedIndexes, successPolicy } = job.spec;
  const failed = progress.failedIndexes?.size ?? 0;
  if (progress.failedIndexes !== undefined && maxFailedIndexes !== undefined && failed > maxFailedIndexes) {
    const message = "Job has exceeded the specified maximal number of failed indexes";
    return failure("MaxFailedIndexesExceeded", message);
  }
  if (failed > 0 && failed + progress.succeededIndexes.size >= completions) {
    return failure("FailedIndexes", "Job has failed indexes");
  }
  const met = successPolicyMet(successPolicy, completions, progress.succeededIndexes);
  return met === undefined
    ? undefined
    : { type: "SuccessCriteriaMet", reason: "SuccessPolicy", message: met };
}

/** All completions reached and nobody works any more; a work queue is done once one pod succeeded and all ended. */
export function completedOutcome(job: Job, progress: Progress, active: number): Outcome | undefined {
  const reached = progress.succeeded >= (job.spec.completions ?? 1);
  return reached && active === 0 ? completed : undefined;
}

/** With restartPolicy OnFailure the kubelet restarts containers: restarts are the failures. */
function restartsExceed(job: Job, pods: readonly Pod[], limit: number): boolean {
  if (job.spec.template.spec?.restartPolicy !== "OnFailure") return false;
  const restarts = pods
    .filter(({ status }) => status?.phase === "Running" || status?.phase === "Pending")
    .flatMap(({ status }) => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])])
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** Until activeDeadlineSeconds is over; undefined without one, and while the Job is suspended. */
export function deadlineLeftMs(job: Job, { startTime }: JobStatus, nowMs: number): number | undefined {
  const { activeDeadlineSeconds } = job.spec;
  if (activeDeadlineSeconds === undefined || startTime === undefined || isSuspended(job)) return undefined;
  return Date.parse(startTime) + activeDeadlineSeconds * 1000 - nowMs;
}

/** Sets the condition in place; true when that changed anything. One that does not hold is not added. */
export function setJobCondition(
  status: JobStatus,
  condition: Pick<Required<JobCondition>, "type" | "status" | "reason" | "message">,
  nowMs: number,
): boolean {
  const conditions = status.conditions ?? [];
  const before = conditions.find(({ type }) => type === condition.type);
  if (before === undefined && condition.status === "False") return false;
  if (
    before?.status === condition.status &&
    before.reason === condition.reason &&
    before.message === condition.message
  )
    return false;
  const { type, status: state, reason, message } = condition;
  const time = formatTime(nowMs);
  const next = {
    type,
    status: state,
    lastProbeTime: time,
    lastTransitionTime: time,
    ...(reason === "" ? {} : { reason }),
    ...(message === "" ? {} : { message }),
  };
  status.conditions =
    before === undefined ? [...conditions, next] : conditions.map((item) => (item === before ? next : item));
  return true;
}
