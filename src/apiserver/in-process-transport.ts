import type { ResourceInfo } from "../api/scheme.ts";
import { isObject } from "../apimachinery/json.ts";
import type { Status } from "../apimachinery/meta-v1.ts";
import { newBadRequest, newStatusError, StatusError } from "../apimachinery/status.ts";
import type {
  ConnectRequest,
  MessageChannelConnection,
  Transport,
  TransportRequest,
  TransportResponse,
  WatchEvent,
} from "../apimachinery/transport.ts";
import type { AuditRecord } from "./audit/audit-record.ts";
import type { WatchNotice } from "./cache/cache-event.ts";
import type { WatchSink } from "./cache/watcher.ts";
import type { ApiRequest, ApiResponse, RequestState, WatchResponse } from "./endpoints/api-request.ts";
import { bookmarkObject, type EncodeOptions, listForm, objectForm } from "./endpoints/encode.ts";
import { jsonType, type Negotiated, negotiateList, negotiateObject } from "./endpoints/negotiate.ts";
import type { ServerCore } from "./endpoints/server-core.ts";
import { includeObjectOf } from "./endpoints/table.ts";
import type { UserInfo } from "./request-context.ts";

/** Runs a request through the chain; rejects with StatusError. */
export type Dispatch = (request: ApiRequest) => Promise<{ response: ApiResponse; state: RequestState }>;

export interface InProcessOptions {
  readonly core: ServerCore;
  readonly dispatch: Dispatch;
  readonly user: UserInfo;
  /** Names the field manager of writes that name none. */
  readonly userAgent: string;
}

/**
 * The transport of the server's own process: the same chain as over a socket, from authorization to validation, without
 * encoding anything. What it answers is what the cache holds: frozen and shared.
 */
export class InProcessTransport implements Transport {
  readonly #core: ServerCore;
  readonly #dispatch: Dispatch;
  readonly #user: UserInfo;
  readonly #userAgent: string;

  constructor({ core, dispatch, user, userAgent }: InProcessOptions) {
    this.#core = core;
    this.#dispatch = dispatch;
    this.#user = user;
    this.#userAgent = userAgent;
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    const apiRequest = this.#newRequest(request);
    const { response, state } = await this.#dispatch(apiRequest);
    const answer = await this.#answer(apiRequest, response, state.warnings);
    auditAnswer(state, answer);
    return answer;
  }

  async #answer(
    apiRequest: ApiRequest,
    response: ApiResponse,
    warnings: readonly string[],
  ): Promise<TransportResponse> {
    switch (response.type) {
      case "object": {
        const negotiated = negotiateObject(apiRequest.header("accept"), response.served);
        const options = this.#encodeOptions(apiRequest, negotiated);
        return {
          status: response.status,
          body: objectForm(response.object, response.served, options),
          warnings,
        };
      }
      case "list": {
        const negotiated = negotiateList(apiRequest.header("accept"), response.served);
        const options = this.#encodeOptions(apiRequest, negotiated);
        return { status: 200, body: listForm(response.page, response.served, options), warnings };
      }
      case "value":
        return { status: response.status, body: response.value, warnings };
      case "bytes": {
        const text = Buffer.from(response.bytes).toString();
        if (response.status >= 400) throw asError(response.status, text);
        const isJson = response.contentType.startsWith(jsonType) && text !== "";
        return { status: response.status, body: isJson ? JSON.parse(text) : text, warnings };
      }
      case "stream": {
        const { wholeAnswer } = await import("./aggregation/remote-events.ts");
        const text = await wholeAnswer(response.chunks);
        if (response.status >= 400) throw asError(response.status, text);
        const isJson = String(response.headers["content-type"]).startsWith(jsonType) && text !== "";
        return { status: response.status, body: isJson ? JSON.parse(text) : text, warnings };
      }
      default:
        throw newBadRequest(`the request is a ${response.type}: use the transport's own method for it`);
    }
  }

  watch(request: Omit<TransportRequest, "method" | "body">): AsyncIterable<WatchEvent> {
    return new InProcessWatch(() => this.#openWatch(request));
  }

  /** Undefined when nobody wants the watch any more. */
  async #openWatch(request: Omit<TransportRequest, "method" | "body">): Promise<OpenWatch | undefined> {
    const query = { ...request.query, watch: "true" };
    const stopped = new AbortController();
    const signal =
      request.signal === undefined ? stopped.signal : AbortSignal.any([request.signal, stopped.signal]);
    if (signal.aborted) return undefined;
    const apiRequest = this.#newRequest({ ...request, method: "GET", query, signal });
    const { response, state } = await this.#dispatch(apiRequest);
    if (response.type === "stream") {
      // Another server answers.
      const { RemoteEvents } = await import("./aggregation/remote-events.ts");
      const queue = await RemoteEvents.of(response, signal, asError);
      return { queue, close: () => stopped.abort() };
    }
    // A group that is not served has no Status to say so with.
    if (response.type === "bytes" && response.status >= 400)
      throw asError(response.status, Buffer.from(response.bytes).toString());
    if (response.type !== "watch") throw newBadRequest("the request is not a watch");
    const negotiated = negotiateObject(request.accept, response.served);
    const options = negotiated.as === undefined ? undefined : this.#encodeOptions(apiRequest, negotiated);
    const queue = new EventQueue(response.served, this.#core, options);
    const timer = this.#core.clock.after(response.timeoutMs, () => queue.end());
    const onAbort = (): void => queue.end();
    state.signal.addEventListener("abort", onAbort, { once: true });
    state.audit?.respond(200);
    const stop = await open(response, queue, state.signal);
    const close = (): void => {
      stop();
      timer.stop();
      state.signal.removeEventListener("abort", onAbort);
      stopped.abort();
      state.audit?.complete();
    };
    return { queue, close };
  }

  async stream(request: TransportRequest): Promise<AsyncIterable<Uint8Array>> {
    const { response, state } = await this.#dispatch(this.#newRequest(request));
    if (response.type === "stream") {
      state.audit?.respond(response.status);
      return state.audit === undefined ? response.chunks : completing(response.chunks, state.audit);
    }
    state.audit?.respond(response.type === "bytes" ? response.status : 200);
    state.audit?.complete();
    if (response.type !== "bytes") throw newBadRequest("the answer is no stream of bytes");
    if (response.status >= 400) throw asError(response.status, Buffer.from(response.bytes).toString());
    const { bytes } = response;
    return (async function* () {
      yield bytes;
    })();
  }

  async connect(request: ConnectRequest): Promise<MessageChannelConnection> {
    const connected = Promise.withResolvers<MessageChannelConnection>();
    const channel = { protocols: request.protocols, accept: connected.resolve };
    const base = this.#newRequest({ ...request, method: "GET" });
    const { response, state } = await this.#dispatch({ ...base, channel });
    state.audit?.respond(101);
    if (response.type === "upgraded" && state.audit !== undefined)
      void response.ended.finally(() => state.audit?.complete()).catch(() => undefined);
    if (response.type !== "upgraded") throw newBadRequest("the path does not upgrade");
    return connected.promise;
  }

  #newRequest(request: TransportRequest): ApiRequest {
    const [path = "", inline] = request.path.split("?");
    const query = new URLSearchParams(inline);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value === undefined) continue;
      for (const each of typeof value === "string" ? [value] : value) query.append(name, each);
    }
    const headers: Record<string, string | undefined> = {
      accept: request.accept,
      "content-type": request.contentType ?? jsonType,
      "user-agent": this.#userAgent,
    };
    return {
      method: request.method,
      path,
      query,
      header: (name) => headers[name],
      headerNames: () => Object.keys(headers),
      body: { type: "value", value: request.body },
      credentials: this.#user,
      signal: request.signal ?? neverAborted,
      isInProcess: true,
    };
  }

  #encodeOptions(request: ApiRequest, negotiated: Negotiated): EncodeOptions {
    return {
      scheme: this.#core.scheme,
      clock: this.#core.clock,
      negotiated,
      include: includeObjectOf(request.query),
      pretty: false,
    };
  }
}

function auditAnswer({ audit }: RequestState, { status, body }: TransportResponse): void {
  if (audit === undefined) return;
  const answer = isObject(body) && body["kind"] === "Status" ? (body as unknown as Status) : undefined;
  audit.respond(status, answer, audit.wantsResponse ? JSON.stringify(body) : "");
  audit.complete();
}

/** The chunks; when they have ended, or nobody wants more, the request is complete. */
async function* completing(chunks: AsyncIterable<Uint8Array>, audit: AuditRecord): AsyncIterable<Uint8Array> {
  try {
    yield* chunks;
  } finally {
    audit.complete();
  }
}

const neverAborted = new AbortController().signal;

async function open(response: WatchResponse, sink: WatchSink, signal: AbortSignal): Promise<() => void> {
  const stop = await response.open(sink, signal);
  if (signal.aborted) sink.end();
  return stop;
}

function asError(code: number, text: string): StatusError {
  try {
    const status = JSON.parse(text) as Status;
    if (status.kind === "Status") return new StatusError(status);
  } catch {
    // Plain text: the words of the paths that speak no Status.
  }
  const reason = code === 404 ? "NotFound" : "";
  const message = code === 404 ? "the server could not find the requested resource" : text.trim();
  return newStatusError(code, reason, message, { details: {} });
}

/** A consumer that leaves so many events waiting has stopped reading: its watch ends, and it resumes from its place. */
const maxWaiting = 100_000;

/** Events that wait for the consumer of an in-process watch. They are references, so a long queue costs little. */
class EventQueue implements WatchSink {
  readonly #served: ResourceInfo;
  readonly #core: ServerCore;
  /** Present where another form than the objects themselves is asked for. */
  readonly #form: EncodeOptions | undefined;
  #waiting: WatchEvent[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #error: unknown;
  /** The initial state comes at once and may be longer than what a slow consumer may leave. */
  #stateSize = 0;

  constructor(served: ResourceInfo, core: ServerCore, form: EncodeOptions | undefined) {
    this.#served = served;
    this.#core = core;
    this.#form = form;
  }

  notice({ type, object, event }: WatchNotice): void {
    if (this.#ended) return;
    if (event === undefined) this.#stateSize++;
    const form = this.#form;
    const { custom } = this.#served;
    // All versions have the same metadata, unless a webhook makes it.
    const isAnyVersion =
      form?.negotiated.as === "PartialObjectMetadata" && custom?.reader.convert === undefined;
    const inVersion = isAnyVersion ? object : object.inVersion(this.#served, this.#core.scheme);
    this.#waiting.push({
      type,
      object: form === undefined ? inVersion.object : objectForm(inVersion, this.#served, form),
    });
  }

  flush(): void {
    if (this.#waiting.length > maxWaiting + this.#stateSize) this.end();
    this.#wake?.();
  }

  bookmark(revision: number, initialEventsEnd: boolean): void {
    if (this.#ended) return;
    const object = bookmarkObject(this.#core.scheme, this.#served, revision, initialEventsEnd);
    this.#waiting.push({ type: "BOOKMARK", object });
    this.flush();
  }

  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
  }

  /** What has come since the last time; empty when the watch has ended. Rejects when it ended by an error. */
  async take(): Promise<readonly WatchEvent[]> {
    while (this.#waiting.length === 0) {
      if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return [];
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const batch = this.#waiting;
    this.#waiting = [];
    return batch;
  }
}

interface OpenWatch {
  readonly queue: Pick<EventQueue, "take" | "end">;
  readonly close: () => void;
}

/**
 * The events of one watch, which is opened by the first read. Not a generator: each object that is written passes here,
 * and two generators that hand it on make a dozen promises of it. Read it by one loop.
 */
class InProcessWatch implements AsyncIterableIterator<WatchEvent> {
  readonly #open: () => Promise<OpenWatch | undefined>;
  #watch: OpenWatch | undefined;
  #batch: readonly WatchEvent[] = [];
  /** The first of the batch that was not read yet. */
  #next = 0;
  #isOver = false;

  constructor(open: () => Promise<OpenWatch | undefined>) {
    this.#open = open;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<WatchEvent, undefined>> {
    const value = this.#batch[this.#next];
    if (value === undefined || this.#isOver) return this.#read();
    this.#next++;
    return Promise.resolve({ done: false, value });
  }

  async return(): Promise<IteratorResult<WatchEvent, undefined>> {
    this.#end();
    return { done: true, value: undefined };
  }

  async #read(): Promise<IteratorResult<WatchEvent, undefined>> {
    try {
      if (!this.#isOver) this.#watch ??= await this.#open();
      this.#batch = this.#isOver || this.#watch === undefined ? [] : await this.#watch.queue.take();
    } catch (error) {
      this.#end();
      throw error;
    }
    const [value] = this.#batch;
    if (value === undefined || this.#isOver) return this.return();
    this.#next = 1;
    return { done: false, value };
  }

  #end(): void {
    this.#isOver = true;
    this.#batch = [];
    this.#watch?.queue.end();
    this.#watch?.close();
    this.#watch = undefined;
  }
}
