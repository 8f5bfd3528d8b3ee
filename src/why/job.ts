import { humanDuration } from "../api/columns/duration.ts";
import type { CronJob, Job } from "../api/types/batch-v1.ts";
import { findCondition } from "../apimachinery/conditions.ts";
import { controllerOf } from "../apimachinery/object.ts";
import { parseTime } from "../apimachinery/time.ts";
import { resources } from "../client/resources.ts";
import type { Look } from "./look.ts";
import { podsTrouble } from "./pod.ts";
import { byCauses, count, fine, kubectl, type Reason, stuck, waiting } from "./reason.ts";
import { whyRefused } from "./refusal.ts";
import { ownPods } from "./workload.ts";

export async function whyJob(job: Job, look: Look): Promise<Reason> {
  const { namespace = "", name = "" } = job.metadata;
  const { completions = 1, suspend = false } = job.spec ?? {};
  const { succeeded = 0, active = 0, failed = 0, conditions } = job.status ?? {};
  if (findCondition(conditions, "Complete")?.status === "True")
    return fine(
      job,
      `is done: ${count(succeeded, "pod")} ended well${failed === 0 ? "" : `, after ${count(failed, "failure")}`}`,
    );
  const causes = async (): Promise<Reason[]> => await podsTrouble(await ownPods(job, look), look);
  const failure = findCondition(conditions, "Failed") ?? findCondition(conditions, "FailureTarget");
  if (failure?.status === "True") {
    const says =
      failures[failure.reason ?? ""]?.(job) ?? `has failed: ${failure.message ?? failure.reason ?? ""}`;
    return stuck(job, says, {
      // Of pods that are gone there is nothing left to read.
      because: (await causes()).map(asStuck),
      next: {
        says: "mend the cause, then run it again: a Job that failed stays so",
        command: kubectl({ namespace }, `delete job ${name}`),
      },
    });
  }
  if (suspend) {
    return stuck(job, "is suspended: it starts nothing until it is resumed", {
      next: {
        says: "let it run",
        command: kubectl({ namespace }, `patch job ${name} -p '{"spec":{"suspend":false}}'`),
      },
    });
  }
  const says = `is not done: ${succeeded} of ${completions} ended well, ${active} ${active === 1 ? "runs" : "run"}${failed === 0 ? "" : `, ${failed} failed`}`;
  if (active === 0) {
    const event = await look.event(job, "FailedCreate");
    if (event !== undefined)
      return stuck(job, says, { because: [await whyRefused(event.message ?? "", job, look)] });
  }
  const why = await causes();
  if (why.length === 0) return waiting(job, says);
  return byCauses(job, says, why);
}

const asStuck = (cause: Reason): Reason => ({ ...cause, state: "stuck" });

const failures: Readonly<Record<string, (job: Job) => string>> = {
  BackoffLimitExceeded: (job) =>
    `has failed: its pods failed more often than it allows (backoffLimit: ${job.spec?.backoffLimit ?? 6})`,
  DeadlineExceeded: (job) =>
    `has failed: it was not done within ${job.spec?.activeDeadlineSeconds ?? 0} s (activeDeadlineSeconds)`,
  PodFailurePolicy: () => "has failed: a pod ended in a way that its podFailurePolicy does not forgive",
  FailedIndexes: () => "has failed: some of its indexes did",
};

export async function whyCronJob(cronJob: CronJob, look: Look): Promise<Reason> {
  const { namespace = "", name = "" } = cronJob.metadata;
  const { suspend = false, concurrencyPolicy } = cronJob.spec ?? {};
  const schedule = cronJob.spec?.schedule ?? "";
  if (suspend) {
    return stuck(cronJob, "is suspended: it starts no more Jobs", {
      next: {
        says: "let it go on",
        command: kubectl({ namespace }, `patch cronjob ${name} -p '{"spec":{"suspend":false}}'`),
      },
    });
  }
  const jobs = (await look.list(resources.jobs, namespace))
    .filter((job) => controllerOf(job)?.uid === cronJob.metadata.uid)
    .toSorted(
      (a, b) =>
        (parseTime(b.metadata.creationTimestamp) ?? 0) - (parseTime(a.metadata.creationTimestamp) ?? 0),
    );
  const lastMs = parseTime(cronJob.status?.lastScheduleTime);
  const begun =
    lastMs === undefined
      ? "it has not been time yet"
      : `it last started a Job ${humanDuration(look.nowMs - lastMs)} ago`;
  const trouble = await look.event(
    cronJob,
    "UnparseableSchedule",
    "UnknownTimeZone",
    "TooManyMissedTimes",
    "FailedCreate",
  );
  const isCurrent =
    trouble !== undefined &&
    (lastMs === undefined || (parseTime(trouble.lastTimestamp ?? trouble.eventTime) ?? 0) > lastMs);
  if (isCurrent && trouble.reason === "FailedCreate")
    return stuck(cronJob, "cannot start a Job: it is refused", {
      because: [
        await whyRefused((trouble.message ?? "").replace(/^Error creating job: /, ""), cronJob, look),
      ],
    });
  if (isCurrent)
    return stuck(cronJob, `starts no Jobs: ${trouble.message ?? ""}`, {
      next: { says: "correct its schedule", command: kubectl({ namespace }, `edit cronjob ${name}`) },
    });
  const [trouble1] = await look.causes(jobs.slice(0, 1));
  const active = cronJob.status?.active?.length ?? 0;
  if (
    active > 0 &&
    concurrencyPolicy === "Forbid" &&
    (await look.event(cronJob, "JobAlreadyActive")) !== undefined
  ) {
    return byCauses(
      cronJob,
      "skips its times: the Job before still runs (concurrencyPolicy: Forbid)",
      trouble1 === undefined ? [] : [trouble1],
      {
        says: "see what the Job is busy with",
        command: kubectl({ namespace }, `logs job/${jobs[0]?.metadata.name ?? "NAME"}`),
      },
    );
  }
  if (trouble1?.state === "stuck")
    return stuck(cronJob, `runs on schedule ("${schedule}"), but its last Job is in trouble`, {
      because: [trouble1],
    });
  return fine(cronJob, `is well: ${begun} (schedule "${schedule}")`);
}
