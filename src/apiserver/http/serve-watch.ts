import { newInternalError, StatusError } from "../../apimachinery/status.ts";
import type { FrameEncoder, WatchNotice } from "../cache/cache-event.ts";
import type { WatchSink } from "../cache/watcher.ts";
import type { RequestState, WatchResponse } from "../endpoints/api-request.ts";
import { bookmarkObject, frameEncoder, valueFrameEncoder } from "../endpoints/encode.ts";
import { negotiate, objectForms } from "../endpoints/negotiate.ts";
import type { ServerCore } from "../endpoints/server-core.ts";
import { baseHeaders, encodeOptions } from "./answer-form.ts";
import type { HttpExchange, ResponseBody } from "./http-exchange.ts";

/** A client that lets this much pile up is too slow: its watch ends, and it resumes from where it came to. */
const maxPendingBytes = 32 * 1024 * 1024;

/** Writes a watch to the socket, frame by frame, until the client, the time or the server ends it. */
export async function serveWatch(
  core: ServerCore,
  exchange: HttpExchange,
  state: RequestState,
  response: WatchResponse,
): Promise<void> {
  const { served } = response;
  const negotiated = negotiate(exchange.request.header("accept"), { forms: objectForms, isWatch: true });
  const options = encodeOptions(core, state, negotiated);
  const encoder = await frameEncoder(served, options);
  const encodeFrame = await valueFrameEncoder(options);
  const contentType =
    negotiated.mediaType === "application/vnd.kubernetes.protobuf"
      ? `${negotiated.mediaType};stream=watch`
      : negotiated.mediaType;
  const body = exchange.begin(200, { ...baseHeaders(state), "content-type": contentType });
  const ended = Promise.withResolvers<void>();
  const sink = new FrameSink(
    body,
    encoder,
    ended.resolve,
    (revision, isEnd) => encodeFrame("BOOKMARK", bookmarkObject(served, revision, isEnd, negotiated)),
    (error) => encodeFrame("ERROR", statusOf(error)),
  );
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

function statusOf(error: unknown): object {
  return (error instanceof StatusError ? error : newInternalError(error)).status;
}

/** Collects the frames of one turn and writes them together. */
class FrameSink implements WatchSink {
  readonly #body: ResponseBody;
  readonly #encoder: FrameEncoder;
  readonly #onEnd: () => void;
  readonly #bookmark: (revision: number, initialEventsEnd: boolean) => Uint8Array;
  readonly #error: (error: unknown) => Uint8Array;
  #frames: Uint8Array[] = [];
  #frameBytes = 0;
  /** The initial state may be larger than what a slow client is allowed to leave unread. */
  #stateBytes = 0;
  #ended = false;

  constructor(
    body: ResponseBody,
    encoder: FrameEncoder,
    onEnd: () => void,
    bookmark: (revision: number, initialEventsEnd: boolean) => Uint8Array,
    error: (error: unknown) => Uint8Array,
  ) {
    this.#body = body;
    this.#encoder = encoder;
    this.#onEnd = onEnd;
    this.#bookmark = bookmark;
    this.#error = error;
  }

  notice({ type, object, event }: WatchNotice): void {
    if (this.#ended) return;
    const frame = event?.frame(type, object, this.#encoder) ?? this.#encoder.encode(type, object);
    if (event === undefined) this.#stateBytes += frame.length;
    this.#add(frame);
  }

  flush(): void {
    const frames = this.#frames;
    if (this.#ended || frames.length === 0) return;
    this.#frames = [];
    const [only] = frames;
    this.#body.write(
      frames.length === 1 && only !== undefined ? only : Buffer.concat(frames, this.#frameBytes),
    );
    this.#frameBytes = 0;
    if (this.#body.pendingBytes > maxPendingBytes + this.#stateBytes) this.end();
  }

  bookmark(revision: number, initialEventsEnd: boolean): void {
    if (this.#ended) return;
    this.#add(this.#bookmark(revision, initialEventsEnd));
    this.flush();
  }

  end(error?: unknown): void {
    if (this.#ended) return;
    if (error !== undefined) this.#add(this.#error(error));
    this.flush();
    this.#ended = true;
    this.#body.end();
    this.#onEnd();
  }

  #add(frame: Uint8Array): void {
    this.#frames.push(frame);
    this.#frameBytes += frame.length;
    // A large initial state is written as it is made, not gathered whole.
    if (this.#frameBytes > 1024 * 1024) this.flush();
  }
}
