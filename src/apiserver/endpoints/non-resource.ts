import { inSlices } from "../../apimachinery/in-slices.ts";
import { newMethodNotAllowed } from "../../apimachinery/status.ts";
import type { ServerMetrics } from "../metrics.ts";
import { servedVersions } from "./aggregated-discovery.ts";
import type { ApiResponse, Handler } from "./api-request.ts";
import { textResponse } from "./api-request.ts";
import { discovery } from "./discovery.ts";
import { Health, type HealthOptions } from "./health.ts";
import { jsonType } from "./negotiate.ts";
import { openapi } from "./openapi.ts";
import { checkAccept } from "./route-form.ts";
import type { NonResourceRoute } from "./router.ts";
import type { ServerCore } from "./server-core.ts";
import { version } from "./version.ts";

export interface NonResourceOptions extends HealthOptions {
  readonly metrics: ServerMetrics;
  /** What /debug/api_priority_and_fairness/ shows by the name of the table. */
  dumpFlowControl(table: string): string | undefined;
  /** Further documents by path, made when they are asked for: the keys of service account tokens. */
  readonly documents: Readonly<Record<string, () => object>>;
  /** Further paths with handlers of their own. */
  readonly routes: Readonly<Record<string, Handler>>;
}

const dumps = "/debug/api_priority_and_fairness/";

/** Paths that name no resource: discovery, health, metrics, the version, OpenAPI. */
export function nonResourceRoutes(core: ServerCore, options: NonResourceOptions): NonResourceRoute {
  const discover = discovery(core);
  const describe = openapi(core);
  const health = new Health(options);
  return async (state) => {
    const { method, path } = state.request;
    const trimmed = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
    if (trimmed === "/version") {
      if (method !== "GET") throw newMethodNotAllowed();
      checkAccept(state.request, [jsonType]);
      return json(version);
    }
    if (method !== "GET" && method !== "HEAD" && isRoute(trimmed)) {
      if ((await discover(state, trimmed)) === undefined) return undefined;
      throw newMethodNotAllowed();
    }
    const route = options.routes[trimmed];
    if (route !== undefined) return await route(state);
    const document = options.documents[trimmed];
    if (document !== undefined) return json(document());
    if (trimmed === "/")
      return json({ paths: rootPaths(core, [...health.paths(), ...Object.keys(options.documents)]) });
    if (trimmed === "/metrics") return metrics(await inSlices(options.metrics.textInParts()));
    if (trimmed === "/metrics/slis") return metrics(health.metrics());
    if (trimmed.startsWith(dumps)) {
      const table = options.dumpFlowControl(trimmed.slice(dumps.length));
      return table === undefined ? undefined : textResponse(200, table);
    }
    return (
      (await discover(state, trimmed)) ?? health.answer(state, trimmed) ?? (await describe(state, trimmed))
    );
  };
}

/** Discovery below the list of groups answers to GET alone; all else does not look at the method. */
const isRoute = (path: string): boolean =>
  path === "/api" || path.startsWith("/api/") || path.startsWith("/apis/");

/** What there is to see, for people who look around. */
function rootPaths(core: ServerCore, others: readonly string[]): string[] {
  const paths = new Set([
    "/api",
    "/apis",
    "/apis/",
    "/metrics",
    "/metrics/slis",
    "/openapi/v2",
    "/openapi/v3",
  ]);
  for (const path of ["/openapi/v3/", "/version", ...others]) paths.add(path);
  for (const { group, version: name } of servedVersions(core)) {
    if (group === "") paths.add(`/api/${name}`);
    else paths.add(`/apis/${group}`).add(`/apis/${group}/${name}`);
  }
  return [...paths].sort();
}

function metrics(text: string): ApiResponse {
  return { ...textResponse(200, text), contentType: "text/plain; version=0.0.4; charset=utf-8" };
}

/** Documents that have no kind come in one form only. */
function json(document: object): ApiResponse {
  const bytes = Buffer.from(JSON.stringify(document, undefined, 2));
  return { type: "bytes", status: 200, contentType: "application/json", bytes };
}
