import type { Clock, Timer } from "../../apimachinery/clock.ts";
import { newTooManyRequests } from "../../apimachinery/status.ts";
import type { ApiResponse, Filter, Handler, RequestState } from "../endpoints/api-request.ts";
import type { BytesInFlight } from "../flowcontrol/bytes-in-flight.ts";
import { type Flow, type FlowController, type Refusal, Seat } from "../flowcontrol/flow-controller.ts";
import type { RefusalPace } from "../flowcontrol/refusal-pace.ts";
import type { RequestMetrics } from "../metrics/request-metrics.ts";
import { isLongRunning } from "./long-running.ts";

export interface FlowControlParts {
  readonly controller: FlowController;
  readonly bytes: BytesInFlight;
  readonly pace: RefusalPace;
  readonly clock: Clock;
  readonly metrics: RequestMetrics;
}

/** A list holds its seats while it is being sent, up to this. */
const sendingLimitMs = 30_000;

const mutatingVerbs = new Set(["create", "update", "patch", "delete", "deletecollection"]);

/**
 * Lets a request on when its priority level has seats for it and there is room for its body, which has not been read yet;
 * refuses it with 429 otherwise. Watches hold their seats until their initial state is sent; logs, exec and other streams
 * hold none. Mirrors k8s.io/apiserver/pkg/server/filters/priority-and-fairness.go.
 */
export function flowControl(parts: FlowControlParts): Filter {
  const { controller, metrics } = parts;
  return (state, next) => {
    if (state.info.verb !== "watch" && isLongRunning(state)) return next(state);
    const flow = controller.classify(state);
    state.flow = flow;
    const bodyBytes = bodyBytesOf(state);
    if (!flow.level.isExempt && !state.request.isInProcess && !hasRoom(parts, state, bodyBytes)) {
      flow.series.rejected("bytes-in-flight").add();
      return refuse(parts, state, flow);
    }
    const admitted = controller.admit(state, flow);
    if (admitted instanceof Seat) return serve(parts, state, admitted, bodyBytes, next);
    return afterWait(parts, state, admitted, bodyBytes, next, metrics);
  };
}

async function afterWait(
  parts: FlowControlParts,
  state: RequestState,
  waiting: Refusal | Promise<Seat | Refusal>,
  bodyBytes: number,
  next: Handler,
  metrics: RequestMetrics,
): Promise<ApiResponse> {
  const queued = metrics.inQueue(mutatingVerbs.has(state.info.verb));
  queued.enter();
  const sinceMs = parts.clock.now();
  const admitted = await waiting;
  queued.leave();
  state.waitedMs = parts.clock.now() - sinceMs;
  if (!(admitted instanceof Seat)) return refuse(parts, state, admitted.flow);
  // Who has gone meanwhile needs nothing any more.
  if (state.signal.aborted) {
    admitted.release();
    throw state.signal.reason;
  }
  return serve(parts, state, admitted, bodyBytes, next);
}

async function serve(
  { bytes, metrics, clock }: FlowControlParts,
  state: RequestState,
  seat: Seat,
  bodyBytes: number,
  next: Handler,
): Promise<ApiResponse> {
  const inFlight = metrics.inFlight(mutatingVerbs.has(state.info.verb));
  inFlight.enter();
  if (bodyBytes > 0) bytes.take(bodyBytes);
  let isHeld = true;
  let deadline: Timer | undefined;
  const release = (): void => {
    if (!isHeld) return;
    isHeld = false;
    deadline?.stop();
    seat.release();
    inFlight.leave();
    if (bodyBytes > 0) bytes.release(bodyBytes);
  };
  state.delegated = release;
  try {
    const response = await next(state);
    state.answered = release;
    if (response.type === "watch") return releasedWhenOpen(response, release);
    // Lists are encoded and written by whoever answers: that is the larger part of their work. Who does not read what
    // it asked for must not keep others out by it.
    if (response.type === "list") deadline = clock.after(sendingLimitMs, release);
    return response;
  } catch (error) {
    release();
    throw error;
  }
}

function releasedWhenOpen(response: ApiResponse & { type: "watch" }, release: () => void): ApiResponse {
  return {
    ...response,
    async open(sink, signal) {
      try {
        return await response.open(sink, signal);
      } finally {
        release();
      }
    },
  };
}

/** What a body will take at most, by the client's own word; the limit of a body holds those who say nothing. */
function bodyBytesOf({ request, info }: RequestState): number {
  if (request.isInProcess || !mutatingVerbs.has(info.verb)) return 0;
  return Math.max(0, Number(request.header("content-length") ?? 0) || 0);
}

/** Small bodies are let in though answers fill the memory: they add nothing to speak of. */
function hasRoom({ bytes }: FlowControlParts, { info }: RequestState, bodyBytes: number): boolean {
  if (!bytes.isFull) return bytes.held + bodyBytes <= bytes.limit;
  return info.verb !== "list" && bodyBytes < 64 * 1024;
}

async function refuse(
  { clock, pace, metrics }: FlowControlParts,
  state: RequestState,
  flow: Flow,
): Promise<never> {
  metrics.terminated(state, 429);
  const retryAfterSeconds = flow.level.retryAfter.refuse(clock.now());
  await pace.hold();
  throw newTooManyRequests("Too many requests, please try again later.", retryAfterSeconds);
}
