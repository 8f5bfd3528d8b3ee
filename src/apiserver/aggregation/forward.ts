import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type { Clock, Timer } from "../../apimachinery/clock.ts";
import { isObject } from "../../apimachinery/json.ts";
import {
  type ApiRequest,
  type ApiResponse,
  type RequestState,
  textResponse,
} from "../endpoints/api-request.ts";
import { joinUpgrade } from "../endpoints/join-upgrade.ts";
import type { SocketAddress } from "../webhook/service-endpoints.ts";
import { answerHeaders, requestHeaders } from "./forwarded-headers.ts";
import type { RemoteServer } from "./remote-server.ts";
import { type RemoteTransport, UnusableSpecError } from "./remote-transport.ts";

/** Discovery of a version: clients ask it of every server before they do anything. */
const discoveryTimeoutMs = 5_000;

const unavailable = (): ApiResponse => textResponse(503, "service unavailable\n");

/**
 * Has the request answered by another API server, as it came but for who asks: that has been found out here, and so has
 * whether they may (mirrors k8s.io/kube-aggregator/pkg/apiserver/handler_proxy.go). The other server may take its time: the
 * request takes no place among those that this one works on.
 */
export async function forward(state: RequestState, remote: RemoteServer, clock: Clock): Promise<ApiResponse> {
  if (!remote.isAvailable) return unavailable();
  state.delegated?.();
  const transport = await remote.transport();
  let addresses: readonly SocketAddress[];
  try {
    addresses = transport.addresses();
  } catch {
    return unavailable();
  }
  const flight = new Flight(state, transport, clock);
  try {
    return await exchange(state, transport, addresses, flight);
  } catch (error) {
    flight.end();
    if (error instanceof UnusableSpecError) return textResponse(500, `${error.message}\n`);
    throw error;
  }
}

async function exchange(
  state: RequestState,
  transport: RemoteTransport,
  addresses: readonly SocketAddress[],
  flight: Flight,
): Promise<ApiResponse> {
  const payload = payloadOf(state.request);
  for (const [index, address] of addresses.entries()) {
    let answer = await attempt(state, transport, address, payload, flight);
    // A kept connection that the other side ended in this moment says nothing about it.
    const mayRepeat = answer instanceof Unreached && answer.isStale && safeMethods.has(state.request.method);
    if (mayRepeat) answer = await attempt(state, transport, address, payload, flight);
    if (!(answer instanceof Unreached)) return answer;
    // Nobody has heard a word yet, so another one may be asked, if what is to be said can be said again.
    const mayTryNext = answer.isRefused && "bytes" in payload && index + 1 < addresses.length;
    if (mayTryNext && !flight.signal.aborted) continue;
    flight.end();
    const why = flight.isLate ? "context deadline exceeded" : transport.describe(answer.cause, address);
    return textResponse(503, `error trying to reach service: ${why}\n`);
  }
  return unavailable();
}

/** What changes nothing may be asked twice. */
const safeMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** No answer came. */
class Unreached {
  readonly cause: unknown;
  /** The connection had served another request before, and broke. */
  readonly isStale: boolean;

  constructor(cause: unknown, outgoing?: ClientRequest) {
    this.cause = cause;
    this.isStale = outgoing?.reusedSocket === true && /^(?:ECONNRESET|EPIPE)$/.test(codeOf(cause));
  }

  get isRefused(): boolean {
    return /^(?:ECONNREFUSED|EHOSTUNREACH)$/.test(codeOf(this.cause));
  }
}

const codeOf = (error: unknown): string => (isObject(error) ? String(error["code"]) : "");

function attempt(
  state: RequestState,
  transport: RemoteTransport,
  address: SocketAddress,
  payload: Payload,
  flight: Flight,
): Promise<ApiResponse | Unreached> {
  const { request } = state;
  const { upgrade } = request;
  const headers = { ...requestHeaders(state, address, transport), ...payload.headers };
  if (upgrade !== undefined) {
    headers["connection"] = "Upgrade";
    headers["upgrade"] = upgrade.message.headers.upgrade ?? "";
  }
  const path = request.uri ?? pathOf(request);
  let outgoing: ClientRequest;
  try {
    outgoing = transport.begin(address, { method: request.method, path, headers, signal: flight.signal });
  } catch (error) {
    if (error instanceof UnusableSpecError) throw error;
    // Who asks has a name that no header may hold, or for what no URL may.
    return Promise.resolve(new Unreached(error));
  }
  return new Promise((resolve) => {
    outgoing.on("error", (error) => resolve(new Unreached(error, outgoing)));
    outgoing.on("response", (incoming) => {
      incoming.on("close", () => flight.end());
      resolve(answerOf(incoming));
    });
    if (upgrade !== undefined) {
      outgoing.on("upgrade", (answer, socket, head) => {
        const ended = joinUpgrade(upgrade, { answer, socket, head }, () => flight.end());
        flight.signal.addEventListener("abort", () => void socket.destroy(), { once: true });
        resolve({ type: "upgraded", ended });
      });
    }
    send(outgoing, payload);
  });
}

/** The bytes of a body, or where they come from. */
type Payload = { readonly headers: OutgoingHttpHeaders } & (
  | { readonly bytes: Uint8Array | undefined }
  | { readonly source: Readable }
);

function payloadOf(request: ApiRequest): Payload {
  const { body, upgrade } = request;
  if (body.type === "value") {
    if (body.value === undefined) return { headers: {}, bytes: undefined };
    const bytes = Buffer.from(JSON.stringify(body.value));
    return { headers: { "content-length": String(bytes.length) }, bytes };
  }
  const { whole, source } = body;
  if (whole !== undefined) {
    const isEmpty = whole.length === 0;
    return { headers: isEmpty ? {} : { "content-length": String(whole.length) }, bytes: whole };
  }
  const length = request.header("content-length");
  if (
    length === "0" ||
    (length === undefined && !mayHaveBody(request, source)) ||
    upgrade !== undefined ||
    !isReadable(source)
  )
    return { headers: {}, bytes: undefined };
  const framing = length === undefined ? { "transfer-encoding": "chunked" } : { "content-length": length };
  return { headers: framing, source };
}

/** Of a request that does not say how long its body is: HTTP/1.1 says that it comes in chunks, HTTP/2 that none follows. */
function mayHaveBody(request: ApiRequest, source: unknown): boolean {
  if (request.header(":authority") === undefined) return request.header("transfer-encoding") !== undefined;
  return !(isObject(source) && source["endAfterHeaders"] === true);
}

const isReadable = (source: unknown): source is Readable =>
  typeof source === "object" && source !== null && "pipe" in source && typeof source.pipe === "function";

function send(outgoing: ClientRequest, payload: Payload): void {
  if ("bytes" in payload) outgoing.end(payload.bytes);
  else payload.source.pipe(outgoing);
}

function pathOf({ path, query }: ApiRequest): string {
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

function answerOf(incoming: IncomingMessage): ApiResponse {
  const { statusCode: status = 502, headers: given } = incoming;
  if (status >= 300 && status <= 399 && given.location !== undefined) {
    incoming.destroy();
    const refusal = "the backend attempted to redirect this request, which is not permitted";
    return { ...textResponse(502, refusal), headers: {} };
  }
  const headers = answerHeaders(given);
  // Clients look for what they are told of.
  if (given.trailer !== undefined) headers["trailer"] = given.trailer;
  const hasFraming = given["content-length"] !== undefined;
  return {
    type: "stream",
    status,
    headers,
    chunks: incoming,
    ...(hasFraming ? {} : { trailers: () => trailersOf(incoming) }),
  };
}

function trailersOf({ trailers }: IncomingMessage): Record<string, string> {
  const said: Record<string, string> = {};
  for (const [name, value] of Object.entries(trailers)) if (value !== undefined) said[name] = value;
  return said;
}

/**
 * A request that is with another server: it ends when its client goes, its time is over, or the server is no more. Its
 * client is followed to the end of the answer, which comes long after its time limit has been met.
 */
class Flight {
  readonly #controller = new AbortController();
  readonly #followed: readonly AbortSignal[];
  readonly #abort = (): void => this.#controller.abort();
  readonly #deadline: Timer | undefined;
  /** It took longer than clients of discovery shall wait. */
  isLate = false;

  constructor(state: RequestState, transport: RemoteTransport, clock: Clock) {
    this.#followed = [state.signal, state.request.signal, transport.stopped];
    for (const signal of this.#followed) {
      if (signal.aborted) this.#abort();
      else signal.addEventListener("abort", this.#abort, { once: true });
    }
    if (isDiscovery(state)) this.#deadline = clock.after(discoveryTimeoutMs, () => this.#expire());
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    this.#deadline?.stop();
    for (const signal of this.#followed) signal.removeEventListener("abort", this.#abort);
  }

  #expire(): void {
    this.isLate = true;
    this.#abort();
  }
}

const isDiscovery = ({ info }: RequestState): boolean =>
  !info.isResourceRequest && info.path.split("/").filter((part) => part !== "").length === 3;
