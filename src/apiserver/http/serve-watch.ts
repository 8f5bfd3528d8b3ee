import type { ResourceInfo } from "../../api/scheme.ts";
import { newInternalError, StatusError } from "../../apimachinery/status.ts";
import { isWebSocketUpgrade } from "../../streaming/websocket.ts";
import type { FrameEncoder, WatchNotice } from "../cache/cache-event.ts";
import { CachedObject } from "../cache/cached-object.ts";
import type { FanOut, FanOutTarget } from "../cache/fan-out.ts";
import { FrameBatch, type SharedBytes } from "../cache/frame-batch.ts";
import type { WatchSink } from "../cache/watcher.ts";
import type { RequestState, UpgradeRequest, WatchResponse } from "../endpoints/api-request.ts";
import {
  bookmarkObject,
  type EncodeOptions,
  frameEncoder,
  objectForm,
  valueFrameEncoder,
} from "../endpoints/encode.ts";
import { negotiate, objectForms } from "../endpoints/negotiate.ts";
import type { ServerCore } from "../endpoints/server-core.ts";
import type { WatchMeasures } from "../metrics/watch-metrics.ts";
import { baseHeaders, encodeOptions } from "./answer-form.ts";
import type { HttpExchange, ResponseBody } from "./http-exchange.ts";

/** A client that lets this much pile up is too slow: its watch ends, and it resumes from where it came to. */
const maxWaitingBytes = 16 * 1024 * 1024;
/** The initial state is made in pieces of about this size, as the client takes them. */
const statePieceBytes = 256 * 1024;

/** Writes a watch to the socket, frame by frame, until the client, the time or the server ends it. */
export async function serveWatch(
  core: ServerCore,
  exchange: HttpExchange,
  state: RequestState,
  response: WatchResponse,
): Promise<void> {
  const { served } = response;
  const startMs = performance.now();
  const negotiated = negotiate(exchange.request.header("accept"), {
    forms: objectForms,
    isWatch: true,
    isCustom: served.custom !== undefined,
  });
  const options = encodeOptions(core, state, negotiated);
  const forms = await frameForms(served, options);
  const contentType =
    negotiated.mediaType === "application/vnd.kubernetes.protobuf"
      ? `${negotiated.mediaType};stream=watch`
      : negotiated.mediaType;
  const { upgrade } = exchange.request;
  const isWebSocket = upgrade !== undefined && isWebSocketUpgrade(upgrade.message);
  state.audit?.respond(isWebSocket ? 101 : 200);
  const body = isWebSocket
    ? await asWebSocket(upgrade, contentType)
    : exchange.begin(200, { ...baseHeaders(state), "content-type": contentType });
  const ended = Promise.withResolvers<void>();
  const sink = new FrameSink(body, {
    fanOut: core.watchCache.fanOut,
    forms,
    measures: core.watchMetrics.of(served),
    onListed: () =>
      core.watchMetrics.listed(served, state.info.namespace, (performance.now() - startMs) / 1000),
    onEnd: ended.resolve,
  });
  const timer = core.clock.after(response.timeoutMs, () => sink.end());
  const onAbort = (): void => sink.end();
  state.signal.addEventListener("abort", onAbort, { once: true });
  const stop = await response.open(sink, state.signal);
  if (state.signal.aborted) sink.end();
  await ended.promise;
  stop();
  timer.stop();
  state.signal.removeEventListener("abort", onAbort);
}

/** Loaded with the first client that asks. */
async function asWebSocket(upgrade: UpgradeRequest, contentType: string): Promise<ResponseBody> {
  const { webSocketBody } = await import("./websocket-body.ts");
  return await webSocketBody(upgrade, contentType.includes("protobuf") ? "lengths" : "lines");
}

/** The frames of one watch. */
interface FrameForms {
  /** The first event of a table says what its columns are; in other forms it is like the rest. */
  readonly first: FrameEncoder;
  readonly rest: FrameEncoder;
  bookmark(revision: number, initialEventsEnd: boolean, isFirst: boolean): Uint8Array;
  error(error: unknown): Uint8Array;
}

async function frameForms(served: ResourceInfo, options: EncodeOptions): Promise<FrameForms> {
  const restOptions = { ...options, withColumns: false };
  const first = await frameEncoder(served, options);
  const rest = options.negotiated.as === "Table" ? await frameEncoder(served, restOptions) : first;
  const encode = await valueFrameEncoder(options);
  return {
    first,
    rest,
    bookmark(revision, initialEventsEnd, isFirst) {
      const bookmark = bookmarkObject(options.scheme, served, revision, initialEventsEnd);
      const form = objectForm(CachedObject.detached(bookmark), served, isFirst ? options : restOptions);
      return encode("BOOKMARK", form);
    },
    error: (error) => encode("ERROR", statusOf(error)),
  };
}

function statusOf(error: unknown): object {
  return (error instanceof StatusError ? error : newInternalError(error)).status;
}

interface FrameSinkParts {
  readonly fanOut: FanOut;
  readonly forms: FrameForms;
  readonly measures: WatchMeasures;
  /** Called when the initial state is told, of a watch that asked for it. */
  readonly onListed: () => void;
  readonly onEnd: () => void;
}

/**
 * The frames of one watcher on their way to its socket. One write is under way at a time; what comes meanwhile is one
 * write more, so a watcher that is slow holds nobody up and has its frames in common with others that are.
 */
class FrameSink implements WatchSink, FanOutTarget {
  readonly #body: ResponseBody;
  readonly #fanOut: FanOut;
  readonly #forms: FrameForms;
  readonly #measures: WatchMeasures;
  readonly #onListed: () => void;
  readonly #onEnd: () => void;
  /** The initial state, of which the first `#stateSent` objects are written. */
  #state: CachedObject[] = [];
  #stateSent = 0;
  /** Of the first object of the state. */
  #stateEncoder: FrameEncoder;
  #hasBegun = false;
  /** What comes after the initial state; undefined when nothing waits. */
  #waiting: FrameBatch | undefined;
  #isWriting = false;
  #ended = false;
  readonly #onTaken = (): void => {
    this.#isWriting = false;
    if (this.#hasWaiting) this.#fanOut.schedule(this);
  };

  constructor(body: ResponseBody, parts: FrameSinkParts) {
    this.#body = body;
    this.#fanOut = parts.fanOut;
    this.#forms = parts.forms;
    this.#measures = parts.measures;
    this.#onListed = parts.onListed;
    this.#onEnd = parts.onEnd;
    this.#stateEncoder = parts.forms.rest;
  }

  notice({ type, object, event }: WatchNotice): void {
    if (this.#ended) return;
    const encoder = this.#hasBegun ? this.#forms.rest : this.#forms.first;
    this.#hasBegun = true;
    if (event !== undefined || this.#waiting !== undefined) {
      this.#add(event?.frame(type, object, encoder) ?? encoder.encode(type, object));
      return;
    }
    if (this.#isStateSent) this.#stateEncoder = encoder;
    this.#state.push(object);
  }

  flush(): void {
    if (!this.#isWriting && this.#hasWaiting) this.#fanOut.schedule(this);
  }

  bookmark(revision: number, initialEventsEnd: boolean): void {
    if (this.#ended) return;
    this.#add(this.#forms.bookmark(revision, initialEventsEnd, !this.#hasBegun));
    this.#hasBegun = true;
    if (initialEventsEnd) this.#onListed();
    this.flush();
  }

  writeWaiting(): void {
    if (this.#ended || this.#isWriting) return;
    const next = this.#nextState() ?? this.#takeWaiting();
    if (next === undefined) return;
    this.#isWriting = true;
    this.#body.writeShared(next, this.#onTaken);
  }

  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    // A state that is not complete is of no use; events are, as far as they came.
    const events = this.#isStateSent ? this.#takeWaiting() : undefined;
    if (events !== undefined) this.#body.writeShared(events, ignore);
    if (error !== undefined) this.#body.write(this.#forms.error(error));
    this.#state = [];
    this.#body.end();
    this.#onEnd();
  }

  get #isStateSent(): boolean {
    return this.#stateSent === this.#state.length;
  }

  get #hasWaiting(): boolean {
    return !this.#ended && (this.#waiting !== undefined || !this.#isStateSent);
  }

  #add(frame: Uint8Array): void {
    this.#count(frame);
    this.#waiting = (this.#waiting ?? this.#fanOut.start).with(frame);
    // A burst is no fault of the client, nor is that its turn has not come.
    if (this.#isWriting && this.#waiting.sizeBytes > maxWaitingBytes) this.#drop();
  }

  /** Bookmarks count as events, as they do in Kubernetes. */
  #count(frame: Uint8Array): void {
    this.#measures.events.value++;
    this.#measures.sizes.observe(frame.length);
  }

  /** Ends the watch of a client that does not read. */
  #drop(): void {
    this.#waiting = undefined;
    this.end();
  }

  #takeWaiting(): SharedBytes | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting?.shared;
  }

  /** The next piece of the initial state; undefined when all is written. */
  #nextState(): SharedBytes | undefined {
    if (this.#isStateSent) return undefined;
    let piece = new FrameBatch();
    while (piece.sizeBytes < statePieceBytes) {
      const object = this.#state[this.#stateSent];
      if (object === undefined) break;
      const encoder = this.#stateSent === 0 ? this.#stateEncoder : this.#forms.rest;
      this.#stateSent++;
      const frame = encoder.encode("ADDED", object);
      this.#count(frame);
      piece = piece.with(frame);
    }
    if (this.#isStateSent) this.#forgetState();
    return piece.shared;
  }

  #forgetState(): void {
    this.#state = [];
    this.#stateSent = 0;
  }
}

const ignore = (): void => undefined;
