import type { TLSSocket } from "node:tls";
import type { HttpExchange } from "./http-exchange.ts";
import { type AnswerHead, PlainExchange } from "./plain-exchange.ts";
import { type PlainFields, parsePlainHead } from "./plain-head.ts";
import type { Peer } from "./socket-request.ts";

export interface PlainConnectionOptions {
  readonly socket: TLSSocket;
  readonly peer: Peer;
  readonly answerHead: AnswerHead;
  /** How long a connection stays open before the first request. */
  readonly headMs: number;
  /** How long it stays open between two requests. */
  readonly idleMs: number;
  /** Takes one request. */
  readonly begin: (exchange: HttpExchange) => void;
  /** Lets Node's own server take over the connection, whose next bytes are still to be read. */
  readonly handOver: () => void;
}

/** More than this is not taken from a client that sends ahead of its answers. */
const earlyBytesMax = 64 * 1024;

/**
 * An HTTP/1.1 connection whose requests are plain: each comes in one piece, and its answer leaves in one. Node's server
 * spends on such a request, in streams, events, timers and a parser that may stop anywhere, a quarter of what a whole
 * create takes. With the first request that is not plain the connection becomes Node's, for good.
 */
export class PlainConnection {
  readonly #options: PlainConnectionOptions;
  #current: PlainExchange | undefined;
  #fields: PlainFields | undefined;
  /** What came before the answer to the request before it had been given. */
  #early: Buffer | undefined;
  readonly #onData = (bytes: Buffer): void => this.#take(bytes);
  readonly #onClose = (): void => this.#current?.end.end();
  readonly #onIdle = (): void => {
    if (this.#current === undefined) this.#options.socket.destroy();
  };

  constructor(options: PlainConnectionOptions) {
    this.#options = options;
  }

  /** Serves the connection from here on. */
  open(): void {
    const { socket, headMs } = this.#options;
    socket.setNoDelay(true);
    socket.on("data", this.#onData);
    socket.on("close", this.#onClose);
    // Errors of a connection are those of its client; it ends by "close".
    socket.on("error", ignore);
    socket.setTimeout(headMs, this.#onIdle);
  }

  #take(bytes: Buffer): void {
    if (this.#current !== undefined) return this.#keep(bytes);
    const { peer, socket, answerHead, begin, idleMs } = this.#options;
    const head = parsePlainHead(bytes, this.#fields);
    if (head === undefined) return this.#giveUp(bytes);
    if (this.#fields === undefined) socket.setTimeout(idleMs);
    this.#fields = head.fields;
    const onAnswered = (closes: boolean): void => this.#answered(closes);
    this.#current = new PlainExchange({ socket, peer, head, bytes, answerHead, onAnswered });
    begin(this.#current);
  }

  #keep(bytes: Buffer): void {
    this.#early = this.#early === undefined ? bytes : Buffer.concat([this.#early, bytes]);
    if (this.#early.length > earlyBytesMax) this.#options.socket.pause();
  }

  /** All of the answer has been given to the socket. */
  #answered(closes: boolean): void {
    this.#current = undefined;
    const { socket } = this.#options;
    if (closes) return void socket.end();
    const early = this.#early;
    if (early === undefined || socket.destroyed) return;
    this.#early = undefined;
    this.#take(early);
    if (socket.isPaused()) socket.resume();
  }

  #giveUp(bytes: Buffer): void {
    const { socket, handOver } = this.#options;
    socket.off("data", this.#onData);
    socket.off("close", this.#onClose);
    socket.off("error", ignore);
    socket.off("timeout", this.#onIdle);
    socket.setTimeout(0);
    socket.pause();
    socket.unshift(bytes);
    handOver();
    // Who else listens keeps Node's parser from reading past the stream: it would be given what comes while it waits for
    // answers to leave, which it takes for a broken request.
    socket.on("data", ignore);
    socket.resume();
  }
}

const ignore = (): void => undefined;
