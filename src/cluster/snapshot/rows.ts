import type { KeyValue } from "../../storage/storage.ts";
import type { BundleWriter } from "./bundle.ts";

/** A key as a commit left it; a value of undefined is a deletion. */
export interface Row {
  readonly key: string;
  readonly revision: number;
  readonly createRevision: number;
  readonly value: Uint8Array | undefined;
}

const deleted = 0xffff_ffff;
/** So much is packed into one record. */
const packBytes = 256 * 1024;

/** Writes rows as data of the entry begun last. */
export function writeRows(writer: BundleWriter, rows: Iterable<Row>): void {
  let parts: Uint8Array[] = [];
  let sizeBytes = 0;
  const flush = (): void => {
    if (sizeBytes > 0) writer.data(Buffer.concat(parts, sizeBytes));
    parts = [];
    sizeBytes = 0;
  };
  for (const { key, revision, createRevision, value } of rows) {
    const name = Buffer.from(key);
    const head = Buffer.allocUnsafe(24);
    head.writeDoubleLE(revision, 0);
    head.writeDoubleLE(createRevision, 8);
    head.writeUInt32LE(name.byteLength, 16);
    head.writeUInt32LE(value?.byteLength ?? deleted, 20);
    parts.push(head, name);
    sizeBytes += head.byteLength + name.byteLength;
    if (value !== undefined) {
      parts.push(value);
      sizeBytes += value.byteLength;
    }
    if (sizeBytes >= packBytes) flush();
  }
  flush();
}

/** The rows of one record of data. Values are views of it. */
export function* readRows(bytes: Buffer): Generator<Row, void> {
  for (let offset = 0; offset < bytes.byteLength; ) {
    const keyStart = offset + 24;
    const valueStart = keyStart + bytes.readUInt32LE(offset + 16);
    const length = bytes.readUInt32LE(offset + 20);
    const end = length === deleted ? valueStart : valueStart + length;
    if (end > bytes.byteLength) throw new RangeError("a row is cut");
    yield {
      key: bytes.toString("utf8", keyStart, valueStart),
      revision: bytes.readDoubleLE(offset),
      createRevision: bytes.readDoubleLE(offset + 8),
      value: length === deleted ? undefined : bytes.subarray(valueStart, end),
    };
    offset = end;
  }
}

export const rowOf = ({ key, value, createRevision, modRevision }: KeyValue): Row => ({
  key,
  value,
  createRevision,
  revision: modRevision,
});

/** What is a value now; throws TypeError for a deletion, which a state does not hold. */
export function keyValueOf({ key, value, createRevision, revision }: Row): KeyValue {
  if (value === undefined) throw new TypeError(`${key} is a deletion, not a value`);
  return { key, value, createRevision, modRevision: revision };
}
