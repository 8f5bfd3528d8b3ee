/**
 * Protobuf without its schema: numbers of fields and their values, in order. Lengths are left out, since a text of another
 * length that does not matter (a resourceVersion) changes those of all that it lies in.
 */
export interface WireField {
  readonly number: number;
  readonly value: string | WireMessage;
}
export type WireMessage = readonly WireField[];

const magic = "k8s\0";

/** Undefined for what is no object of Kubernetes in protobuf. */
export function readEnvelope(bytes: Buffer): WireMessage | undefined {
  return bytes.subarray(0, 4).toString("latin1") === magic ? readMessage(bytes.subarray(4)) : undefined;
}

/** The frames of a watch: each has its length in four bytes before it. */
export function readFrames(bytes: Buffer): WireMessage[] {
  const frames: WireMessage[] = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const length = bytes.readUInt32BE(at);
    const frame = bytes.subarray(at + 4, at + 4 + length);
    frames.push(readEnvelope(frame) ?? readMessage(frame) ?? [{ number: 0, value: "cannot be read" }]);
    at += 4 + length;
  }
  return frames;
}

export function showMessage(message: WireMessage, indent = ""): string {
  return message
    .map(({ number, value }) =>
      typeof value === "string"
        ? `${indent}${number}: ${value}`
        : `${indent}${number} {\n${showMessage(value, `${indent}  `)}\n${indent}}`,
    )
    .join("\n");
}

/**
 * Go writes each field that is held by value, also when it is empty; a reader takes a field that is not there for the same.
 * Takes those away that only `full` has.
 */
export function withoutWrittenEmpties(full: WireMessage, sparse: WireMessage): WireMessage {
  const kept: WireField[] = [];
  let at = 0;
  for (const field of full) {
    const other = sparse[at];
    if (other?.number === field.number) {
      at++;
      const { number, value } = field;
      kept.push({ number, value: withoutEmptiesWithin(value, other.value) });
    } else if (!isEmpty(field.value)) {
      kept.push(field);
    }
  }
  return kept;
}

function withoutEmptiesWithin(full: WireField["value"], sparse: WireField["value"]): WireField["value"] {
  if (typeof full === "string") return full;
  if (typeof sparse !== "string") return withoutWrittenEmpties(full, sparse);
  return sparse === '""' && isEmpty(full) ? sparse : full;
}

function isEmpty(value: string | WireMessage): boolean {
  if (typeof value === "string") return value === "0" || value === '""';
  return value.every((field) => isEmpty(field.value));
}

/** Undefined for what is no message. */
function readMessage(bytes: Buffer): WireMessage | undefined {
  const fields: WireField[] = [];
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) return undefined;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined || tag >> 3n === 0n || tag >> 3n > 2_000n) return undefined;
    const number = Number(tag >> 3n);
    const kind = Number(tag & 7n);
    if (kind === 0) {
      const value = varint();
      if (value === undefined) return undefined;
      fields.push({ number, value: String(value) });
      continue;
    }
    const length = kind === 1 ? 8 : kind === 2 ? Number(varint() ?? -1n) : -1;
    if (length < 0 || at + length > bytes.length) return undefined;
    const part = bytes.subarray(at, at + length);
    at += length;
    fields.push({ number, value: kind === 1 ? `0x${part.toString("hex")}` : readPart(part) });
  }
  return fields;
}

/** What can be read as a text is one, unless it is a message too: a line feed, its length, and so many bytes. */
function readPart(bytes: Buffer): string | WireMessage {
  if (bytes.length === 0) return '""';
  const envelope = readEnvelope(bytes);
  if (envelope !== undefined) return envelope;
  const text = bytes.toString();
  const isText =
    !text.includes("\ufffd") && bytes.every((byte) => byte >= 0x20 || byte === 0x0a || byte === 0x09);
  const mayBeMessage = !isText || ((bytes[0] === 0x0a || bytes[0] === 0x12) && bytes.length >= 2);
  const message = mayBeMessage ? readMessage(bytes) : undefined;
  if (message !== undefined) return message;
  return isText ? JSON.stringify(text) : `0x${bytes.toString("hex")}`;
}
