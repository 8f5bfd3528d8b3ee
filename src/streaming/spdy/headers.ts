/**
 * Header blocks of SPDY/3.1: a list of name and value pairs inside one zlib stream that lasts as long as the session and
 * starts from a dictionary both sides know.
 *
 * We write with stored (uncompressed) blocks: header blocks here are a few dozen bytes, and stored blocks need no state and
 * no waiting. Reading needs a real inflater, because peers compress.
 */
import { constants, createInflate, type Inflate } from "node:zlib";

/** Words of the dictionary that carry a four-byte length in front (SPDY Protocol Draft 3.1, section 2.6.10.1). */
const prefixedWords =
  "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin".split(
    " ",
  );

/** Its tail: codes, dates and media types that run into each other. */
const tail = [
  "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505",
  "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized",
  "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable",
  "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT",
  "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,",
  "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.",
].join("");

export const dictionary: Buffer = Buffer.concat([
  ...prefixedWords.map((word) => lengthPrefixed(word.replace("_", " "))),
  Buffer.from(tail, "latin1"),
]);

function lengthPrefixed(text: string): Buffer {
  const body = Buffer.from(text, "utf8");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** Adler-32, by which zlib names a dictionary. */
function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return ((b << 16) | a) >>> 0;
}

const syncMarker = Buffer.from([0, 0, 0, 0xff, 0xff]);

/** Writes header blocks. One per session and direction: the first block opens the zlib stream. */
export class HeaderWriter {
  #opened = false;

  encode(headers: Iterable<readonly [string, string]>): Buffer {
    const pairs = [...headers];
    const count = Buffer.alloc(4);
    count.writeUInt32BE(pairs.length);
    const plain = Buffer.concat([
      count,
      ...pairs.flatMap(([name, value]) => [lengthPrefixed(name.toLowerCase()), lengthPrefixed(value)]),
    ]);
    const parts: Buffer[] = [];
    if (!this.#opened) {
      this.#opened = true;
      const opening = Buffer.from([0x78, 0xbb, 0, 0, 0, 0]);
      opening.writeUInt32BE(adler32(dictionary), 2);
      parts.push(opening);
    }
    // A stored block holds at most 65,535 bytes.
    for (let offset = 0; offset < plain.length; offset += 0xffff) {
      const piece = plain.subarray(offset, offset + 0xffff);
      const head = Buffer.alloc(5);
      head.writeUInt16LE(piece.length, 1);
      head.writeUInt16LE(~piece.length & 0xffff, 3);
      parts.push(head, piece);
    }
    // An empty block says that all before it may be used: Go's inflater waits for it, as a sync flush of zlib writes it.
    parts.push(syncMarker);
    return Buffer.concat(parts);
  }
}

/** Reads header blocks, in the order in which they arrived. */
export class HeaderReader {
  readonly #inflate: Inflate = createInflate({ dictionary, finishFlush: constants.Z_SYNC_FLUSH });
  #plain: Buffer[] = [];
  #fail: (error: Error) => void = () => {};

  constructor() {
    this.#inflate.on("data", (chunk: Buffer) => this.#plain.push(chunk));
    this.#inflate.on("error", (error) => this.#fail(error));
  }

  /** Rejects on what is no header block; the session cannot go on after that. */
  async decode(block: Uint8Array): Promise<Map<string, string>> {
    this.#plain = [];
    await new Promise<void>((resolve, reject) => {
      this.#fail = reject;
      this.#inflate.write(block);
      this.#inflate.flush(constants.Z_SYNC_FLUSH, resolve);
    });
    return parsePairs(Buffer.concat(this.#plain));
  }

  close(): void {
    this.#inflate.close();
  }
}

function parsePairs(plain: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let offset = 0;
  const next = (): Buffer => {
    const length = plain.readUInt32BE(offset);
    if (offset + 4 + length > plain.length) throw new RangeError("a SPDY header block ends early");
    const value = plain.subarray(offset + 4, offset + 4 + length);
    offset += 4 + length;
    return value;
  };
  const count = plain.length < 4 ? 0 : plain.readUInt32BE(0);
  offset = 4;
  for (let pair = 0; pair < count; pair++)
    headers.set(next().toString("utf8").toLowerCase(), next().toString("utf8"));
  return headers;
}
