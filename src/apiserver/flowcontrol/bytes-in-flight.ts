/**
 * Bytes of bodies that are being taken in and of answers that clients have not taken yet. What a slow reader leaves
 * unread and what a thousand writers send at once is memory: beyond the limit nothing more is let in that would
 * add to it.
 */
export class BytesInFlight {
  readonly limit: number;
  #held = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get held(): number {
    return this.#held;
  }

  get isFull(): boolean {
    return this.#held >= this.limit;
  }

  take(bytes: number): void {
    this.#held += bytes;
  }

  /** Takes room until the signal aborts. */
  takeUntil(bytes: number, gone: AbortSignal): void {
    if (gone.aborted) return;
    this.#held += bytes;
    gone.addEventListener("abort", () => this.release(bytes), { once: true });
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}
