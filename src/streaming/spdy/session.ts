import { Duplex } from "node:stream";
import {
  encodeDataHead,
  encodeGoAway,
  encodePing,
  encodeRstStream,
  encodeSynReply,
  encodeSynStream,
  type Frame,
  FrameParser,
} from "./frames.ts";
import { HeaderReader, HeaderWriter } from "./headers.ts";

/**
 * One SPDY/3.1 session over a byte stream: many streams, opened by either side. Mirrors what the Kubernetes clients and
 * kubelet expect of moby/spdystream: no priorities, no windows.
 *
 *   const session = new SpdySession(socket, { role: "server", onStream: (stream) => … });
 *   await session.closed;
 */
export interface SpdySessionOptions {
  readonly role: "server" | "client";
  /** Called for each stream that the peer opens, before any of its data is delivered. */
  readonly onStream?: (stream: SpdyStream) => void;
  /** Bytes that came in the same packet as the upgrade. */
  readonly head?: Buffer;
}

/** Bytes that one slow reader may leave unread before the whole connection waits for it. */
const maxUnreadBytes = 4 * 1024 * 1024;

const resetCodes = { protocolError: 1, invalidStream: 2, cancel: 5 } as const;

export class SpdySession {
  /** Settles when the connection has ended; never rejects. */
  readonly closed: Promise<void>;

  readonly #connection: Duplex;
  readonly #onStream: ((stream: SpdyStream) => void) | undefined;
  readonly #parser = new FrameParser();
  readonly #writer = new HeaderWriter();
  readonly #reader = new HeaderReader();
  /** Streams of which at least one direction is open. */
  readonly #streams = new Map<number, SpdyStream>();
  /** Server streams are even, client streams odd. */
  #nextId: number;
  #lastPeerId = 0;
  #ended = false;

  constructor(connection: Duplex, options: SpdySessionOptions) {
    this.#connection = connection;
    this.#onStream = options.onStream;
    this.#nextId = options.role === "server" ? 2 : 1;
    this.closed = this.#read(options.head ?? Buffer.alloc(0));
  }

  /** Opens a stream with the headers. Its writable side may be used at once. */
  openStream(headers: Readonly<Record<string, string>>): SpdyStream {
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new SpdyStream(id, new Map(Object.entries(headers)), this.#portOf(id));
    this.#streams.set(id, stream);
    this.#send(encodeSynStream(id, this.#writer.encode(Object.entries(headers))));
    return stream;
  }

  /** Says goodbye and ends the connection; streams that are open end with it. */
  close(): void {
    if (this.#ended) return;
    this.#send(encodeGoAway(this.#lastPeerId, 0));
    this.#connection.end();
  }

  async #read(head: Buffer): Promise<void> {
    try {
      if (head.length > 0) await this.#handle(head);
      for await (const chunk of this.#connection) {
        await this.#handle(chunk as Buffer);
        await this.#waitForReaders();
      }
    } catch {
      // A broken connection and a peer that speaks no SPDY end alike: the streams say so.
      this.#connection.destroy();
    } finally {
      this.#ended = true;
      this.#reader.close();
      for (const stream of this.#streams.values()) stream.connectionLost();
      this.#streams.clear();
      this.#connection.end();
    }
  }

  async #handle(chunk: Buffer): Promise<void> {
    for (const frame of this.#parser.push(chunk)) await this.#dispatch(frame);
  }

  async #dispatch(frame: Frame): Promise<void> {
    switch (frame.type) {
      case "data": {
        const stream = this.#streams.get(frame.streamId);
        if (stream === undefined) this.#send(encodeRstStream(frame.streamId, resetCodes.invalidStream));
        else stream.receive(frame.data, frame.fin);
        return;
      }
      case "synStream":
        return await this.#accept(frame.streamId, frame.fin, frame.block);
      case "synReply":
      case "headers":
        // The block must be read even if nobody wants it: the next one depends on it.
        await this.#reader.decode(frame.block);
        if (frame.fin) this.#streams.get(frame.streamId)?.receive(Buffer.alloc(0), true);
        return;
      case "rstStream":
        this.#streams.get(frame.streamId)?.connectionLost();
        return;
      case "ping":
        this.#send(encodePing(frame.id));
        return;
      case "goAway":
      case "ignored":
        return;
    }
  }

  async #accept(id: number, fin: boolean, block: Buffer): Promise<void> {
    const headers = await this.#reader.decode(block);
    if (this.#onStream === undefined || this.#streams.has(id)) {
      this.#send(encodeRstStream(id, resetCodes.protocolError));
      return;
    }
    this.#lastPeerId = id;
    const stream = new SpdyStream(id, headers, this.#portOf(id));
    this.#streams.set(id, stream);
    this.#send(encodeSynReply(id, this.#writer.encode([])));
    this.#onStream(stream);
    if (fin) stream.receive(Buffer.alloc(0), true);
  }

  /** Reading stops while some stream holds more than it should: TCP then slows the peer down. */
  async #waitForReaders(): Promise<void> {
    for (const stream of this.#streams.values()) {
      while (stream.readableLength > maxUnreadBytes && !stream.destroyed) {
        await new Promise<void>((resolve) => stream.onceRead(resolve));
      }
    }
  }

  #portOf(id: number): StreamPort {
    return {
      send: (data, fin, done) => {
        if (this.#ended) return done(new Error("the SPDY connection has ended"));
        if (data.length === 0 && !fin) return done();
        this.#send(encodeDataHead(id, data.length, fin));
        if (data.length > 0 && !this.#connection.write(data)) this.#connection.once("drain", () => done());
        else done();
      },
      reset: () => this.#send(encodeRstStream(id, resetCodes.cancel)),
      released: () => this.#streams.delete(id),
    };
  }

  #send(bytes: Buffer): void {
    if (!this.#ended && this.#connection.writable) this.#connection.write(bytes);
  }
}

interface StreamPort {
  send(data: Buffer, fin: boolean, done: (error?: Error) => void): void;
  reset(): void;
  released(): void;
}

/** One stream of a session. `end()` closes our direction, `destroy()` resets the stream. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly #port: StreamPort;
  #readWaiter: (() => void) | undefined;
  #orderly = false;

  constructor(id: number, headers: ReadonlyMap<string, string>, port: StreamPort) {
    super({ allowHalfOpen: true, autoDestroy: true });
    this.id = id;
    this.headers = headers;
    this.#port = port;
    // Whoever uses the stream hears of its end through `close`; an unheard error must not end the process.
    this.on("error", () => {});
  }

  /** Data and end of the peer's direction. Called by the session. */
  receive(data: Buffer, fin: boolean): void {
    if (this.destroyed || this.readableEnded) return;
    if (data.length > 0) this.push(data);
    if (fin) this.push(null);
  }

  /** The peer reset the stream, or the connection is gone. */
  connectionLost(): void {
    this.#orderly = true;
    if (!this.readableEnded) this.push(null);
    if (!this.destroyed && !this.writableFinished) this.destroy();
  }

  /** Calls back at the next read. */
  onceRead(callback: () => void): void {
    this.#readWaiter = callback;
  }

  override _read(): void {
    const waiter = this.#readWaiter;
    this.#readWaiter = undefined;
    waiter?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#port.send(chunk, false, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#port.send(Buffer.alloc(0), true, () => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#readWaiter?.();
    if (!this.#orderly && !(this.readableEnded && this.writableFinished)) this.#port.reset();
    this.#port.released();
    done(error);
  }
}
