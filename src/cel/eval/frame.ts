import type { CelValue } from "../values.ts";
import type { Level } from "./resumption.ts";

/** Ends an evaluation that costs too much. Not an error of the language: nothing absorbs it. */
export class CostLimit {
  readonly cost: number;

  constructor(cost: number) {
    this.cost = cost;
  }
}

/** One evaluation: the variables, the locals of comprehensions, and what has been spent. */
export class Frame {
  /** Values of the comprehensions' variables by slot; undefined until set. */
  readonly locals: (CelValue | undefined)[] = [];
  cost = 0;
  /** What is known of the round under way, where the evaluation is made in parts: see resumption.ts. */
  level: Level | undefined = undefined;
  readonly #limit: number;
  readonly #globals: (CelValue | undefined)[] = [];
  readonly #read: (index: number) => CelValue;

  /** `read` gives the value of the global of that index; it is asked once. */
  constructor(limit: number, read: (index: number) => CelValue) {
    this.#limit = limit;
    this.#read = read;
  }

  global(index: number): CelValue {
    const known = this.#globals[index];
    if (known !== undefined) return known;
    const value = this.#read(index);
    this.#globals[index] = value;
    return value;
  }

  charge(cost: number): void {
    this.cost += cost;
    if (this.cost > this.#limit) throw new CostLimit(this.cost);
  }
}

export type Evaluator = (frame: Frame) => CelValue;
