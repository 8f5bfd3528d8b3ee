import { Duplex, Readable, Writable } from "node:stream";

/**
 * Several byte channels over one message connection: each message starts with the channel's number
 * (`*.channel.k8s.io` WebSocket subprotocols). The base64 forms write the number as a digit and the rest in base64.
 */
export interface ChannelConnection {
  /** Object mode: one Buffer per message in both directions; ends when the peer has gone. */
  readonly messages: Duplex;
  readonly base64: boolean;
  /** Version 5: message `255 N` says that the peer closed channel N. */
  readonly closeSignal: boolean;
}

/** How the peer closes one channel in version 5. */
export const closeChannel = 255;

export class Channels {
  readonly #connection: ChannelConnection;
  readonly #readers = new Map<number, Readable>();
  /** Settles when the peer has gone; never rejects. */
  readonly closed: Promise<void>;

  /** `readable` names the channels on which the peer may send. */
  constructor(connection: ChannelConnection, readable: readonly number[]) {
    this.#connection = connection;
    for (const channel of readable) this.#readers.set(channel, new PassiveReadable());
    this.closed = this.#read();
  }

  /** What the peer sends on the channel. */
  reader(channel: number): Readable {
    const reader = this.#readers.get(channel);
    if (reader === undefined) throw new RangeError(`channel ${channel} is not readable`);
    return reader;
  }

  /** Writes go to the peer on the channel; ending it says nothing to the peer. */
  writer(channel: number): Writable {
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => this.send(channel, chunk, () => done()),
    });
  }

  send(channel: number, data: Buffer, done: () => void = () => {}): void {
    const { messages, base64 } = this.#connection;
    if (!messages.writable) return done();
    const message = base64
      ? Buffer.from(String(channel) + data.toString("base64"))
      : Buffer.concat([Buffer.from([channel]), data]);
    if (messages.write(message)) done();
    else messages.once("drain", done);
  }

  async #read(): Promise<void> {
    try {
      for await (const message of this.#connection.messages) await this.#receive(message as Buffer);
    } catch {
      // A broken connection is a peer that has gone.
    } finally {
      for (const reader of this.#readers.values()) reader.push(null);
    }
  }

  async #receive(message: Buffer): Promise<void> {
    if (message.length === 0) return;
    const first = message[0] ?? 0;
    const channel = this.#connection.base64 ? first - 0x30 : first;
    const data = this.#connection.base64
      ? Buffer.from(message.toString("latin1", 1), "base64")
      : message.subarray(1);
    if (this.#connection.closeSignal && channel === closeChannel) {
      this.#readers.get(data[0] ?? closeChannel)?.push(null);
      return;
    }
    const reader = this.#readers.get(channel);
    if (reader === undefined || data.length === 0 || reader.readableEnded) return;
    if (!reader.push(data)) await (reader as PassiveReadable).drained();
  }
}

/** A Readable that is pushed into, and tells when its reader has caught up. */
class PassiveReadable extends Readable {
  #waiting: (() => void) | undefined;

  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.destroyed) resolve();
      else this.#waiting = resolve;
    });
  }

  override _read(): void {
    this.#release();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#release();
    done(error);
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }
}

/** A byte stream inside the messages of a connection: how SPDY travels through a WebSocket. */
export function bytesOverMessages(messages: Duplex): Duplex {
  return Duplex.from({
    readable: Readable.from(messages, { objectMode: false }),
    writable: new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!messages.writable) return done();
        if (messages.write(chunk)) done();
        else messages.once("drain", () => done());
      },
      final: (done) => {
        messages.end();
        done();
      },
    }),
  });
}
