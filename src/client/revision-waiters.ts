interface Waiter {
  readonly revision: number;
  readonly listener: () => void;
}

/** Those who wait for a cache to come to a revision. While there is nobody, its changes cost nothing. */
export class RevisionWaiters {
  /** Who is next comes last; of those who wait for the same, who came first. */
  readonly #waiters: Waiter[] = [];

  add(revision: number, listener: () => void): void {
    let low = 0;
    let high = this.#waiters.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#waiters[middle]?.revision ?? 0) > revision) low = middle + 1;
      else high = middle;
    }
    this.#waiters.splice(low, 0, { revision, listener });
  }

  /** To be told of each revision that the cache comes to, once it shows what was written at it. */
  reached(resourceVersion: string): void {
    if (this.#waiters.length === 0) return;
    const revision = Number(resourceVersion);
    for (
      let next = this.#waiters.at(-1);
      next !== undefined && next.revision <= revision;
      next = this.#waiters.at(-1)
    ) {
      this.#waiters.pop();
      next.listener();
    }
  }
}
