import { type Random, SeededRandom } from "../../../src/apimachinery/random.ts";

/** Chance as a generator uses it. The same seed and index give the same throws. */
export class Dice {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The dice of one request: they do not depend on the requests before it, so that it can be repeated alone. */
  static of(seed: number, index: number): Dice {
    const mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35);
    return new Dice(new SeededRandom(mixed));
  }

  /** An integer in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }

  /** True in so many of a hundred cases. */
  percent(chance: number): boolean {
    return this.#random.next() * 100 < chance;
  }

  pick<T>(choices: readonly [T, ...T[]] | readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  /** One of the choices, as often as its weight says. */
  weighted<T>(choices: readonly (readonly [weight: number, choice: T])[]): T {
    const total = choices.reduce((sum, [weight]) => sum + weight, 0);
    let rest = this.#random.next() * total;
    for (const [weight, choice] of choices) {
      rest -= weight;
      if (rest < 0) return choice;
    }
    return this.pick(choices)[1];
  }

  bytes(length: number): Buffer {
    return Buffer.from(Uint8Array.from({ length }, () => this.below(256)));
  }
}
