import type { Clock } from "../../../apimachinery/clock.ts";

/** When which revision was written, for those who are to see the state of a while ago. */
export class RevisionTimes {
  readonly #clock: Clock;
  /** What was there at the beginning, or later, where nobody asks any more for what was before. */
  #base = 0;
  /** The newest revision of each moment after that, oldest first. */
  readonly #moments: { readonly atMs: number; revision: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(revision: number): void {
    this.#base = revision;
  }

  /** To be told of every write. */
  note(revision: number): void {
    const atMs = this.#clock.now();
    const last = this.#moments.at(-1);
    if (last === undefined || last.atMs < atMs) this.#moments.push({ atMs, revision });
    else last.revision = Math.max(last.revision, revision);
  }

  /** The newest revision that was there at the time. */
  at(ms: number): number {
    return this.#moments.findLast(({ atMs }) => atMs <= ms)?.revision ?? this.#base;
  }

  /** When the revision was written; undefined for what was there at the beginning. */
  timeOf(revision: number): number | undefined {
    if (revision <= this.#base) return undefined;
    return this.#moments.find((moment) => moment.revision >= revision)?.atMs ?? this.#clock.now();
  }

  /** Nobody asks any more for what was before. */
  forgetBefore(ms: number): void {
    for (let [oldest] = this.#moments; oldest !== undefined && oldest.atMs <= ms; [oldest] = this.#moments) {
      this.#base = oldest.revision;
      this.#moments.shift();
    }
  }
}
