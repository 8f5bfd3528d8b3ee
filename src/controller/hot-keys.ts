import type { Clock } from "../apimachinery/clock.ts";

const windowMs = 1_000;
/** So many rounds in a second are free; only who needs more of them has to pause. */
const freeRounds = 100;
const pauseMs = 50;

/**
 * Holds back a key that is worked on without a pause. A controller that sees its object as it was, because its cache is
 * behind, may make what another takes away, again and again: without a bound that takes all of the thread, and on a
 * virtual clock, where no time passes meanwhile, it never ends.
 */
export class HotKeys {
  readonly #clock: Clock;
  readonly #rounds = new Map<string, { count: number; lastMs: number }>();
  #sinceMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.now();
  }

  /** Begins a round of work for the key, and answers 0; or for how many milliseconds it is to wait first. */
  begin(key: string): number {
    const nowMs = this.#clock.now();
    // Clocks of machines may be set back.
    if (nowMs >= this.#sinceMs + windowMs || nowMs < this.#sinceMs) {
      this.#rounds.clear();
      this.#sinceMs = nowMs;
    }
    const rounds = this.#rounds.get(key);
    if (rounds === undefined) {
      this.#rounds.set(key, { count: 1, lastMs: nowMs });
      return 0;
    }
    const waitMs = rounds.count < freeRounds ? 0 : rounds.lastMs + pauseMs - nowMs;
    if (waitMs > 0) return Math.min(waitMs, pauseMs);
    rounds.count++;
    rounds.lastMs = nowMs;
    return 0;
  }
}
