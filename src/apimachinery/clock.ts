/**
 * Time is a parameter of the cluster. Nothing else calls Date.now or setTimeout (tools/tidy.ts checks it),
 * so the same cluster runs on the real clock or on a virtual one.
 */
export interface Timer {
  /** Stops the timer. Stopping one that has fired or was stopped does nothing. */
  stop(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Runs the callback once, not before delayMs from now. */
  after(delayMs: number, callback: () => void): Timer;
  /** Runs the callback every intervalMs until stopped. */
  every(intervalMs: number, callback: () => void): Timer;
  /** Resolves after delayMs; rejects with the signal's reason when aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /**
   * For work that others do in their own time, as a request to another server: on a virtual clock time stands still until
   * it is done. Absent where time cannot be held up.
   */
  outside?<T>(work: Promise<T>): Promise<T>;
}

/** The one implementation on the machine's own time. Its timers do not keep the process alive. */
export class RealClock implements Clock {
  now(): number {
    return Date.now();
  }

  after(delayMs: number, callback: () => void): Timer {
    const handle = setTimeout(callback, clampDelay(delayMs));
    handle.unref();
    return { stop: () => clearTimeout(handle) };
  }

  every(intervalMs: number, callback: () => void): Timer {
    const handle = setInterval(callback, clampDelay(intervalMs));
    handle.unref();
    return { stop: () => clearInterval(handle) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }
}

/**
 * Keeps the process alive while somebody waits for what only a RealClock's timers bring about, which do not. Taking it
 * several times takes as many releases.
 */
export class ProcessHold {
  readonly #handle = setInterval(() => undefined, 2 ** 30).unref();
  #count = 0;

  take(): void {
    if (this.#count++ === 0) this.#handle.ref();
  }

  release(): void {
    if (--this.#count === 0) this.#handle.unref();
  }

  /** Holds the process until the work is done. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.take();
    try {
      return await work;
    } finally {
      this.release();
    }
  }

  /** To be called when nobody waits any more. */
  end(): void {
    clearInterval(this.#handle);
  }
}

/** setTimeout fires at once above 2^31-1 ms; a longer wait is cut to that, about 24.8 days. */
const clampDelay = (delayMs: number): number => Math.min(Math.max(0, delayMs), 2 ** 31 - 1);

interface Scheduled {
  atMs: number;
  order: number;
  readonly callback: () => void;
  readonly intervalMs: number | undefined;
  isStopped: boolean;
}

/**
 * A clock that moves only when told to. Timers run in order of their time, then of their creation; after each, all that
 * follows from it has its turn before the next.
 *
 *   const clock = new VirtualClock();
 *   clock.after(60_000, () => console.log("a minute has passed"));
 *   await clock.advance(60_000);
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #timers = new TimerQueue();
  readonly #activities = new Set<() => number>();
  /** Work under way that no virtual time passes for. */
  #outside = 0;
  /** Of real time without activity before the clock takes it that all is quiet; 0 where nothing real is waited for. */
  #realPauseMs = 0;

  constructor(nowMs: number = Date.UTC(2026, 0, 1)) {
    this.#nowMs = Math.floor(nowMs);
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#schedule(delayMs, callback, undefined);
  }

  every(intervalMs: number, callback: () => void): Timer {
    return this.#schedule(intervalMs, callback, Math.max(1, intervalMs));
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  /** When the next timer falls due; undefined when there is none. */
  get nextTimerMs(): number | undefined {
    return this.#timers.first()?.atMs;
  }

  /**
   * Has the clock wait, after each timer, until the count no longer changes. It should change with whatever happens that
   * is more than one turn of the event loop. Returns the removal.
   */
  watchActivity(count: () => number): () => void {
    this.#activities.add(count);
    return () => this.#activities.delete(count);
  }

  /** From now on, others act in real time (clients over sockets): quiet is what stays so for so long. */
  waitForOthers(realPauseMs: number): void {
    this.#realPauseMs = Math.max(this.#realPauseMs, realPauseMs);
  }

  async outside<T>(work: Promise<T>): Promise<T> {
    this.#outside++;
    try {
      return await work;
    } finally {
      this.#outside--;
    }
  }

  /** Moves time forward, running each timer that falls due, and lets what follows settle after each. */
  async advance(durationMs: number): Promise<void> {
    await this.runUntil(() => false, durationMs);
  }

  /**
   * Moves time forward at once, as it goes by for a machine that sleeps: what fell due meanwhile runs late, in order, and
   * what repeats runs once for all the times that it missed.
   */
  async leap(durationMs: number): Promise<void> {
    await this.settle();
    this.#nowMs = Math.floor(this.#nowMs + durationMs);
    await this.advance(0);
  }

  /**
   * Runs timers until the condition holds, which is asked before the first and after each. Answers whether it held within
   * the limit; when not, that much time has passed.
   */
  async runUntil(isDone: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
    const endMs = this.#nowMs + limitMs;
    await this.settle();
    for (;;) {
      if (await isDone()) return true;
      const next = this.#timers.first();
      if (next === undefined || next.atMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#timers.takeFirst();
      if (next.intervalMs === undefined) next.isStopped = true;
      else {
        const missed = Math.floor((this.#nowMs - next.atMs) / next.intervalMs);
        next.atMs = Math.ceil(next.atMs + (missed + 1) * next.intervalMs);
        this.#timers.add(next);
      }
      next.callback();
      await this.settle();
    }
    if (Number.isFinite(endMs)) this.#nowMs = Math.max(this.#nowMs, Math.floor(endMs));
    await this.settle();
    return await isDone();
  }

  /**
   * Lets everything that is ready run: promises, the callbacks of finished I/O, work outside. Time stands still, but for
   * work outside that comes to no end: it may wait for a timer of ours.
   */
  async settle(): Promise<void> {
    let seen = this.#activity();
    let patienceMs = outsideMs;
    for (let calm = 0; calm < calmTurns; ) {
      const isWaiting = this.#outside > 0 && patienceMs-- > 0;
      await (isWaiting ? realPause(1) : new Promise<void>((resolve) => setImmediate(resolve)));
      const now = this.#activity();
      calm = now === seen && !isWaiting ? calm + 1 : 0;
      seen = now;
      if (calm === calmTurns && this.#realPauseMs > 0) {
        await realPause(this.#realPauseMs);
        if (this.#activity() !== seen) calm = 0;
      }
    }
  }

  #activity(): number {
    let sum = this.#order;
    for (const count of this.#activities) sum += count();
    return sum;
  }

  #schedule(delayMs: number, callback: () => void, intervalMs: number | undefined): Timer {
    // Whole milliseconds, as the machine's time has: a delay that was spread by chance has a fraction.
    const atMs = Math.ceil(this.#nowMs + Math.max(0, delayMs));
    const timers = this.#timers;
    const entry: Scheduled = { atMs, order: this.#order++, callback, intervalMs, isStopped: false };
    timers.add(entry);
    return { stop: () => timers.stop(entry) };
  }
}
/** A heap: a cluster of many simulated nodes has as many timers as pods. */
class TimerQueue {
  readonly #heap: Scheduled[] = [];
  #stopped = 0;

  add(entry: Scheduled): void {
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
  }

  first(): Scheduled | undefined {
    while (this.#heap[0]?.isStopped === true) {
      this.#stopped--;
      this.takeFirst();
    }
    return this.#heap[0];
  }

  takeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  /** Leaves it where it is, until it comes up or most of the heap is like it. */
  stop(entry: Scheduled): void {
    if (entry.isStopped) return;
    entry.isStopped = true;
    this.#stopped++;
    if (this.#stopped < 64 || this.#stopped < this.#heap.length / 2) return;
    const going = this.#heap.filter(({ isStopped }) => !isStopped);
    this.#heap.length = 0;
    this.#stopped = 0;
    for (const each of going) this.add(each);
  }

  #rise(index: number): void {
    const heap = this.#heap;
    const entry = heap[index] as Scheduled;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above] as Scheduled;
      if (!isBefore(entry, parent)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = entry;
  }

  #sink(index: number): void {
    const heap = this.#heap;
    const entry = heap[index] as Scheduled;
    for (;;) {
      let below = 2 * index + 1;
      const [left, right] = [heap[below], heap[below + 1]];
      if (left === undefined) break;
      let child = left;
      if (right !== undefined && isBefore(right, left)) {
        child = right;
        below++;
      }
      if (!isBefore(child, entry)) break;
      heap[index] = child;
      index = below;
    }
    heap[index] = entry;
  }
}

const isBefore = (a: Scheduled, b: Scheduled): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

/** So many turns of the event loop in which nothing happened, and nothing more will by itself. */
const calmTurns = 4;

/** How long work outside is waited for, in steps of a real millisecond or a little more. */
const outsideMs = 2_000;

/** Of the machine's own time, while virtual time stands still. */
const realPause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function sleepOn(clock: Clock, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    function onAbort(): void {
      timer.stop();
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** RFC 3339 in whole seconds, the form of metav1.Time: `2026-01-01T00:00:00Z`. */
export function formatTime(ms: number): string {
  const second = Math.floor(ms / 1000);
  // Every write asks for the present second, more than once.
  if (second !== formatted.second) {
    formatted = { second, text: `${new Date(ms).toISOString().slice(0, 19)}Z` };
  }
  return formatted.text;
}

let formatted = { second: Number.NaN, text: "" };

/** RFC 3339 with six decimals, the form of metav1.MicroTime. */
export function formatMicroTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}
