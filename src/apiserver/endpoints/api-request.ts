import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { ResourceInfo, Scheme, TablePrinter } from "../../api/scheme.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { MessageChannelConnection } from "../../apimachinery/transport.ts";
import type { AuditRecord } from "../audit/audit-record.ts";
import type { AuthenticationRequest } from "../authentication/authenticator.ts";
import type { CachedObject } from "../cache/cached-object.ts";
import type { WatchSink } from "../cache/watcher.ts";
import type { Flow } from "../flowcontrol/flow-controller.ts";
import type { ListPage } from "../registry/list.ts";
import type { RequestInfo, UserInfo } from "../request-context.ts";
import type { Negotiable } from "./negotiate.ts";

/** A request as the pipeline sees it, whether it came over a socket or from this process. */
export interface ApiRequest {
  readonly method: string;
  /** The path of the URL, still escaped, without the query. */
  readonly path: string;
  /** Path and query as the client wrote them; absent for requests of this process. */
  readonly uri?: string;
  readonly query: URLSearchParams;
  /** By lower-case name. */
  header(name: string): string | undefined;
  /** Each line of a header that was sent several times; absent where only the joined form is known. */
  headerValues?(name: string): readonly string[];
  /** The names of all headers, in lower case. */
  headerNames(): readonly string[];
  readonly body: RequestBody;
  /** Who the client says it is; a request of this process brings its user. */
  readonly credentials: AuthenticationRequest | UserInfo;
  /** True when the client presented a certificate that no authority of ours signed. */
  readonly hasForeignCertificate?: boolean;
  /** The client's end of the connection. */
  readonly remoteAddress?: string | undefined;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
  /** Present when the client asks to upgrade an HTTP/1.1 connection. */
  readonly upgrade?: UpgradeRequest;
  /** Present when a caller of this process asks for a channel of messages instead. */
  readonly channel?: ChannelRequest;
  /** True for requests of this process: they are not counted against the limits of connections. */
  readonly isInProcess: boolean;
}

/** Bytes to decode, or a JSON value of the same process, which must not be changed. */
export type RequestBody =
  | {
      readonly type: "bytes";
      /** Reads all of it, once; 413 beyond the limit. */
      read(limitBytes: number): Promise<Uint8Array>;
      /** All of it, where it came with the head: far below any limit. Nothing need be waited for. */
      readonly whole?: Uint8Array;
      /** How many bytes were read, once somebody has; absent before, and where `whole` tells. */
      readonly readBytes?: number | undefined;
      /** For who passes the body on instead of reading it. */
      readonly source: unknown;
    }
  | { readonly type: "value"; readonly value: unknown };

export interface UpgradeRequest {
  readonly message: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** The in-process form of an upgrade: the handler makes the connection and hands over the client's end. */
export interface ChannelRequest {
  readonly protocols: readonly string[];
  accept(connection: MessageChannelConnection): void;
}

/** What the filters find out on the way to the route. */
export interface RequestState {
  readonly request: ApiRequest;
  info: RequestInfo;
  user: UserInfo;
  /** Aborts when the client has gone, the request timed out or the server closes. */
  readonly signal: AbortSignal;
  /** Those who ask for the signal from here on get what `derive` makes of it, which is called when the first does. */
  narrowSignal(derive: (outer: AbortSignal) => AbortSignal): void;
  readonly warnings: string[];
  /**
   * Set where a read that may be answered from an older state is to be answered as of this revision. Kubernetes promises
   * nothing newer to who names resourceVersion "0", and no server needs this: it is for who wants to see what comes of it.
   */
  asOf?: number;
  /** Set when the user may not do what is asked: browsers are not to guess what the answer is. */
  isForbidden?: boolean;
  /** Goes with the answer and with audit events; empty for requests of this process, which need none unless audited. */
  readonly auditId: string;
  /** Present from the audit filter on, when the request is audited. */
  audit?: AuditRecord;
  /** Present from the filter of priority and fairness on: the schema and level of the request. */
  flow?: Flow;
  /** To be called when another server works on it from here on: it holds its seats no longer. */
  delegated?: () => void;
  /** How long it waited for seats. */
  waitedMs?: number;
  /** To be called when the answer has been made, or the request has failed. Calling it again does nothing. */
  answered?: () => void;
}

export type Handler = (state: RequestState) => Promise<ApiResponse>;

/** A step around the rest of the chain. */
export type Filter = (state: RequestState, next: Handler) => Promise<ApiResponse>;

/** What a route answers, before it is encoded for a socket or handed to a caller of this process. */
export type ApiResponse =
  | ObjectResponse
  | ListResponse
  | WatchResponse
  | ValueResponse
  | BytesResponse
  | StreamResponse
  | UpgradedResponse;

export interface ObjectResponse {
  readonly type: "object";
  readonly status: number;
  readonly object: CachedObject;
  readonly served: ResourceInfo;
}

export interface ListResponse {
  readonly type: "list";
  readonly page: ListPage;
  readonly served: ResourceInfo;
}

export interface WatchResponse {
  readonly type: "watch";
  readonly served: ResourceInfo;
  /** Ends the watch after so long. */
  readonly timeoutMs: number;
  /** Starts; events go to the sink until the answer is called or the sink is ended. */
  open(sink: WatchSink, signal: AbortSignal): Promise<() => void>;
}

/** What a value is, and who prints it if that is not the printer of its kind. */
export interface ShownValue extends Negotiable {
  printerOf?(scheme: Scheme): TablePrinter | undefined;
}

/** An object that is not stored: a Status, a Scale, a review. */
export interface ValueResponse {
  readonly type: "value";
  readonly status: number;
  readonly value: Omit<KubernetesObject, "metadata"> & object;
  /** Set for what can be given in other forms; a Status, or a document, has none. */
  readonly shown?: ShownValue;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Bytes of one form, made already: text, metrics, OpenAPI. */
export interface BytesResponse {
  readonly type: "bytes";
  readonly status: number;
  readonly contentType: string;
  readonly bytes: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Bytes as they come: logs, proxied content. */
export interface StreamResponse {
  readonly type: "stream";
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** What is to be said behind the body, when it is known: after the last chunk. Absent where there can be nothing. */
  trailers?(): Readonly<Record<string, string>>;
}

/** The connection was taken over; nothing more is to be sent. */
export interface UpgradedResponse {
  readonly type: "upgraded";
  /** Resolves when the connection is done with. */
  readonly ended: Promise<void>;
}

export function textResponse(status: number, text: string): BytesResponse {
  return {
    type: "bytes",
    status,
    contentType: "text/plain; charset=utf-8",
    bytes: Buffer.from(text),
    headers: { "x-content-type-options": "nosniff" },
  };
}
