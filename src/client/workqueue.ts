import { backoffDelay } from "../apimachinery/backoff.ts";
import type { Clock, Timer } from "../apimachinery/clock.ts";
import type { QueueMeasures } from "./workqueue-metrics.ts";

/**
 * Keys that wait to be worked on (mirrors k8s.io/client-go/util/workqueue). A key is never worked on twice at once; one that is added
 * while it is being worked on is queued again when `done` is called. Adding a waiting key does nothing.
 */
export interface Workqueue {
  add(key: string): void;
  addAfter(key: string, delayMs: number): void;
  /** Adds after a delay that doubles with each call for the key: 5 ms up to 1,000 s, until `forget`. */
  addRateLimited(key: string): void;
  forget(key: string): void;
  retries(key: string): number;
  /** The next key, or undefined when the queue was shut down and is drained. */
  next(): Promise<string | undefined>;
  done(key: string): void;
  size(): number;
  /** True when nothing waits, nothing is worked on and no delayed key is due now. */
  idle(): boolean;
  shutDown(): void;
}

/** Per key: 5 ms, 10 ms, 20 ms … 1,000 s, as client-go's default item limiter. */
const keyBackoff = { initialMs: 5, maxMs: 1_000_000 };

/** A workqueue on the given clock; measured, when there is somebody to tell. */
export function newWorkqueue(clock: Clock, measures?: QueueMeasures): Workqueue {
  return new ClockWorkqueue(clock, measures);
}

interface Delayed {
  readonly dueMs: number;
  readonly timer: Timer;
}

class ClockWorkqueue implements Workqueue {
  readonly #clock: Clock;
  readonly #measures: QueueMeasures | undefined;
  /** Keys in the order they are to be worked on; each is also in `#dirty` and not in `#processing`. */
  #queue: string[] = [];
  #head = 0;
  /** Keys that need work, whether queued or still being worked on. */
  readonly #dirty = new Set<string>();
  /** Keys handed out by `next` and not yet `done`. */
  readonly #processing = new Set<string>();
  /** Keys to be added later, each with its earliest time. */
  readonly #delayed = new Map<string, Delayed>();
  readonly #retries = new Map<string, number>();
  /** Callers of `next` that wait; empty whenever a key is queued. */
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #shutDown = false;

  constructor(clock: Clock, measures: QueueMeasures | undefined) {
    this.#clock = clock;
    this.#measures = measures;
  }

  add(key: string): void {
    if (this.#shutDown || this.#dirty.has(key)) return;
    this.#dirty.add(key);
    this.#measures?.added(key);
    if (!this.#processing.has(key)) this.#enqueue(key);
  }

  addAfter(key: string, delayMs: number): void {
    if (this.#shutDown) return;
    this.#measures?.retried();
    if (delayMs <= 0) return this.add(key);
    const dueMs = this.#clock.now() + delayMs;
    const waiting = this.#delayed.get(key);
    if (waiting !== undefined && waiting.dueMs <= dueMs) return;
    waiting?.timer.stop();
    const timer = this.#clock.after(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { dueMs, timer });
  }

  addRateLimited(key: string): void {
    const retries = this.retries(key);
    this.#retries.set(key, retries + 1);
    this.addAfter(key, backoffDelay(keyBackoff, retries));
  }

  forget(key: string): void {
    this.#retries.delete(key);
  }

  retries(key: string): number {
    return this.#retries.get(key) ?? 0;
  }

  async next(): Promise<string | undefined> {
    const key = this.#take();
    if (key !== undefined || this.#shutDown) return key;
    return await new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.#processing.delete(key);
    this.#measures?.done(key);
    if (this.#dirty.has(key)) this.#enqueue(key);
  }

  size(): number {
    return this.#queue.length - this.#head;
  }

  idle(): boolean {
    if (this.size() > 0 || this.#processing.size > 0) return false;
    const nowMs = this.#clock.now();
    return ![...this.#delayed.values()].some(({ dueMs }) => dueMs <= nowMs);
  }

  shutDown(): void {
    this.#shutDown = true;
    for (const { timer } of this.#delayed.values()) timer.stop();
    this.#delayed.clear();
    this.#measures?.closed();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #enqueue(key: string): void {
    this.#queue.push(key);
    const taker = this.#takers.shift();
    if (taker !== undefined) taker(this.#take());
  }

  #take(): string | undefined {
    const key = this.#queue[this.#head];
    if (key === undefined) return undefined;
    this.#head++;
    // Taken keys are cut off in bulk: shift() on a long array costs its length each time.
    if (this.#head > 1024 || this.#head === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    this.#dirty.delete(key);
    this.#processing.add(key);
    this.#measures?.taken(key);
    return key;
  }
}
