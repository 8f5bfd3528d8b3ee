import { createHash } from "node:crypto";
import { constants, crc32, deflateRaw, gunzip } from "node:zlib";
import { joinedChecksum, shiftOf } from "./checksum.ts";

/**
 * A part of a document, kept deflated. Pieces are joined without being read again: each ends on the boundary of a byte and
 * refers to nothing before it, so that they stand one behind the other in one gzip stream.
 */
export interface Piece {
  readonly deflated: Uint8Array;
  /** Of the text. */
  readonly sizeBytes: number;
  readonly checksum: number;
  /** See checksum.ts. */
  readonly shift: number;
  /** Of the text, to tell whether it is another one. */
  readonly digest: string;
}

/** Compressed by another thread; `level` is zlib's. */
export async function deflatedPiece(content: string | Uint8Array, level = 3): Promise<Piece> {
  const bytes = bytesOf(content);
  const deflated = await new Promise<Uint8Array>((resolve, reject) => {
    deflateRaw(bytes, { finishFlush: constants.Z_FULL_FLUSH, level }, (error, result) =>
      // In memory of its own: what zlib answers is a view of more.
      error === null ? resolve(new Uint8Array(result)) : reject(error),
    );
  });
  return { ...measured(bytes), deflated };
}

/** A block of deflate cannot be longer. */
const maxStored = 65_535;

/** As it is, for what stands between the pieces. */
export function storedPiece(content: string | Uint8Array): Piece {
  const bytes = bytesOf(content);
  const blocks: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; start += maxStored) {
    const part = bytes.subarray(start, start + maxStored);
    const head = Buffer.alloc(5);
    head.writeUInt16LE(part.length, 1);
    head.writeUInt16LE(~part.length & 0xffff, 3);
    blocks.push(head, part);
  }
  return { ...measured(bytes), deflated: Buffer.concat(blocks) };
}

const bytesOf = (content: string | Uint8Array): Uint8Array =>
  typeof content === "string" ? Buffer.from(content) : content;

function measured(bytes: Uint8Array): Omit<Piece, "deflated"> {
  return {
    sizeBytes: bytes.length,
    checksum: crc32(bytes),
    shift: shiftOf(bytes.length),
    digest: createHash("sha256").update(bytes).digest("base64"),
  };
}

/** A document of pieces. */
export class JoinedDocument {
  readonly #pieces: readonly Piece[];
  /** 128 hexadecimal digits, in upper case: the entity tag, and the hash in addresses. */
  readonly hash: string;

  /** Without a hash of its own it is that of its content. */
  constructor(pieces: readonly Piece[], hash = hashOf(pieces)) {
    this.#pieces = pieces;
    this.hash = hash;
  }

  /** As one gzip stream. Nothing is compressed for it. */
  gzip(): Buffer {
    let checksum = 0;
    let sizeBytes = 0;
    for (const piece of this.#pieces) {
      checksum = joinedChecksum(checksum, piece.shift, piece.checksum);
      sizeBytes += piece.sizeBytes;
    }
    const tail = Buffer.alloc(8);
    tail.writeUInt32LE(checksum, 0);
    tail.writeUInt32LE(sizeBytes % 2 ** 32, 4);
    return Buffer.concat([gzipHead, ...this.#pieces.map(({ deflated }) => deflated), lastBlock, tail]);
  }

  /** For those who cannot read gzip; another thread inflates it. */
  plain(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      gunzip(this.gzip(), { chunkSize }, (error, result) =>
        error === null ? resolve(result) : reject(error),
      );
    });
  }
}

/** Each chunk that is inflated comes to this thread by itself. */
const chunkSize = 1 << 20;

/** No name, no time, nothing special (RFC 1952). */
const gzipHead = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);

/** An empty block that says that no other follows (RFC 1951). */
const lastBlock = Buffer.from([0x03, 0x00]);

function hashOf(pieces: readonly Piece[]): string {
  const hash = createHash("sha512");
  for (const { digest } of pieces) hash.update(digest);
  return hash.digest("hex").toUpperCase();
}
