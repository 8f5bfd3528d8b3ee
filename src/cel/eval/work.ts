import type { Found, Search } from "../../apimachinery/search/search.ts";
import { CostLimit } from "./frame.ts";

/**
 * What an evaluation does beside what it is charged for. Costs are Kubernetes' own, so that an expression costs the same
 * everywhere; but some of them say little of the work: to compare two objects costs a tenth of their fields and walks through
 * all of them, to replace a letter by a book costs the letters. There another thread does such work, here everybody would wait
 * for it. So it is counted, and an evaluation that does more than any honest one ends as if it had cost too much.
 *
 * A unit is some ten nanoseconds: an element that is looked at, or a dozen characters that are copied.
 */
export const most = 10_000_000;

/** Characters that one unit copies or scans. */
const charactersPerUnit = 8;

/** Just more than one evaluation may cost: what else is asked about the object is asked as after any that costs too much. */
const costOfTooMuch = 1_000_001;

/** Somebody else who makes searches that take long: gives what was found, or ends the part of the evaluation. */
export type LongSearch = (search: Search) => Found;

/** Evaluations, or parts of them, run one at a time, from end to end. */
let left = most;
let longSearch: LongSearch | undefined;

/** An evaluation begins, or goes on with what it has left. */
export function beginWork(units = most, elsewhere?: LongSearch): void {
  left = units;
  longSearch = elsewhere;
}

/** How much the evaluation may still do. */
export const workLeft = (): number => left;

/** The evaluation is where it was when that much was left. */
export function setWorkLeft(units: number): void {
  left = units;
}

/** Throws CostLimit when the evaluation has done too much. */
export function work(units: number): void {
  left -= units;
  if (left < 0) throw new CostLimit(costOfTooMuch);
}

/** So many characters are about to be copied or looked at: nothing that is worth counting for what is short. */
export function workOnText(length: number): void {
  if (length > 64) work(Math.ceil(length / charactersPerUnit));
}

/** Undefined where the search is to be made here and now. */
export const foundElsewhere = (search: Search): Found | undefined => longSearch?.(search);
