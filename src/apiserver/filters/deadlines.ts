import type { Clock, Timer } from "../../apimachinery/clock.ts";

/** One thing that may take only so long. */
export interface Deadline {
  readonly atMs: number;
  readonly onExpired: () => void;
}

/**
 * Deadlines that all lie equally far in the future, so they fall due in the order in which they were set: one timer
 * serves all of them, where one each would be started and stopped with every request.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #durationMs: number;
  /** In the order of their times. */
  readonly #waiting = new Set<Deadline>();
  readonly #closed: AbortSignal | undefined;
  /** Runs for the oldest that was waiting when it was set; it is looked at again then. */
  #timer: Timer | undefined;

  /** `closed` aborts when few will come any more: then no timer runs that nobody waits for. */
  constructor(clock: Clock, durationMs: number, closed?: AbortSignal) {
    this.#clock = clock;
    this.#durationMs = durationMs;
    this.#closed = closed;
    closed?.addEventListener("abort", () => this.#rest(), { once: true });
  }

  /** Calls back after the duration unless the deadline is met before. */
  add(onExpired: () => void): Deadline {
    const deadline = { atMs: this.#clock.now() + this.#durationMs, onExpired };
    this.#waiting.add(deadline);
    if (this.#timer === undefined) this.#time(this.#durationMs);
    return deadline;
  }

  met(deadline: Deadline): void {
    this.#waiting.delete(deadline);
    if (this.#closed?.aborted === true) this.#rest();
  }

  #rest(): void {
    if (this.#waiting.size > 0) return;
    this.#timer?.stop();
    this.#timer = undefined;
  }

  #time(delayMs: number): void {
    this.#timer = this.#clock.after(delayMs, () => this.#expire());
  }

  #expire(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.now();
    for (const deadline of this.#waiting) {
      if (deadline.atMs > nowMs) return this.#time(deadline.atMs - nowMs);
      this.#waiting.delete(deadline);
      deadline.onExpired();
    }
  }
}
