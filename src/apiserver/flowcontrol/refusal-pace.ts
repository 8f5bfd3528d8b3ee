import type { Clock, Timer } from "../../apimachinery/clock.ts";

/** Refusals that are answered at once before any is held back. */
const burst = 100;
const perTick = 10;
const tickMs = 10;
/** No refusal is held back longer; clients are asked to stay away for at least as long. */
const maxHoldMs = 1_000;
const maxHeld = 10_000;

interface Held {
  readonly sinceMs: number;
  readonly release: () => void;
}

/**
 * Bounds what refusing costs. A client that asks again as soon as it is refused takes as many refusals as the processor
 * can make, and with one thread that is time in which nobody is served. So beyond a burst, refusals leave at a steady
 * thousand a second, each within the second for which its client is asked to stay away anyway; a held refusal is a few
 * kilobytes, and there are only so many.
 */
export class RefusalPace {
  readonly #clock: Clock;
  readonly #held: Held[] = [];
  #first = 0;
  #credit = burst;
  #creditAtMs: number;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#creditAtMs = clock.now();
  }

  get held(): number {
    return this.#held.length - this.#first;
  }

  /** Undefined when the refusal may leave now. */
  hold(): Promise<void> | undefined {
    const nowMs = this.#clock.now();
    const earned = ((nowMs - this.#creditAtMs) / tickMs) * perTick;
    if (this.held === 0 && earned > 0) {
      this.#credit = Math.min(burst, this.#credit + earned);
      this.#creditAtMs = nowMs;
    }
    if (this.#credit >= 1) {
      this.#credit--;
      return undefined;
    }
    if (this.held >= maxHeld) return undefined;
    this.#timer ??= this.#clock.every(tickMs, () => this.#tick());
    return new Promise((release) => this.#held.push({ sinceMs: nowMs, release }));
  }

  #tick(): void {
    const nowMs = this.#clock.now();
    // A late tick makes up for what it missed.
    let due = Math.max(perTick, Math.floor(((nowMs - this.#creditAtMs) / tickMs) * perTick));
    this.#creditAtMs = nowMs;
    for (;;) {
      const next = this.#held[this.#first];
      if (next === undefined || (due <= 0 && nowMs - next.sinceMs < maxHoldMs)) break;
      due--;
      this.#first++;
      next.release();
    }
    if (this.held === 0) {
      this.#held.length = 0;
      this.#first = 0;
      this.#timer?.stop();
      this.#timer = undefined;
    } else if (this.#first > 1_000) {
      this.#held.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
