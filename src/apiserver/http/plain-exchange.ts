import { Readable } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Clock } from "../../apimachinery/clock.ts";
import type { SharedBytes } from "../cache/frame-batch.ts";
import type { RequestBody } from "../endpoints/api-request.ts";
import type { HttpExchange, ResponseBody, ResponseHeaders } from "./http-exchange.ts";
import { drainOf } from "./http2-exchange.ts";
import type { PlainHead } from "./plain-head.ts";
import { reasonPhrase } from "./reason-phrase.ts";
import { RequestEnd } from "./request-end.ts";
import { type Peer, SocketRequest } from "./socket-request.ts";

export interface PlainExchangeOptions {
  readonly socket: TLSSocket;
  readonly peer: Peer;
  readonly head: PlainHead;
  /** Head and body. */
  readonly bytes: Buffer;
  readonly answerHead: AnswerHead;
  /** Called once the socket has been given all of the answer; `closes`: it was announced as the last one. */
  onAnswered(closes: boolean): void;
}

/** A request of a plain connection. The answer leaves as one piece, head and body. */
export class PlainExchange implements HttpExchange {
  readonly request: SocketRequest;
  readonly end = new RequestEnd();
  readonly #options: PlainExchangeOptions;
  #closes = false;
  #hasAnswered = false;

  constructor(options: PlainExchangeOptions) {
    const { head, bytes, peer } = options;
    const { method, url, fields, bodyAt } = head;
    const { headers, rawHeaders } = fields;
    const body = new WholeBody(bytes, bodyAt);
    this.#options = options;
    this.request = new SocketRequest({ method, url, headers, rawHeaders, body }, peer, this.end);
  }

  closeAfter(): void {
    this.#closes = true;
  }

  respond(status: number, headers: ResponseHeaders, body: Uint8Array): void {
    const { socket, answerHead } = this.#options;
    if (this.#hasAnswered || socket.destroyed) return;
    this.#hasAnswered = true;
    headers["content-length"] = String(body.length);
    const head = answerHead.text(status, headers, this.#closes);
    const isEmpty = status === 204 || status === 304 || body.length === 0;
    const answer = Buffer.allocUnsafe(head.length + (isEmpty ? 0 : body.length));
    answer.write(head, 0, "latin1");
    if (!isEmpty) answer.set(body, head.length);
    socket.write(answer, () => this.end.end());
    this.#options.onAnswered(this.#closes);
  }

  begin(status: number, headers: ResponseHeaders): ResponseBody {
    const { socket, answerHead } = this.#options;
    const isChunked = headers["content-length"] === undefined;
    const all = isChunked ? { ...headers, "transfer-encoding": "chunked" } : headers;
    if (!this.#hasAnswered && !socket.destroyed) {
      this.#hasAnswered = true;
      socket.write(answerHead.text(status, all, this.#closes), "latin1");
    }
    return new PlainBody(socket, isChunked, () => {
      this.end.end();
      this.#options.onAnswered(this.#closes);
    });
  }
}

/** The body of a request, which has come already. */
class WholeBody implements Extract<RequestBody, { type: "bytes" }> {
  readonly type = "bytes";
  readonly #bytes: Buffer;
  readonly #start: number;

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes;
    this.#start = start;
  }

  get whole(): Buffer {
    return this.#bytes.subarray(this.#start);
  }

  read(): Promise<Uint8Array> {
    return Promise.resolve(this.whole);
  }

  /** For who passes the body on. */
  get source(): Readable {
    return Readable.from([this.whole], { objectMode: false });
  }
}

const crlf = "\r\n";

class PlainBody implements ResponseBody {
  readonly #socket: TLSSocket;
  readonly #isChunked: boolean;
  readonly #onEnd: () => void;
  #hasEnded = false;

  constructor(socket: TLSSocket, isChunked: boolean, onEnd: () => void) {
    this.#socket = socket;
    this.#isChunked = isChunked;
    this.#onEnd = onEnd;
  }

  write(bytes: Uint8Array, taken?: () => void): boolean {
    const socket = this.#socket;
    if (this.#isOver) return true;
    if (!this.#isChunked) return socket.write(bytes, taken);
    // A chunk without bytes would be the last one.
    if (bytes.length === 0) {
      taken?.();
      return true;
    }
    socket.cork();
    socket.write(bytes.length.toString(16) + crlf, "latin1");
    socket.write(bytes);
    const hasRoom = socket.write(crlf, "latin1", taken);
    socket.uncork();
    return hasRoom;
  }

  writeShared(shared: SharedBytes, taken: () => void): void {
    if (!this.#isOver) this.#socket.write(this.#isChunked ? shared.chunk : shared.bytes, taken);
  }

  drained(): Promise<void> {
    return drainOf(this.#socket);
  }

  end(trailers: Readonly<Record<string, string>> = {}): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const socket = this.#socket;
    if (!this.#isChunked || socket.destroyed) this.#onEnd();
    else socket.write(`0${crlf}${linesOf(trailers)}${crlf}`, "latin1", this.#onEnd);
  }

  get #isOver(): boolean {
    return this.#hasEnded || this.#socket.destroyed || this.#socket.writableEnded;
  }
}

function linesOf(trailers: Readonly<Record<string, string>>): string {
  let text = "";
  for (const [name, value] of Object.entries(trailers)) text += line(name, value);
  return text;
}

/** Heads of answers, as Node writes them. */
export class AnswerHead {
  readonly #clock: Clock;
  readonly #keepAlive: string;
  #second = -1;
  #date = "";

  constructor(clock: Clock, idleMs: number) {
    this.#clock = clock;
    this.#keepAlive = `Connection: keep-alive${crlf}Keep-Alive: timeout=${idleMs / 1000}${crlf}${crlf}`;
  }

  /** Throws when a value holds characters beyond Latin-1, or the end of a line. */
  text(status: number, headers: ResponseHeaders, closes: boolean): string {
    let text = `HTTP/1.1 ${status} ${reasonPhrase(status)}${crlf}`;
    for (const name in headers) {
      const value = headers[name];
      if (typeof value === "string") text += line(name, value);
      else for (const each of value ?? []) text += line(name, each);
    }
    return `${text}Date: ${this.#now()}${crlf}${closes ? `Connection: close${crlf}${crlf}` : this.#keepAlive}`;
  }

  #now(): string {
    const second = Math.floor(this.#clock.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = new Date(second * 1000).toUTCString();
    }
    return this.#date;
  }
}

function line(name: string, value: string): string {
  if (notInValue.test(value)) throw new TypeError(`the header ${name} holds what no header may hold`);
  return `${name}: ${value}${crlf}`;
}

const notInValue = /[^\t\x20-\x7e\x80-\xff]/;
