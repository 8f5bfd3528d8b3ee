import type { Job, JobCondition, JobStatus } from "../../api/types/batch-v1.ts";
import type { Pod } from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { isBeingDeleted, newControllerRef } from "../../apimachinery/object.ts";
import { randomSuffix } from "../../apimachinery/random.ts";
import { isConflict, isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ReconcileResult } from "../controller.ts";
import { completionIndex, indexOf } from "./indexes.ts";
import {
  indexFailures,
  isIndexed,
  isTracked,
  measure,
  type Progress,
  trackingFinalizer,
} from "./tracking.ts";

/** Wait after the n-th failure: ten seconds, doubling, six minutes at most. */
const firstBackoffMs = 10_000;
const maxBackoffMs = 360_000;
/** As many pods are made at once at the most. */
const maxCreatesAtOnce = 500;

interface Outcome {
  readonly type: "Complete" | "Failed";
  readonly reason: string;
  readonly message: string;
}

/**
 * Runs a Job's pods to completion. Each pass measures, writes what was counted, releases counted pods, and makes or
 * deletes pods; every step may be the last before a crash.
 */
export class JobReconciler {
  readonly #context: ControllerContext;

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const { informers, clock } = this.#context;
    const job = informers.informer(resources.jobs).getByKey(key);
    if (job === undefined) return await this.#releaseOrphans(key);
    if ((job.spec.managedBy ?? "kubernetes.io/job-controller") !== "kubernetes.io/job-controller")
      return undefined;
    const pods = this.#podsOf(job);
    if (isBeingDeleted(job)) {
      await Promise.all(pods.map((pod) => this.#release(pod)));
      return undefined;
    }
    const progress = measure(job, pods);
    const finished = isFinished(job);
    const status: JobStatus = { ...progress.status, conditions: [...(job.status?.conditions ?? [])] };
    const outcome = finished ? undefined : this.#outcomeOf(job, progress);
    let again: ReconcileResult | undefined;

    if (!finished) {
      this.#suspendOrStart(job, status);
      if (outcome !== undefined) this.#finish(job, status, progress, outcome);
    }
    await this.#writeStatus(job, status);
    await Promise.all(progress.counted.map((pod) => this.#release(pod)));

    if (finished || outcome !== undefined || job.spec.suspend === true) {
      await this.#deletePods(job, progress.active);
    } else {
      again = await this.#managePods(job, progress);
    }
    const deadlineMs = remainingMs(job, status, clock.now());
    if (
      !finished &&
      deadlineMs !== undefined &&
      (again?.requeueAfterMs ?? Number.POSITIVE_INFINITY) > deadlineMs
    ) {
      again = { requeueAfterMs: Math.max(1, deadlineMs) };
    }
    return again;
  }

  #podsOf(job: Job): Pod[] {
    return this.#context.informers
      .informer(resources.pods)
      .byIndex("controllerUid", job.metadata.uid ?? "")
      .filter((pod) => pod.metadata.namespace === job.metadata.namespace);
  }

  /** Pods of a Job that is gone must not be held by its finalizer. */
  async #releaseOrphans(key: string): Promise<undefined> {
    const [namespace, name] = key.split("/");
    const pods = this.#context.informers
      .informer(resources.pods)
      .list(namespace)
      .filter(
        (pod) =>
          isTracked(pod) &&
          pod.metadata.ownerReferences?.some((owner) => owner.kind === "Job" && owner.name === name),
      );
    await Promise.all(pods.map((pod) => this.#release(pod)));
    return undefined;
  }

  #suspendOrStart(job: Job, status: JobStatus): void {
    const { clock, events } = this.#context;
    const conditions = status.conditions ?? [];
    const suspended = conditions.find(({ type }) => type === "Suspended");
    if (job.spec.suspend === true) {
      if (suspended?.status !== "True") {
        setCondition(conditions, "Suspended", "True", "JobSuspended", "Job suspended", clock.now());
        events.event(job, "Normal", "Suspended", "Job suspended");
      }
      delete status.startTime;
      return;
    }
    if (suspended?.status === "True") {
      setCondition(conditions, "Suspended", "False", "JobResumed", "Job resumed", clock.now());
      events.event(job, "Normal", "Resumed", "Job resumed");
      status.startTime = formatTime(clock.now());
    }
    status.startTime ??= formatTime(clock.now());
  }

  /** How the Job ends, if it does now. */
  #outcomeOf(job: Job, progress: Progress): Outcome | undefined {
    const target = (job.status?.conditions ?? []).find(
      ({ type, status }) => status === "True" && (type === "FailureTarget" || type === "SuccessCriteriaMet"),
    );
    if (target !== undefined) {
      const type = target.type === "FailureTarget" ? "Failed" : "Complete";
      return { type, reason: target.reason ?? "", message: target.message ?? "" };
    }
    if (job.spec.suspend === true) return undefined;
    if (progress.fatal !== undefined) return failed("PodFailurePolicy", progress.fatal.message);
    if (progress.failed > (job.spec.backoffLimit ?? 6) || this.#restartsExceed(job, progress)) {
      return failed("BackoffLimitExceeded", "Job has reached the specified backoff limit");
    }
    const leftMs = remainingMs(job, job.status ?? {}, this.#context.clock.now());
    if (leftMs !== undefined && leftMs <= 0) {
      return failed("DeadlineExceeded", "Job was active longer than specified deadline");
    }
    const { maxFailedIndexes, completions } = job.spec;
    if (maxFailedIndexes !== undefined && progress.failedIndexes.size > maxFailedIndexes) {
      return failed(
        "MaxFailedIndexesExceeded",
        "Job has exceeded the specified maximal number of failed indexes",
      );
    }
    const policy = this.#successPolicyMet(job, progress);
    if (policy !== undefined) return { type: "Complete", reason: "SuccessPolicy", message: policy };
    if (completions === undefined) {
      if (progress.succeeded === 0 || progress.active.length > 0) return undefined;
      return completed;
    }
    if (isIndexed(job) && job.spec.backoffLimitPerIndex !== undefined) {
      if (progress.succeededIndexes.size + progress.failedIndexes.size < completions) return undefined;
      return progress.failedIndexes.size > 0 ? failed("FailedIndexes", "Job has failed indexes") : completed;
    }
    return progress.succeeded >= completions ? completed : undefined;
  }

  /** With restartPolicy OnFailure the kubelet restarts containers: restarts are the failures. */
  #restartsExceed(job: Job, progress: Progress): boolean {
    if (job.spec.template.spec?.restartPolicy !== "OnFailure") return false;
    const restarts = progress.active
      .flatMap(({ status }) => [
        ...(status?.initContainerStatuses ?? []),
        ...(status?.containerStatuses ?? []),
      ])
      .reduce((sum, { restartCount }) => sum + restartCount, 0);
    const limit = job.spec.backoffLimit ?? 6;
    return limit === 0 ? restarts > 0 : restarts >= limit;
  }

  #successPolicyMet(job: Job, progress: Progress): string | undefined {
    for (const [number, rule] of (job.spec.successPolicy?.rules ?? []).entries()) {
      const wanted =
        rule.succeededIndexes === undefined
          ? progress.succeededIndexes
          : [...parseRule(rule.succeededIndexes, job)].filter((index) =>
              progress.succeededIndexes.has(index),
            );
      const size = wanted instanceof Set ? wanted.size : [...wanted].length;
      const needed = rule.succeededCount ?? parseRule(rule.succeededIndexes ?? "", job).size;
      if (size >= needed) return `Matched rules at index ${number}`;
    }
    return undefined;
  }

  /** First the target condition while pods still end, then the final one. */
  #finish(job: Job, status: JobStatus, progress: Progress, { type, reason, message }: Outcome): void {
    const { clock, events } = this.#context;
    const conditions = status.conditions ?? [];
    const interim = type === "Failed" ? "FailureTarget" : "SuccessCriteriaMet";
    setCondition(conditions, interim, "True", reason, message, clock.now());
    if (progress.active.length > 0 || progress.terminating.length > 0) return;
    const uncounted = status.uncountedTerminatedPods ?? {};
    if ((uncounted.succeeded ?? []).length + (uncounted.failed ?? []).length > 0) return;
    setCondition(conditions, type, "True", reason, message, clock.now());
    if (type === "Complete") {
      status.completionTime = formatTime(clock.now());
      events.event(job, "Normal", "Completed", "Job completed");
    } else {
      events.event(job, "Warning", reason, message);
    }
    status.terminating = 0;
    status.ready = 0;
  }

  async #writeStatus(job: Job, status: JobStatus): Promise<void> {
    if (status.conditions?.length === 0) delete status.conditions;
    if (deepEqual(status, job.status ?? {})) return;
    await this.#context.client.resource(resources.jobs).updateStatus({ ...job, status });
  }

  async #managePods(job: Job, progress: Progress): Promise<ReconcileResult | undefined> {
    const parallelism = job.spec.parallelism ?? 1;
    const active = progress.active.length;
    const wanted = this.#wantedActive(job, progress, parallelism);
    if (active > wanted) {
      const extra = progress.active.toSorted(byReadiness).slice(0, active - wanted);
      await this.#deletePods(job, extra);
      return undefined;
    }
    const held =
      job.spec.podReplacementPolicy === "Failed" || job.spec.podFailurePolicy !== undefined
        ? progress.terminating.length
        : 0;
    const missing = Math.min(wanted - active - held, maxCreatesAtOnce);
    if (missing <= 0) return undefined;
    const waitMs = this.#backoffMs(progress);
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    if (isIndexed(job)) {
      const busy = new Set([...progress.active, ...(held > 0 ? progress.terminating : [])].map(indexOf));
      for (let index = 0, made = 0; index < (job.spec.completions ?? 0) && made < missing; index++) {
        if (busy.has(index) || progress.succeededIndexes.has(index) || progress.failedIndexes.has(index))
          continue;
        await this.#createPod(job, index, progress.failuresOf(index));
        made++;
      }
    } else {
      for (let made = 0; made < missing; made++) await this.#createPod(job, undefined, 0);
    }
    return undefined;
  }

  #wantedActive(job: Job, progress: Progress, parallelism: number): number {
    if (job.spec.completions === undefined) {
      // A work queue: once one pod succeeded, no new ones are made.
      return progress.succeeded > 0 ? Math.min(progress.active.length, parallelism) : parallelism;
    }
    const left = job.spec.completions - progress.succeeded - progress.failedIndexes.size;
    return Math.max(0, Math.min(left, parallelism));
  }

  #backoffMs(progress: Progress): number {
    if (progress.failed === 0 || progress.lastFailureMs === 0) return 0;
    const delayMs = Math.min(firstBackoffMs * 2 ** Math.min(progress.failed - 1, 10), maxBackoffMs);
    return Math.max(0, progress.lastFailureMs + delayMs - this.#context.clock.now());
  }

  async #createPod(job: Job, index: number | undefined, failures: number): Promise<void> {
    const { client, events, random } = this.#context;
    const { metadata: meta = {}, spec = { containers: [] } } = job.spec.template;
    const name = job.metadata.name ?? "";
    const indexText = index === undefined ? undefined : String(index);
    const pod: Pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        ...(indexText === undefined
          ? { generateName: `${name}-` }
          : { name: `${name.slice(0, 57 - indexText.length)}-${indexText}-${randomSuffix(random)}` }),
        namespace: job.metadata.namespace,
        labels: { ...meta.labels, ...(indexText === undefined ? {} : { [completionIndex]: indexText }) },
        annotations: {
          ...meta.annotations,
          ...(indexText === undefined ? {} : { [completionIndex]: indexText }),
          ...(job.spec.backoffLimitPerIndex === undefined ? {} : { [indexFailures]: String(failures) }),
        },
        finalizers: [...(meta.finalizers ?? []), trackingFinalizer],
        ownerReferences: [newControllerRef(job)],
      },
      spec:
        indexText === undefined
          ? spec
          : { ...spec, hostname: spec.hostname ?? `${name}-${indexText}`, ...withIndexVariable(spec) },
    };
    try {
      const created = await client.resource(resources.pods).create(pod);
      events.event(job, "Normal", "SuccessfulCreate", `Created pod: ${created.metadata.name}`);
    } catch (error) {
      events.event(
        job,
        "Warning",
        "FailedCreate",
        `Error creating: ${error instanceof Error ? error.message : String(error)}`,
      );
      throw error;
    }
  }

  async #deletePods(job: Job, pods: readonly Pod[]): Promise<void> {
    for (const pod of pods) {
      if (isBeingDeleted(pod)) continue;
      try {
        await this.#context.client
          .resource(resources.pods)
          .delete(pod.metadata.name ?? "", { namespace: pod.metadata.namespace });
        this.#context.events.event(job, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }

  async #release(pod: Pod): Promise<void> {
    if (!isTracked(pod)) return;
    const finalizers = (pod.metadata.finalizers ?? []).filter((name) => name !== trackingFinalizer);
    try {
      await this.#context.client
        .resource(resources.pods)
        .patch(
          pod.metadata.name ?? "",
          { metadata: { uid: pod.metadata.uid, resourceVersion: pod.metadata.resourceVersion, finalizers } },
          { type: "merge", namespace: pod.metadata.namespace },
        );
    } catch (error) {
      // A newer state of the pod is on its way and brings the Job back.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}

const completed: Outcome = {
  type: "Complete",
  reason: "CompletionsReached",
  message: "Reached expected number of succeeded pods",
};
const failed = (reason: string, message: string): Outcome => ({ type: "Failed", reason, message });

export const isFinished = (job: Job): boolean =>
  (job.status?.conditions ?? []).some(
    ({ type, status }) => status === "True" && (type === "Complete" || type === "Failed"),
  );

function remainingMs(job: Job, status: JobStatus, nowMs: number): number | undefined {
  if (
    job.spec.activeDeadlineSeconds === undefined ||
    status.startTime === undefined ||
    job.spec.suspend === true
  )
    return undefined;
  return Date.parse(status.startTime) + job.spec.activeDeadlineSeconds * 1000 - nowMs;
}

function setCondition(
  conditions: JobCondition[],
  type: string,
  status: string,
  reason: string,
  message: string,
  nowMs: number,
): void {
  const time = formatTime(nowMs);
  const known = conditions.findIndex((condition) => condition.type === type);
  const before = conditions[known];
  if (
    before !== undefined &&
    before.status === status &&
    before.reason === reason &&
    before.message === message
  )
    return;
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : time;
  const next: JobCondition = { type, status, lastProbeTime: time, lastTransitionTime, reason, message };
  if (known < 0) conditions.push(next);
  else conditions[known] = next;
}

function parseRule(text: string, job: Job): Set<number> {
  const indexes = new Set<number>();
  for (const part of text.split(",")) {
    const [first = "", last = first] = part.split("-");
    for (let index = Number(first); index <= Number(last) && index < (job.spec.completions ?? 0); index++)
      indexes.add(index);
  }
  return indexes;
}

/** Pods that were never ready go first, then the youngest. */
function byReadiness(a: Pod, b: Pod): number {
  const ready = (pod: Pod): number =>
    (pod.status?.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True") ? 1 : 0;
  if (ready(a) !== ready(b)) return ready(a) - ready(b);
  return (a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? 1 : -1;
}

/** Every container learns its index from JOB_COMPLETION_INDEX. */
function withIndexVariable(spec: NonNullable<Job["spec"]["template"]["spec"]>): Partial<Pod["spec"]> {
  const variable = {
    name: "JOB_COMPLETION_INDEX",
    valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${completionIndex}']` } },
  };
  const extend = <T extends { env?: { name: string }[] | undefined }>(container: T): T =>
    container.env?.some(({ name }) => name === variable.name) === true
      ? container
      : { ...container, env: [...(container.env ?? []), variable] };
  return {
    containers: spec.containers.map(extend),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(extend) }),
  };
}
