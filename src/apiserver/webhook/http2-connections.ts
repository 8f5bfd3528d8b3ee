import type { ClientHttp2Session, IncomingHttpHeaders, IncomingHttpStatusHeader } from "node:http2";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { BrokenAnswer, CallAborted, type HttpAnswer, readBody } from "./http-answer.ts";

export interface Http2Request {
  readonly authority: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A session that could not take the call, and has not: another one may. */
export class SessionGone extends Error {}

/** As in Go: who accepts a connection and then says nothing is not waited for, whoever else waits. */
const handshakeMs = 10_000;

/**
 * Connections over which many calls go at the same time. Webhooks on this machine are asked so, where they can; those behind
 * Services are not, as in Kubernetes: a single connection would lead all calls to one of their pods.
 */
export class Http2Connections {
  readonly #idleMs: number;
  /** By whom they lead to; undefined for those who speak HTTP/1.1 alone. */
  readonly #sessions = new Map<string, Promise<ClientHttp2Session | undefined>>();

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** Undefined when the other side speaks HTTP/1.1: `onHttp1` is given the connection then, to go on with. */
  session(
    key: string,
    authority: string,
    options: ConnectionOptions,
    onHttp1: (socket: TLSSocket) => void,
  ): Promise<ClientHttp2Session | undefined> {
    let session = this.#sessions.get(key);
    if (session === undefined) {
      session = this.#connect(key, authority, options, onHttp1);
      this.#sessions.set(key, session);
      session.catch(() => this.#sessions.delete(key));
    }
    return session;
  }

  forget(key: string): void {
    this.#sessions.delete(key);
  }

  close(): void {
    for (const session of this.#sessions.values())
      session.then(
        (each) => each?.close(),
        () => undefined,
      );
    this.#sessions.clear();
  }

  async #connect(
    key: string,
    authority: string,
    options: ConnectionOptions,
    onHttp1: (socket: TLSSocket) => void,
  ): Promise<ClientHttp2Session | undefined> {
    const socket = await secure({ ...options, ALPNProtocols: ["h2", "http/1.1"] });
    if (socket.alpnProtocol !== "h2") {
      onHttp1(socket);
      return undefined;
    }
    const { connect } = process.getBuiltinModule("node:http2");
    const session = connect(`https://${authority}`, { createConnection: () => socket });
    const gone = (): void => this.forget(key);
    session.on("close", gone);
    session.on("goaway", gone);
    // Calls on it are told each by its own stream.
    session.on("error", gone);
    session.setTimeout(this.#idleMs, () => session.close());
    return session;
  }
}

function secure(options: ConnectionOptions): Promise<TLSSocket> {
  const { connect } = process.getBuiltinModule("node:tls");
  return new Promise((resolve, reject) => {
    const socket = connect(options);
    socket.setTimeout(handshakeMs, () => socket.destroy(new Error("net/http: TLS handshake timeout")));
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      socket.setTimeout(0);
      socket.removeListener("error", reject);
      resolve(socket);
    });
    // Node is silent about a connection that ends in the middle of the handshake.
    socket.once("close", () => reject(Object.assign(new Error("socket hang up"), { code: "ECONNRESET" })));
  });
}

/** One request and its answer. Rejects with SessionGone when the session took nothing of it. */
export function callHttp2(
  session: ClientHttp2Session,
  { authority, path, headers }: Http2Request,
  body: Buffer,
  limitBytes: number,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    if (session.closed || session.destroyed) throw new SessionGone();
    let hasBegun = false;
    const stream = session.request({
      ":method": "POST",
      ":authority": authority,
      ":path": path,
      ...headers,
    });
    const abort = (): void => {
      stream.close();
      reject(new CallAborted(hasBegun));
    };
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    stream.on("close", () => signal.removeEventListener("abort", abort));
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (hasBegun) reject(new BrokenAnswer("", { cause: error }));
      else reject(isUntouched(error, stream.rstCode) ? new SessionGone("", { cause: error }) : error);
    });
    stream.on("response", (head) => {
      hasBegun = true;
      readBody(stream, textOf(head["content-encoding"]), limitBytes).then(
        (bytes) => resolve({ ...headOf(head), body: bytes }),
        (error: unknown) => {
          stream.close();
          reject(error instanceof BrokenAnswer ? error : new BrokenAnswer("", { cause: error }));
        },
      );
    });
    stream.end(body);
  });
}

const refusedStream = 7;

/** The other side said that it has not looked at the call, or the session was gone before it was sent. */
const isUntouched = ({ code }: NodeJS.ErrnoException, streamCode: number | undefined): boolean =>
  streamCode === refusedStream ||
  code === "ERR_HTTP2_GOAWAY_SESSION" ||
  code === "ERR_HTTP2_INVALID_SESSION" ||
  code === "ERR_HTTP2_SESSION_ERROR";

const textOf = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === "string" ? value : undefined;

const headOf = (head: IncomingHttpHeaders & IncomingHttpStatusHeader): Omit<HttpAnswer, "body"> => ({
  code: head[":status"] ?? 0,
  contentType: head["content-type"],
  retryAfter: head["retry-after"],
});
