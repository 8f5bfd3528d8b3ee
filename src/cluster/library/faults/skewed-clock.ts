import type { Clock, Timer } from "../../../apimachinery/clock.ts";

/** A clock that goes as fast as another one and shows another time: for who believes it is later, or earlier, than it is. */
export class SkewedClock implements Clock {
  readonly #clock: Clock;
  /** How far it is ahead; negative when it is behind. */
  skewMs: number;

  constructor(clock: Clock, skewMs = 0) {
    this.#clock = clock;
    this.skewMs = skewMs;
  }

  now(): number {
    return this.#clock.now() + this.skewMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#clock.after(delayMs, callback);
  }

  every(intervalMs: number, callback: () => void): Timer {
    return this.#clock.every(intervalMs, callback);
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return this.#clock.sleep(delayMs, signal);
  }

  outside<T>(work: Promise<T>): Promise<T> {
    return this.#clock.outside?.(work) ?? work;
  }
}
