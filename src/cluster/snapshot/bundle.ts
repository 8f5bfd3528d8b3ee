import { createHash, type Hash } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

/**
 * The file format of snapshots and failure artifacts. It is written and read as a stream, says what it is in its first
 * line, and tells a file that was cut short from one that was changed (docs/how-to/snapshots.md describes it):
 *
 *   SAMPAN snapshot 1\n                     kind and version of the format
 *   u32 length, JSON                        the header, in the clear: what `list` shows
 *   u32 length, zstd … repeated             chunks of whole records
 *   u32 0                                   the end: a file without it was cut short
 *   SHA-256                                 of everything before
 *
 * A record is `u8 type, u32 length, payload`. Type 1 begins an entry and holds its JSON; type 2 holds data of the entry
 * begun last. Numbers are little-endian.
 */
export type BundleKind = "snapshot" | "artifact";

export interface BundleRecord {
  readonly type: "entry" | "data";
  readonly bytes: Buffer;
}

/** Takes bytes in order; may keep them. */
export type Sink = (bytes: Uint8Array) => void;

/** Gives up to so many bytes, in order; none at the end. */
export type Source = (lengthMax: number) => Buffer;

const formatVersion = 1;
const entryType = 1;
const dataType = 2;
/** Large enough to compress well, small enough that nothing else waits for long. */
const chunkBytes = 1024 * 1024;
/** No chunk is written larger: a length beyond it is damage, and not to be allocated. */
const chunkBytesMax = 256 * 1024 * 1024;
/** Damage is found before anybody makes sense of what was damaged. */
const checked = { [constants.ZSTD_c_checksumFlag]: 1 };
const magic = "SAMPAN ";
const checksumBytes = 32;

/** Why a file cannot be read as what it should be; the message names the file. */
export class BundleError extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BundleError";
    this.remedy = remedy;
  }
}

/** Writes one file: the header at once, then entries, each with its data, then `end`. */
export class BundleWriter {
  readonly #sink: Sink;
  readonly #hash: Hash = createHash("sha256");
  #records: Buffer[] = [];
  #sizeBytes = 0;

  constructor(kind: BundleKind, header: object, sink: Sink) {
    this.#sink = sink;
    this.#write(Buffer.from(`${magic}${kind} ${formatVersion}\n`));
    const json = Buffer.from(JSON.stringify(header));
    this.#write(u32(json.byteLength));
    this.#write(json);
  }

  /** Begins an entry. */
  entry(value: object): void {
    this.#add(entryType, Buffer.from(JSON.stringify(value)));
  }

  /** Data of the entry begun last. The bytes must not change until the next call returns. */
  data(bytes: Uint8Array): void {
    this.#add(dataType, bytes);
  }

  end(): void {
    this.#flush();
    this.#write(u32(0));
    this.#sink(this.#hash.digest());
  }

  #add(type: number, payload: Uint8Array): void {
    const head = Buffer.allocUnsafe(5);
    head.writeUInt8(type, 0);
    head.writeUInt32LE(payload.byteLength, 1);
    this.#records.push(head, Buffer.from(payload));
    this.#sizeBytes += head.byteLength + payload.byteLength;
    if (this.#sizeBytes >= chunkBytes) this.#flush();
  }

  #flush(): void {
    if (this.#sizeBytes === 0) return;
    const compressed = zstdCompressSync(Buffer.concat(this.#records, this.#sizeBytes), {
      params: checked,
    });
    this.#records = [];
    this.#sizeBytes = 0;
    this.#write(u32(compressed.byteLength));
    this.#write(compressed);
  }

  #write(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#sink(bytes);
  }
}

/**
 * Reads a file that `BundleWriter` wrote. `header` can be had without reading the rest; what `records` gave counts only
 * once it has come to its end. Both throw BundleError.
 */
export class BundleReader {
  readonly header: Readonly<Record<string, unknown>>;
  readonly #name: string;
  readonly #kind: BundleKind;
  readonly #source: Source;
  readonly #hash: Hash = createHash("sha256");

  /** `name` is what messages call the file. */
  constructor(kind: BundleKind, name: string, source: Source) {
    this.#kind = kind;
    this.#name = name;
    this.#source = source;
    this.#readFirstLine();
    this.header = this.#json(this.#read(this.#length()));
  }

  /** The records, in order. */
  *records(): Generator<BundleRecord, void> {
    for (;;) {
      const length = this.#length();
      if (length === 0) break;
      yield* this.#recordsOf(this.#decompress(this.#read(length)));
    }
    const expected = this.#hash.digest();
    if (!expected.equals(this.#take(checksumBytes))) throw this.#damaged("its checksum does not match");
  }

  *#recordsOf(chunk: Buffer): Generator<BundleRecord, void> {
    for (let offset = 0; offset < chunk.byteLength; ) {
      if (offset + 5 > chunk.byteLength) throw this.#damaged("a record is cut");
      const type = chunk.readUInt8(offset);
      const end = offset + 5 + chunk.readUInt32LE(offset + 1);
      if (end > chunk.byteLength || (type !== entryType && type !== dataType)) {
        throw this.#damaged("a record makes no sense");
      }
      yield { type: type === entryType ? "entry" : "data", bytes: chunk.subarray(offset + 5, end) };
      offset = end;
    }
  }

  #readFirstLine(): void {
    const line = Buffer.concat([this.#read(magic.length), ...this.#untilLineEnd()]).toString("latin1");
    const [, kind, version] = /^SAMPAN ([a-z]+) (\d+)\n$/.exec(line) ?? [];
    if (kind === undefined) throw this.#foreign();
    if (kind !== this.#kind) {
      throw new BundleError(
        `${this.#name} is no ${this.#kind}, but a Sampan ${kind}`,
        kind === "artifact" ? "look into it with: sampan replay FILE" : "restore it with: sampan snapshot",
      );
    }
    if (Number(version) !== formatVersion) {
      throw new BundleError(
        `${this.#name} has format ${version}, this version of Sampan reads format ${formatVersion}`,
        "use the version of Sampan that wrote it, or a newer one",
      );
    }
  }

  #untilLineEnd(): Buffer[] {
    const rest: Buffer[] = [];
    while (rest.length < 32) {
      const byte = this.#read(1);
      rest.push(byte);
      if (byte[0] === 0x0a) return rest;
    }
    throw this.#foreign();
  }

  #foreign(): BundleError {
    return new BundleError(
      `${this.#name} is no ${this.#kind} of Sampan`,
      `name a file that Sampan wrote as ${this.#kind === "snapshot" ? "a snapshot" : "a failure artifact"}`,
    );
  }

  #length(): number {
    const length = this.#read(4).readUInt32LE(0);
    if (length > chunkBytesMax) throw this.#damaged("a length makes no sense");
    return length;
  }

  #decompress(bytes: Buffer): Buffer {
    try {
      return zstdDecompressSync(bytes, { maxOutputLength: 2 * chunkBytesMax });
    } catch (cause) {
      throw this.#damaged("a part of it cannot be unpacked", cause);
    }
  }

  #json(bytes: Buffer): Record<string, unknown> {
    try {
      const value: unknown = JSON.parse(bytes.toString("utf8"));
      if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value));
    } catch {
      // Told below.
    }
    throw this.#damaged("its header is no JSON");
  }

  #read(length: number): Buffer {
    const bytes = this.#take(length);
    this.#hash.update(bytes);
    return bytes;
  }

  #take(length: number): Buffer {
    const parts: Buffer[] = [];
    for (let missing = length; missing > 0; ) {
      const part = this.#source(missing);
      if (part.byteLength === 0) {
        throw new BundleError(
          `${this.#name} is cut short: its end is missing`,
          "it was not copied or written to its end; take another copy",
        );
      }
      parts.push(part);
      missing -= part.byteLength;
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }

  #damaged(why: string, cause?: unknown): BundleError {
    return new BundleError(
      `${this.#name} is damaged: ${why}`,
      "it was changed since it was written; take another copy",
      cause === undefined ? {} : { cause },
    );
  }
}

/** Gives the bytes of a buffer. */
export function bufferSource(bytes: Uint8Array): Source {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  return (lengthMax) => {
    const part = buffer.subarray(offset, offset + lengthMax);
    offset += part.byteLength;
    return part;
  };
}

function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
