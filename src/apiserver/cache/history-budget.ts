/** Who remembers events, and can do without the oldest. */
export interface HistoryHolder {
  readonly historyBytes: number;
  /** Forgets the older events, at least as many as make up so many bytes, as far as there are any. */
  forgetOldest(bytes: number): void;
}

/**
 * How much memory the remembered events of all resources together may take. When it is used up, the resource that holds
 * most forgets its oldest: a flood of writes to one costs the others nothing. A watch that resumes from before reads the
 * history of the store instead.
 */
export class HistoryBudget {
  readonly #maxBytes: number;
  #usedBytes = 0;
  readonly #holders = new Set<HistoryHolder>();

  constructor(maxBytes = 32 * 1024 * 1024) {
    this.#maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Notes that the holder remembers so much more. May make others, or even the holder, forget. */
  keep(holder: HistoryHolder, bytes: number): void {
    this.#holders.add(holder);
    this.#usedBytes += bytes;
    // An eighth at a time, so that looking for the largest is paid for by what it brings.
    while (this.#usedBytes > this.#maxBytes) {
      const largest = this.#largest();
      if (largest === undefined) return;
      largest.forgetOldest(Math.max(1, largest.historyBytes / 8));
    }
  }

  /** Notes that the holder has forgotten so much. */
  release(holder: HistoryHolder, bytes: number): void {
    this.#usedBytes -= bytes;
    if (holder.historyBytes === 0) this.#holders.delete(holder);
  }

  #largest(): HistoryHolder | undefined {
    let largest: HistoryHolder | undefined;
    for (const holder of this.#holders) {
      if (holder.historyBytes > (largest?.historyBytes ?? 0)) largest = holder;
    }
    return largest;
  }
}
