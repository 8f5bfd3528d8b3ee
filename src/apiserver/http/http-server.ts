import type { IncomingMessage, ServerResponse } from "node:http";
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type SecureContextOptions, type TLSSocket, Server as TlsServer } from "node:tls";
import type { Clock } from "../../apimachinery/clock.ts";
import type { HttpExchange } from "./http-exchange.ts";
import { http1Exchange, upgradeExchange } from "./http1-exchange.ts";
import { faultOf, refuse, refuseConnection, refuseRest } from "./http1-fault.ts";
import { http2Exchange } from "./http2-exchange.ts";
import { PlainConnection } from "./plain-connection.ts";
import { AnswerHead } from "./plain-exchange.ts";
import type { Peer } from "./socket-request.ts";

/** Read at the start, and again by `renewCertificates`. */
export interface TlsOptions {
  /** PEM. */
  readonly key: string | Uint8Array;
  readonly cert: string | Uint8Array;
  /** The authorities whose client certificates say who asks. */
  readonly clientCa: string | Uint8Array | readonly (string | Uint8Array)[];
}

/** As kube-apiserver: Node's own 5 s close connections in the face of clients that are about to ask. */
const idleMs = 90_000;
/** How long a client may take over the head of a request, as kube-apiserver; looked at a few times in a minute. */
const headMs = 32_000;

const http1Options = {
  keepAliveTimeout: idleMs,
  headersTimeout: headMs,
  connectionsCheckingInterval: 8_000,
  // Selectors may be long: Go takes a megabyte of request line and headers, Node 16 KiB. The types do not know it.
  maxHeaderSize: 1024 * 1024,
  // Told in Go's words below.
  requireHostHeader: false,
};

/** A client may offer to upgrade with any request. One with a body is answered as it is: what follows its head is that. */
const shouldUpgradeCallback = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) === 0;

export interface HttpServerOptions {
  readonly tls: TlsOptions;
  readonly clock: Clock;
  /** Takes one request and answers it; must not reject. */
  readonly handle: (exchange: HttpExchange) => Promise<void>;
  /** Told of each connection that failed before it was one. */
  readonly onTlsError?: () => void;
}

/** HTTPS for HTTP/2 and HTTP/1.1 on one port. Client certificates are asked for, and judged by the authenticator. */
export class HttpServer {
  readonly #server: Http2SecureServer;
  readonly #tls: TlsOptions;
  readonly #handle: HttpServerOptions["handle"];
  readonly #clock: Clock;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<Duplex>();
  /** Requests whose answer is not yet with the client. */
  readonly #open = new Set<HttpExchange>();
  #onIdle: (() => void) | undefined;
  readonly #answerHead: AnswerHead;
  /** The answer to the newest request that Node's parser found on the connection. */
  readonly #answering = new WeakMap<object, ServerResponse>();
  /** A certificate is looked at once per connection. */
  readonly #peers = new WeakMap<object, Peer>();

  constructor({ tls, clock, handle, onTlsError }: HttpServerOptions) {
    this.#handle = handle;
    this.#clock = clock;
    this.#answerHead = new AnswerHead(clock, idleMs);
    this.#tls = tls;
    this.#server = createSecureServer({
      ...contextOf(tls),
      requestCert: true,
      rejectUnauthorized: false,
      allowHTTP1: true,
      http1Options,
      // A list of many megabytes may wait in a session while its other streams go on; Node's own bound is 10 MB.
      maxSessionMemory: 1_000,
      // Frames for streams that have just ended are counted for as long as the connection lives, which with controllers
      // is weeks: Node's own bounds are 1,000 and 100.
      maxSessionInvalidFrames: 100_000,
      maxSessionRejectedStreams: 10_000,
      // Clients end watches by resetting their streams, an informer many at a time.
      streamResetBurst: 10_000,
      streamResetRate: 1_000,
      settings: { initialWindowSize: 1024 * 1024, maxConcurrentStreams: 1_000 },
    });
    // A property of HTTP/1.1 servers, which is one of this server though the types leave it out, and no option of it.
    Object.assign(this.#server, { shouldUpgradeCallback });
    // The compatible API listens for "stream" too as soon as anybody listens for "request"; here only HTTP/1.1 needs it.
    const onRequest = (message: unknown, response: unknown): void =>
      this.#onRequest(message as IncomingMessage, response as ServerResponse);
    this.#server.on("request", onRequest);
    // The client is told to go on when its body is wanted.
    this.#server.on("checkContinue", onRequest);
    this.#server.on("checkExpectation", (_: unknown, response: unknown) => {
      refuse(response as ServerResponse, { status: 417, phrase: "Expectation Failed", body: "" });
    });
    this.#server.on("clientError", (error: Error, socket: Duplex) => {
      refuseRest(socket, error, this.#answering.get(socket));
    });
    this.#server.removeAllListeners("stream");
    // The types leave out the headers as they were sent, which the event has passed on since it is there.
    this.#server.on(
      "stream",
      (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, ...rest: unknown[]) =>
        this.#onStream(stream, headers, (rest[0] ?? []) as readonly string[]),
    );
    for (const event of ["upgrade", "connect"]) {
      this.#server.on(event, (message: IncomingMessage, socket: Duplex, head: Buffer) => {
        this.#onUpgrade(message, socket, head);
      });
    }
    this.#server.on("session", (session) => this.#track(session));
    const nodes = this.#server.listeners("secureConnection");
    this.#server.removeAllListeners("secureConnection");
    this.#server.on("secureConnection", (socket: TLSSocket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      const handOver = (): void => {
        for (const listener of nodes) Reflect.apply(listener, this.#server, [socket]);
      };
      if (socket.alpnProtocol === "h2") handOver();
      else this.#servePlainly(socket, handOver);
    });
    // A client that breaks off or does not speak TLS is its own trouble.
    this.#server.on("tlsClientError", () => onTlsError?.());
    this.#server.on("sessionError", () => undefined);
  }

  /**
   * Resolves with the port when the socket is open; rejects when it cannot be. With `keepsProcess` false, the process may
   * end while it is open and clients are connected.
   */
  listen(port: number, address: string, { keepsProcess = true } = {}): Promise<number> {
    if (!keepsProcess) {
      this.#server.unref();
      this.#server.on("connection", (socket: Socket) => socket.unref());
    }
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, address, () => {
        this.#server.off("error", reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /**
   * Stops accepting, tells clients to go, waits until the answers under way have gone out or `patience` is over, and
   * cuts what is left.
   */
  async close(patience: Promise<unknown>): Promise<void> {
    // Not the server's own close yet: it destroys connections whose last answer was given but has not gone out.
    const closed = new Promise<void>((resolve) => {
      TlsServer.prototype.close.call(this.#server, () => resolve());
    });
    for (const session of this.#sessions) session.close();
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      if (this.#open.size === 0) resolve();
    });
    await Promise.race([idle, patience]);
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    // Its timers.
    this.#server.close();
  }

  /** From now on new connections are shown what the TLS options say now. Those that there are go on. */
  renewCertificates(): void {
    this.#server.setSecureContext(contextOf(this.#tls));
  }

  /** Breaks all connections, whatever is under way. New ones are taken until `close`. */
  cut(): void {
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  #begin(exchange: HttpExchange): void {
    this.#open.add(exchange);
    exchange.end.onEnd(() => {
      this.#open.delete(exchange);
      if (this.#open.size === 0) this.#onIdle?.();
    });
    void this.#handle(exchange);
  }

  /** HTTP/1.1, by Node's own server as soon as it takes more than the plainest requests. */
  #servePlainly(socket: TLSSocket, handOver: () => void): void {
    const begin = (exchange: HttpExchange): void => this.#begin(exchange);
    const peer = this.#peer(socket);
    const answerHead = this.#answerHead;
    new PlainConnection({ socket, peer, answerHead, headMs, idleMs, begin, handOver }).open();
  }

  #track(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.on("close", () => this.#sessions.delete(session));
    session.on("error", () => undefined);
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
    this.#begin(http2Exchange(stream, headers, this.#peer(stream.session?.socket), rawHeaders, this.#clock));
  }

  #onRequest(message: IncomingMessage, response: ServerResponse): void {
    this.#answering.set(message.socket, response);
    const fault = faultOf(message);
    if (fault !== undefined) return refuse(response, fault);
    // Asks about the server as a whole, of which there is nothing to say.
    if (message.url === "*" && message.method === "OPTIONS")
      return void response.writeHead(200, noLength).end();
    this.#begin(http1Exchange(message, response, this.#peer(message.socket), this.#clock));
  }

  #onUpgrade(message: IncomingMessage, socket: Duplex, head: Buffer): void {
    const fault = faultOf(message);
    if (fault !== undefined) return refuseConnection(socket, fault);
    this.#begin(upgradeExchange({ message, socket, head }, this.#peer(socket)));
  }

  #peer(socket: object | undefined): Peer {
    const known = socket === undefined ? undefined : this.#peers.get(socket);
    if (known !== undefined) return known;
    const peer = peerOf(socket);
    if (socket !== undefined) this.#peers.set(socket, peer);
    return peer;
  }
}

const noLength = { "content-length": "0" };

function peerOf(socket: unknown): Peer {
  const tls = socket as TLSSocket | undefined;
  const anonymous: Peer = {
    credentials: { certificates: [], bearerToken: undefined },
    hasForeignCertificate: false,
    remoteAddress: tls?.remoteAddress,
  };
  // HTTP/2 hands out a proxy of its socket, so it is known by its methods.
  if (typeof tls?.getPeerX509Certificate !== "function") return anonymous;
  const certificate = tls.getPeerX509Certificate();
  if (certificate === undefined) return anonymous;
  if (!tls.authorized && !isJudgedByTime(tls)) return { ...anonymous, hasForeignCertificate: true };
  const credentials = { certificates: [new Uint8Array(certificate.raw)], bearerToken: undefined };
  return { ...anonymous, credentials };
}

/**
 * Refused for its times, which TLS judges by the machine's clock. The cluster may have another one: by that, the
 * authenticator judges them, and all else once more.
 */
const isJudgedByTime = ({ authorizationError }: TLSSocket): boolean =>
  ["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"].includes(String(authorizationError));

const contextOf = ({
  key,
  cert,
  clientCa,
}: TlsOptions): Pick<SecureContextOptions, "key" | "cert" | "ca"> => ({
  key: pem(key),
  cert: pem(cert),
  ca: Array.isArray(clientCa) ? clientCa.map(pem) : [pem(clientCa as string | Uint8Array)],
});

const pem = (text: string | Uint8Array): string | Buffer =>
  typeof text === "string" ? text : Buffer.from(text);
