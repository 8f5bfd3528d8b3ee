import type { EventEmitter } from "node:events";
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Writable } from "node:stream";
import type { Clock } from "../../apimachinery/clock.ts";
import { newBadRequest, newRequestEntityTooLarge } from "../../apimachinery/status.ts";
import type { RequestBody } from "../endpoints/api-request.ts";
import type { HttpExchange, ResponseBody } from "./http-exchange.ts";
import { leaveInTime } from "./leave-in-time.ts";
import { RequestEnd } from "./request-end.ts";
import { type Peer, SocketRequest } from "./socket-request.ts";
import { whenClosed } from "./when-closed.ts";

/** The request of one HTTP/2 stream, on the stream API: the compatible one costs a fifth of the throughput. */
export function http2Exchange(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  peer: Peer,
  rawHeaders: readonly string[],
  clock: Clock,
): HttpExchange {
  const end = new RequestEnd();
  stream.on("close", () => end.end());
  // Errors of a stream are those of its client; the request ends by "close".
  stream.on("error", () => undefined);
  const url = headers[":path"] ?? "/";
  const method = headers[":method"] ?? "GET";
  const source = streamBody(stream);
  const goOn = (): void => {
    if (!stream.destroyed && !stream.headersSent) stream.additionalHeaders({ ":status": 100 });
  };
  const body = isExpecting(headers) ? expectedBody(source, goOn) : source;
  const request = new SocketRequest({ method, url, headers, rawHeaders, body }, peer, end);
  return {
    request,
    end,
    respond(status, responseHeaders, body) {
      if (stream.destroyed || stream.headersSent) return;
      stream.respond({
        ":status": status,
        ...responseHeaders,
        "content-length": String(body.length),
      });
      const answer = request.method === "HEAD" ? undefined : body;
      leaveInTime(stream, body.length, clock, () => stream.close(constants.NGHTTP2_CANCEL));
      if (!stream.readableEnded) endEarly(stream, answer, clock);
      else if (answer === undefined) stream.end();
      else stream.end(answer);
    },
    begin(status, responseHeaders, mayHaveTrailers = false) {
      if (!stream.destroyed && !stream.headersSent) {
        stream.respond({ ":status": status, ...responseHeaders }, { waitForTrailers: mayHaveTrailers });
      }
      if (!stream.readableEnded) stream.resume();
      return http2Body(stream, mayHaveTrailers);
    },
  };
}

/** How long a client may go on to send a body that was answered already. */
const bodyRestMs = 1_000;

/**
 * Answers before the body was read (413, 401): the client must not be left waiting to send it. The stream ends after it
 * has come: Node resets a stream that ends before, and a reset takes over what of the answer has not left yet.
 */
function endEarly(stream: ServerHttp2Stream, answer: Uint8Array | undefined, clock: Clock): void {
  if (answer !== undefined) stream.write(answer);
  const end = (): void => {
    timer.stop();
    if (!stream.destroyed && !stream.writableEnded) stream.end();
  };
  const timer = clock.after(bodyRestMs, () => {
    end();
    stream.close(constants.NGHTTP2_NO_ERROR);
  });
  stream.once("end", end);
  stream.once("close", end);
  stream.resume();
}

function http2Body(stream: ServerHttp2Stream, mayHaveTrailers: boolean): ResponseBody {
  const isOver = (): boolean => stream.destroyed || stream.writableEnded;
  return {
    write: (bytes, taken) => isOver() || stream.write(bytes, taken),
    writeShared: ({ bytes }, taken) => void (isOver() || stream.write(bytes, taken)),
    drained: () => drainOf(stream),
    end(trailers = {}) {
      if (stream.destroyed || stream.writableEnded) return;
      // Without any the stream would be waited for all the same.
      if (mayHaveTrailers) stream.once("wantTrailers", () => stream.sendTrailers(trailers));
      stream.end();
    },
  };
}

/** Resolves when the stream wants more, or has ended. */
export function drainOf(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || !stream.writableNeedDrain) return resolve();
    const onChange = (): void => {
      stream.off("drain", onChange);
      stream.off("close", onChange);
      resolve();
    };
    stream.on("drain", onChange);
    stream.on("close", onChange);
  });
}

interface ByteSource {
  readonly readableEnded: boolean;
  /** Said to have closed, or about to. */
  readonly destroyed: boolean;
  on(event: "data", listener: (chunk: Buffer) => void): unknown;
  on(event: "end" | "close" | "aborted", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  off(event: "data", listener: (chunk: Buffer) => void): unknown;
  off(event: "end" | "close" | "error", listener: () => void): unknown;
  resume(): unknown;
  /** Of HTTP/1.1. */
  readonly socket?: EventEmitter;
}

/** Whether the client waits to be told to go on before it sends the body. */
export const isExpecting = ({ expect }: IncomingHttpHeaders): boolean =>
  expect !== undefined && expect.toLowerCase() === "100-continue";

/** The body of a client that waits: it is told to go on as soon as somebody wants the body, and not before. */
export function expectedBody(body: StreamBody, goOn: () => void): StreamBody {
  let isTold = false;
  const tell = (): void => {
    if (!isTold) goOn();
    isTold = true;
  };
  return {
    type: "bytes",
    read(limitBytes) {
      tell();
      return body.read(limitBytes);
    },
    get readBytes() {
      return body.readBytes;
    },
    get source() {
      tell();
      return body.source;
    },
  };
}

type StreamBody = Extract<RequestBody, { type: "bytes" }>;

/** Reads a body at most once, and no more of it than the limit; to be told when it is of no more use. */
export function streamBody(source: ByteSource): StreamBody & { forget(): void } {
  let reading: Promise<Uint8Array> | undefined;
  let readBytes: number | undefined;
  const read = async (limitBytes: number): Promise<Uint8Array> => {
    const bytes = await readAll(source, limitBytes);
    readBytes = bytes.length;
    return bytes;
  };
  return {
    type: "bytes",
    read(limitBytes) {
      reading ??= read(limitBytes);
      return reading;
    },
    get readBytes() {
      return readBytes;
    },
    source,
    forget() {
      reading = undefined;
    },
  };
}

/** Whoever listened is let go when all is there: a connection knows its newest request for as long as it is idle. */
function readAll(source: ByteSource, limitBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // Who was answered before the body was wanted has had it thrown away: nothing of it comes any more.
    if (source.readableEnded || source.destroyed) return reject(cutShort());
    let chunks: Buffer[] = [];
    let length = 0;
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      if (length <= limitBytes) return void chunks.push(chunk);
      // What comes beyond the limit is read and dropped: the client must be able to finish and see the answer.
      chunks = [];
      reject(newRequestEntityTooLarge(limitBytes));
    };
    const onEnd = (): void => {
      letGo();
      const [only] = chunks;
      resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks));
      chunks = [];
    };
    const onCut = (): void => {
      letGo();
      chunks = [];
      reject(cutShort());
    };
    // Of a request that is answered already, Node does not say that it ended with its connection.
    const { socket } = source;
    const forget = socket && whenClosed(socket, onCut);
    const letGo = (): void => {
      forget?.();
      source.off("data", onData);
      source.off("end", onEnd);
      source.off("close", onCut);
      source.off("error", onCut);
      source.on("error", ignore);
    };
    source.on("data", onData);
    source.on("end", onEnd);
    source.on("close", onCut);
    source.on("error", onCut);
  });
}

/** What goes wrong with a request whose body is there is told by its answer. */
const ignore = (): void => undefined;

/** The fault is the client's: it left, or it closed its side before it had sent what it had announced. */
const cutShort = (): Error => newBadRequest("unexpected EOF");
