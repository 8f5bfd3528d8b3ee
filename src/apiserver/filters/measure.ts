import type { Clock } from "../../apimachinery/clock.ts";
import { StatusError } from "../../apimachinery/status.ts";
import type { ApiResponse, Filter, RequestState } from "../endpoints/api-request.ts";
import type { ServerMetrics } from "../metrics.ts";
import { isLongRunning } from "./long-running.ts";

/** Counts requests and how long they took. Long-running ones are counted without a duration. */
export function measure(metrics: ServerMetrics, clock: Clock): Filter {
  return async (state, next) => {
    const startMs = clock.now();
    try {
      const response = await next(state);
      record(metrics, state, codeOf(response), clock.now() - startMs);
      return response;
    } catch (error) {
      record(metrics, state, error instanceof StatusError ? error.code : 500, clock.now() - startMs);
      throw error;
    }
  };
}

function record(metrics: ServerMetrics, state: RequestState, code: number, durationMs: number): void {
  const { verb, group, version, resource, subresource, namespace, name } = state.info;
  const scope = namespace !== "" ? "namespace" : name === "" ? "cluster" : "resource";
  const labels = { verb: metricVerb(verb), group, version, resource, subresource, scope };
  metrics.requests.add({ ...labels, code: String(code), dry_run: state.request.query.get("dryRun") ?? "" });
  if (!isLongRunning(state)) metrics.durations.observe(labels, durationMs / 1000);
}

const metricVerbs: Readonly<Record<string, string>> = {
  create: "POST",
  update: "PUT",
  deletecollection: "DELETECOLLECTION",
};
const metricVerb = (verb: string): string => metricVerbs[verb] ?? verb.toUpperCase();

function codeOf(response: ApiResponse): number {
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
