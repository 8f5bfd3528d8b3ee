/**
 * Writes protobuf messages of texts, flags and nested messages. A message's length stands before it, so each is
 * written with room for the greatest length, and the room that was not needed is closed when the message ends.
 */
export class ProtobufWriter {
  #buffer = Buffer.allocUnsafe(1 << 16);
  #length = 0;

  /** Fields without a value are left out, as are empty texts, which is what they are read as. */
  text(field: number, value: unknown): void {
    if (typeof value !== "string" || value === "") return;
    const size = Buffer.byteLength(value);
    this.#reserve(size + 20);
    this.#varint((field << 3) | 2);
    this.#varint(size);
    this.#length += this.#buffer.write(value, this.#length);
  }

  flag(field: number, value: unknown): void {
    if (value !== true) return;
    this.#reserve(20);
    this.#varint(field << 3);
    this.#varint(1);
  }

  double(field: number, value: unknown): void {
    if (typeof value !== "number") return;
    this.#reserve(20);
    this.#varint((field << 3) | 1);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  /** A count: no larger than 2^31. */
  integer(field: number, value: unknown): void {
    if (typeof value !== "number") return;
    this.#reserve(20);
    this.#varint(field << 3);
    this.#varint(value);
  }

  /** A nested message, written also when it is empty. */
  message<T>(field: number, value: T, encode: (writer: ProtobufWriter, value: T) => void): void {
    this.#reserve(20);
    this.#varint((field << 3) | 2);
    const start = this.#length;
    this.#length += maxLengthSize;
    encode(this, value);
    const end = this.#length;
    const body = start + maxLengthSize;
    this.#length = start;
    this.#varint(end - body);
    this.#buffer.copyWithin(this.#length, body, end);
    this.#length += end - body;
  }

  /** The beginning of a message whose content, of that size, is appended by others. */
  begin(field: number, sizeBytes: number): void {
    this.#reserve(20);
    this.#varint((field << 3) | 2);
    this.#varint(sizeBytes);
  }

  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#length++] = rest;
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

/** A varint of 28 bits: 256 MB, far beyond any document. */
const maxLengthSize = 4;
