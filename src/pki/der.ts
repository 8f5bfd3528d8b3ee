/**
 * Just enough DER (X.690) to write and read certificates and signing requests. Node's own parser checks signatures and
 * chains; it can neither write a certificate nor show one organisation apart from another, so this file does.
 */

/** Universal tags; constructed ones carry bit 0x20. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One value: tag, length, content. */
export function tlv(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.from([tag]), lengthOctets(length), ...content]);
}

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest & 0xff);
  return Buffer.from([0x80 | octets.length, ...octets]);
}

export const sequence = (...content: readonly Uint8Array[]): Buffer => tlv(tags.sequence, ...content);
/** A SET OF with its members in DER order. */
export const setOf = (...content: readonly Uint8Array[]): Buffer =>
  tlv(tags.set, ...content.toSorted((a, b) => Buffer.compare(a, b)));
export const utf8String = (text: string): Buffer => tlv(tags.utf8String, Buffer.from(text, "utf8"));
export const octetString = (content: Uint8Array): Buffer => tlv(tags.octetString, content);
export const boolean = (value: boolean): Buffer => tlv(tags.boolean, Buffer.from([value ? 0xff : 0]));
export const nullValue = (): Buffer => tlv(tags.null);
/** A context-specific value; `constructed` when its content is itself DER. */
export const context = (number: number, constructed: boolean, ...content: readonly Uint8Array[]): Buffer =>
  tlv((constructed ? 0xa0 : 0x80) | number, ...content);

/** A non-negative integer from big-endian bytes, in the shortest form. */
export function integer(value: Uint8Array | number): Buffer {
  const bytes = typeof value === "number" ? bigEndian(value) : Buffer.from(value);
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const shortest = bytes.subarray(start);
  const sign = (shortest[0] ?? 0) >= 0x80 ? Buffer.from([0]) : Buffer.alloc(0);
  return tlv(tags.integer, sign, shortest);
}

function bigEndian(value: number): Buffer {
  const octets: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest & 0xff);
  return Buffer.from(octets.length === 0 ? [0] : octets);
}

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split(".").map(Number);
  const octets = [first * 40 + second, ...others].flatMap(base128);
  return tlv(tags.oid, Buffer.from(octets));
}

function base128(value: number): number[] {
  const octets = [value & 0x7f];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    octets.unshift((rest & 0x7f) | 0x80);
  }
  return octets;
}

/** A BIT STRING of whole octets: keys and signatures. */
export const bitString = (content: Uint8Array): Buffer =>
  tlv(tags.bitString, Buffer.from([0]), Buffer.from(content));

/** A named bit list: bit 0 is the most significant of the first octet; trailing zero bits are left out, as DER asks. */
export function bitList(bits: readonly number[]): Buffer {
  if (bits.length === 0) return tlv(tags.bitString, Buffer.from([0]));
  const highest = Math.max(...bits);
  const octets = Buffer.alloc(Math.floor(highest / 8) + 1);
  for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return tlv(tags.bitString, Buffer.from([7 - (highest & 7)]), octets);
}

/** RFC 5280 4.1.2.5: UTCTime until 2049, GeneralizedTime from 2050. */
export function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  const year = Number(digits.slice(0, 4));
  return year >= 1950 && year < 2050
    ? tlv(tags.utcTime, Buffer.from(digits.slice(2)))
    : tlv(tags.generalizedTime, Buffer.from(digits));
}

/** What cannot be read as DER. */
export class DerError extends Error {
  override readonly name = "DerError";
}

/** One value that was read. `raw` includes tag and length. */
export interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
  readonly raw: Buffer;
}

/** Reads one value from the start of the bytes; throws DerError. */
export function readValue(bytes: Uint8Array): DerValue {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = buffer[0];
  const first = buffer[1];
  if (tag === undefined || first === undefined) throw new DerError("truncated value");
  if ((tag & 0x1f) === 0x1f) throw new DerError("tags above 30 are not supported");
  let length = first;
  let start = 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4 || buffer.length < 2 + count) throw new DerError("bad length");
    length = buffer.readUIntBE(2, count);
    start = 2 + count;
    if (length < 0x80 || buffer[2] === 0) throw new DerError("length is not in its shortest form");
  }
  if (buffer.length < start + length) throw new DerError("truncated value");
  return { tag, content: buffer.subarray(start, start + length), raw: buffer.subarray(0, start + length) };
}

/** Reads all values of a constructed value's content, or of a byte string; throws DerError. */
export function readAll(bytes: Uint8Array): DerValue[] {
  const values: DerValue[] = [];
  for (let rest = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength); rest.length > 0; ) {
    const value = readValue(rest);
    values.push(value);
    rest = rest.subarray(value.raw.length);
  }
  return values;
}

/** The members of a value that must have the tag; throws DerError. */
export function membersOf(value: DerValue | undefined, tag: number = tags.sequence): DerValue[] {
  return readAll(expectTag(value, tag).content);
}

/** The value itself when it has the tag; throws DerError otherwise. */
export function expectTag(value: DerValue | undefined, tag: number): DerValue {
  if (value?.tag !== tag) {
    throw new DerError(`expected tag ${tag.toString(16)}, found ${value?.tag.toString(16) ?? "nothing"}`);
  }
  return value;
}

export function readOid(value: DerValue | undefined): string {
  const { content } = expectTag(value, tags.oid);
  const numbers: number[] = [];
  let current = 0;
  for (const octet of content) {
    current = current * 128 + (octet & 0x7f);
    if (octet < 0x80) {
      numbers.push(current);
      current = 0;
    }
  }
  const [head = 0, ...others] = numbers;
  const first = Math.min(2, Math.floor(head / 40));
  return [first, head - first * 40, ...others].join(".");
}

/** The text of any of the string types that names use. */
export function readText(value: DerValue): string {
  switch (value.tag) {
    case tags.utf8String:
    case tags.printableString:
    case tags.ia5String:
      return value.content.toString("utf8");
    case tags.t61String:
      return value.content.toString("latin1");
    case tags.bmpString:
      return Buffer.from(value.content).swap16().toString("utf16le");
    default:
      throw new DerError(`tag ${value.tag.toString(16)} is not a string`);
  }
}

/** Milliseconds since the epoch of a UTCTime or GeneralizedTime. */
export function readTime(value: DerValue | undefined): number {
  const text = value?.content.toString("latin1") ?? "";
  const year =
    value?.tag === tags.utcTime
      ? `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text.slice(0, 2)}`
      : text.slice(0, 4);
  const rest = value?.tag === tags.utcTime ? text.slice(2) : text.slice(4);
  const match = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(rest);
  if (match === null) throw new DerError("bad time");
  const [month = 1, day = 1, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  return Date.UTC(Number(year), month - 1, day, hour, minute, second);
}

/** The octets of a BIT STRING without unused bits. */
export function readBitString(value: DerValue | undefined): Buffer {
  const { content } = expectTag(value, tags.bitString);
  if (content[0] !== 0) throw new DerError("unused bits in a bit string of octets");
  return content.subarray(1);
}

/** The numbers of the bits that are set in a named bit list. */
export function readBitList(value: DerValue | undefined): number[] {
  const { content } = expectTag(value, tags.bitString);
  const bits: number[] = [];
  for (let bit = 0; bit < (content.length - 1) * 8; bit++) {
    if (((content[1 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0) bits.push(bit);
  }
  return bits;
}
