import type { Clock } from "../../apimachinery/clock.ts";
import { parseDurationMs } from "../../apimachinery/duration.ts";
import { newBadRequest, newTimeout } from "../../apimachinery/status.ts";
import type { ApiResponse, Filter, Handler, RequestState } from "../endpoints/api-request.ts";
import { Deadlines } from "./deadlines.ts";
import { isLongRunning } from "./long-running.ts";

/**
 * Gives up on a request after the time: 504, and the signal aborts what is still being done for it. A client may ask for
 * less time, by `timeout` in the query. Once `closed` is aborted, no timer stays behind.
 */
export function timeout(clock: Clock, timeoutMs: number, closed?: AbortSignal): Filter {
  const deadlines = new Deadlines(clock, timeoutMs, closed);
  const byDefault: Alarm = (expire) => {
    const deadline = deadlines.add(expire);
    return () => deadlines.met(deadline);
  };
  return (state, next) => {
    if (isLongRunning(state)) return next(state);
    const asked = state.request.query.get("timeout") ?? "";
    const askedMs = asked === "" ? 0 : askedTimeoutMs(asked);
    if (askedMs <= 0 || askedMs >= timeoutMs) return limited(byDefault, state, next);
    const alarm: Alarm = (expire) => {
      const timer = clock.after(askedMs, expire);
      return () => timer.stop();
    };
    return limited(alarm, state, next);
  };
}

/** Throws 400 for what is no duration. */
function askedTimeoutMs(text: string): number {
  const ms = parseDurationMs(text);
  if (ms !== undefined) return ms;
  const isNumber = /^[+-]?\d+(?:\.\d*)?$/.test(text);
  const why = `time: ${isNumber ? "missing unit in" : "invalid"} duration ${JSON.stringify(text)}`;
  throw newBadRequest(`invalid timeout specified in the request URL - ${why}`);
}

/** Calls back after its time, unless what it returns is called before. */
type Alarm = (expire: () => void) => () => void;

function limited(alarm: Alarm, state: RequestState, next: Handler): Promise<ApiResponse> {
  return new Promise((resolve, reject) => {
    const limit = new TimeLimit(state);
    const disarm = alarm(() => reject(limit.expire()));
    const settled = (): void => {
      disarm();
      limit.release();
    };
    const failed = (error: unknown): void => {
      settled();
      reject(error);
    };
    try {
      next(state).then((response) => {
        settled();
        // Nobody sends what comes after its time: what was held until it is sent is let go here.
        if (limit.isOver) state.answered?.();
        resolve(response);
      }, failed);
    } catch (error) {
      // Filters that wait for nothing refuse at once.
      failed(error);
    }
  });
}

/** The signal of a request that is limited in time, made only when somebody asks for it. */
class TimeLimit {
  #error: Error | undefined;
  #controller: AbortController | undefined;
  #release: (() => void) | undefined;

  constructor(state: RequestState) {
    state.narrowSignal((client) => this.#follow(client));
  }

  /** The client has its answer: the time was over. */
  get isOver(): boolean {
    return this.#error !== undefined;
  }

  expire(): Error {
    this.#error = newTimeout("request did not complete within the allotted timeout");
    this.#controller?.abort(this.#error);
    return this.#error;
  }

  release(): void {
    this.#release?.();
  }

  /** Not AbortSignal.any: a caller of this process may bring one signal for all its requests, which would remember each. */
  #follow(client: AbortSignal): AbortSignal {
    const controller = new AbortController();
    this.#controller = controller;
    const onGone = (): void => controller.abort(client.reason);
    if (this.#error !== undefined) controller.abort(this.#error);
    else if (client.aborted) onGone();
    else client.addEventListener("abort", onGone, { once: true });
    this.#release = () => client.removeEventListener("abort", onGone);
    return controller.signal;
  }
}
