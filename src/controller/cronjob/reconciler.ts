import type { CronJob, CronJobStatus, Job } from "../../api/types/batch-v1.ts";
import type { ObjectReference } from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { sameFields } from "../../apimachinery/json.ts";
import { controllerOf, isBeingDeleted, newControllerRef } from "../../apimachinery/object.ts";
import { isAlreadyExists, isNotFound } from "../../apimachinery/status.ts";
import type { ResourceClient } from "../../client/client.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerWatch, ReconcileResult } from "../controller.ts";
import { OwnWrites } from "../own-writes.ts";
import { isNamespaceTerminating, messageOf } from "../pod-control.ts";
import { enqueueOwner, enqueueSelf, watch } from "../watch.ts";
import { dueStart, formatInZone } from "./due.ts";
import { parseSchedule, type Schedule } from "./schedule.ts";

const scheduledAt = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/**
 * Makes a Job at each moment of a CronJob's schedule, and keeps as many old ones as asked.
 * (Mirrors pkg/controller/cronjob/cronjob_controllerv2.go.)
 */
export class CronJobReconciler {
  readonly #context: ControllerContext;
  readonly #cronJobs: Informer<CronJob>;
  readonly #jobs: Informer<Job>;
  readonly #client: ResourceClient<Job>;
  /** A cache that lags shows a CronJob as before its last start: a Job that has ended and gone since would be made again. */
  readonly #written = new OwnWrites();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#cronJobs = context.informers.informer(resources.cronjobs);
    this.#jobs = context.informers.informer(resources.jobs);
    this.#client = context.client.resource(resources.jobs);
    this.#jobs.addIndex("cronJob", (job) => [controllerOf(job)?.uid ?? ""]);
  }

  watches(): ControllerWatch[] {
    const jobs = watch(this.#jobs, enqueueOwner("CronJob"));
    return [watch(this.#cronJobs, enqueueSelf), jobs, this.#written.watch()];
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const cronJob = this.#cronJobs.getByKey(key);
    if (cronJob === undefined) {
      this.#written.forget(key);
      return undefined;
    }
    if (!this.#written.isSeen(key)) return undefined;
    const jobs = this.#jobs.byIndex("cronJob", cronJob.metadata.uid ?? "");
    const status: CronJobStatus = { ...cronJob.status };
    await this.#noteEnds(cronJob, jobs, status);
    let result: ReconcileResult | undefined;
    let failure: { error: unknown } | undefined;
    try {
      if (!isBeingDeleted(cronJob)) result = await this.#start(cronJob, status);
    } catch (error) {
      failure = { error };
    }
    await this.#cleanUp(cronJob, jobs, status);
    if ((status.active ?? []).length === 0) delete status.active;
    if (!sameFields(status, cronJob.status ?? {})) {
      const client = this.#context.client.resource(resources.cronjobs);
      this.#written.wrote(key, this.#cronJobs, await client.updateStatus({ ...cronJob, status }));
    }
    if (failure !== undefined) throw failure.error;
    return result;
  }

  /** `active` loses the Jobs that ended or went missing since. */
  async #noteEnds(cronJob: CronJob, jobs: readonly Job[], status: CronJobStatus): Promise<void> {
    const { events } = this.#context;
    const known = new Map(jobs.map((job) => [job.metadata.uid, job]));
    const listed = new Set((status.active ?? []).map(({ uid }) => uid));
    for (const job of jobs) {
      const end = endOf(job);
      const name = job.metadata.name ?? "";
      if (end === undefined && !listed.has(job.metadata.uid)) {
        const message = `Saw a job that the controller did not create or forgot: ${name}`;
        events.event(cronJob, "Warning", "UnexpectedJob", message);
      }
      if (end === undefined || !listed.has(job.metadata.uid)) continue;
      const message = `Saw completed job: ${name}, condition: ${end.type}`;
      events.event(cronJob, "Normal", "SawCompletedJob", message);
      const completed = end.type === "Complete" ? (job.status?.completionTime ?? "") : "";
      if (completed > (status.lastSuccessfulTime ?? "")) status.lastSuccessfulTime = completed;
    }
    const active: ObjectReference[] = [];
    for (const reference of status.active ?? []) {
      const job = known.get(reference.uid) ?? (await this.#liveJob(reference));
      if (job === undefined) {
        events.event(cronJob, "Normal", "MissingJob", `Active job went missing: ${reference.name}`);
      } else if (endOf(job) === undefined) active.push(reference);
    }
    status.active = active;
  }

  /** A Job that was just made may not be in the cache. */
  async #liveJob({ name = "", namespace, uid }: ObjectReference): Promise<Job | undefined> {
    try {
      const job = await this.#client.get(name, { namespace });
      return job.metadata.uid === uid ? job : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #start(cronJob: CronJob, status: CronJobStatus): Promise<ReconcileResult | undefined> {
    const { events, clock } = this.#context;
    const { suspend, timeZone, concurrencyPolicy } = cronJob.spec;
    const nowMs = clock.now();
    if (timeZone !== undefined && !isTimeZone(timeZone)) {
      const message = `invalid timeZone: ${JSON.stringify(timeZone)}: unknown time zone ${timeZone}`;
      events.event(cronJob, "Warning", "UnknownTimeZone", message);
      return undefined;
    }
    if (suspend === true) return undefined;
    const schedule = this.#scheduleOf(cronJob);
    if (schedule === undefined) return undefined;
    const nextMs = schedule.next(nowMs, timeZone ?? "UTC");
    const wake = nextMs === undefined ? undefined : { requeueAfterMs: nextMs - nowMs };
    const { atMs, tooManyMissed } = dueStart(cronJob, schedule, nowMs);
    if (tooManyMissed) {
      const message =
        "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
      events.event(cronJob, "Warning", "TooManyMissedTimes", message);
    }
    if (atMs === undefined) return wake;
    const active = status.active ?? [];
    if (active.some(({ name }) => name === jobName(cronJob, atMs))) return wake;
    if (concurrencyPolicy === "Forbid" && active.length > 0) {
      const message = "Not starting job because prior execution is running and concurrency policy is Forbid";
      events.event(cronJob, "Normal", "JobAlreadyActive", message);
      return wake;
    }
    if (concurrencyPolicy === "Replace") {
      for (const { name = "", namespace } of active) await this.#delete(cronJob, name, namespace);
      status.active = [];
    }
    const job = await this.#createJob(cronJob, atMs);
    if (job === undefined) return wake;
    status.active = [...(status.active ?? []), referenceTo(job)];
    status.lastScheduleTime = formatTime(atMs);
    return wake;
  }

  #scheduleOf(cronJob: CronJob): Schedule | undefined {
    const text = cronJob.spec.schedule;
    try {
      return parseSchedule(text);
    } catch (error) {
      const message = `unparseable schedule: ${JSON.stringify(text)} : ${messageOf(error)}`;
      this.#context.events.event(cronJob, "Warning", "UnparseableSchedule", message);
      return undefined;
    }
  }

  /** The new Job; undefined when there is one of its name that this CronJob need not run. */
  async #createJob(cronJob: CronJob, atMs: number): Promise<Job | undefined> {
    const { events } = this.#context;
    const { metadata = {}, spec } = cronJob.spec.jobTemplate;
    const { namespace } = cronJob.metadata;
    const name = jobName(cronJob, atMs);
    try {
      const job = await this.#client.create({
        apiVersion: "batch/v1",
        kind: "Job",
        metadata: {
          name,
          namespace,
          ...(metadata.labels === undefined ? {} : { labels: metadata.labels }),
          annotations: {
            ...metadata.annotations,
            [scheduledAt]: formatInZone(atMs, cronJob.spec.timeZone),
          },
          ownerReferences: [newControllerRef(cronJob)],
        },
        spec: spec ?? { template: {} },
      });
      events.event(cronJob, "Normal", "SuccessfulCreate", `Created job ${name}`);
      return job;
    } catch (error) {
      if (isAlreadyExists(error)) {
        // Made in a pass that came to grief before it noted that.
        const job = await this.#client.get(name, { namespace });
        return controllerOf(job)?.uid === cronJob.metadata.uid && endOf(job) === undefined ? job : undefined;
      }
      if (isNamespaceTerminating(error)) throw error;
      events.event(cronJob, "Warning", "FailedCreate", `Error creating job: ${messageOf(error)}`);
      throw error;
    }
  }

  async #cleanUp(cronJob: CronJob, jobs: readonly Job[], status: CronJobStatus): Promise<void> {
    const { successfulJobsHistoryLimit: good, failedJobsHistoryLimit: bad } = cronJob.spec;
    const limits = { Complete: good, Failed: bad };
    for (const type of ["Complete", "Failed"] as const) {
      const keep = limits[type];
      if (keep === undefined) continue;
      const ended = jobs
        .filter((job) => endOf(job)?.type === type && !isBeingDeleted(job))
        .toSorted((a, b) => (startOf(a) < startOf(b) ? 1 : -1));
      for (const { metadata } of ended.slice(keep)) {
        await this.#delete(cronJob, metadata.name ?? "", metadata.namespace);
        status.active = (status.active ?? []).filter(({ uid }) => uid !== metadata.uid);
      }
    }
  }

  async #delete(cronJob: CronJob, name: string, namespace: string | undefined): Promise<void> {
    const { events } = this.#context;
    try {
      await this.#client.delete(name, { namespace, propagationPolicy: "Background" });
      events.event(cronJob, "Normal", "SuccessfulDelete", `Deleted job ${name}`);
    } catch (error) {
      if (isNotFound(error)) return;
      events.event(cronJob, "Warning", "FailedDelete", `Deleted job: ${messageOf(error)}`);
      throw error;
    }
  }
}

/** The name says for which minute the Job is: made twice, it exists once. */
const jobName = ({ metadata }: CronJob, atMs: number): string =>
  `${metadata.name}-${Math.floor(atMs / 60_000)}`;

function referenceTo({ metadata }: Job): ObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion: "batch/v1", kind: "Job", namespace, name, uid, resourceVersion };
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

const startOf = (job: Job): string => job.status?.startTime ?? job.metadata.creationTimestamp ?? "";

const endOf = (job: Job) =>
  (job.status?.conditions ?? []).find(
    ({ type, status }) => status === "True" && (type === "Complete" || type === "Failed"),
  );
