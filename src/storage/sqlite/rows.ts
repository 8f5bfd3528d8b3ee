/**
 * How changes travel between the threads: keys and numbers as plain arrays, all values in one buffer whose ownership
 * moves. Posting each value on its own would copy the whole memory that it is a view of.
 */
export interface Row {
  readonly revision: number;
  readonly key: string;
  readonly createRevision: number;
  /** Undefined for a deletion. */
  readonly value: Uint8Array | undefined;
}

export interface PackedRows {
  readonly revisions: number[];
  readonly keys: string[];
  readonly createRevisions: number[];
  /** The length of each value; -1 for a deletion. */
  readonly lengths: number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function packRows(rows: readonly Row[]): PackedRows {
  let sizeBytes = 0;
  for (const { value } of rows) sizeBytes += value?.byteLength ?? 0;
  const bytes = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const { value } of rows) {
    if (value === undefined) continue;
    bytes.set(value, offset);
    offset += value.byteLength;
  }
  return {
    revisions: rows.map((row) => row.revision),
    keys: rows.map((row) => row.key),
    createRevisions: rows.map((row) => row.createRevision),
    lengths: rows.map((row) => row.value?.byteLength ?? -1),
    bytes,
  };
}

/** The rows; their values are views of the packed bytes. */
export function unpackRows(packed: PackedRows): Row[] {
  const { bytes, lengths } = packed;
  let offset = 0;
  return packed.keys.map((key, index) => {
    const length = lengths[index] ?? -1;
    const value = length < 0 ? undefined : bytes.subarray(offset, offset + length);
    offset += Math.max(0, length);
    return {
      revision: packed.revisions[index] ?? 0,
      key,
      createRevision: packed.createRevisions[index] ?? 0,
      value,
    };
  });
}

/** Names versions: the change of a key in a commit. */
export interface PackedVersions {
  readonly revisions: number[];
  readonly keys: string[];
}
