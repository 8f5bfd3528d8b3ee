import { type Clock, formatMicroTime } from "../../../apimachinery/clock.ts";

/** Something that went wrong because it was made to. */
export interface FaultLogEntry {
  /** On the cluster's clock. */
  readonly atMs: number;
  /** `update pods/status default/web-1 by system:node:node-1: Conflict`, `node node-2 crashed`. */
  readonly what: string;
}

/** So many are kept, the newest: a fault that hits for hours must not fill the memory. */
const keptMax = 10_000;

/** What went wrong, and when. */
export class FaultLog {
  readonly #clock: Clock;
  #entries: FaultLogEntry[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Oldest first. */
  get entries(): readonly FaultLogEntry[] {
    return this.#entries;
  }

  add(what: string): void {
    this.#entries.push({ atMs: this.#clock.now(), what });
    if (this.#entries.length >= 2 * keptMax) this.#entries = this.#entries.slice(-keptMax);
  }

  /** A line for each, oldest first. */
  toString(): string {
    return this.#entries.map(({ atMs, what }) => `${formatMicroTime(atMs)} ${what}`).join("\n");
  }
}
