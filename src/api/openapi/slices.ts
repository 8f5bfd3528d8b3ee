/** Collects a long text, or bytes, and lets others have their turn after each part: a part is a few milliseconds of work. */
export class Slices {
  readonly #parts: Uint8Array[] = [];

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  async add(part: string | Uint8Array): Promise<void> {
    this.#parts.push(typeof part === "string" ? Buffer.from(part) : part);
    await othersTurn();
  }

  /** The separator stands between what was added. */
  joined(separator: string): Buffer {
    const between = Buffer.from(separator);
    return Buffer.concat(this.#parts.flatMap((part, index) => (index === 0 ? [part] : [between, part])));
  }
}

const othersTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The items in groups of so many. */
export function* batches<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
