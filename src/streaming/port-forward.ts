import { type Duplex, type Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { bytesOverMessages, Channels } from "./channels.ts";
import type { ByteStream } from "./node-connection.ts";
import { SpdySession, type SpdyStream } from "./spdy/session.ts";

/**
 * Server side of port-forward. Over SPDY the client opens, for each connection, an error stream and a data stream that
 * share a request id; inside a WebSocket the same SPDY travels as `SPDY/3.1+portforward.k8s.io`; the older WebSocket form
 * has two channels per port. Behaviour mirrors k8s.io/kubelet/pkg/cri/streaming/portforward.
 */
export type ConnectPort = (port: number, signal: AbortSignal) => Promise<ByteStream>;

export const portForwardProtocol = "portforward.k8s.io";
export const portForwardTunnelProtocol = "SPDY/3.1+portforward.k8s.io";
/** The older WebSocket subprotocols, best first. */
export const portForwardChannelProtocols = ["v4.base64.channel.k8s.io", "v4.channel.k8s.io"] as const;

/** Serves port-forward over SPDY until the client leaves. */
export async function servePortForwardSpdy(
  socket: Duplex,
  head: Buffer,
  connectPort: ConnectPort,
): Promise<void> {
  const pairs = new Map<string, { error?: SpdyStream; data?: SpdyStream }>();
  const controller = new AbortController();
  const session = new SpdySession(socket, {
    role: "server",
    head,
    onStream: (stream) => {
      const type = stream.headers.get("streamtype");
      // Clients before 1.3 sent no request id: stream numbers pair up instead.
      const request = stream.headers.get("requestid") ?? String(type === "error" ? stream.id : stream.id - 2);
      const pair = pairs.get(request) ?? {};
      pairs.set(request, pair);
      if (type === "error") pair.error = stream;
      else if (type === "data") pair.data = stream;
      else return void stream.destroy();
      if (pair.error === undefined || pair.data === undefined) return;
      pairs.delete(request);
      void forward(pair.error, pair.data, connectPort, controller.signal);
    },
  });
  await session.closed;
  controller.abort();
}

/** The same inside a WebSocket. */
export function servePortForwardTunnel(messages: Duplex, connectPort: ConnectPort): Promise<void> {
  return servePortForwardSpdy(bytesOverMessages(messages), Buffer.alloc(0), connectPort);
}

async function forward(
  error: SpdyStream,
  data: SpdyStream,
  connectPort: ConnectPort,
  signal: AbortSignal,
): Promise<void> {
  const port = parsePort(data.headers.get("port"));
  // The client never writes on the error stream; reading notices when it goes.
  error.resume();
  try {
    if (port === undefined) throw new Error(`"${data.headers.get("port") ?? ""}" is not a port`);
    const connection = await connectPort(port, signal);
    await joinStreams(data, data, connection);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    if (error.writable) error.write(`an error occurred forwarding ${port ?? "?"}: ${why}`);
  } finally {
    error.end();
    if (!data.destroyed) data.end();
    // The client closes its side when it has read the rest.
    data.resume();
  }
}

/** Copies both directions until both have ended; an end is handed on as a half-close. */
async function joinStreams(readable: Readable, writable: Writable, connection: ByteStream): Promise<void> {
  try {
    await Promise.all([pipeline(readable, connection.writable), pipeline(connection.readable, writable)]);
  } catch {
    // Either side broke off: what follows ends both.
  } finally {
    connection.close();
  }
}

/**
 * Copies both directions until the pod has said all. A channel has no end of its own: the client waits for the whole
 * WebSocket to be closed, and would wait for ever if it were waited for in turn.
 */
async function joinChannel(
  readable: Readable,
  writable: Writable,
  connection: ByteStream,
  closed: Promise<unknown>,
): Promise<void> {
  pipeline(readable, connection.writable).catch(() => undefined);
  try {
    await Promise.race([pipeline(connection.readable, writable), closed]);
  } catch {
    // Either side broke off: what follows ends both.
  } finally {
    connection.close();
  }
}

/**
 * Serves the older WebSocket form: ports are given in the query; channel 2i carries the data of the i-th port and 2i+1
 * its errors; the first message on each is the port as two bytes, little endian.
 */
export async function servePortForwardChannels(
  connection: { readonly protocol: string; readonly messages: Duplex },
  ports: readonly number[],
  connectPort: ConnectPort,
): Promise<void> {
  const shape = {
    messages: connection.messages,
    base64: connection.protocol.includes("base64"),
    closeSignal: false,
  };
  const channels = new Channels(
    shape,
    ports.map((_, index) => index * 2),
  );
  const controller = new AbortController();
  void channels.closed.then(() => controller.abort());
  await Promise.all(
    ports.map(async (port, index) => {
      const hello = Buffer.alloc(2);
      hello.writeUInt16LE(port);
      channels.send(index * 2, hello);
      channels.send(index * 2 + 1, hello);
      try {
        const stream = await connectPort(port, controller.signal);
        await joinChannel(channels.reader(index * 2), channels.writer(index * 2), stream, channels.closed);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        channels.send(index * 2 + 1, Buffer.from(`an error occurred forwarding ${port}: ${why}`));
      }
    }),
  );
  connection.messages.end();
  await channels.closed;
}

/** A TCP port from a header or a query, or undefined. */
export function parsePort(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port >= 1 && port <= 65_535 ? port : undefined;
}
