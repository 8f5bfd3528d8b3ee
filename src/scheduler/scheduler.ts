import type { PodCondition } from "../api/types/core-v1.ts";
import { type Clock, formatTime } from "../apimachinery/clock.ts";
import { findCondition } from "../apimachinery/conditions.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { MetricRegistry } from "../apimachinery/metrics.ts";
import { isBeingDeleted } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import { isNotFound } from "../apimachinery/status.ts";
import type { Client } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { InformerFactory } from "../client/informer.ts";
import { resources } from "../client/resources.ts";
import { Algorithm, type Outcome } from "./algorithm.ts";
import { ClusterState } from "./cluster-state.ts";
import { connect } from "./event-source.ts";
import { fitMessage } from "./fit-error.ts";
import type { Plugin, Reservation } from "./framework.ts";
import { type SchedulerInformers, schedulerInformers } from "./informers.ts";
import type { NodeInfo } from "./node-info.ts";
import { Nominations } from "./nominations.ts";
import { defaultPlugins } from "./plugins/index.ts";
import type { PodInfo } from "./pod-info.ts";
import { PodWriter } from "./pod-writer.ts";
import { type Candidate, Preemption } from "./preemption.ts";
import { SchedulerMetrics } from "./scheduler-metrics.ts";
import { type QueuedPod, SchedulingQueue } from "./scheduling-queue.ts";

export interface SchedulerContext {
  readonly client: Client;
  readonly informers: InformerFactory;
  /** Events are recorded for the component of the scheduler's name. */
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** What scheduling is measured for. Default: for nobody. */
  readonly metrics?: MetricRegistry;
  /** The pods that are meant for it. Default `default-scheduler`. */
  readonly schedulerName?: string;
}

/** What goes with a pod to its binding. */
interface BindingParts {
  readonly reservations: readonly Reservation[];
  readonly signal: AbortSignal;
  /** When the try began. */
  readonly startMs: number;
}

/** So many pods are placed before others in the process get their turn. */
const podsPerTurn = 16;
/** While so many bindings are under way, no more pods are placed: the API server is behind. */
const bindingsMax = 500;
const eventMessageMax = 1024;

/**
 * Finds a node for each pod without one, and binds it there. Choosing is synchronous, one pod after the other; binding
 * goes on in the background, while the chosen node already counts the pod ("assumed").
 */
export class Scheduler {
  readonly #context: SchedulerContext;
  readonly #schedulerName: string;
  readonly #events: EventRecorder;
  readonly #informers: SchedulerInformers;
  readonly #cluster: ClusterState;
  readonly #nominations = new Nominations();
  readonly #plugins: readonly Plugin[];
  readonly #algorithm: Algorithm;
  readonly #preemption: Preemption;
  readonly #queue: SchedulingQueue;
  readonly #metrics: SchedulerMetrics;
  readonly #writer: PodWriter;
  #signal: AbortSignal | undefined;
  #turnPlanned = false;
  #bindings = 0;

  /** Asks for its informers; start the factory afterwards. */
  constructor(context: SchedulerContext) {
    this.#context = context;
    const { informers, client, clock, random, schedulerName = "default-scheduler" } = context;
    this.#schedulerName = schedulerName;
    this.#writer = new PodWriter(client, clock);
    this.#events = context.events.forComponent(schedulerName);
    this.#informers = schedulerInformers(informers);
    this.#cluster = new ClusterState(
      (namespace) => this.#informers.namespaces.get(namespace)?.metadata.labels,
    );
    const [cluster, nominations] = [this.#cluster, this.#nominations];
    const metrics = new SchedulerMetrics(schedulerName, context.metrics);
    this.#metrics = metrics;
    this.#plugins = defaultPlugins(cluster, this.#informers, { client, clock });
    this.#algorithm = new Algorithm({ plugins: this.#plugins, cluster, nominations, random, metrics });
    this.#preemption = new Preemption({
      cluster,
      algorithm: this.#algorithm,
      nominations,
      budgets: () => this.#informers.budgets.list(),
      random,
    });
    this.#queue = new SchedulingQueue({
      clock,
      plugins: this.#plugins,
      onReady: () => this.#planTurn(),
      metrics,
    });
    metrics.show(
      () => this.#queue.pending(),
      () => cluster.sizes(),
    );
  }

  /** Resolves once the caches have synced and scheduling has begun; it goes on until the signal aborts. */
  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(Object.values(this.#informers).map((informer) => informer.synced()));
    if (signal.aborted) return;
    const disconnect = connect(this.#informers, {
      cluster: this.#cluster,
      queue: this.#queue,
      nominations: this.#nominations,
      schedulerName: this.#schedulerName,
    });
    signal.addEventListener("abort", () => {
      disconnect();
      this.#queue.close();
    });
    this.#signal = signal;
    this.#planTurn();
  }

  #planTurn(): void {
    if (this.#turnPlanned || this.#signal === undefined || this.#signal.aborted) return;
    this.#turnPlanned = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#turnPlanned = false;
    if (this.#signal === undefined || this.#signal.aborted) return;
    for (let count = 0; count < podsPerTurn && this.#bindings < bindingsMax; count++) {
      const next = this.#queue.pop();
      if (next === undefined) return;
      this.#scheduleOne(next, this.#signal);
    }
    if (this.#queue.hasReady && this.#bindings < bindingsMax) this.#planTurn();
  }

  #scheduleOne(queued: QueuedPod, signal: AbortSignal): void {
    const { info } = queued;
    if (isBeingDeleted(info.pod)) {
      // Its deletion will be seen soon; until then nothing is to be done for it.
      this.#queue.refuse(queued, new Set());
      const message = `skip schedule deleting pod: ${info.key}`;
      this.#events.event(info.pod, "Warning", "FailedScheduling", message);
      return;
    }
    const startMs = this.#metrics.now();
    try {
      const outcome = this.#cluster.nodes().length === 0 ? undefined : this.#algorithm.schedule(info);
      if (outcome !== undefined && "node" in outcome) {
        this.#metrics.chosen(startMs);
        this.#assume(queued, outcome.node, signal, startMs);
      } else {
        this.#refuse(queued, outcome);
        this.#metrics.attempted("unschedulable", startMs);
      }
    } catch (error) {
      this.#failed(queued, error);
      this.#metrics.attempted("error", startMs);
    }
  }

  #assume(queued: QueuedPod, node: NodeInfo, signal: AbortSignal, startMs: number): void {
    const { info } = queued;
    const reserveMs = this.#metrics.now();
    const reservations = this.#plugins.flatMap((plugin) => plugin.reserve?.(info, node) ?? []);
    this.#metrics.step("Reserve", "Success", reserveMs);
    this.#cluster.placePod(info, node.name, true);
    this.#bindings++;
    void this.#bind(queued, node.name, { reservations, signal, startMs }).finally(() => {
      this.#bindings--;
      this.#planTurn();
    });
  }

  async #bind(
    queued: QueuedPod,
    nodeName: string,
    { reservations, signal, startMs }: BindingParts,
  ): Promise<void> {
    const { info } = queued;
    let step: "PreBind" | "Bind" = "PreBind";
    let sinceMs = this.#metrics.now();
    try {
      for (const reservation of reservations) await reservation.preBind(signal);
      sinceMs = this.#metrics.step(step, "Success", sinceMs);
      step = "Bind";
      await this.#writer.bind(info, nodeName);
      this.#metrics.step(step, "Success", sinceMs);
      this.#metrics.attempted("scheduled", startMs);
      const { firstTriedMs, attempts } = queued;
      this.#metrics.bound(attempts + 1, (this.#context.clock.now() - firstTriedMs) / 1000);
      this.#nominations.remove(info.uid);
      const message = `Successfully assigned ${info.key} to ${nodeName}`;
      this.#events.event(info.pod, "Normal", "Scheduled", message);
    } catch (error) {
      for (const reservation of reservations) reservation.cancel();
      if (signal.aborted) return;
      this.#metrics.step(step, "Error", sinceMs);
      this.#metrics.attempted("error", startMs);
      this.#forget(info);
      // Deleted meanwhile: there is nothing left to bind.
      if (!isNotFound(error)) this.#failed(queued, error);
    }
  }

  /** Takes the pod off the node where it was assumed, unless the informer has seen it there. */
  #forget(info: PodInfo): void {
    if (this.#cluster.placementOf(info.uid)?.assumed !== true) return;
    this.#cluster.removePod(info.uid);
    this.#queue.notify({ type: "podGone", pod: info.pod });
  }

  /** No node took the pod; without an outcome, because there is none. */
  #refuse(queued: QueuedPod, outcome: Exclude<Outcome, { readonly node: NodeInfo }> | undefined): void {
    const { info } = queued;
    if (outcome === undefined) {
      this.#queue.refuse(queued, new Set());
      this.#report(info, "Unschedulable", "no nodes available to schedule pods");
      return;
    }
    const { diagnosis, filters } = outcome;
    const startMs = this.#metrics.now();
    const result = this.#preemption.find(info, diagnosis, filters);
    this.#metrics.preemptionTried();
    this.#metrics.step("PostFilter", "candidate" in result ? "Success" : "Unschedulable", startMs);
    this.#queue.refuse(queued, diagnosis.plugins);
    if ("candidate" in result) {
      const { candidate } = result;
      this.#metrics.preempted(candidate.victims.length);
      this.#nominations.set(info, candidate.node.name);
      this.#report(info, "Unschedulable", fitMessage(diagnosis), candidate.node.name);
      void this.#evict(candidate, info);
      return;
    }
    const nominated = result.keepNomination ? undefined : "";
    if (nominated === "") this.#nominations.remove(info.uid);
    this.#report(info, "Unschedulable", fitMessage(diagnosis, `preemption: ${result.message}`), nominated);
  }

  #failed(queued: QueuedPod, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#context.logger.error("scheduling failed", { pod: queued.info.key, error: message });
    this.#queue.retry(queued);
    this.#report(queued.info, "SchedulerError", message);
  }

  /** Says in an event and in the pod's condition why it has no node. A nominated node of "" ends the nomination. */
  #report(info: PodInfo, reason: string, message: string, nominatedNodeName?: string): void {
    const text = message.length > eventMessageMax ? `${message.slice(0, eventMessageMax - 3)}...` : message;
    this.#events.event(info.pod, "Warning", "FailedScheduling", text);
    void this.#writer.writeCondition(info, reason, message, nominatedNodeName).catch((error: unknown) => {
      if (isNotFound(error)) return;
      this.#context.logger.warn("cannot write the condition of a pod", {
        pod: info.key,
        error: String(error),
      });
    });
  }

  /** Ends the victims, and the hopes of less important pods for the same node. */
  async #evict({ node, victims }: Candidate, preemptor: PodInfo): Promise<void> {
    try {
      for (const lesser of this.#nominations.below(node.name, preemptor)) {
        this.#nominations.remove(lesser.uid);
        await this.#writer.patchStatus(lesser.pod, { nominatedNodeName: null });
        this.#queue.activate(lesser.uid);
      }
      await Promise.all(
        victims
          .filter((victim) => !victim.isTerminating)
          .map((victim) => this.#evictOne(victim, node.name, preemptor)),
      );
    } catch (error) {
      this.#context.logger.error("preemption failed", { pod: preemptor.key, error: String(error) });
      this.#queue.activate(preemptor.uid);
    }
  }

  async #evictOne(victim: PodInfo, nodeName: string, preemptor: PodInfo): Promise<void> {
    const { namespace, name, pod } = victim;
    const condition: PodCondition = {
      type: "DisruptionTarget",
      status: "True",
      reason: "PreemptionByScheduler",
      message: `${this.#schedulerName}: preempting to accommodate a higher priority pod`,
      lastTransitionTime: formatTime(this.#context.clock.now()),
    };
    try {
      if (findCondition(pod.status?.conditions, "DisruptionTarget")?.status !== "True") {
        await this.#writer.patchStatus(pod, { conditions: [condition] });
      }
      await this.#context.client.resource(resources.pods).delete(name, { namespace });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return;
    }
    this.#events.event(pod, "Normal", "Preempted", `Preempted by pod ${preemptor.uid} on node ${nodeName}`);
  }
}
