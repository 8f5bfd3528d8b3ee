import type { Duplex } from "node:stream";
import type { UnstructuredObject } from "./object.ts";

/**
 * How a client reaches an API server: over HTTPS (`client/https-transport.ts`) or in the same process
 * (`apiserver/in-process-transport.ts`). Both authenticate, authorise and admit; only sockets and encoding differ.
 *
 *   const { body } = await transport.request({ method: "GET", path: "/api/v1/namespaces/default/pods" });
 *   for await (const event of transport.watch({ path: "/api/v1/pods", query: { resourceVersion: "42" } })) …
 */
export interface Transport {
  /**
   * One request, one answer. A status of 400 and above rejects with StatusError.
   * The body sent is not changed and may be frozen; the body received must not be changed: it may be shared.
   */
  request(request: TransportRequest): Promise<TransportResponse>;

  /**
   * Adds `watch=true` and yields events until the server ends the watch (the iteration completes), the caller stops
   * iterating, or the signal aborts (the iteration completes). An ERROR event rejects with StatusError
   * (410 Expired: list again). Objects are frozen and shared.
   */
  watch(request: Omit<TransportRequest, "method" | "body">): AsyncIterable<WatchEvent>;

  /** The raw bytes of an answer as they arrive: logs, proxied content. */
  stream(request: TransportRequest): Promise<AsyncIterable<Uint8Array>>;

  /**
   * Upgrades to a WebSocket of one of the subprotocols (exec, attach, port-forward).
   * `path` carries its query in `query`; values that repeat (command) are arrays.
   */
  connect(request: ConnectRequest): Promise<MessageChannelConnection>;
}

export interface TransportRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** A JSON value; for PATCH, the patch. */
  readonly body?: unknown;
  /** For PATCH: `application/merge-patch+json` and so on. Defaults to `application/json`. */
  readonly contentType?: string;
  /** Defaults to `application/json`. */
  readonly accept?: string;
  readonly signal?: AbortSignal;
}

export interface TransportResponse {
  readonly status: number;
  readonly body: unknown;
  /** The texts of Warning headers. */
  readonly warnings: readonly string[];
}

export type WatchEventType = "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";

export interface WatchEvent<T = UnstructuredObject> {
  readonly type: WatchEventType;
  readonly object: T;
}

export interface ConnectRequest {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly protocols: readonly string[];
  readonly signal?: AbortSignal;
}

/** An upgraded connection that carries binary messages; in-process it never touches a socket. */
export interface MessageChannelConnection {
  readonly protocol: string;
  /** Object-mode: one Buffer per message, with back-pressure. Ends when the peer closes. */
  readonly messages: Duplex;
  close(): void;
}
