import { constants, crc32, zstdCompressSync, zstdDecompress } from "node:zlib";

/** What a block holds. */
export const blockTypes = { notes: 1, versions: 2 } as const;

/** A piece of a file of the archive, which says itself whether it is whole. */
export interface Block {
  readonly type: number;
  /** Between these revisions lies all that it tells of. */
  readonly first: number;
  readonly last: number;
  readonly isCompressed: boolean;
  readonly payload: Uint8Array;
}

/**
 * Magic, type, flags; lengths of the payload as it lies and as it is meant; first and last revision; checksum of all
 * before it and of the payload.
 */
const headBytes = 36;
const magic = 0x53414831;
/** Less is not worth the work. */
const compressBytesMin = 256;
/** As zlib's fastest: the states of one object hardly differ, so more effort gains little. */
const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

export function encodeBlock(type: number, first: number, last: number, content: Uint8Array): Buffer {
  const isCompressed = content.length >= compressBytesMin;
  const payload = isCompressed ? zstdCompressSync(content, level) : content;
  const block = Buffer.allocUnsafe(headBytes + payload.length);
  block.writeUInt32LE(magic, 0);
  block.writeUInt16LE(type, 4);
  block.writeUInt16LE(isCompressed ? 1 : 0, 6);
  block.writeUInt32LE(payload.length, 8);
  block.writeUInt32LE(content.length, 12);
  block.writeDoubleLE(first, 16);
  block.writeDoubleLE(last, 24);
  block.set(payload, headBytes);
  block.writeUInt32LE(checksumOf(block), 32);
  return block;
}

/** The blocks up to the first that is not whole; what a crash left behind it is as if it had not been written. */
export function* blocksIn(bytes: Buffer): Generator<Block & { readonly end: number }, void> {
  for (let start = 0; start + headBytes <= bytes.length; ) {
    if (bytes.readUInt32LE(start) !== magic) return;
    const end = start + headBytes + bytes.readUInt32LE(start + 8);
    if (end > bytes.length) return;
    const block = bytes.subarray(start, end);
    if (checksumOf(block) !== block.readUInt32LE(32)) return;
    yield {
      type: block.readUInt16LE(4),
      first: block.readDoubleLE(16),
      last: block.readDoubleLE(24),
      isCompressed: block.readUInt16LE(6) === 1,
      payload: block.subarray(headBytes),
      end,
    };
    start = end;
  }
}

/** What the block holds; read by threads of the system's, so that nobody waits for a long history. */
export function contentOf({ isCompressed, payload }: Block): Promise<Buffer> {
  if (!isCompressed) return Promise.resolve(Buffer.from(payload));
  return new Promise((resolve, reject) =>
    zstdDecompress(payload, (error, content) => (error === null ? resolve(content) : reject(error))),
  );
}

const checksumOf = (block: Buffer): number =>
  crc32(block.subarray(headBytes), crc32(block.subarray(0, headBytes - 4)));
