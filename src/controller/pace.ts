import type { Clock } from "../apimachinery/clock.ts";

/** Work on so many objects is never held back. */
const freeCount = 1_000;
/** So long for each object: about ten times what looking at it takes. */
const pauseMsPerObject = 0.1;

/**
 * Holds back work that looks at all objects of a kind whenever one of them changes. With tens of thousands of them it
 * would take all of the thread, and grow with the square of their number; so it takes about a tenth.
 */
export class Pace {
  readonly #clock: Clock;
  readonly #notBeforeMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** For how many milliseconds the work for the key is to wait; 0 when it may be done now. */
  waitMs(key: string): number {
    return Math.max(0, (this.#notBeforeMs.get(key) ?? 0) - this.#clock.now());
  }

  /** The work for the key looks at so many objects now. */
  worksOn(key: string, count: number): void {
    if (count <= freeCount) this.#notBeforeMs.delete(key);
    else this.#notBeforeMs.set(key, this.#clock.now() + count * pauseMsPerObject);
  }

  forget(key: string): void {
    this.#notBeforeMs.delete(key);
  }
}
