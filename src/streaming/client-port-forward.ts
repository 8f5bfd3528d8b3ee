import type { Duplex, Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { bytesOverMessages, Channels } from "./channels.ts";
import { portForwardTunnelProtocol } from "./port-forward.ts";
import { SpdySession } from "./spdy/session.ts";

/**
 * Client side of port-forward. The tunnel carries SPDY, and in it all connections of a command: that is what kubectl speaks
 * since 1.31. Servers that do not know it speak the form with channels: one WebSocket for each connection, channel 0 for its
 * bytes and channel 1 for what went wrong.
 */
export const tunnelClientProtocols: readonly string[] = [portForwardTunnelProtocol];
export const portForwardClientProtocols: readonly string[] = ["v4.channel.k8s.io"];

const channelNumbers = { data: 0, error: 1 } as const;

/** A connection here that is joined with the port of a pod. */
export interface LocalConnection {
  readonly readable: Readable;
  readonly writable: Writable;
}

/** Many connections to a pod over one WebSocket. */
export class PortForwardTunnel {
  /** Settles when the connection to the server has ended; never rejects. */
  readonly closed: Promise<void>;
  readonly #session: SpdySession;
  #lastRequest = -1;

  constructor(messages: Duplex) {
    this.#session = new SpdySession(bytesOverMessages(messages), { role: "client" });
    this.closed = this.#session.closed;
  }

  /** Joins a local connection with the port until either has ended. Throws Error with what the node says. */
  async forward(port: number, local: LocalConnection): Promise<void> {
    const request = { port: String(port), requestid: String(++this.#lastRequest) };
    const error = this.#session.openStream({ streamtype: "error", ...request });
    const failure = text(error);
    // Nothing is ever written on the stream of errors.
    error.end();
    const data = this.#session.openStream({ streamtype: "data", ...request });
    pipeline(local.readable, data).catch(() => data.destroy());
    // Who closes a local connection altogether needs no answer any more.
    local.writable.once("close", () => data.destroy());
    try {
      await pipeline(data as Readable, local.writable);
    } catch {
      // The local side broke off.
    }
    // What the pod does not want to read any more must not hold up the others.
    data.destroy();
    const why = await failure;
    if (why !== "") throw new Error(why);
  }

  close(): void {
    this.#session.close();
  }
}

/** Joins a local connection with the port of a pod until either has ended. Throws Error with what the node says. */
export async function runPortForward(
  connection: { readonly protocol: string; readonly messages: Duplex },
  local: LocalConnection,
): Promise<void> {
  const { data, error } = channelNumbers;
  const channels = new Channels({ messages: connection.messages, base64: false, closeSignal: false }, [
    data,
    error,
  ]);
  const failure = readFailure(channels.reader(error));
  void pipeline(local.readable, channels.writer(data)).catch(() => connection.messages.end());
  // Who closes a local connection altogether needs no answer any more.
  local.writable.once("close", () => connection.messages.end());
  try {
    await pipeline(withoutPort(channels.reader(data)), local.writable);
  } catch {
    // The local side broke off.
  }
  connection.messages.end();
  const why = await failure;
  if (why !== "") throw new Error(why);
}

/** Each channel begins with the port in two bytes, however the peer cuts them. */
async function* withoutPort(channel: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
  let skip = 2;
  for await (const chunk of channel) {
    const bytes = chunk as Buffer;
    const rest = bytes.subarray(Math.min(skip, bytes.length));
    skip -= bytes.length - rest.length;
    if (rest.length > 0) yield rest;
  }
}

async function readFailure(channel: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of withoutPort(channel)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
