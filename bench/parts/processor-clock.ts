import { performance } from "node:perf_hooks";
import type { Clock, Timer } from "../../src/apimachinery/clock.ts";

/** Between two looks at the time. */
const lookMs = 1;

/**
 * A clock that stands still while others have the processor: time is what this thread has worked and what it has had
 * nothing to do. What is measured by it is how long things take on a machine of their own, and heartbeats come as often
 * as they would there.
 */
export class ProcessorClock implements Clock {
  readonly #beganMs = Date.now();
  /** What falls due, by its millisecond. */
  readonly #due = new Map<number, Set<() => void>>();
  #nowMs = 0;

  constructor() {
    setInterval(() => this.#look(), lookMs);
  }

  /** Milliseconds since it was made, as they are at this very moment. */
  static precise(): number {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000 + performance.eventLoopUtilization().idle;
  }

  now(): number {
    return this.#beganMs + Math.floor(this.#nowMs);
  }

  after(delayMs: number, callback: () => void): Timer {
    const atMs = Math.floor(this.#nowMs) + Math.max(1, Math.ceil(delayMs));
    const callbacks = this.#due.get(atMs) ?? new Set();
    this.#due.set(atMs, callbacks.add(callback));
    return { stop: () => void callbacks.delete(callback) };
  }

  every(intervalMs: number, callback: () => void): Timer {
    let timer: Timer;
    const fire = (): void => {
      timer = this.after(intervalMs, fire);
      callback();
    };
    timer = this.after(intervalMs, fire);
    return { stop: () => timer.stop() };
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const aborted = (): void => reject(signal?.reason);
    const timer = this.after(delayMs, resolve);
    signal?.addEventListener("abort", aborted, { once: true });
    try {
      await promise;
    } finally {
      timer.stop();
      signal?.removeEventListener("abort", aborted);
    }
  }

  #look(): void {
    const untilMs = ProcessorClock.precise();
    for (let atMs = Math.floor(this.#nowMs); atMs <= untilMs; atMs++) {
      const callbacks = this.#due.get(atMs);
      if (callbacks === undefined) continue;
      this.#nowMs = Math.max(this.#nowMs, atMs);
      this.#due.delete(atMs);
      for (const callback of callbacks) callback();
    }
    this.#nowMs = untilMs;
  }
}
