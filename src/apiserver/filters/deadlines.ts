import type { Clock } from "../../apimachinery/clock.ts";

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
  /** A timer runs for the oldest that was waiting when it was set; it is looked at again then. */
  #isTimed = false;

  constructor(clock: Clock, durationMs: number) {
    this.#clock = clock;
    this.#durationMs = durationMs;
  }

  /** Calls back after the duration unless the deadline is met before. */
  add(onExpired: () => void): Deadline {
    const deadline = { atMs: this.#clock.now() + this.#durationMs, onExpired };
    this.#waiting.add(deadline);
    if (!this.#isTimed) this.#time(this.#durationMs);
    return deadline;
  }

  met(deadline: Deadline): void {
    this.#waiting.delete(deadline);
  }

  #time(delayMs: number): void {
    this.#isTimed = true;
    this.#clock.after(delayMs, () => this.#expire());
  }

  #expire(): void {
    this.#isTimed = false;
    const nowMs = this.#clock.now();
    for (const deadline of this.#waiting) {
      if (deadline.atMs > nowMs) return this.#time(deadline.atMs - nowMs);
      this.#waiting.delete(deadline);
      deadline.onExpired();
    }
  }
}
