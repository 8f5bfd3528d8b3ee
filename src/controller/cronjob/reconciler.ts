import type { CronJob, Job } from "../../api/types/batch-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { controllerOf, isBeingDeleted, newControllerRef } from "../../apimachinery/object.ts";
import { isAlreadyExists, isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ReconcileResult } from "../controller.ts";
import { parseSchedule, type Schedule } from "./schedule.ts";

const scheduledAt = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/** A start that is later than this is looked at as missed. */
const maxMissedStarts = 100;

/** Makes a Job at each moment of a CronJob's schedule, and keeps as many old ones as asked. */
export class CronJobReconciler {
  readonly #context: ControllerContext;

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const { informers, clock, events } = this.#context;
    const cronJob = informers.informer(resources.cronjobs).getByKey(key);
    if (cronJob === undefined || isBeingDeleted(cronJob)) return undefined;
    const jobs = informers
      .informer(resources.jobs)
      .list(cronJob.metadata.namespace)
      .filter((job) => controllerOf(job)?.uid === cronJob.metadata.uid);
    const status = { ...cronJob.status };
    this.#noteFinished(cronJob, jobs, status);
    await this.#cleanUp(cronJob, jobs);

    let result: ReconcileResult | undefined;
    if (cronJob.spec.suspend !== true) {
      let schedule: Schedule | undefined;
      try {
        schedule = parseSchedule(cronJob.spec.schedule);
      } catch (error) {
        events.event(
          cronJob,
          "Warning",
          "UnparseableSchedule",
          `unparseable schedule: ${cronJob.spec.schedule} : ${String(error)}`,
        );
      }
      if (schedule !== undefined) result = await this.#startDue(cronJob, schedule, jobs, status, clock.now());
    }
    if (!deepEqual(status, cronJob.status ?? {})) {
      await this.#context.client.resource(resources.cronjobs).updateStatus({ ...cronJob, status });
    }
    return result;
  }

  /** `active` lists the Jobs that run; those that ended since are told in events. */
  #noteFinished(cronJob: CronJob, jobs: readonly Job[], status: NonNullable<CronJob["status"]>): void {
    const { events } = this.#context;
    const known = new Set((cronJob.status?.active ?? []).map(({ uid }) => uid));
    const running = jobs.filter((job) => endOf(job) === undefined);
    for (const job of jobs) {
      const end = endOf(job);
      if (end === undefined) continue;
      if (known.has(job.metadata.uid)) {
        events.event(
          cronJob,
          "Normal",
          "SawCompletedJob",
          `Saw completed job: ${job.metadata.name}, condition: ${end.type}`,
        );
      }
      if (end.type === "Complete" && (status.lastSuccessfulTime ?? "") < (job.status?.completionTime ?? "")) {
        status.lastSuccessfulTime = job.status?.completionTime;
      }
    }
    status.active = running.map((job) => ({
      apiVersion: "batch/v1",
      kind: "Job",
      namespace: job.metadata.namespace,
      name: job.metadata.name,
      uid: job.metadata.uid,
      resourceVersion: job.metadata.resourceVersion,
    }));
    if (status.active.length === 0) delete status.active;
  }

  async #startDue(
    cronJob: CronJob,
    schedule: Schedule,
    jobs: readonly Job[],
    status: NonNullable<CronJob["status"]>,
    nowMs: number,
  ): Promise<ReconcileResult | undefined> {
    const { events } = this.#context;
    const timeZone = cronJob.spec.timeZone ?? "UTC";
    const deadlineMs = (cronJob.spec.startingDeadlineSeconds ?? Number.POSITIVE_INFINITY) * 1000;
    const sinceMs = Math.max(
      Date.parse(cronJob.status?.lastScheduleTime ?? cronJob.metadata.creationTimestamp ?? "") || nowMs,
      nowMs - deadlineMs,
    );
    let dueMs: number | undefined;
    let missed = 0;
    for (
      let at = schedule.next(sinceMs, timeZone);
      at !== undefined && at <= nowMs;
      at = schedule.next(at, timeZone)
    ) {
      dueMs = at;
      if (++missed > maxMissedStarts) {
        events.event(
          cronJob,
          "Warning",
          "TooManyMissedTimes",
          "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
        );
        // The newest moment counts, however many were missed: step on from just before now.
        at = nowMs - 60_000;
        missed = Number.NEGATIVE_INFINITY;
      }
    }
    const nextMs = schedule.next(nowMs, timeZone);
    const wake = nextMs === undefined ? undefined : { requeueAfterMs: Math.max(1, nextMs - nowMs) };
    if (dueMs === undefined) return wake;

    const running = jobs.filter((job) => endOf(job) === undefined);
    if (cronJob.spec.concurrencyPolicy === "Forbid" && running.length > 0) {
      events.event(
        cronJob,
        "Normal",
        "JobAlreadyActive",
        "Not starting job because prior execution is running and concurrency policy is Forbid",
      );
      return wake;
    }
    if (cronJob.spec.concurrencyPolicy === "Replace")
      await Promise.all(running.map((job) => this.#delete(cronJob, job)));
    await this.#createJob(cronJob, dueMs);
    status.lastScheduleTime = formatTime(dueMs);
    return wake;
  }

  async #createJob(cronJob: CronJob, dueMs: number): Promise<void> {
    const { client, events } = this.#context;
    const { metadata = {}, spec } = cronJob.spec.jobTemplate;
    try {
      const job = await client.resource(resources.jobs).create({
        apiVersion: "batch/v1",
        kind: "Job",
        metadata: {
          // The name says for which minute it is: made twice, it exists once.
          name: `${cronJob.metadata.name}-${Math.floor(dueMs / 60_000)}`,
          namespace: cronJob.metadata.namespace,
          labels: metadata.labels,
          annotations: { ...metadata.annotations, [scheduledAt]: formatTime(dueMs) },
          ownerReferences: [newControllerRef(cronJob)],
        },
        spec: spec ?? { template: {} },
      });
      events.event(cronJob, "Normal", "SuccessfulCreate", `Created job ${job.metadata.name}`);
    } catch (error) {
      if (isAlreadyExists(error)) return;
      events.event(
        cronJob,
        "Warning",
        "FailedCreate",
        `Error creating job: ${error instanceof Error ? error.message : String(error)}`,
      );
      throw error;
    }
  }

  async #cleanUp(cronJob: CronJob, jobs: readonly Job[]): Promise<void> {
    const { successfulJobsHistoryLimit: good = 3, failedJobsHistoryLimit: bad = 1 } = cronJob.spec;
    for (const [type, keep] of [["Complete", good] as const, ["Failed", bad] as const]) {
      const ended = jobs
        .filter((job) => endOf(job)?.type === type)
        .toSorted((a, b) => (startOf(a) < startOf(b) ? 1 : -1));
      for (const job of ended.slice(keep)) await this.#delete(cronJob, job);
    }
  }

  async #delete(cronJob: CronJob, job: Job): Promise<void> {
    if (isBeingDeleted(job)) return;
    const { name = "", namespace } = job.metadata;
    try {
      await this.#context.client
        .resource(resources.jobs)
        .delete(name, { namespace, propagationPolicy: "Background" });
      this.#context.events.event(cronJob, "Normal", "SuccessfulDelete", `Deleted job ${name}`);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

const startOf = (job: Job): string => job.status?.startTime ?? job.metadata.creationTimestamp ?? "";

const endOf = (job: Job) =>
  (job.status?.conditions ?? []).find(
    ({ type, status }) => status === "True" && (type === "Complete" || type === "Failed"),
  );
