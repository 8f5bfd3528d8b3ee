import type { FormerVersion } from "../archive.ts";

/** How a version is kept: not at all, as it is, or its value only where that is ciphertext. */
export const keeping = { not: 0, whole: 1, sealed: 2 } as const;

/** Key's length, revisions, the value's length or one of these in its place; then key and value. */
const rowHeadBytes = 24;
const deletion = -1;
const notKept = -2;

/** How much one version takes. */
export const versionBytes = ({ key, value }: FormerVersion): number =>
  rowHeadBytes + key.length + (value?.length ?? 0);

export function packVersions(versions: readonly FormerVersion[]): Buffer {
  const keys = versions.map(({ key }) => Buffer.from(key));
  const sizeBytes = versions.reduce(
    (sum, { value }, index) => sum + rowHeadBytes + (keys[index]?.length ?? 0) + (value?.length ?? 0),
    0,
  );
  const packed = Buffer.allocUnsafe(sizeBytes);
  let offset = 0;
  for (const [index, { revision, createRevision, isDeletion, value }] of versions.entries()) {
    const key = keys[index] ?? Buffer.of();
    packed.writeUInt32LE(key.length, offset);
    packed.writeDoubleLE(revision, offset + 4);
    packed.writeDoubleLE(createRevision, offset + 12);
    packed.writeInt32LE(isDeletion ? deletion : (value?.length ?? notKept), offset + 20);
    packed.set(key, offset + rowHeadBytes);
    offset += rowHeadBytes + key.length;
    if (value === undefined) continue;
    packed.set(value, offset);
    offset += value.length;
  }
  return packed;
}

/** Those that are wanted; their values are copies, so that a few of them do not keep the rest in memory. */
export function unpackVersions(packed: Buffer, isWanted: (key: string) => boolean): FormerVersion[] {
  const versions: FormerVersion[] = [];
  for (let offset = 0; offset + rowHeadBytes <= packed.length; ) {
    const keyEnd = offset + rowHeadBytes + packed.readUInt32LE(offset);
    const key = packed.toString("utf8", offset + rowHeadBytes, keyEnd);
    const length = packed.readInt32LE(offset + 20);
    const end = keyEnd + Math.max(0, length);
    if (isWanted(key)) {
      versions.push({
        key,
        revision: packed.readDoubleLE(offset + 4),
        createRevision: packed.readDoubleLE(offset + 12),
        isDeletion: length === deletion,
        value: length < 0 ? undefined : new Uint8Array(packed.subarray(keyEnd, end)),
      });
    }
    offset = end;
  }
  return versions;
}
