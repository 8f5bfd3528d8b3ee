import type { CachedObject } from "./cached-object.ts";

/** How the items of a list are written. Both calls are made in the order of the list, `lengthOf` for all items first. */
export interface ItemForm {
  /** How much `write` writes. */
  lengthOf(item: CachedObject, index: number): number;
  /** Writes the item at the offset and returns the offset behind it. */
  write(item: CachedObject, index: number, buffer: Buffer, offset: number): number;
}

const comma = 0x2c;

/** A list on its way to bytes: its size is known, the bytes are made as they are taken. */
export class ListEncoding {
  readonly sizeBytes: number;
  readonly #head: Uint8Array;
  readonly #items: readonly CachedObject[];
  readonly #form: ItemForm;
  readonly #tail: Uint8Array;
  /** Between items; "" in binary forms. */
  readonly #hasCommas: boolean;
  readonly #lengths: number[] = [];

  constructor(
    head: Uint8Array,
    items: readonly CachedObject[],
    form: ItemForm,
    tail: Uint8Array,
    hasCommas = true,
  ) {
    this.#head = head;
    this.#items = items;
    this.#form = form;
    this.#tail = tail;
    this.#hasCommas = hasCommas;
    let size = head.length + tail.length;
    for (const [index, item] of items.entries()) {
      const length = form.lengthOf(item, index);
      this.#lengths.push(length);
      size += length;
    }
    this.sizeBytes = size + (hasCommas ? Math.max(0, items.length - 1) : 0);
  }

  /** All of it in a buffer of its own. */
  bytes(): Buffer {
    const buffer = Buffer.allocUnsafe(this.sizeBytes);
    for (const piece of this.pieces(() => buffer)) return piece;
    return buffer;
  }

  /** Fills one buffer after the other; an item that fits into none has one of its own. */
  *pieces(nextBuffer: () => Buffer): Generator<Buffer, void> {
    let buffer = nextBuffer();
    buffer.set(this.#head);
    let at = this.#head.length;
    for (const [index, item] of this.#items.entries()) {
      const separator = index > 0 && this.#hasCommas ? 1 : 0;
      const needed = separator + (this.#lengths[index] ?? 0);
      if (at + needed > buffer.length) {
        yield buffer.subarray(0, at);
        buffer = nextBuffer();
        if (needed > buffer.length) buffer = Buffer.allocUnsafe(needed);
        at = 0;
      }
      if (separator > 0) buffer[at++] = comma;
      at = this.#form.write(item, index, buffer, at);
    }
    if (at + this.#tail.length > buffer.length) {
      yield buffer.subarray(0, at);
      buffer = nextBuffer();
      at = 0;
    }
    buffer.set(this.#tail, at);
    yield buffer.subarray(0, at + this.#tail.length);
  }
}
