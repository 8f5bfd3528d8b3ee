import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/** Why a request is refused before it is known what it asks. Its connection ends with the answer. */
export interface Http1Fault {
  readonly status: number;
  /** As in the status line. */
  readonly phrase: string;
  readonly body: string;
}

/** In the words of Go's server, which say what is wrong in the status line too. */
const fault = (status: number, reason: string, why?: string): Http1Fault => {
  const phrase = why === undefined ? reason : `${reason}: ${why}`;
  return { status, phrase, body: `${status} ${phrase}` };
};

const badRequest = fault(400, "Bad Request");
const unsupportedEncoding: Http1Fault = {
  status: 501,
  phrase: "Not Implemented",
  body: "Unsupported transfer encoding",
};
const unsupportedVersion = fault(505, "HTTP Version Not Supported", "unsupported protocol version");

/** What a host may be written with (RFC 3986, and brackets of addresses): anything else is meant for another reader. */
const hostValue = /^[!$%&'()*+,\-.0-9:;=@A-Z[\]_a-z~]*$/;
export const isHost = (value: string): boolean => hostValue.test(value);

/** A percent sign that does not begin a code, in the path. */
const brokenEscape = /^[^?]*%(?![0-9A-Fa-f]{2})/;
export const hasBrokenEscape = (target: string): boolean => target.includes("%") && brokenEscape.test(target);

/** Fields that frame the message, and so cannot come after it. */
const framing = new Set(["content-length", "transfer-encoding", "trailer"]);

/**
 * What Go's server refuses and Node's parser lets through: whatever two readers of one connection might take for the
 * beginning of another request, or for another host's.
 */
export function faultOf({
  httpVersion,
  url = "",
  headers,
  rawHeaders,
}: IncomingMessage): Http1Fault | undefined {
  if (httpVersion === "2.0") return unsupportedVersion;
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return badRequest;
  const hosts = valuesOf(rawHeaders, "host");
  if (hosts.length > 1) return badRequest;
  if (hosts.length === 0 && httpVersion === "1.1")
    return fault(400, "Bad Request", "missing required Host header");
  if (hosts.some((host) => !isHost(host))) return fault(400, "Bad Request", "malformed Host header");
  const encoding = headers["transfer-encoding"];
  // HTTP/1.0 has no chunks: who came before us may have taken them for what follows.
  if (encoding !== undefined && httpVersion === "1.0") return badRequest;
  if (encoding !== undefined && encoding.toLowerCase() !== "chunked") return unsupportedEncoding;
  const trailers = headers.trailer?.toLowerCase().split(",") ?? [];
  if (trailers.some((name) => framing.has(name.trim()))) return badRequest;
  return hasBrokenEscape(url) ? badRequest : undefined;
}

function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}

/** As the parser tells it. */
interface ParserError extends NodeJS.ErrnoException {
  readonly reason?: string;
  readonly rawPacket?: Buffer;
}

const otherVersion = /^[^\r\n]* HTTP\/(?!1\.[01])\d\.\d\r?\n/;

function faultOfParser({ code, reason, rawPacket }: ParserError): Http1Fault {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return fault(431, "Request Header Fields Too Large");
    case "HPE_INVALID_TRANSFER_ENCODING":
      // Beside a length it may be one that is supported; who believes which of them, nobody knows.
      return reason?.includes("Content-Length") === true ? badRequest : unsupportedEncoding;
    case "HPE_INVALID_VERSION":
      return otherVersion.test(rawPacket?.toString("latin1", 0, 10_000) ?? "")
        ? unsupportedVersion
        : badRequest;
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return fault(413, "Request Entity Too Large");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return fault(408, "Request Timeout");
    default:
      return badRequest;
  }
}

/** Answers in the order of the connection's requests, and ends it. */
export function refuse(response: ServerResponse, { status, phrase, body }: Http1Fault): void {
  response.shouldKeepAlive = false;
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, phrase, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": length,
  });
  response.end(body);
}

/** Ends a connection that has no request to answer. */
export function refuseConnection(socket: Duplex, { status, phrase, body }: Http1Fault): void {
  if (!socket.writable) return void socket.destroy();
  const head = `HTTP/1.1 ${status} ${phrase}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n`;
  socket.end(head + body, () => socket.destroy());
}

/** Answers to bytes that Node's parser does not take, unless they belong to a request that has been answered. */
export function refuseRest(socket: Duplex, error: Error, answering: ServerResponse | undefined): void {
  if (answering?.headersSent === true && !answering.writableFinished) return void socket.end();
  if (answering?.headersSent === true && !answering.req.complete) return void socket.end();
  refuseConnection(socket, faultOfParser(error));
}

/** The path and query of a target: clients of proxies send the whole URL, whose host is of no interest here. */
export function originForm(target: string): string {
  if (target.startsWith("/")) return target;
  const absolute = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*/.exec(target);
  if (absolute === null) return target;
  const rest = target.slice(absolute[0].length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}
