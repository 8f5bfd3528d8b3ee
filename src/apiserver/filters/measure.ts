import type { Clock } from "../../apimachinery/clock.ts";
import { StatusError } from "../../apimachinery/status.ts";
import type { ApiResponse, Filter } from "../endpoints/api-request.ts";
import type { RequestMetrics } from "../metrics/request-metrics.ts";
import { isLongRunning } from "./long-running.ts";

/** Counts requests and how long they took. Long-running ones are counted without a duration. */
export function measure(metrics: RequestMetrics, clock: Clock): Filter {
  return async (state, next) => {
    const startMs = clock.now();
    const seconds = (): number | undefined =>
      isLongRunning(state) ? undefined : (clock.now() - startMs) / 1000;
    try {
      const response = await next(state);
      metrics.answered(state, codeOf(response), seconds());
      return response;
    } catch (error) {
      if (state.request.signal.aborted) metrics.aborted(state);
      metrics.answered(state, error instanceof StatusError ? error.code : 500, seconds());
      throw error;
    }
  };
}

/** The code that the client gets. */
export function codeOf(response: ApiResponse): number {
  switch (response.type) {
    case "list":
    case "watch":
      return 200;
    case "upgraded":
      return 101;
    default:
      return response.status;
  }
}
