import type { Job, JobStatus } from "../../api/types/batch-v1.ts";
import type { Pod } from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { deepCopy } from "../../apimachinery/json.ts";
import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import { controllerOf, isBeingDeleted, keyOf } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerWatch, ReconcileResult } from "../controller.ts";
import { claimObjects, indexByController, ownedAndOrphaned, ownedBy } from "../controller-ref-manager.ts";
import { Expectations } from "../expectations.ts";
import { OwnWrites } from "../own-writes.ts";
import { watchOwnedPods } from "../owned-pods.ts";
import { isNamespaceTerminating, PodControl, slowStartBatch } from "../pod-control.ts";
import { isPodReady } from "../pods.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { sameStatus } from "../write-status.ts";
import { finishedAtMs, JobBackoff, remainingBackoffMs } from "./backoff.ts";
import {
  completedOutcome,
  deadlineLeftMs,
  isFinished,
  isSuspended,
  type Outcome,
  outcomeOf,
  setJobCondition,
} from "./conditions.ts";
import { adjustPod, pendingIndexes, surplusPods } from "./pods.ts";
import {
  countEnded,
  failuresBefore,
  isIndexed,
  isTracked,
  limitsPerIndex,
  measure,
  type Progress,
  replacesOnlyEnded,
  settle,
  trackingFinalizer,
} from "./tracking.ts";

const controllerName = "kubernetes.io/job-controller";

/** At most so many pods are made or deleted in one go. */
const burst = 500;
/** So often is a Job looked at whose deadline is over, and whose pods are not. */
const pastDeadlineMs = 1_000;

/** How many pods there are once those just made or deleted are taken in. */
interface Numbers {
  active: number;
  ready: number;
  terminating: number;
}

interface Managed {
  readonly requeueAfterMs?: number | undefined;
  readonly error?: unknown;
  /** Pods were refused because the namespace is being deleted. */
  readonly isNamespaceEnding?: boolean;
}

const none: ReadonlyMap<number, Pod> = new Map();

/**
 * Runs a Job's pods to completion. Each pass measures, makes or deletes pods, writes what is about to be counted,
 * releases the counted pods, and writes the counters; every step may be the last before a crash.
 * (Mirrors pkg/controller/job/job_controller.go.)
 */
export class JobReconciler {
  readonly #context: ControllerContext;
  readonly #jobs: Informer<Job>;
  readonly #pods: Informer<Pod>;
  readonly #podControl: PodControl;
  readonly #expectations: Expectations;
  readonly #backoff = new JobBackoff();
  /** Uids of pods whose finalizer was removed, until the cache shows it. */
  readonly #released = new Set<string>();
  /** Caches that lag show a Job without the pods that were made or counted: they would be made again. */
  readonly #written = new OwnWrites();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#jobs = context.informers.informer(resources.jobs);
    this.#pods = context.informers.informer(resources.pods);
    this.#podControl = new PodControl(context.client, context.events);
    this.#expectations = new Expectations(context.clock);
    indexByController(this.#pods);
  }

  watches(): ControllerWatch[] {
    const pods = watchOwnedPods({
      pods: this.#pods,
      owners: this.#jobs,
      kind: "Job",
      selectorOf: ({ spec }) => selectorFromLabelSelector(spec.selector),
      expectations: this.#expectations,
    });
    return [watch(this.#jobs, enqueueSelf), pods, this.#watchHeldPods(), this.#written.watch()];
  }

  /** Pods that are held for a Job that does not, or no longer, counts them. */
  #watchHeldPods(): ControllerWatch {
    return (enqueue) => {
      const look = (pod: Pod): void => {
        if (!isTracked(pod)) this.#released.delete(pod.metadata.uid ?? "");
        else if (this.#countingJob(pod) === undefined) enqueue(`pod ${keyOf(pod)}`);
      };
      const stopPods = this.#pods.addHandler({
        added: look,
        updated: (_, pod) => look(pod),
        deleted: ({ metadata }) => void this.#released.delete(metadata.uid ?? ""),
      });
      const stopJobs = this.#jobs.addHandler({
        deleted: (job) => ownedBy(this.#pods, job.metadata.uid ?? "").forEach(look),
        updated: (_, job) => {
          if (isFinished(job)) ownedBy(this.#pods, job.metadata.uid ?? "").forEach(look);
        },
      });
      return () => {
        stopPods();
        stopJobs();
      };
    };
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const [first = "", podKey] = key.split(" ");
    if (podKey !== undefined) return await this.#releaseHeld(podKey);
    const job = this.#jobs.getByKey(first);
    if (job === undefined) {
      this.#expectations.delete(key);
      this.#written.forget(key);
      this.#backoff.delete(key);
      return undefined;
    }
    if ((job.spec.managedBy ?? controllerName) !== controllerName) return undefined;
    if (!this.#written.isSeen(key)) return undefined;
    if (isFinished(job)) {
      this.#backoff.delete(key);
      return undefined;
    }
    return await this.#sync(key, job);
  }

  /** The unfinished Job that will count the pod. Jobs of other controllers are theirs to finish. */
  #countingJob(pod: Pod): Job | undefined {
    const owner = controllerOf(pod);
    if (owner?.kind !== "Job") return undefined;
    const job = this.#jobs.get(owner.name, pod.metadata.namespace);
    if (job === undefined || job.metadata.uid !== owner.uid) return undefined;
    const foreign = (job.spec.managedBy ?? controllerName) !== controllerName;
    return foreign || !isFinished(job) ? job : undefined;
  }

  async #releaseHeld(podKey: string): Promise<undefined> {
    const pod = this.#pods.getByKey(podKey);
    if (pod !== undefined && this.#countingJob(pod) === undefined) await this.#release(pod);
    return undefined;
  }

  async #sync(key: string, job: Job): Promise<ReconcileResult | undefined> {
    const nowMs = this.#context.clock.now();
    // Both before the pods are read: what the cache learns afterwards would be judged by an older list.
    const mayManage = this.#expectations.satisfied(key);
    const released = new Set(this.#released);
    const progress = measure(job, await this.#claim(key, job), released);
    const failures = this.#backoff.next(key, progress.newlySucceeded, progress.newlyFailed);
    const status = deepCopy(job.status ?? {});
    if (!isSuspended(job)) status.startTime ??= formatTime(nowMs);

    const numbers: Numbers = {
      active: progress.active.length,
      ready: progress.ready,
      terminating: progress.terminating.length,
    };
    let outcome = outcomeOf(job, status, progress, nowMs);
    let managed: Managed = {};
    if (outcome !== undefined) {
      managed = await this.#stopPods(job, progress.active, numbers);
      // Not finished while pods may be around that are not counted.
      if (numbers.active > 0 || !mayManage) outcome = undefined;
    } else {
      const manages = mayManage && !isBeingDeleted(job);
      if (manages) {
        const backoffMs = limitsPerIndex(job) ? 0 : remainingBackoffMs(failures, nowMs);
        managed = await this.#manage(key, job, progress, numbers, backoffMs);
      }
      outcome = completedOutcome(job, progress, numbers.active);
      if (outcome === undefined && manages) this.#noteSuspension(job, status, nowMs);
    }
    Object.assign(status, numbers);
    // Nothing is ever made in a namespace that ends: what waits there to be replaced would hold it up for good.
    const counted =
      managed.isNamespaceEnding === true ? { ...progress, awaitingReplacement: none } : progress;
    await this.#writeCounts(job, status, counted, outcome, () => this.#backoff.record(key, failures));
    if (managed.error !== undefined) throw managed.error;
    const leftMs = deadlineLeftMs(job, status, nowMs);
    // Once it is over, changes of the pods tell how the end goes on; a look now and then is for the case that none comes.
    const deadlineMs = leftMs === undefined || leftMs > 0 ? leftMs : pastDeadlineMs;
    const unseenMs = this.#expectations.remainingMs(key);
    const waits = [managed.requeueAfterMs, deadlineMs, unseenMs].filter((ms) => ms !== undefined);
    return waits.length === 0 ? undefined : { requeueAfterMs: Math.max(1, Math.min(...waits)) };
  }

  async #claim(key: string, job: Job): Promise<Pod[]> {
    return await claimObjects(ownedAndOrphaned(this.#pods, job), {
      client: this.#context.client,
      reference: resources.pods,
      owner: job,
      ownerReference: resources.jobs,
      selector: selectorFromLabelSelector(job.spec.selector),
      finalizer: trackingFinalizer,
      wrote: (pod) => this.#written.wrote(key, this.#pods, pod),
    });
  }

  #noteSuspension(job: Job, status: JobStatus, nowMs: number): void {
    const { events } = this.#context;
    if (isSuspended(job)) {
      const suspended = {
        type: "Suspended",
        status: "True",
        reason: "JobSuspended",
        message: "Job suspended",
      };
      if (setJobCondition(status, suspended, nowMs))
        events.event(job, "Normal", "Suspended", suspended.message);
      return;
    }
    const resumed = { type: "Suspended", status: "False", reason: "JobResumed", message: "Job resumed" };
    if (!setJobCondition(status, resumed, nowMs)) return;
    events.event(job, "Normal", "Resumed", resumed.message);
    // The deadline counts the time that the Job is active without a break.
    status.startTime = formatTime(nowMs);
  }

  /** Deletes the pods of a Job that ends. They keep their finalizer: they are yet to be counted. */
  async #stopPods(job: Job, pods: readonly Pod[], numbers: Numbers): Promise<Managed> {
    return await this.#deleteEach(job, pods, numbers, async () => undefined);
  }

  /** Deletes pods that are too many; those do not count as failures. */
  async #removePods(
    key: string,
    job: Job,
    pods: readonly Pod[],
    { open }: Progress,
    numbers: Numbers,
  ): Promise<Managed> {
    this.#expectations.expect(key, { deletions: pods.map(keyOf) });
    const release = async (pod: Pod): Promise<void> => {
      await this.#release(pod);
      open.delete(pod.metadata.uid ?? "");
    };
    return await this.#deleteEach(job, pods, numbers, release, key);
  }

  async #deleteEach(
    job: Job,
    pods: readonly Pod[],
    numbers: Numbers,
    prepare: (pod: Pod) => Promise<void>,
    key?: string,
  ): Promise<Managed> {
    const results = await Promise.allSettled(
      pods.map(async (pod) => {
        try {
          await prepare(pod);
          await this.#podControl.delete(pod, job);
        } catch (error) {
          if (key !== undefined) this.#expectations.deletionObserved(key, keyOf(pod));
          throw error;
        }
        numbers.active--;
        numbers.terminating++;
        if (isPodReady(pod)) numbers.ready--;
      }),
    );
    const failure = results.find((result) => result.status === "rejected");
    return { error: failure?.reason };
  }

  async #manage(
    key: string,
    job: Job,
    progress: Progress,
    numbers: Numbers,
    backoffMs: number,
  ): Promise<Managed> {
    const wanted = wantedActive(job, progress);
    const { active } = progress;
    const surplus = surplusPods(job, active, active.length - wanted, this.#context.clock.now());
    const doomed = isSuspended(job) ? active : surplus.slice(0, burst);
    if (doomed.length > 0) return await this.#removePods(key, job, doomed, progress, numbers);
    const held = replacesOnlyEnded(job) ? progress.terminating.length : 0;
    const missing = Math.min(wanted - held - active.length, burst);
    if (missing <= 0 || isSuspended(job)) return {};
    if (backoffMs > 0) return { requeueAfterMs: backoffMs };
    if (!isIndexed(job)) {
      return await this.#createPods(
        key,
        job,
        Array.from({ length: missing }, () => undefined),
        progress,
        numbers,
      );
    }
    const indexes = pendingIndexes(job, progress, missing);
    const waits = indexes.map((index) => indexBackoffMs(progress, index, this.#context.clock.now()));
    const due = indexes.filter((_, position) => waits[position] === 0);
    if (due.length === 0) return waits.length === 0 ? {} : { requeueAfterMs: Math.min(...waits) };
    const later = waits.filter((ms) => ms > 0);
    const made = await this.#createPods(key, job, due, progress, numbers);
    return { ...made, ...(later.length > 0 ? { requeueAfterMs: Math.min(...later) } : {}) };
  }

  async #createPods(
    key: string,
    job: Job,
    indexes: readonly (number | undefined)[],
    progress: Progress,
    numbers: Numbers,
  ): Promise<Managed> {
    this.#expectations.expect(key, { creations: indexes.length });
    let refusedByNamespace = 0;
    const { succeeded, error } = await slowStartBatch(indexes.length, async (position) => {
      const index = indexes[position];
      const replaced = index === undefined ? undefined : progress.awaitingReplacement.get(index);
      try {
        const adjust = (pod: Pod): void => adjustPod(job, pod, index, replaced);
        const pod = await this.#podControl.create(job.spec.template, job, adjust);
        this.#written.wrote(key, this.#pods, pod);
      } catch (failure) {
        if (!isNamespaceTerminating(failure)) throw failure;
        refusedByNamespace++;
      }
    });
    numbers.active += succeeded - refusedByNamespace;
    this.#expectations.creationObserved(key, indexes.length - succeeded + refusedByNamespace);
    return { error, ...(refusedByNamespace > 0 && { isNamespaceEnding: true }) };
  }

  /** Writes what is to be counted, lets go of the pods, and writes the counters; finishes the Job when all is done. */
  async #writeCounts(
    job: Job,
    status: JobStatus,
    progress: Progress,
    outcome: Outcome | undefined,
    written: () => void,
  ): Promise<void> {
    const nowMs = this.#context.clock.now();
    settle(status, (uid) => progress.open.has(uid));
    const jobFails = outcome?.type === "FailureTarget";
    const { release, partial } = countEnded(job, progress, status, {
      jobEnds: outcome !== undefined,
      jobFails,
    });
    if (outcome !== undefined) setJobCondition(status, { ...outcome, status: "True" }, nowMs);
    let current = await this.#writeStatus(job, status);
    written();
    const held = await this.#releaseAll(release);
    settle(status, (uid) => held.has(uid));
    const finished = outcome !== undefined && !partial && this.#finish(job, status, outcome, nowMs);
    current = await this.#writeStatus(current, status);
    if (finished) this.#announce(current, outcome);
    const failure = [...held.values()].find((error) => error !== undefined);
    if (failure !== undefined) throw failure;
  }

  /** Adds the final condition unless pods wait to be counted or wind down. */
  #finish(job: Job, status: JobStatus, { type, reason, message }: Outcome, nowMs: number): boolean {
    const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
    if (succeeded.length + failed.length > 0 || (status.terminating ?? 0) > 0) return false;
    if (isBeingDeleted(job) && (status.active ?? 0) > 0) return false;
    const final = type === "FailureTarget" ? "Failed" : "Complete";
    setJobCondition(status, { type: final, status: "True", reason, message }, nowMs);
    if (final === "Complete") status.completionTime = formatTime(nowMs);
    return true;
  }

  #announce(job: Job, { type, reason, message }: Outcome): void {
    const { events } = this.#context;
    if (type === "FailureTarget") {
      events.event(job, "Warning", reason, message);
      return;
    }
    const { completions } = job.spec;
    if (completions !== undefined && (job.status?.succeeded ?? 0) > completions) {
      const tooMany = "Too many succeeded pods running after completion count reached";
      events.event(job, "Warning", "TooManySucceededPods", tooMany);
    }
    events.event(job, "Normal", "Completed", "Job completed");
  }

  /** Zero counters and empty lists are left out, but for those that are pointers upstream. */
  async #writeStatus(job: Job, counted: JobStatus): Promise<Job> {
    const status = { ...counted };
    for (const field of ["active", "succeeded", "failed", "completedIndexes"] as const)
      if (status[field] === 0 || status[field] === "") delete status[field];
    const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
    status.uncountedTerminatedPods = {
      ...(succeeded.length > 0 ? { succeeded } : {}),
      ...(failed.length > 0 ? { failed } : {}),
    };
    if (job.status?.ready !== undefined && sameStatus(status, job.status)) return job;
    const written = await this.#context.client.resource(resources.jobs).updateStatus({ ...job, status });
    this.#written.wrote(keyOf(job), this.#jobs, written);
    return written;
  }

  /** Takes the finalizers off; answers the uids of pods that still have it, with the error. */
  async #releaseAll(pods: readonly Pod[]): Promise<Map<string, unknown>> {
    const held = new Map<string, unknown>();
    await Promise.all(
      pods.map(async (pod) => {
        try {
          await this.#release(pod);
        } catch (error) {
          held.set(pod.metadata.uid ?? "", error);
        }
      }),
    );
    return held;
  }

  async #release(pod: Pod): Promise<void> {
    if (!isTracked(pod)) return;
    const { name = "", namespace, uid = "" } = pod.metadata;
    this.#released.add(uid);
    const patch = { metadata: { uid, "$deleteFromPrimitiveList/finalizers": [trackingFinalizer] } };
    try {
      await this.#context.client
        .resource(resources.pods)
        .patch(name, patch, { type: "strategic", namespace });
    } catch (error) {
      // Gone is as good as released.
      if (isNotFound(error)) return;
      this.#released.delete(uid);
      throw error;
    }
  }
}

function wantedActive(job: Job, { succeeded, active }: Progress): number {
  const { parallelism = 1, completions } = job.spec;
  // A work queue: once one pod succeeded, those that run run on, and no new ones are made.
  if (completions === undefined) return succeeded > 0 ? active.length : parallelism;
  return Math.max(0, Math.min(completions - succeeded, parallelism));
}

function indexBackoffMs(progress: Progress, index: number, nowMs: number): number {
  const replaced = progress.awaitingReplacement.get(index);
  if (replaced === undefined) return 0;
  const failures = { sinceLastSuccess: failuresBefore(replaced) + 1, lastAtMs: finishedAtMs(replaced) };
  return remainingBackoffMs(failures, nowMs);
}
