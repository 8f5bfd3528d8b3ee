import { gzip } from "node:zlib";
import type { ResourceInfo } from "../../api/scheme.ts";
import type { Status } from "../../apimachinery/meta-v1.ts";
import { newInternalError, StatusError } from "../../apimachinery/status.ts";
import { acceptsGzip } from "../endpoints/accepts-gzip.ts";
import type {
  ApiResponse,
  ListResponse,
  RequestState,
  StreamResponse,
  ValueResponse,
} from "../endpoints/api-request.ts";
import { type EncodeOptions, encodeAnswer, encodeObject, encodePage } from "../endpoints/encode.ts";
import { listEncodingOf } from "../endpoints/list-encoding.ts";
import {
  jsonType,
  type Negotiated,
  negotiate,
  negotiateList,
  negotiateObject,
  negotiateStatus,
} from "../endpoints/negotiate.ts";
import type { ServerCore } from "../endpoints/server-core.ts";
import { baseHeaders, encodeOptions } from "./answer-form.ts";
import type { HttpExchange, ResponseHeaders } from "./http-exchange.ts";
import { sendList, sendListCompressed } from "./send-list.ts";
import { serveWatch } from "./serve-watch.ts";

/** Answers beyond this are compressed for clients that take it. */
const gzipMinBytes = 128 * 1024;

/** Sends what a route answered over the socket, in the form that the client accepts; a promise where that takes time. */
export function respond(
  core: ServerCore,
  exchange: HttpExchange,
  state: RequestState,
  response: ApiResponse,
): Promise<void> | undefined {
  if (core.isClosing()) exchange.closeAfter?.();
  switch (response.type) {
    case "object":
      return send(exchange, state, response.status, core, objectIn(response.served), (options) =>
        encodeObject(response, options),
      );
    case "list":
      return respondList(core, exchange, state, response);
    case "value": {
      return send(
        exchange,
        state,
        response.status,
        core,
        valueIn(response),
        (options) => encodeAnswer(response, options),
        response.headers,
        statusIn(response.value),
      );
    }
    case "watch":
      return serveWatch(core, exchange, state, response);
    case "bytes": {
      const headers = { ...baseHeaders(state), ...response.headers, "content-type": response.contentType };
      state.audit?.respond(response.status);
      return sendBytes(exchange, response.status, headers, response.bytes);
    }
    case "stream":
      return sendStream(exchange, state, response);
    case "upgraded":
      state.audit?.respond(101);
      return response.ended;
  }
}

/** The form that the answer is given in, by the Accept header. */
type Negotiate = (accept: string | undefined) => Negotiated;

const objectIn =
  (served: ResourceInfo): Negotiate =>
  (accept) =>
    negotiateObject(accept, served);

const valueIn =
  ({ value, shown }: ValueResponse): Negotiate =>
  (accept) => {
    if (shown !== undefined) return negotiateObject(accept, shown);
    return value.kind === "Status" ? negotiateStatus(accept) : negotiate(accept, { forms: [] });
  };

const listIn =
  (served: ResourceInfo): Negotiate =>
  (accept) =>
    negotiateList(accept, served);

/** A list with fewer items is made whole. */
const longListItems = 50;

async function respondList(
  core: ServerCore,
  exchange: HttpExchange,
  state: RequestState,
  response: ListResponse,
): Promise<void> {
  const isLong = response.page.items.length >= longListItems && exchange.request.method !== "HEAD";
  if (!isLong || state.audit?.wantsResponse === true) {
    return send(exchange, state, 200, core, listIn(response.served), (options) =>
      encodePage(response, options),
    );
  }
  const negotiated = negotiateList(exchange.request.header("accept"), response.served);
  const options = encodeOptions(core, state, negotiated);
  const list = await listEncodingOf(response, options);
  const headers = { ...baseHeaders(state), "content-type": negotiated.mediaType };
  state.audit?.respond(200);
  if (list === undefined) return sendBytes(exchange, 200, headers, await encodePage(response, options));
  core.sending(state, list.sizeBytes, false);
  if (list.sizeBytes < gzipMinBytes) return exchange.respond(200, headers, list.bytes());
  return acceptsGzip(exchange.request)
    ? sendListCompressed(exchange, headers, list)
    : sendList(exchange, headers, list);
}

function send(
  exchange: HttpExchange,
  state: RequestState,
  status: number,
  core: ServerCore,
  form: Negotiate,
  encode: (options: EncodeOptions) => Uint8Array | Promise<Uint8Array>,
  headers: ResponseHeaders = {},
  answer?: Status,
): Promise<void> | undefined {
  const { request } = exchange;
  const negotiated = form(request.header("accept"));
  const options = encodeOptions(core, state, negotiated);
  const encoded = encode(options);
  const finish = (bytes: Uint8Array): Promise<void> | undefined => {
    const all = Object.assign(baseHeaders(state), headers, { "content-type": negotiated.mediaType });
    return sendBytes(exchange, status, all, bytes);
  };
  if (encoded instanceof Uint8Array && state.audit === undefined) {
    core.sending(state, encoded.length, true);
    return finish(encoded);
  }
  const finishLater = async (): Promise<void> => {
    const bytes = await encoded;
    core.sending(state, bytes.length, true);
    const json = state.audit?.wantsResponse === true ? await jsonOf(bytes, options, encode) : "";
    state.audit?.respond(status, answer, json);
    return finish(bytes);
  };
  return finishLater();
}

/** An answer that is a Status says itself how it went. */
function statusIn(value: object): Status | undefined {
  return "kind" in value && value.kind === "Status" ? (value as Status) : undefined;
}

/** The answer as the audit log has it: always JSON, in the shape that the client asked for. */
async function jsonOf(
  bytes: Uint8Array,
  options: EncodeOptions,
  encode: (options: EncodeOptions) => Uint8Array | Promise<Uint8Array>,
): Promise<string> {
  const isPlain = options.negotiated.mediaType === jsonType && !options.pretty;
  const negotiated: Negotiated = { ...options.negotiated, mediaType: jsonType };
  const json = isPlain ? bytes : await encode({ ...options, negotiated, pretty: false });
  return Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString().trimEnd();
}

/** Small answers go out at once. */
function sendBytes(
  exchange: HttpExchange,
  status: number,
  headers: ResponseHeaders,
  bytes: Uint8Array,
): Promise<void> | undefined {
  if (
    bytes.length >= gzipMinBytes &&
    acceptsGzip(exchange.request) &&
    headers["content-encoding"] === undefined
  ) {
    return sendCompressed(exchange, status, headers, bytes);
  }
  exchange.respond(status, headers, bytes);
  return undefined;
}

async function sendCompressed(
  exchange: HttpExchange,
  status: number,
  headers: ResponseHeaders,
  bytes: Uint8Array,
): Promise<void> {
  const compressed = await new Promise<Uint8Array>((resolve, reject) => {
    // Level 1, as kube-apiserver: on a fast network more would only cost time.
    gzip(bytes, { level: 1 }, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
  exchange.respond(status, { ...headers, "content-encoding": "gzip", vary: "Accept-Encoding" }, compressed);
}

async function sendStream(
  exchange: HttpExchange,
  state: RequestState,
  response: StreamResponse,
): Promise<void> {
  state.audit?.respond(response.status);
  if (response.status === 204) {
    // Not even the end of a body may follow.
    return exchange.respond(204, { ...baseHeaders(state), ...response.headers }, new Uint8Array(0));
  }
  const headers = { ...baseHeaders(state), ...response.headers };
  const body = exchange.begin(response.status, headers, response.trailers !== undefined);
  let isWhole = false;
  const iterator = response.chunks[Symbol.asyncIterator]();
  const stop = (): void => void iterator.return?.();
  state.signal.addEventListener("abort", stop, { once: true });
  try {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      if (!body.write(next.value)) await body.drained();
      if (state.signal.aborted) break;
    }
    isWhole = !state.signal.aborted;
  } finally {
    state.signal.removeEventListener("abort", stop);
    body.end(isWhole ? response.trailers?.() : undefined);
  }
}

/** Sends an error as a Status; whatever the client accepts, it must be told. */
export async function respondError(
  core: ServerCore,
  exchange: HttpExchange,
  state: RequestState,
  error: unknown,
): Promise<void> {
  if (core.isClosing()) exchange.closeAfter?.();
  const failure = error instanceof StatusError ? error : newInternalError(error);
  const { status } = failure;
  const headers: ResponseHeaders = { ...baseHeaders(state) };
  const retryAfter = status.details?.retryAfterSeconds ?? 0;
  if (retryAfter > 0) headers["retry-after"] = String(retryAfter);
  const plain: Negotiated = { mediaType: jsonType, as: undefined, group: "", version: "" };
  const answer = { type: "value", status: failure.code, value: status } as const;
  let { mediaType } = plain;
  let bytes: Uint8Array;
  try {
    ({ mediaType } = negotiate(exchange.request.header("accept"), { forms: [] }));
    bytes = await encodeAnswer(answer, encodeOptions(core, state, { ...plain, mediaType }));
  } catch {
    // The client takes nothing that we speak: what it gets is for people to read.
    mediaType = jsonType;
    bytes = Buffer.from(JSON.stringify(status, undefined, 2));
  }
  state.audit?.respond(failure.code, status, state.audit.wantsResponse ? JSON.stringify(status) : "");
  exchange.respond(failure.code, { ...headers, "content-type": mediaType }, bytes);
}
