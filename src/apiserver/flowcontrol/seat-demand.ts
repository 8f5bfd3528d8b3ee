/** How a number behaved over a period: its mean over time, how far it strayed, and its highest. */
export interface DemandSummary {
  readonly average: number;
  readonly deviation: number;
  readonly max: number;
  readonly durationMs: number;
}

/** Integrates a number that changes in steps. */
export class SeatDemand {
  #value = 0;
  #max = 0;
  #sinceMs: number;
  #lastMs: number;
  #integral = 0;
  #integralOfSquares = 0;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
    this.#lastMs = nowMs;
  }

  set(value: number, nowMs: number): void {
    this.#advance(nowMs);
    this.#value = value;
    if (value > this.#max) this.#max = value;
  }

  /** What was since the last reset. */
  reset(nowMs: number): DemandSummary {
    this.#advance(nowMs);
    const durationMs = nowMs - this.#sinceMs;
    const average = durationMs <= 0 ? this.#value : this.#integral / durationMs;
    const meanSquare = durationMs <= 0 ? average ** 2 : this.#integralOfSquares / durationMs;
    const summary = {
      average,
      deviation: Math.sqrt(Math.max(0, meanSquare - average ** 2)),
      max: this.#max,
      durationMs,
    };
    this.#sinceMs = nowMs;
    this.#integral = 0;
    this.#integralOfSquares = 0;
    this.#max = this.#value;
    return summary;
  }

  #advance(nowMs: number): void {
    const elapsedMs = nowMs - this.#lastMs;
    // A clock that was set back adds nothing.
    if (elapsedMs > 0) {
      this.#integral += this.#value * elapsedMs;
      this.#integralOfSquares += this.#value * this.#value * elapsedMs;
    }
    this.#lastMs = nowMs;
  }
}
