import type { Clock, Timer } from "../apimachinery/clock.ts";
import { type ClusterEvent, eventLabel } from "./cluster-event.ts";
import type { Plugin } from "./framework.ts";
import type { PodInfo } from "./pod-info.ts";
import { type QueuePlace, SchedulerMetrics } from "./scheduler-metrics.ts";

/** A pod that waits for a node. */
export interface QueuedPod {
  info: PodInfo;
  /** Its entry in the heap of its place; none elsewhere. */
  ticket: Ticket | undefined;
  /** How often it was tried in vain since it was queued. */
  attempts: number;
  /** The plugins that refused it at the last try; empty: anything may help. */
  rejectedBy: ReadonlySet<string>;
  /** The last try failed on an error, not for lack of a node: it is not tried again before its time. */
  failed: boolean;
  place: QueuePlace | "none";
  /** When it was first tried; 0 until then. */
  firstTriedMs: number;
  /** When it was refused; and, in backoff, when it may be tried again. */
  sinceMs: number;
  backoffUntilMs: number;
}

/** An entry of a heap, void once the pod has another or none. */
interface Ticket {
  readonly queued: QueuedPod;
  readonly priority: number;
  /** Who was queued first goes first. */
  readonly order: number;
  readonly dueMs: number;
}

const backoffInitialMs = 1000;
const backoffMaxMs = 10_000;
/** A pod that no event has woken is tried again after so long: events can be missed. */
const unschedulableMaxMs = 300_000;
const flushIntervalMs = 30_000;

/** What brings a pod to a place of the queue, as kube-scheduler calls it. */
const podEvents = {
  added: "UnschedulablePodAdd",
  updated: "UnschedulablePodUpdate",
  failed: "ScheduleAttemptFailure",
};

/**
 * The pods without a node, in three places (pkg/scheduler/backend/queue): those to be tried, by priority; those that
 * wait a little after a failure; and those that no node can take until something changes. An event in the cluster wakes
 * only pods that one of the plugins that refused them says it may help.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #plugins: ReadonlyMap<string, Plugin>;
  readonly #onReady: () => void;
  readonly #metrics: SchedulerMetrics;
  readonly #pods = new Map<string, QueuedPod>();
  readonly #active = new TicketHeap((a, b) => b.priority - a.priority || a.order - b.order);
  readonly #backoff = new TicketHeap((a, b) => a.dueMs - b.dueMs || a.order - b.order);
  readonly #unschedulable = new Set<QueuedPod>();
  #order = 0;
  #backoffTimer: Timer | undefined;
  readonly #flushTimer: Timer;

  /** `onReady` is called when there is a pod to be tried. */
  constructor(options: {
    readonly clock: Clock;
    readonly plugins: readonly Plugin[];
    readonly onReady: () => void;
    readonly metrics?: SchedulerMetrics;
  }) {
    this.#clock = options.clock;
    this.#plugins = new Map(options.plugins.map((plugin) => [plugin.name, plugin]));
    this.#onReady = options.onReady;
    this.#metrics = options.metrics ?? new SchedulerMetrics();
    this.#flushTimer = this.#clock.every(flushIntervalMs, () => this.#flushOld());
  }

  /** Adds a new pod, or one whose content has changed. */
  set(info: PodInfo): void {
    const queued = this.#pods.get(info.uid);
    if (queued === undefined) {
      const added = newQueuedPod(info);
      this.#pods.set(info.uid, added);
      this.#activate(added, podEvents.added);
      return;
    }
    queued.info = info;
    // A change of the pod itself may be what it lacked.
    if (queued.place === "unschedulable" || queued.place === "gated") this.#wake(queued, podEvents.updated);
  }

  remove(uid: string): void {
    const queued = this.#pods.get(uid);
    if (queued === undefined) return;
    this.#leave(queued);
    this.#pods.delete(uid);
  }

  get(uid: string): QueuedPod | undefined {
    return this.#pods.get(uid);
  }

  /**
   * The next pod to try. It stays known until `remove`. When nothing else is to be done, a pod that only waits out its
   * backoff is tried early; one that failed on an error is not.
   */
  pop(): QueuedPod | undefined {
    this.#flushBackoff();
    let next = this.#active.pop();
    if (next === undefined && this.#backoff.peek()?.failed === false) {
      next = this.#backoff.pop();
      this.#metrics.incoming("active", "PopFromBackoffQ");
    }
    if (next === undefined) return undefined;
    this.#leave(next);
    if (next.firstTriedMs === 0) next.firstTriedMs = this.#clock.now();
    return next;
  }

  get hasReady(): boolean {
    return this.#active.peek() !== undefined || this.#backoff.peek()?.failed === false;
  }

  /** No node can take the pod now. */
  refuse(queued: QueuedPod, rejectedBy: ReadonlySet<string>): void {
    if (this.#pods.get(queued.info.uid) !== queued) return;
    queued.attempts++;
    queued.failed = false;
    queued.rejectedBy = rejectedBy;
    queued.sinceMs = this.#clock.now();
    queued.place = "unschedulable";
    this.#unschedulable.add(queued);
    this.#metrics.incoming("unschedulable", podEvents.failed);
  }

  /** Something went wrong: the pod is tried again after its backoff. */
  retry(queued: QueuedPod): void {
    if (this.#pods.get(queued.info.uid) !== queued) return;
    queued.attempts++;
    queued.failed = true;
    queued.sinceMs = this.#clock.now();
    this.#delay(queued, podEvents.failed);
  }

  /** Something happened in the cluster. */
  notify(event: ClusterEvent): void {
    for (const queued of this.#unschedulable)
      if (this.#helps(event, queued)) this.#wake(queued, eventLabel(event));
  }

  /** Tries the pod again as soon as possible. */
  activate(uid: string): void {
    const queued = this.#pods.get(uid);
    if (queued === undefined || queued.place === "active" || queued.place === "none") return;
    this.#leave(queued);
    this.#activate(queued, "ForceActivate");
  }

  /** How many pods wait where. */
  pending(): Record<QueuePlace, number> {
    const counts = { active: 0, backoff: 0, unschedulable: 0, gated: 0 };
    for (const { place } of this.#pods.values()) if (place !== "none") counts[place]++;
    return counts;
  }

  close(): void {
    this.#flushTimer.stop();
    this.#backoffTimer?.stop();
  }

  #helps(event: ClusterEvent, { rejectedBy, info }: QueuedPod): boolean {
    if (rejectedBy.size === 0) return true;
    for (const name of rejectedBy) if (this.#plugins.get(name)?.wakes?.(event, info) === true) return true;
    return false;
  }

  #wake(queued: QueuedPod, event: string): void {
    this.#leave(queued);
    queued.backoffUntilMs = queued.sinceMs + backoffMs(queued.attempts);
    if (queued.attempts > 0 && queued.backoffUntilMs > this.#clock.now()) this.#delay(queued, event);
    else this.#activate(queued, event);
  }

  #activate(queued: QueuedPod, event: string): void {
    const isGated = (queued.info.spec.schedulingGates ?? []).length > 0;
    queued.place = isGated ? "gated" : "active";
    this.#metrics.incoming(queued.place, event);
    if (isGated) return;
    this.#active.push(this.#newTicket(queued));
    this.#onReady();
  }

  #delay(queued: QueuedPod, event: string): void {
    queued.backoffUntilMs = queued.sinceMs + backoffMs(queued.attempts);
    queued.place = "backoff";
    this.#metrics.incoming("backoff", event);
    this.#backoff.push(this.#newTicket(queued));
    if (queued.failed) this.#armBackoff();
    else this.#onReady();
  }

  #leave(queued: QueuedPod): void {
    this.#unschedulable.delete(queued);
    queued.ticket = undefined;
    queued.place = "none";
  }

  #newTicket(queued: QueuedPod): Ticket {
    const { info, backoffUntilMs: dueMs } = queued;
    const ticket: Ticket = { queued, priority: info.priority, order: this.#order++, dueMs };
    queued.ticket = ticket;
    return ticket;
  }

  #armBackoff(): void {
    this.#backoffTimer?.stop();
    const next = this.#backoff.peek();
    if (next === undefined) return;
    this.#backoffTimer = this.#clock.after(next.backoffUntilMs - this.#clock.now(), () => {
      this.#flushBackoff();
      this.#armBackoff();
    });
  }

  #flushBackoff(): void {
    const nowMs = this.#clock.now();
    for (let next = this.#backoff.peek(); next !== undefined; next = this.#backoff.peek()) {
      if (next.backoffUntilMs > nowMs) return;
      this.#leave(next);
      this.#activate(next, "BackoffComplete");
    }
  }

  #flushOld(): void {
    const before = this.#clock.now() - unschedulableMaxMs;
    for (const queued of this.#unschedulable)
      if (queued.sinceMs < before) this.#wake(queued, "UnschedulableTimeout");
  }
}

function newQueuedPod(info: PodInfo): QueuedPod {
  return {
    info,
    ticket: undefined,
    attempts: 0,
    rejectedBy: new Set(),
    failed: false,
    place: "none",
    firstTriedMs: 0,
    sinceMs: 0,
    backoffUntilMs: 0,
  };
}

/** 1 s, 2 s, 4 s, 8 s, 10 s … */
function backoffMs(attempts: number): number {
  return attempts === 0 ? 0 : Math.min(backoffMaxMs, backoffInitialMs * 2 ** (attempts - 1));
}

/** A binary heap of tickets. Void ones are passed over, so that leaving it costs nothing. */
class TicketHeap {
  readonly #compare: (a: Ticket, b: Ticket) => number;
  readonly #tickets: Ticket[] = [];

  constructor(compare: (a: Ticket, b: Ticket) => number) {
    this.#compare = compare;
  }

  push(ticket: Ticket): void {
    const tickets = this.#tickets;
    let index = tickets.push(ticket) - 1;
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      if (this.#compare(ticket, tickets[parent] as Ticket) >= 0) break;
      tickets[index] = tickets[parent] as Ticket;
      index = parent;
    }
    tickets[index] = ticket;
  }

  peek(): QueuedPod | undefined {
    for (let first = this.#tickets[0]; first !== undefined; first = this.#tickets[0]) {
      if (first.queued.ticket === first) return first.queued;
      this.#removeFirst();
    }
    return undefined;
  }

  pop(): QueuedPod | undefined {
    const first = this.peek();
    if (first !== undefined) this.#removeFirst();
    return first;
  }

  #removeFirst(): void {
    const tickets = this.#tickets;
    const last = tickets.pop();
    if (last === undefined || tickets.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= tickets.length) break;
      if (
        child + 1 < tickets.length &&
        this.#compare(tickets[child + 1] as Ticket, tickets[child] as Ticket) < 0
      ) {
        child++;
      }
      if (this.#compare(last, tickets[child] as Ticket) <= 0) break;
      tickets[index] = tickets[child] as Ticket;
      index = child;
    }
    tickets[index] = last;
  }
}
