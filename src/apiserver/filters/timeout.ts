import type { Clock, Timer } from "../../apimachinery/clock.ts";
import { newTimeout } from "../../apimachinery/status.ts";
import type { Filter } from "../endpoints/api-request.ts";
import { isLongRunning } from "./long-running.ts";

/** Gives up on a request after the time: 504, and the signal aborts what is still being done for it. */
export function timeout(clock: Clock, timeoutMs: number): Filter {
  return async (state, next) => {
    if (isLongRunning(state)) return next(state);
    // Not AbortSignal.any: a caller of this process may bring one signal for all its requests, which would remember each.
    const expired = new AbortController();
    const client = state.signal;
    const onGone = (): void => expired.abort(client.reason);
    if (client.aborted) onGone();
    client.addEventListener("abort", onGone, { once: true });
    state.signal = expired.signal;
    let timer: Timer | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = clock.after(timeoutMs, () => {
        const error = newTimeout("request did not complete within the allotted timeout");
        expired.abort(error);
        reject(error);
      });
    });
    try {
      return await Promise.race([next(state), late]);
    } finally {
      timer?.stop();
      client.removeEventListener("abort", onGone);
    }
  };
}
