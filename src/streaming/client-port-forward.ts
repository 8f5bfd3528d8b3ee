import type { Duplex, Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Channels } from "./channels.ts";

/**
 * Client side of port-forward, in the form with channels: one WebSocket for each connection, channel 0 for its bytes and
 * channel 1 for what went wrong. (The SPDY tunnel has a "/" in the name of its subprotocol, which WebSocket clients that
 * keep to RFC 6455 refuse to ask for.)
 */
export const portForwardClientProtocols: readonly string[] = ["v4.channel.k8s.io"];

const channelNumbers = { data: 0, error: 1 } as const;

/** Joins a local connection with the port of a pod until either has ended. Throws Error with what the node says. */
export async function runPortForward(
  connection: { readonly protocol: string; readonly messages: Duplex },
  local: { readonly readable: Readable; readonly writable: Writable },
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
