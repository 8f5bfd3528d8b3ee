/** Nobody is asked to stay away for longer. */
const maxSeconds = 32;

/**
 * How long refused clients are asked to stay away: doubled while as many are refused as would come back after it three
 * times over, shortened by a second while hardly any are (mirrors flowcontrol/dropped_requests_tracker.go). One per
 * priority level.
 */
export class RetryAfter {
  /** Refusals by second, oldest first; none older than anything still asked about. */
  #history: { readonly second: number; refused: number }[] = [];
  #seconds = 1;
  #raisedAt = 0;

  /** Counts a refusal; tells after how many seconds the client may try again. */
  refuse(nowMs: number): number {
    const second = Math.floor(nowMs / 1000);
    const current = this.#history.at(-1);
    if (current?.second === second) current.refused++;
    else this.#nextSecond(second);
    return this.#seconds;
  }

  #nextSecond(second: number): void {
    this.#history = this.#history.filter((entry) => second - entry.second <= maxSeconds);
    let refused = 0;
    for (const entry of this.#history) if (second - entry.second <= this.#seconds) refused += entry.refused;
    this.#history.push({ second, refused: 1 });
    if (refused >= 3 * this.#seconds && second - this.#raisedAt >= this.#seconds) {
      this.#seconds = Math.min(maxSeconds, 2 * this.#seconds);
      this.#raisedAt = second;
    } else if (refused < this.#seconds && this.#seconds > 1) {
      this.#seconds--;
    }
  }
}
