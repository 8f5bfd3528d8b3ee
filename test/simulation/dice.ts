import { SeededRandom } from "../../src/apimachinery/random.ts";

/** Chance as simulations ask for it. */
export class Dice {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  /** True with the probability. */
  chance(probability: number): boolean {
    return this.#random.next() < probability;
  }

  /** From the least to the greatest, both among them. */
  between(least: number, greatest: number): number {
    return least + Math.floor(this.#random.next() * (greatest - least + 1));
  }

  /** Throws RangeError for an empty list. */
  pick<T>(list: readonly T[]): T {
    const index = Math.floor(this.#random.next() * list.length);
    if (index >= list.length) throw new RangeError("nothing to pick from");
    return list[index] as T;
  }

  maybePick<T>(list: readonly T[]): T | undefined {
    return list.length === 0 ? undefined : this.pick(list);
  }

  /** One of the choices, each as likely as its weight says. */
  weighted<T>(choices: readonly (readonly [weight: number, choice: T])[]): T {
    let left = this.#random.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, choice] of choices) {
      left -= weight;
      if (left < 0) return choice;
    }
    return this.pick(choices.map(([, choice]) => choice));
  }

  /** Another source that goes its own way. */
  fork(): Dice {
    return new Dice(Math.floor(this.#random.next() * 2 ** 32));
  }
}
