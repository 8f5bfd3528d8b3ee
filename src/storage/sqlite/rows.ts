/**
 * How changes travel between the threads: keys and numbers as plain arrays, all values in one buffer whose ownership
 * moves. Posting each value on its own would copy the whole memory that it is a view of.
 */
export interface Row {
  readonly revision: number;
  readonly key: string;
  readonly createRevision: number;
  /** Undefined for a deletion; `leftOut` where it was not read. */
  readonly value: Uint8Array | undefined;
  /** What was put beside the value. In memory of its own. */
  readonly outline?: Uint8Array | undefined;
  /** Of the value, where it was left out and the outline stands for it. */
  readonly sizeBytes?: number | undefined;
}

/** Stands for a value that stays in the file. */
export const leftOut = new Uint8Array();

export interface PackedRows {
  readonly revisions: number[];
  readonly keys: string[];
  readonly createRevisions: number[];
  /** The length of each value; -1 for a deletion, -2 for one that was left out. */
  readonly lengths: number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Few have one. */
  readonly outlines?: readonly Outline[];
}

interface Outline {
  /** Of the row. */
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly sizeBytes: number | undefined;
}

/**
 * `allocate` gives the buffer for the values, of the size asked for or larger. Without it the rows are the caller's to give
 * away: the memory of a single value is moved, not copied.
 */
export function packRows(rows: readonly Row[], allocate?: (sizeBytes: number) => ArrayBuffer): PackedRows {
  const revisions: number[] = [];
  const keys: string[] = [];
  const createRevisions: number[] = [];
  const lengths: number[] = [];
  let sizeBytes = 0;
  let outlines: Outline[] | undefined;
  for (const { revision, key, createRevision, value, outline, sizeBytes: sizeInFile } of rows) {
    if (outline !== undefined) {
      outlines ??= [];
      outlines.push({ index: keys.length, bytes: outline, sizeBytes: sizeInFile });
    }
    revisions.push(revision);
    keys.push(key);
    createRevisions.push(createRevision);
    lengths.push(value === leftOut ? -2 : (value?.byteLength ?? -1));
    sizeBytes += value?.byteLength ?? 0;
  }
  const own = allocate === undefined && rows.length === 1 ? wholeBuffer(rows[0]?.value) : undefined;
  const rest = outlines === undefined ? {} : { outlines };
  if (own !== undefined)
    return { revisions, keys, createRevisions, lengths, bytes: new Uint8Array(own), ...rest };
  const bytes = new Uint8Array(allocate?.(sizeBytes) ?? new ArrayBuffer(sizeBytes), 0, sizeBytes);
  let offset = 0;
  for (const { value } of rows) {
    if (value === undefined) continue;
    bytes.set(value, offset);
    offset += value.byteLength;
  }
  return { revisions, keys, createRevisions, lengths, bytes, ...rest };
}

/** The memory of the value, where nothing else lies in it. */
function wholeBuffer(value: Uint8Array | undefined): ArrayBuffer | undefined {
  if (value === undefined || value.byteLength === 0) return undefined;
  const { buffer } = value;
  return buffer instanceof ArrayBuffer && buffer.byteLength === value.byteLength ? buffer : undefined;
}

/**
 * Buffers that the writer has given back. A fresh one is cleared, and its pages are asked of the kernel, which costs
 * more than what is copied into it.
 */
export class BufferPool {
  readonly #buffers: ArrayBuffer[] = [];

  take(sizeBytes: number): ArrayBuffer {
    const index = this.#buffers.findIndex((buffer) => buffer.byteLength >= sizeBytes);
    const [found] = index < 0 ? [] : this.#buffers.splice(index, 1);
    return found ?? new ArrayBuffer(Math.ceil(sizeBytes / bufferStepBytes) * bufferStepBytes);
  }

  give(buffer: ArrayBuffer): void {
    if (buffer.byteLength > bufferBytesMax) return;
    this.#buffers.push(buffer);
    if (this.#buffers.length > buffersMax) this.#buffers.shift();
  }
}

/** As much as a group of some hundred writes has; larger ones are rare and not kept. */
const bufferBytesMax = 512 * 1024;
const bufferStepBytes = 64 * 1024;
const buffersMax = 4;

/** The rows; their values are views of the packed bytes. */
export function unpackRows(packed: PackedRows): Row[] {
  const { bytes, lengths, outlines = [] } = packed;
  let offset = 0;
  const rows: Row[] = packed.keys.map((key, index) => {
    const length = lengths[index] ?? -1;
    const value = length >= 0 ? bytes.subarray(offset, offset + length) : length === -1 ? undefined : leftOut;
    offset += Math.max(0, length);
    return {
      revision: packed.revisions[index] ?? 0,
      key,
      createRevision: packed.createRevisions[index] ?? 0,
      value,
    };
  });
  for (const { index, bytes: outline, sizeBytes } of outlines) {
    const row = rows[index];
    if (row !== undefined) rows[index] = { ...row, outline, sizeBytes };
  }
  return rows;
}

/** Names versions: the change of a key in a commit. */
export interface PackedVersions {
  readonly revisions: number[];
  readonly keys: string[];
}
