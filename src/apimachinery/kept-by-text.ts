/** How much `KeptByText` holds. */
export interface KeptByTextBounds {
  readonly entriesMax: number;
  /** Of all texts together, in characters; what is made of a text is taken to grow with it. */
  readonly lengthMax: number;
}

/**
 * What was made of texts that clients send again and again: patterns, headers, names. There is no end of such texts, nor of
 * their length, so both the number and the length of those that are kept have a bound; the oldest goes first.
 */
export class KeptByText<T> {
  readonly #bounds: KeptByTextBounds;
  readonly #kept = new Map<string, T>();
  #length = 0;

  constructor(bounds: KeptByTextBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(text: string): T | undefined {
    return this.#kept.get(text);
  }

  /** A text that would take more than a tenth of the room is not kept: it would cost too many others their place. */
  set(text: string, value: T): void {
    const { entriesMax, lengthMax } = this.#bounds;
    if (text.length > lengthMax / 10) return;
    if (!this.#kept.has(text)) this.#length += text.length;
    this.#kept.set(text, value);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= entriesMax && this.#length <= lengthMax) return;
      this.#kept.delete(oldest);
      this.#length -= oldest.length;
    }
  }

  clear(): void {
    this.#kept.clear();
    this.#length = 0;
  }
}
