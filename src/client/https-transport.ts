import { readFileSync } from "node:fs";
import type { ClientRequest, Agent as HttpAgent, IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { SecureContextOptions } from "node:tls";
import { type Clock, RealClock } from "../apimachinery/clock.ts";
import { deepFreeze } from "../apimachinery/json.ts";
import { StatusError } from "../apimachinery/status.ts";
import type {
  ConnectRequest,
  MessageChannelConnection,
  Transport,
  TransportRequest,
  TransportResponse,
  WatchEvent,
} from "../apimachinery/transport.ts";
import { trusting } from "../apimachinery/trust.ts";
import { messagesOf } from "../streaming/websocket.ts";
import { formatQuery } from "./paths.ts";
import { ConnectionError, errorOfAnswer, isStatus, linesOf, warningsOf } from "./server-answer.ts";

export interface HttpsTransportOptions {
  /** `https://127.0.0.1:6443`; a path is put before that of each request. `http:` is allowed. */
  readonly server: string;
  /** PEM. Without it the machine's own authorities are trusted. */
  readonly ca?: string;
  /** PEM. */
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  readonly token?: string;
  /** Read again every ten seconds: projected tokens are renewed in place. Wins over `token`. */
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly insecureSkipTlsVerify?: boolean;
  /** The name in the server's certificate where it differs from the address. */
  readonly tlsServerName?: string;
  readonly impersonate?: {
    readonly user: string;
    readonly groups?: readonly string[];
    readonly uid?: string;
  };
  readonly userAgent?: string;
  readonly clock?: Clock;
}

/** A server asked to wait this often, or the request fails. As client-go. */
const retriesMax = 10;
/** The API server ends requests after 60 s; without a word for longer the connection is dead. */
const silenceMs = 75_000;
const tokenFileAgeMs = 10_000;
/** Handshakes cost more than waiting for a connection that is open. */
const connectionsMax = 32;

/** Node's module of this name brings fetch along, 15 ms of every command: few servers speak plain HTTP. */
const plainHttp = (): typeof import("node:http") => process.getBuiltinModule("node:http");

/** The Transport over HTTP/1.1 with kept-alive connections; each watch and stream has a connection of its own. */
/**
 * What RFC 6455 lets a subprotocol be called. Kubernetes has one with a "/", which `ws` refuses: then the header is written
 * and read here.
 */
const subprotocolName = /^[!#$%&'*+\-.0-9A-Z^_`|a-z~]+$/;

export class HttpsTransport implements Transport {
  readonly server: string;
  readonly #options: HttpsTransportOptions;
  readonly #base: URL;
  readonly #tls: SecureContextOptions & { rejectUnauthorized?: boolean; servername?: string };
  /** Requests share a few connections; what lasts (watches, streams) must not keep them from others. */
  readonly #agent: HttpAgent;
  readonly #lastingAgent: HttpAgent;
  readonly #clock: Clock;
  #fileToken: { readonly text: string; readonly readAtMs: number } | undefined;

  constructor(options: HttpsTransportOptions) {
    this.#options = options;
    this.#base = new URL(options.server);
    this.server = options.server;
    this.#clock = options.clock ?? new RealClock();
    this.#tls = tlsOptions(options);
    this.#agent = this.#newAgent(connectionsMax);
    this.#lastingAgent = this.#newAgent(Number.POSITIVE_INFINITY);
  }

  #newAgent(maxSockets: number): HttpAgent {
    const options = { keepAlive: true, keepAliveMsecs: 30_000, maxSockets };
    if (this.#base.protocol === "http:") return new (plainHttp().Agent)(options);
    return new HttpsAgent({ ...options, ...this.#tls, maxCachedSessions: 4 });
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    for (let retries = 0; ; retries++) {
      const response = await this.#send(request, this.#agent);
      const status = response.statusCode ?? 0;
      const text = await this.#read(response);
      if (status < 400) {
        const warnings = warningsOf(response.headersDistinct["warning"] ?? []);
        return { status, body: parseBody(response, text), warnings };
      }
      const waitSeconds = Number(response.headers["retry-after"]);
      const mayRetry = (status === 429 || status >= 500) && waitSeconds > 0;
      if (!mayRetry || retries >= retriesMax) throw errorOfAnswer(status, text);
      await this.#clock.sleep(waitSeconds * 1000, request.signal);
    }
  }

  async *watch(request: Omit<TransportRequest, "method" | "body">): AsyncGenerator<WatchEvent> {
    if (request.signal?.aborted === true) return;
    try {
      const chunks = await this.stream({
        ...request,
        method: "GET",
        query: { ...request.query, watch: "true" },
      });
      for await (const line of linesOf(chunks)) {
        const event = JSON.parse(line) as { type: string; object: unknown };
        if (event.type === "ERROR") throw errorOfEvent(event.object);
        yield deepFreeze(event as WatchEvent);
      }
    } catch (error) {
      if (!isAborted(request.signal)) throw error;
    }
  }

  async stream(request: TransportRequest): Promise<AsyncIterable<Uint8Array>> {
    const response = await this.#send(request, this.#lastingAgent);
    const status = response.statusCode ?? 0;
    if (status >= 400) throw errorOfAnswer(status, await this.#read(response));
    return this.#chunks(response);
  }

  async connect(request: ConnectRequest): Promise<MessageChannelConnection> {
    const { WebSocket } = await import("ws");
    const url = this.#url(request);
    url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
    const { protocols } = request;
    const named = protocols.every((protocol) => subprotocolName.test(protocol));
    const socket = new WebSocket(url, named ? [...protocols] : [], {
      ...this.#tls,
      headers: { ...this.#headers(), ...(named ? {} : { "Sec-WebSocket-Protocol": protocols.join(", ") }) },
      perMessageDeflate: false,
      maxPayload: 32 * 1024 * 1024,
    });
    let chosen = "";
    if (!named) {
      socket.once("upgrade", ({ headers }: IncomingMessage) => {
        chosen = headers["sec-websocket-protocol"] ?? "";
        delete headers["sec-websocket-protocol"];
      });
    }
    const abort = (): void => socket.terminate();
    request.signal?.addEventListener("abort", abort, { once: true });
    socket.once("close", () => request.signal?.removeEventListener("abort", abort));
    // Before the socket opens, or the first messages would be lost.
    const messages = messagesOf(socket);
    messages.on("error", () => undefined);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", (error) => reject(new ConnectionError(this.server, error)));
      socket.once("unexpected-response", (_: ClientRequest, response: IncomingMessage) => {
        this.#read(response)
          .then((text) => reject(errorOfAnswer(response.statusCode ?? 500, text)), reject)
          .finally(() => socket.terminate());
      });
    });
    const protocol = named ? socket.protocol : chosen;
    if (!named && !protocols.includes(protocol)) {
      socket.terminate();
      throw new ConnectionError(this.server, new Error(`the server chose the subprotocol "${protocol}"`));
    }
    return { protocol, messages, close: () => socket.close(1000) };
  }

  /** Closes idle connections; those in use end with their requests. */
  close(): void {
    this.#agent.destroy();
    this.#lastingAgent.destroy();
  }

  async #send(request: TransportRequest, agent: HttpAgent, isRetry = false): Promise<IncomingMessage> {
    request.signal?.throwIfAborted();
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const headers: Record<string, string | string[]> = {
      ...this.#headers(),
      Accept: request.accept ?? "application/json",
    };
    if (body !== undefined) {
      headers["Content-Type"] = request.contentType ?? "application/json";
      headers["Content-Length"] = String(body.length);
    }
    const send = this.#base.protocol === "http:" ? plainHttp().request : httpsRequest;
    const outgoing = send(this.#url(request), {
      method: request.method,
      headers,
      agent,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    try {
      return await answerTo(outgoing, body);
    } catch (error) {
      if (isAborted(request.signal)) throw request.signal?.reason ?? error;
      // A kept connection may be closed by the server in the moment that it is used again.
      const safe = request.method === "GET" || request.method === "PUT" || request.method === "DELETE";
      if (outgoing.reusedSocket && safe && !isRetry) return await this.#send(request, agent, true);
      throw new ConnectionError(this.server, error);
    }
  }

  #url({ path, query }: Pick<TransportRequest, "path" | "query">): URL {
    const prefix = this.#base.pathname.replace(/\/$/, "");
    return new URL(`${prefix}${path}${formatQuery(query)}`, this.#base);
  }

  #headers(): Record<string, string | string[]> {
    const { username, password = "", impersonate, userAgent = "sampan" } = this.#options;
    const headers: Record<string, string | string[]> = { "User-Agent": userAgent };
    const token = this.#token();
    if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
    else if (username !== undefined) {
      headers["Authorization"] = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
    }
    if (impersonate !== undefined) {
      headers["Impersonate-User"] = impersonate.user;
      if (impersonate.groups !== undefined) headers["Impersonate-Group"] = [...impersonate.groups];
      if (impersonate.uid !== undefined) headers["Impersonate-Uid"] = impersonate.uid;
    }
    return headers;
  }

  #token(): string | undefined {
    const { token, tokenFile } = this.#options;
    if (tokenFile === undefined) return token;
    const nowMs = this.#clock.now();
    if (this.#fileToken === undefined || nowMs - this.#fileToken.readAtMs > tokenFileAgeMs) {
      try {
        this.#fileToken = { text: readFileSync(tokenFile, "utf8").trim(), readAtMs: nowMs };
      } catch (error) {
        // While the file is being replaced the token read before still holds.
        if (this.#fileToken === undefined) throw error;
      }
    }
    return this.#fileToken.text;
  }

  async #read(response: IncomingMessage): Promise<string> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#chunks(response)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  async *#chunks(response: IncomingMessage): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of response) yield chunk as Uint8Array;
    } catch (error) {
      throw new ConnectionError(this.server, error);
    }
  }
}

function tlsOptions(options: HttpsTransportOptions) {
  const { ca, clientCertificate, clientKey, insecureSkipTlsVerify, tlsServerName } = options;
  return {
    ...trusting(ca),
    ...(clientCertificate === undefined ? {} : { cert: clientCertificate }),
    ...(clientKey === undefined ? {} : { key: clientKey }),
    ...(insecureSkipTlsVerify === true ? { rejectUnauthorized: false } : {}),
    ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
  };
}

function answerTo(outgoing: ClientRequest, body: Buffer | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.setTimeout(silenceMs, () => outgoing.destroy(new Error("the server does not answer")));
    outgoing.on("response", (response) => {
      outgoing.setTimeout(0);
      resolve(response);
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function parseBody(response: IncomingMessage, text: string): unknown {
  const isJson = (response.headers["content-type"] ?? "").includes("json");
  return isJson && text !== "" ? (JSON.parse(text) as unknown) : text;
}

function errorOfEvent(object: unknown): Error {
  return isStatus(object) ? new StatusError(object) : errorOfAnswer(500, JSON.stringify(object));
}

/** Read anew each time: it changes while others wait. */
const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;
