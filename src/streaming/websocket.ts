import type { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { newBadRequest } from "../apimachinery/status.ts";

/**
 * Server side of WebSocket upgrades, by the `ws` package, loaded at the first upgrade. kubectl offers a subprotocol that
 * holds a "/" (`SPDY/3.1+portforward.k8s.io`), which RFC 6455 does not allow and `ws` refuses: the header is taken away
 * before the handshake and the chosen protocol is put into the answer by hand.
 */
export interface AcceptedWebSocket {
  readonly protocol: string;
  /** Object mode: one Buffer per message; a string that is written is a message of text. Ends when the peer closes; ending it closes the WebSocket. */
  readonly messages: Duplex;
}

/** The subprotocols the client offers, in its order. */
export function offeredProtocols(request: IncomingMessage): string[] {
  return (request.headers["sec-websocket-protocol"] ?? "")
    .split(",")
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== "");
}

/** Whether the request asks for a WebSocket. */
export function isWebSocketUpgrade(request: IncomingMessage): boolean {
  return (request.headers.upgrade ?? "").toLowerCase() === "websocket";
}

/**
 * Completes the handshake with `protocol` (empty: none). A message may be 32 MiB at most; kubectl sends 32 KiB. Rejects
 * with StatusError 400 when the client's part of it is faulty, or the client is gone; the socket has not been answered then.
 */
export async function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocol: string,
): Promise<AcceptedWebSocket> {
  const { WebSocketServer } = await import("ws");
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: 32 * 1024 * 1024,
    perMessageDeflate: false,
  });
  delete request.headers["sec-websocket-protocol"];
  if (protocol !== "") {
    server.on("headers", (headers) => headers.push(`Sec-WebSocket-Protocol: ${protocol}`));
  }
  const websocket = await new Promise<WebSocket>((resolve, reject) => {
    const onClose = (): void => reject(newBadRequest("the WebSocket handshake failed"));
    if (socket.destroyed) return onClose();
    socket.once("close", onClose);
    server.once("wsClientError", ({ message }) => {
      socket.off("close", onClose);
      reject(newBadRequest(`the WebSocket handshake failed: ${message}`));
    });
    server.handleUpgrade(request, socket, head, (opened) => {
      socket.off("close", onClose);
      resolve(opened);
    });
  });
  return { protocol, messages: messagesOf(websocket) };
}

/** A WebSocket as an object-mode stream of Buffers, with back-pressure in both directions. */
export function messagesOf(websocket: WebSocket): Duplex {
  const stream = new Duplex({
    objectMode: true,
    readableHighWaterMark: 16,
    allowHalfOpen: true,
    read: () => websocket.resume(),
    write: (chunk: Buffer | string, _encoding, done) => {
      if (websocket.readyState !== websocket.OPEN) return done();
      websocket.send(chunk, { binary: typeof chunk !== "string" }, () => done());
    },
    final: (done) => {
      websocket.close(1000);
      done();
    },
    destroy: (error, done) => {
      websocket.terminate();
      done(error);
    },
  });
  websocket.on("message", (data) => {
    const message = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer);
    if (!stream.push(message)) websocket.pause();
  });
  websocket.on("close", () => {
    if (!stream.readableEnded) stream.push(null);
  });
  websocket.on("error", () => {
    // `close` follows.
  });
  return stream;
}
