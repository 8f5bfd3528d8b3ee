import type { ServerMetrics } from "../metrics.ts";
import type { ApiResponse } from "./api-request.ts";
import { textResponse } from "./api-request.ts";
import { discovery } from "./discovery.ts";
import { type HealthCheck, health } from "./health.ts";
import { openapi } from "./openapi.ts";
import type { NonResourceRoute } from "./router.ts";
import type { ServerCore } from "./server-core.ts";
import { version } from "./version.ts";

export type { HealthCheck };

export interface NonResourceOptions {
  readonly metrics: ServerMetrics;
  readonly readyChecks: readonly HealthCheck[];
  isReady(): boolean;
  isClosing(): boolean;
}

/** Paths that name no resource: discovery, health, metrics, the version, OpenAPI. */
export function nonResourceRoutes(core: ServerCore, options: NonResourceOptions): NonResourceRoute {
  const discover = discovery(core);
  const describe = openapi(core);
  const check = health(options);
  return async (state) => {
    const { method, path } = state.request;
    if (method !== "GET" && method !== "HEAD") return undefined;
    const trimmed = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
    if (trimmed === "/version") return { type: "value", status: 200, value: version as never };
    if (trimmed === "/metrics") return metrics(options.metrics);
    return (await discover(state, trimmed)) ?? check(state, trimmed) ?? (await describe(state, trimmed));
  };
}

function metrics(registry: ServerMetrics): ApiResponse {
  const response = textResponse(200, registry.text());
  return { ...response, contentType: "text/plain; version=0.0.4; charset=utf-8" };
}
