import { CelErr, CelList, CelMap, type CelValue } from "../values.ts";
import { type Comprehension, notIterable, resultOf, round } from "./comprehension.ts";
import type { Evaluator, Frame } from "./frame.ts";
import { most, setWorkLeft, workLeft } from "./work.ts";

/**
 * Evaluation in parts. An expression may take a tenth of a second and more, which others should not have to wait for, and
 * closures cannot stop and go on. So a part ends with an exception between two rounds of a loop, and the next part begins
 * at the root again: what it meets on the way to where it was is cheap, or is known from before.
 *
 * What is known hangs on the place in the expression, and on the round of the loop around it: within one round no place is
 * evaluated with other variables than before. Costs go on from what they were, so that they are those of an evaluation in
 * one go. Planned only for expressions that turned out to take long (`evaluateInParts`), so that others pay nothing.
 */

/** Ends a part. Not an error of the language: nothing absorbs it. */
export class PartOver {
  /** What the next part has to wait for. */
  readonly until: Promise<void> | undefined;

  constructor(until?: Promise<void>) {
    this.until = until;
  }
}

/** What is known of one round, or of what is around all loops. */
export class Level {
  readonly done = new Map<number, Done>();
  readonly loops = new Map<number, Loop>();
}

/** The value of a place, and what it took to find it. */
interface Done {
  readonly value: CelValue;
  readonly cost: number;
  readonly work: number;
}

/** A loop under way, at the beginning of a round. */
interface Loop {
  readonly over: CelValue;
  /** The keys of a map. */
  readonly keys: readonly CelValue[] | undefined;
  readonly size: number;
  index: number;
  locals: (CelValue | undefined)[];
  cost: number;
  workLeft: number;
  level: Level;
}

/** What an evaluation has done so far, in units of cost and of work. */
export const spent = (frame: Frame): number => frame.cost + most - workLeft();

/** When the present part has done enough, by `spent`. Parts run one at a time. */
let endOfPart = Number.POSITIVE_INFINITY;

/** A part begins. */
export function beginPart(end: number): void {
  endOfPart = end;
}

/** What took more than this is not done again. */
const worthKeeping = 1_000;

/** The same as `evaluate`, but what took long is done once. */
export function keeping(place: number, evaluate: Evaluator): Evaluator {
  return (frame) => {
    const { level } = frame;
    if (level === undefined) return evaluate(frame);
    const known = level.done.get(place);
    if (known !== undefined) return again(known, frame);
    const [cost, before] = [frame.cost, workLeft()];
    const value = evaluate(frame);
    const done = { value, cost: frame.cost - cost, work: before - workLeft() };
    if (done.cost + done.work > worthKeeping) level.done.set(place, done);
    return value;
  };
}

function again({ value, cost, work }: Done, frame: Frame): CelValue {
  frame.charge(cost);
  setWorkLeft(workLeft() - work);
  return value;
}

/** The same as `loop`, with rounds between which it can rest. */
export function resumableLoop(place: number, each: Comprehension): Evaluator {
  return keeping(place, (frame) => {
    const outer = frame.level ?? new Level();
    const before = outer.loops.get(place);
    const underWay = before ?? begin(each, frame);
    if (underWay instanceof CelErr) return underWay;
    outer.loops.set(place, underWay);
    if (before === undefined) mark(underWay, frame);
    else goBackTo(underWay, frame);
    while (underWay.index < underWay.size) {
      if (spent(frame) >= endOfPart) throw new PartOver();
      frame.level = underWay.level;
      setVariables(each, underWay, frame);
      underWay.index = round(each, frame) ? underWay.index + 1 : underWay.size;
      mark(underWay, frame);
    }
    frame.level = outer;
    return resultOf(each, frame);
  });
}

function begin({ range, accu }: Comprehension, frame: Frame): Loop | CelErr {
  const over = range(frame);
  if (over instanceof CelErr) return over;
  if (!(over instanceof CelList || over instanceof CelMap)) return notIterable(over);
  frame.locals[accu] = undefined;
  const keys = over instanceof CelMap ? [...over.keys()] : undefined;
  const nothing = { index: 0, locals: [], cost: 0, workLeft: 0, level: new Level() };
  return { over, keys, size: keys?.length ?? over.size, ...nothing };
}

/** The loop is at the beginning of a round, of which nothing is known yet. */
function mark(loop: Loop, frame: Frame): void {
  loop.locals = frame.locals.slice();
  loop.cost = frame.cost;
  loop.workLeft = workLeft();
  if (loop.level.done.size + loop.level.loops.size > 0) loop.level = new Level();
}

function goBackTo({ locals, cost, workLeft: units }: Loop, frame: Frame): void {
  for (const [slot, value] of locals.entries()) frame.locals[slot] = value;
  frame.locals.length = locals.length;
  frame.cost = cost;
  setWorkLeft(units);
}

function setVariables(
  { first, second, isTwo }: Comprehension,
  { over, keys, index }: Loop,
  frame: Frame,
): void {
  if (over instanceof CelList) {
    frame.locals[first] = isTwo ? index : over.at(index);
    if (isTwo) frame.locals[second] = over.at(index);
    return;
  }
  const key = keys?.[index] ?? null;
  frame.locals[first] = key;
  if (isTwo && over instanceof CelMap) frame.locals[second] = over.find(key) ?? null;
}
