/** The frames of SPDY/3.1 that Kubernetes clients use (SPDY Protocol Draft 3.1, section 2). */
export type Frame =
  | { readonly type: "data"; readonly streamId: number; readonly fin: boolean; readonly data: Buffer }
  | { readonly type: "synStream"; readonly streamId: number; readonly fin: boolean; readonly block: Buffer }
  | { readonly type: "synReply"; readonly streamId: number; readonly fin: boolean; readonly block: Buffer }
  | { readonly type: "headers"; readonly streamId: number; readonly fin: boolean; readonly block: Buffer }
  | { readonly type: "rstStream"; readonly streamId: number; readonly status: number }
  | { readonly type: "ping"; readonly id: number }
  | { readonly type: "goAway"; readonly lastStreamId: number; readonly status: number }
  /** SETTINGS and WINDOW_UPDATE: the Kubernetes peers send none or ignore them; flow control is the connection's own. */
  | { readonly type: "ignored" };

const version = 3;
const control = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goAway: 7, headers: 8 } as const;
const finFlag = 0x01;

/** A frame's length is a 24-bit number; longer than this is not a frame of a sane peer. */
const maxFrameBytes = 1 << 24;

function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x8000 | version, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt32BE((flags << 24) | payload.length, 4);
  return Buffer.concat([head, payload]);
}

function words(...values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) buffer.writeUInt32BE(value >>> 0, index * 4);
  return buffer;
}

export function encodeSynStream(streamId: number, block: Buffer, fin = false): Buffer {
  return controlFrame(
    control.synStream,
    fin ? finFlag : 0,
    Buffer.concat([words(streamId, 0), Buffer.alloc(2), block]),
  );
}

export function encodeSynReply(streamId: number, block: Buffer, fin = false): Buffer {
  return controlFrame(control.synReply, fin ? finFlag : 0, Buffer.concat([words(streamId), block]));
}

export const encodeRstStream = (streamId: number, status: number): Buffer =>
  controlFrame(control.rstStream, 0, words(streamId, status));

export const encodePing = (id: number): Buffer => controlFrame(control.ping, 0, words(id));

export const encodeGoAway = (lastStreamId: number, status: number): Buffer =>
  controlFrame(control.goAway, 0, words(lastStreamId, status));

/** The eight bytes in front of the data. */
export function encodeDataHead(streamId: number, lengthBytes: number, fin: boolean): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(streamId & 0x7fffffff, 0);
  head.writeUInt32BE(((fin ? finFlag : 0) << 24) | lengthBytes, 4);
  return head;
}

/** Cuts a stream of bytes into frames. */
export class FrameParser {
  #pending: Buffer = Buffer.alloc(0);

  /** The frames completed by this chunk. Throws RangeError on what is no SPDY/3.1. */
  push(chunk: Buffer): Frame[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const frames: Frame[] = [];
    for (;;) {
      if (this.#pending.length < 8) return frames;
      const length = this.#pending.readUInt32BE(4) & 0xffffff;
      if (length >= maxFrameBytes) throw new RangeError("a SPDY frame is too long");
      if (this.#pending.length < 8 + length) return frames;
      frames.push(parse(this.#pending.subarray(0, 8), this.#pending.subarray(8, 8 + length)));
      this.#pending = this.#pending.subarray(8 + length);
    }
  }
}

function parse(head: Buffer, payload: Buffer): Frame {
  const first = head.readUInt32BE(0);
  const fin = ((head[4] ?? 0) & finFlag) !== 0;
  if ((first & 0x80000000) === 0) return { type: "data", streamId: first, fin, data: payload };
  if (((first >>> 16) & 0x7fff) !== version) throw new RangeError("not SPDY/3.1");
  const id = (): number => payload.readUInt32BE(0) & 0x7fffffff;
  switch (first & 0xffff) {
    case control.synStream:
      return { type: "synStream", streamId: id(), fin, block: payload.subarray(10) };
    case control.synReply:
      return { type: "synReply", streamId: id(), fin, block: payload.subarray(4) };
    case control.headers:
      return { type: "headers", streamId: id(), fin, block: payload.subarray(4) };
    case control.rstStream:
      return { type: "rstStream", streamId: id(), status: payload.readUInt32BE(4) };
    case control.ping:
      return { type: "ping", id: payload.readUInt32BE(0) };
    case control.goAway:
      return { type: "goAway", lastStreamId: id(), status: payload.readUInt32BE(4) };
    default:
      return { type: "ignored" };
  }
}
