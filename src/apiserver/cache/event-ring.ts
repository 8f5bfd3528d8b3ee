import type { CacheEvent } from "./cache-event.ts";
import type { HistoryBudget, HistoryHolder } from "./history-budget.ts";

/** Recent events kept for watches that resume: at most so many, and so many bytes of objects. */
const maxEvents = 10_000;
const maxEventBytes = 6 * 1024 * 1024;
/** However large they are, so many are kept as long as the budget of all resources allows. */
const keptEvents = 100;
/** Events whose frames are kept: who lost its connection a moment ago comes back for these. */
const framedEvents = 100;

/** The recent events of one resource, in order. */
export class EventRing implements HistoryHolder {
  readonly #budget: HistoryBudget;
  /** Events after #completeAfter, in order; the first `#start` places are empty already. */
  #events: (CacheEvent | undefined)[] = [];
  #start = 0;
  #bytes = 0;
  #completeAfter: number;

  constructor(revision: number, budget: HistoryBudget) {
    this.#completeAfter = revision;
    this.#budget = budget;
  }

  /** Every event after this revision is here. */
  get completeAfter(): number {
    return this.#completeAfter;
  }

  get length(): number {
    return this.#events.length - this.#start;
  }

  get historyBytes(): number {
    return this.#bytes;
  }

  /** The events after the revision, which is not before `completeAfter`. */
  *after(revision: number): Generator<CacheEvent> {
    for (let index = this.#firstAfter(revision); index < this.#events.length; index++) {
      const event = this.#events[index];
      if (event !== undefined) yield event;
    }
  }

  remember(event: CacheEvent): void {
    const { sizeBytes } = event;
    this.#events.push(event);
    this.#events[this.#events.length - framedEvents]?.forgetFrames();
    this.#bytes += sizeBytes;
    this.#budget.keep(this, sizeBytes);
    while (this.length > maxEvents || (this.#bytes > maxEventBytes && this.length > keptEvents)) {
      this.#forgetFirst();
    }
    this.#cutOff();
  }

  forgetOldest(bytes: number): void {
    const enough = this.#bytes - bytes;
    while (this.#bytes > enough && this.length > 0) this.#forgetFirst();
    this.#cutOff();
  }

  /** Nothing up to the revision can be told event by event any more. */
  forgetAll(revision: number): void {
    this.forgetOldest(this.#bytes);
    this.#completeAfter = revision;
  }

  #forgetFirst(): void {
    const oldest = this.#events[this.#start];
    if (oldest === undefined) return;
    this.#events[this.#start++] = undefined;
    this.#bytes -= oldest.sizeBytes;
    this.#budget.release(this, oldest.sizeBytes);
    this.#completeAfter = oldest.revision;
  }

  /** Empty places are cut off in bulk, so that remembering an event stays cheap. */
  #cutOff(): void {
    if (this.#start <= this.#events.length / 2) return;
    this.#events = this.#events.slice(this.#start);
    this.#start = 0;
  }

  #firstAfter(revision: number): number {
    let low = this.#start;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
