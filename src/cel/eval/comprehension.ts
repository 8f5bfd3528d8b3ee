import { ArrayList, CelErr, CelList, CelMap, type CelValue, GrowingList } from "../values.ts";
import type { Evaluator, Frame } from "./frame.ts";
import { runtimeTypeName } from "./runtime-type.ts";

/** A planned comprehension: what it goes over, what it does in each round, and the slots of its variables. */
export interface Comprehension {
  readonly range: Evaluator;
  readonly condition: Evaluator;
  readonly step: Evaluator;
  readonly result: Evaluator;
  readonly accu: number;
  readonly first: number;
  readonly second: number;
  /** Whether a round has an index or a key, and a value. */
  readonly isTwo: boolean;
}

/** Goes through all rounds in one go. */
export function loop(each: Comprehension): Evaluator {
  const { range, accu, first, second, isTwo } = each;
  return (frame) => {
    const over = range(frame);
    if (over instanceof CelErr) return over;
    frame.locals[accu] = undefined;
    if (over instanceof CelList) {
      for (let index = 0; index < over.size; index++) {
        frame.locals[first] = isTwo ? index : over.at(index);
        if (isTwo) frame.locals[second] = over.at(index);
        if (!round(each, frame)) break;
      }
    } else if (over instanceof CelMap) {
      for (const key of over.keys()) {
        frame.locals[first] = key;
        if (isTwo) frame.locals[second] = over.find(key) ?? null;
        if (!round(each, frame)) break;
      }
    } else {
      return notIterable(over);
    }
    return resultOf(each, frame);
  };
}

/** One round, the variables of which are set; false ends the loop. */
export function round({ condition, step, accu }: Comprehension, frame: Frame): boolean {
  const goOn = condition(frame);
  if (typeof goOn === "boolean" && !goOn) return false;
  frame.locals[accu] = step(frame);
  return true;
}

export function resultOf({ result, accu }: Comprehension, frame: Frame): CelValue {
  const value = result(frame);
  frame.locals[accu] = undefined;
  return value instanceof GrowingList ? new ArrayList(value.items) : value;
}

export function notIterable(value: CelValue): CelErr {
  const name = runtimeTypeName(value).replace(/^./u, (first) => first.toUpperCase());
  return new CelErr(`got 'types.${name}', expected iterable type`);
}
