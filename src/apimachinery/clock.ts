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

/** setTimeout fires at once above 2^31-1 ms; a longer wait is cut to that, about 24.8 days. */
const clampDelay = (delayMs: number): number => Math.min(Math.max(0, delayMs), 2 ** 31 - 1);

interface Scheduled {
  atMs: number;
  order: number;
  callback: () => void;
  intervalMs: number | undefined;
}

/** A clock that moves only when told to. Timers run in order of their time, then of their creation. */
export class VirtualClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #scheduled = new Set<Scheduled>();

  constructor(nowMs: number = Date.UTC(2026, 0, 1)) {
    this.#nowMs = nowMs;
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

  /** Moves time forward, running each timer that falls due, and lets promises settle after each. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    await settle();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      if (next.intervalMs === undefined) this.#scheduled.delete(next);
      else next.atMs += next.intervalMs;
      next.callback();
      await settle();
    }
    this.#nowMs = endMs;
    await settle();
  }

  #schedule(delayMs: number, callback: () => void, intervalMs: number | undefined): Timer {
    const entry = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback, intervalMs };
    this.#scheduled.add(entry);
    return { stop: () => this.#scheduled.delete(entry) };
  }

  #next(endMs: number): Scheduled | undefined {
    let first: Scheduled | undefined;
    for (const entry of this.#scheduled) {
      if (entry.atMs > endMs) continue;
      if (
        first === undefined ||
        entry.atMs < first.atMs ||
        (entry.atMs === first.atMs && entry.order < first.order)
      ) {
        first = entry;
      }
    }
    return first;
  }
}

/** Lets everything that is ready run: promises, and the callbacks of finished I/O. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

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
