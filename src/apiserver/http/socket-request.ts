import type { IncomingHttpHeaders } from "node:http2";
import type { AuthenticationRequest } from "../authentication/authenticator.ts";
import type { ApiRequest, RequestBody, UpgradeRequest } from "../endpoints/api-request.ts";
import type { RequestEnd } from "./request-end.ts";

/** The client's end of a connection. */
export interface Peer {
  readonly credentials: AuthenticationRequest;
  readonly hasForeignCertificate: boolean;
  readonly remoteAddress: string | undefined;
}

/** What both protocols know of a request. */
export interface RequestParts {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: RequestBody;
  readonly upgrade?: UpgradeRequest;
}

/** A request of a socket. A class, because an object with a getter is made anew from its parts each time. */
export class SocketRequest implements ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly uri: string;
  readonly query: URLSearchParams;
  readonly body: RequestBody;
  readonly credentials: AuthenticationRequest;
  readonly hasForeignCertificate: boolean;
  readonly remoteAddress: string | undefined;
  readonly upgrade?: UpgradeRequest;
  readonly isInProcess = false;
  readonly #headers: IncomingHttpHeaders;
  readonly #rawHeaders: readonly string[];
  readonly #end: RequestEnd;

  constructor(
    { method, url, headers, rawHeaders, body, upgrade }: RequestParts,
    peer: Peer,
    end: RequestEnd,
  ) {
    const question = url.indexOf("?");
    this.method = method;
    this.path = question < 0 ? url : url.slice(0, question);
    this.uri = url;
    this.query = question < 0 ? noQuery : new URLSearchParams(url.slice(question + 1));
    this.body = body;
    const { certificates } = peer.credentials;
    this.credentials = { certificates, bearerToken: bearerToken(headers), path: this.path, headers: this };
    this.hasForeignCertificate = peer.hasForeignCertificate;
    this.remoteAddress = peer.remoteAddress;
    if (upgrade !== undefined) this.upgrade = upgrade;
    this.#headers = headers;
    this.#rawHeaders = rawHeaders;
    this.#end = end;
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  header(name: string): string | undefined {
    const value = this.#headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  }

  headerValues(name: string): readonly string[] {
    if (this.#headers[name] === undefined) return [];
    return valuesOf(this.#rawHeaders, name);
  }

  headerNames(): readonly string[] {
    const names: string[] = [];
    for (const name in this.#headers) if (!name.startsWith(":")) names.push(name);
    return names;
  }
}

/** Of a header that was sent several times. */
const valuesOf = (raw: readonly string[], name: string): string[] =>
  raw.filter((_, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === name);

/** Shared by all requests without one. */
const noQuery = new URLSearchParams();

const tokenProtocol = "base64url.bearer.authorization.k8s.io.";

/** The bearer token of the Authorization header, or of a WebSocket, which in a browser can set no header. */
function bearerToken(headers: IncomingHttpHeaders): string | undefined {
  const { authorization } = headers;
  const match = authorization === undefined ? null : /^bearer\s+(\S.*)$/i.exec(authorization);
  if (match?.[1] !== undefined) return match[1].trim();
  const protocols = headers["sec-websocket-protocol"];
  const found = protocols
    ?.split(",")
    .map((protocol) => protocol.trim())
    .find((protocol) => protocol.startsWith(tokenProtocol));
  return found === undefined
    ? undefined
    : Buffer.from(found.slice(tokenProtocol.length), "base64url").toString();
}
