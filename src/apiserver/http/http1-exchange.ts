import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "../../apimachinery/clock.ts";
import type { UpgradeRequest } from "../endpoints/api-request.ts";
import type { HttpExchange, ResponseBody, ResponseHeaders } from "./http-exchange.ts";
import { originForm } from "./http1-fault.ts";
import { drainOf, expectedBody, isExpecting, streamBody } from "./http2-exchange.ts";
import { leaveInTime } from "./leave-in-time.ts";
import { reasonPhrase } from "./reason-phrase.ts";
import { RequestEnd } from "./request-end.ts";
import { type Peer, SocketRequest } from "./socket-request.ts";

/** The request of an HTTP/1.1 connection: clients without HTTP/2, and those that upgrade. */
export function http1Exchange(
  message: IncomingMessage,
  response: ServerResponse,
  peer: Peer,
  clock: Clock,
): HttpExchange {
  const end = new RequestEnd();
  const { method = "GET", url = "/", headers, rawHeaders } = message;
  const source = streamBody(message);
  response.on("close", () => {
    end.end();
    // The connection knows its newest request until the next one comes.
    source.forget();
  });
  response.on("error", ignore);
  const isWaiting = isExpecting(headers);
  let mayHaveBody = !isWaiting;
  const body = isWaiting
    ? expectedBody(source, () => {
        mayHaveBody = true;
        if (!response.headersSent) response.writeContinue();
      })
    : source;
  const parts = { method, url: originForm(url), headers, rawHeaders, body };
  // Whether a client that was not told to go on sends its body all the same, nobody knows: what follows may be either.
  const endUnlessTold = (): void => {
    if (!mayHaveBody) response.shouldKeepAlive = false;
  };
  return {
    request: new SocketRequest(parts, peer, end),
    end,
    closeAfter() {
      if (!response.headersSent) response.shouldKeepAlive = false;
    },
    respond(status, responseHeaders, answer) {
      if (response.headersSent || response.destroyed) return;
      endUnlessTold();
      responseHeaders["content-length"] = String(answer.length);
      response.writeHead(status, responseHeaders);
      leaveInTime(response, answer.length, clock, () => response.destroy());
      response.end(answer);
      // An answer before the body was read must not leave the client waiting to send it.
      if (!message.readableEnded) message.resume();
    },
    begin(status, responseHeaders) {
      if (!response.headersSent && !response.destroyed) {
        endUnlessTold();
        response.writeHead(status, responseHeaders);
        response.flushHeaders();
      }
      const isChunked = message.httpVersion === "1.1" && responseHeaders["content-length"] === undefined;
      return http1Body(response, isChunked && method !== "HEAD");
    },
  };
}

function http1Body(response: ServerResponse, isChunked: boolean): ResponseBody {
  const isOver = (): boolean => response.destroyed || response.writableEnded;
  return {
    write: (bytes, taken) => isOver() || response.write(bytes, taken),
    writeShared(shared, taken) {
      if (isOver()) return;
      // Node would make a chunk of its own for each client, in four writes. Without a socket, an earlier answer of this
      // connection is still under way.
      if (isChunked && response.socket !== null) response.socket.write(shared.chunk, taken);
      else response.write(shared.bytes, taken);
    },
    drained: () => drainOf(response),
    end(trailers) {
      if (response.destroyed || response.writableEnded) return;
      if (trailers !== undefined && isChunked) response.addTrailers(trailers);
      response.end();
    },
  };
}

const ignore = (): void => undefined;

/** The request of a connection that asks to be upgraded. Answered in plain text form when the upgrade fails. */
export function upgradeExchange(upgrade: UpgradeRequest, peer: Peer): HttpExchange {
  const { message, socket } = upgrade;
  const end = new RequestEnd();
  socket.on("close", () => end.end());
  socket.on("error", ignore);
  const { method = "GET", url = "/", headers, rawHeaders } = message;
  const parts = { method, url: originForm(url), headers, rawHeaders, body: streamBody(message), upgrade };
  return {
    request: new SocketRequest(parts, peer, end),
    end,
    respond(status, responseHeaders, body) {
      if (socket.destroyed) return;
      letGo(socket);
      socket.end(
        Buffer.concat([head(status, { ...responseHeaders, "content-length": String(body.length) }), body]),
      );
    },
    begin(status, responseHeaders) {
      letGo(socket);
      socket.write(head(status, responseHeaders));
      return {
        write: (bytes, taken) => socket.destroyed || socket.write(bytes, taken),
        writeShared: ({ bytes }, taken) => void (socket.destroyed || socket.write(bytes, taken)),
        drained: () => Promise.resolve(),
        end: () => void socket.end(),
      };
    },
  };
}

/** Nobody reads what comes any more: unless it is dropped, the client's leaving is never seen and the socket stays. */
function letGo(socket: Duplex): void {
  socket.once("end", () => socket.end());
  socket.resume();
}

function head(status: number, headers: ResponseHeaders): Buffer {
  const lines = [`HTTP/1.1 ${status} ${reasonPhrase(status)}`, "connection: close"];
  for (const [name, value] of Object.entries(headers)) {
    for (const each of typeof value === "string" ? [value] : value) lines.push(`${name}: ${each}`);
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}
