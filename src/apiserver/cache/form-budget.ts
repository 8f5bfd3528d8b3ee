/** Who keeps forms, and can do without. */
export interface FormHolder {
  dropForms(): void;
}

/**
 * How much memory forms of objects other than their JSON may take: what clients of protobuf list again and again is made
 * once. When it is used up, what was made first goes first.
 */
export class FormBudget {
  readonly #maxBytes: number;
  #usedBytes = 0;
  /** The bytes of each, in the order in which they came. */
  readonly #holders = new Map<FormHolder, number>();

  constructor(maxBytes = 32 * 1024 * 1024) {
    this.#maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Notes that the holder keeps so much more. May make others, or even the holder, drop what they keep. */
  keep(holder: FormHolder, bytes: number): void {
    this.#holders.set(holder, (this.#holders.get(holder) ?? 0) + bytes);
    this.#usedBytes += bytes;
    for (const [oldest] of this.#holders) {
      if (this.#usedBytes <= this.#maxBytes) return;
      this.release(oldest);
    }
  }

  /** Makes the holder drop its forms, if it has any. */
  release(holder: FormHolder): void {
    const bytes = this.#holders.get(holder);
    if (bytes === undefined) return;
    this.#holders.delete(holder);
    this.#usedBytes -= bytes;
    holder.dropForms();
  }
}
