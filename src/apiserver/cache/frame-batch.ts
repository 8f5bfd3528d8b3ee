/** Bytes for many clients: what HTTP/1.1 puts around a chunk is put around them once. */
export class SharedBytes {
  readonly bytes: Uint8Array;
  #chunk: Buffer | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The bytes as one chunk of a chunked body. */
  get chunk(): Uint8Array {
    this.#chunk ??= Buffer.concat([
      Buffer.from(`${this.bytes.length.toString(16)}\r\n`, "latin1"),
      this.bytes,
      Buffer.from("\r\n", "latin1"),
    ]);
    return this.#chunk;
  }
}

/**
 * Frames in the order in which a watcher is to get them. Watchers that get the same frames hold the same batch, whose
 * bytes are put together once: batches form a tree, each the one before it and one more frame.
 */
export class FrameBatch {
  readonly sizeBytes: number;
  readonly #before: FrameBatch | undefined;
  readonly #frame: Uint8Array | undefined;
  /** The batch with one more frame: nearly always there is one. */
  #next: FrameBatch | undefined;
  #otherNext: Map<Uint8Array, FrameBatch> | undefined;
  #shared: SharedBytes | undefined;

  constructor(before?: FrameBatch, frame?: Uint8Array) {
    this.#before = before;
    this.#frame = frame;
    this.sizeBytes = (before?.sizeBytes ?? 0) + (frame?.length ?? 0);
  }

  /** This batch and one frame more. Frames are told apart by identity. */
  with(frame: Uint8Array): FrameBatch {
    if (this.#next === undefined) {
      this.#next = new FrameBatch(this, frame);
      return this.#next;
    }
    if (this.#next.#frame === frame) return this.#next;
    this.#otherNext ??= new Map();
    let next = this.#otherNext.get(frame);
    if (next === undefined) {
      next = new FrameBatch(this, frame);
      this.#otherNext.set(frame, next);
    }
    return next;
  }

  /** All frames as one. */
  get shared(): SharedBytes {
    this.#shared ??= new SharedBytes(FrameBatch.#join(this));
    return this.#shared;
  }

  static #join(last: FrameBatch): Uint8Array {
    if (last.#frame !== undefined && last.#frame.length === last.sizeBytes) return last.#frame;
    const bytes = Buffer.allocUnsafe(last.sizeBytes);
    let end = bytes.length;
    for (let batch: FrameBatch | undefined = last; batch !== undefined; batch = batch.#before) {
      if (batch.#frame === undefined) continue;
      end -= batch.#frame.length;
      bytes.set(batch.#frame, end);
    }
    return bytes;
  }
}
