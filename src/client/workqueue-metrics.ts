import {
  Computed,
  Counter,
  type Distribution,
  exponentialBuckets,
  Histogram,
  type MetricRegistry,
  type Value,
} from "../apimachinery/metrics.ts";

/** What a queue tells of its keys. */
export interface QueueMeasures {
  /** The key needs work from now on. */
  added(key: string): void;
  taken(key: string): void;
  done(key: string): void;
  /** A key is to come back later. */
  retried(): void;
  /** The queue is no more. */
  closed(): void;
}

/**
 * What is measured of workqueues, by the names that client-go uses. Queues of one name are added up.
 */
export class WorkqueueMetrics {
  readonly #nowMs: () => number;
  readonly #adds = new Counter({
    name: "workqueue_adds_total",
    help: "Keys that were added to the queue.",
    labels: ["name"],
  });
  readonly #retries = new Counter({
    name: "workqueue_retries_total",
    help: "Keys that were to come back to the queue later.",
    labels: ["name"],
  });
  readonly #waits = new Histogram({
    name: "workqueue_queue_duration_seconds",
    help: "Time that keys waited in the queue.",
    labels: ["name"],
    buckets: exponentialBuckets(10e-9, 10, 10),
  });
  readonly #works = new Histogram({
    name: "workqueue_work_duration_seconds",
    help: "Time that work on a key took.",
    labels: ["name"],
    buckets: exponentialBuckets(10e-9, 10, 10),
  });
  readonly #queues = new Map<string, Set<QueueTimes>>();

  /** `nowMs` is the time that durations are measured by. */
  constructor(registry: MetricRegistry, nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    for (const metric of [this.#adds, this.#retries, this.#waits, this.#works]) registry.register(metric);
    const gauge = (name: string, help: string, read: (queues: ReadonlySet<QueueTimes>) => number): void =>
      registry.register(
        new Computed("gauge", { name, help, labels: ["name"] }, () =>
          [...this.#queues].map(([queue, queues]) => [[queue], read(queues)] as const),
        ),
      );
    gauge("workqueue_depth", "Keys that wait to be worked on.", (queues) =>
      [...queues].reduce((sum, { depth }) => sum + depth, 0),
    );
    gauge(
      "workqueue_unfinished_work_seconds",
      "Time that the work under way has taken so far, added up; much of it means that work is stuck.",
      (queues) => this.#agesOf(queues).reduce((sum, age) => sum + age, 0),
    );
    gauge(
      "workqueue_longest_running_processor_seconds",
      "Time that the longest work under way has taken so far.",
      (queues) => this.#agesOf(queues).reduce((longest, age) => Math.max(longest, age), 0),
    );
  }

  /** The measures of a queue, to be given to it. */
  of(name: string): QueueMeasures {
    const queues = this.#queues.get(name) ?? new Set();
    this.#queues.set(name, queues);
    const times = new QueueTimes({
      nowMs: this.#nowMs,
      adds: this.#adds.with(name),
      retries: this.#retries.with(name),
      waits: this.#waits.with(name),
      works: this.#works.with(name),
      onClosed: () => queues.delete(times),
    });
    queues.add(times);
    return times;
  }

  #agesOf(queues: ReadonlySet<QueueTimes>): number[] {
    const nowMs = this.#nowMs();
    return [...queues].flatMap(({ startedMs }) => [...startedMs].map((since) => (nowMs - since) / 1000));
  }
}

interface QueueParts {
  readonly nowMs: () => number;
  readonly adds: Value;
  readonly retries: Value;
  readonly waits: Distribution;
  readonly works: Distribution;
  readonly onClosed: () => void;
}

/** The keys of one queue: since when each waits, or is worked on. */
class QueueTimes implements QueueMeasures {
  readonly #parts: QueueParts;
  readonly #added = new Map<string, number>();
  readonly #started = new Map<string, number>();

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  /** Keys that were added and not taken yet, those that wait for the end of work on themselves included. */
  get depth(): number {
    return this.#added.size;
  }

  get startedMs(): Iterable<number> {
    return this.#started.values();
  }

  added(key: string): void {
    this.#parts.adds.value++;
    this.#added.set(key, this.#parts.nowMs());
  }

  taken(key: string): void {
    const nowMs = this.#parts.nowMs();
    const addedMs = this.#added.get(key);
    if (addedMs !== undefined) this.#parts.waits.observe((nowMs - addedMs) / 1000);
    this.#added.delete(key);
    this.#started.set(key, nowMs);
  }

  done(key: string): void {
    const startedMs = this.#started.get(key);
    if (startedMs === undefined) return;
    this.#parts.works.observe((this.#parts.nowMs() - startedMs) / 1000);
    this.#started.delete(key);
  }

  retried(): void {
    this.#parts.retries.value++;
  }

  closed(): void {
    this.#parts.onClosed();
  }
}
