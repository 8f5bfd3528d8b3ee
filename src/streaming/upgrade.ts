import type { IncomingMessage } from "node:http";
import { type Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Clock } from "../apimachinery/clock.ts";
import { newBadRequest, newStatusError, type StatusError } from "../apimachinery/status.ts";
import {
  type ConnectPort,
  portForwardChannelProtocols,
  portForwardProtocol,
  portForwardTunnelProtocol,
  servePortForwardChannels,
  servePortForwardSpdy,
  servePortForwardTunnel,
} from "./port-forward.ts";
import {
  type RemoteCommand,
  type RemoteCommandRequest,
  remoteCommandProtocols,
  remoteCommandSpdyProtocols,
  serveRemoteCommandChannels,
  serveRemoteCommandSpdy,
} from "./remote-command.ts";
import { acceptWebSocket, isWebSocketUpgrade, offeredProtocols } from "./websocket.ts";

/**
 * An HTTP/1.1 upgrade, as node:http hands it over. The functions below resolve when the connection has ended. Before
 * anything was written to the socket they may reject with StatusError, which the caller answers.
 */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Serves pods/exec and pods/attach over WebSocket or SPDY, whichever the client speaks. */
export async function upgradeRemoteCommand(
  upgrade: UpgradeRequest,
  request: RemoteCommandRequest,
  command: RemoteCommand,
  clock: Clock,
): Promise<void> {
  if (isWebSocketUpgrade(upgrade.request)) {
    const connection = await acceptOffered(upgrade, remoteCommandProtocols, "channel.k8s.io");
    return await serveRemoteCommandChannels(connection, request, command);
  }
  const protocol = acceptSpdy(upgrade, remoteCommandSpdyProtocols, "channel.k8s.io");
  await serveRemoteCommandSpdy(upgrade.socket, upgrade.head, protocol, request, command, clock);
}

/** Serves pods/portforward. `ports` is the query's list, which only the older WebSocket form uses. */
export async function upgradePortForward(
  upgrade: UpgradeRequest,
  ports: readonly number[],
  connectPort: ConnectPort,
): Promise<void> {
  if (isWebSocketUpgrade(upgrade.request)) {
    const protocols = [portForwardTunnelProtocol, ...portForwardChannelProtocols];
    const connection = await acceptOffered(upgrade, protocols, "v4.channel.k8s.io");
    if (connection.protocol === portForwardTunnelProtocol) {
      return await servePortForwardTunnel(connection.messages, connectPort);
    }
    return await servePortForwardChannels(connection, ports, connectPort);
  }
  acceptSpdy(upgrade, [portForwardProtocol], portForwardProtocol);
  await servePortForwardSpdy(upgrade.socket, upgrade.head, connectPort);
}

/** The subprotocols of bytes that are only read; a client that names none gets binary messages too. */
const readerProtocols = ["binary.k8s.io", "base64.binary.k8s.io"] as const;

/**
 * Answers with bytes as they come, a message for each piece, after an empty one that tells the client that it is connected.
 * What the client sends is ignored. Mirrors k8s.io/apimachinery/pkg/util/httpstream/wsstream.
 */
export async function upgradeReader(
  upgrade: UpgradeRequest,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { protocol, messages } = await acceptOffered(upgrade, readerProtocols, "binary.k8s.io");
  messages.resume();
  try {
    await pipeline(Readable.from(readerMessages(protocol, chunks)), messages);
  } catch {
    // The client has gone, or what is read has failed: closing is all that can be said.
    messages.destroy();
  }
}

async function* readerMessages(
  protocol: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer | string> {
  const encode = (chunk: Uint8Array): Buffer | string => {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    return protocol === "base64.binary.k8s.io" ? bytes.toString("base64") : bytes;
  };
  yield encode(Buffer.alloc(0));
  for await (const chunk of chunks) if (chunk.length > 0) yield encode(chunk);
}

/** The best of ours that the client offers; a client that offers none speaks `fallback` without naming it. */
async function acceptOffered(upgrade: UpgradeRequest, ours: readonly string[], fallback: string) {
  const offered = offeredProtocols(upgrade.request).filter(
    (protocol) => !protocol.startsWith("base64url.bearer."),
  );
  const chosen = ours.find((protocol) => offered.includes(protocol));
  if (chosen === undefined && offered.length > 0) throw unsupportedProtocol(offered, ours);
  const accepted = await acceptWebSocket(upgrade.request, upgrade.socket, upgrade.head, chosen ?? "");
  return { ...accepted, protocol: chosen ?? fallback };
}

/** Answers 101 for SPDY/3.1 and returns the stream protocol that was agreed on. */
function acceptSpdy({ request, socket }: UpgradeRequest, ours: readonly string[], fallback: string): string {
  if ((request.headers.upgrade ?? "").toLowerCase() !== "spdy/3.1") {
    throw newBadRequest(
      `unable to upgrade: missing upgrade headers in request: ${JSON.stringify(request.headers.upgrade ?? "")}`,
    );
  }
  const header = request.headers["x-stream-protocol-version"];
  const offered = (Array.isArray(header) ? header : (header ?? "").split(","))
    .map((name) => name.trim())
    .filter(Boolean);
  const chosen = offered.length === 0 ? fallback : ours.find((protocol) => offered.includes(protocol));
  if (chosen === undefined) throw unsupportedProtocol(offered, ours);
  const lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: SPDY/3.1"];
  if (offered.length > 0) lines.push(`X-Stream-Protocol-Version: ${chosen}`);
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  return chosen;
}

function unsupportedProtocol(offered: readonly string[], ours: readonly string[]): StatusError {
  return newStatusError(
    403,
    "Forbidden",
    `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(" ")}], server accepts [${ours.join(" ")}]`,
  );
}
