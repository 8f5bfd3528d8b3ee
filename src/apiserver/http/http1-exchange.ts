import type { IncomingMessage, ServerResponse } from "node:http";
import type { UpgradeRequest } from "../endpoints/api-request.ts";
import type { HttpExchange, ResponseBody, ResponseHeaders } from "./http-exchange.ts";
import { clientIsGone, newRequest, type Peer, streamBody } from "./http2-exchange.ts";

/** The request of an HTTP/1.1 connection: clients without HTTP/2, and those that upgrade. */
export function http1Exchange(message: IncomingMessage, response: ServerResponse, peer: Peer): HttpExchange {
  const gone = new AbortController();
  response.on("close", () => gone.abort(clientIsGone));
  response.on("error", () => undefined);
  const { method = "GET", url = "/", headers } = message;
  return {
    request: newRequest(method, url, headers, peer, gone.signal, streamBody(message)),
    respond(status, responseHeaders, body) {
      if (response.headersSent || response.destroyed) return;
      response.writeHead(status, { ...plain(responseHeaders), "content-length": String(body.length) });
      response.end(body);
      message.resume();
    },
    begin(status, responseHeaders) {
      if (!response.headersSent && !response.destroyed) {
        response.writeHead(status, plain(responseHeaders));
        response.flushHeaders();
      }
      return http1Body(response);
    },
  };
}

function http1Body(response: ServerResponse): ResponseBody {
  return {
    write: (bytes) => response.destroyed || response.writableEnded || response.write(bytes),
    get pendingBytes() {
      return response.writableLength;
    },
    drained: () =>
      new Promise((resolve) => {
        if (response.destroyed || !response.writableNeedDrain) return resolve();
        response.once("drain", resolve);
        response.once("close", resolve);
      }),
    end() {
      if (!response.destroyed && !response.writableEnded) response.end();
    },
  };
}

function plain(headers: ResponseHeaders): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : [...value]]),
  );
}

/** The request of a connection that asks to be upgraded. Answered in plain text form when the upgrade fails. */
export function upgradeExchange(upgrade: UpgradeRequest, peer: Peer): HttpExchange {
  const { message, socket } = upgrade;
  const gone = new AbortController();
  socket.on("close", () => gone.abort(clientIsGone));
  socket.on("error", () => undefined);
  const { method = "GET", url = "/", headers } = message;
  return {
    request: newRequest(method, url, headers, peer, gone.signal, streamBody(message), upgrade),
    respond(status, responseHeaders, body) {
      if (socket.destroyed) return;
      socket.end(
        Buffer.concat([head(status, { ...responseHeaders, "content-length": String(body.length) }), body]),
      );
    },
    begin(status, responseHeaders) {
      socket.write(head(status, responseHeaders));
      return {
        write: (bytes) => socket.destroyed || socket.write(bytes),
        pendingBytes: 0,
        drained: () => Promise.resolve(),
        end: () => void socket.end(),
      };
    },
  };
}

function head(status: number, headers: ResponseHeaders): Buffer {
  const lines = [`HTTP/1.1 ${status} ${status < 400 ? "OK" : "Error"}`, "connection: close"];
  for (const [name, value] of Object.entries(headers)) {
    for (const each of typeof value === "string" ? [value] : value) lines.push(`${name}: ${each}`);
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}
