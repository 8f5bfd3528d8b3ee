import type { Random } from "../../../apimachinery/random.ts";

/** Numbers and choices by chance. */
export class Draw {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** From 0 to less than 1. */
  share(): number {
    return this.#random.next();
  }

  /** A whole number from 0 to less than the bound. */
  upTo(bound: number): number {
    return Math.floor(this.#random.next() * bound);
  }

  /** One of them; undefined where there are none. */
  of<T>(all: readonly T[]): T | undefined {
    return all[this.upTo(all.length)];
  }
}
