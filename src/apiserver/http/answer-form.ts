import type { RequestState } from "../endpoints/api-request.ts";
import type { EncodeOptions } from "../endpoints/encode.ts";
import type { Negotiated } from "../endpoints/negotiate.ts";
import type { ServerCore } from "../endpoints/server-core.ts";
import { includeObjectOf } from "../endpoints/table.ts";
import type { ResponseHeaders } from "./http-exchange.ts";
import { warningHeaders } from "./warning-headers.ts";

/** How this answer is to be encoded. */
export function encodeOptions(core: ServerCore, state: RequestState, negotiated: Negotiated): EncodeOptions {
  const { query } = state.request;
  return {
    scheme: core.scheme,
    clock: core.clock,
    negotiated,
    include: negotiated.as === "Table" ? includeObjectOf(query) : "Metadata",
    pretty: negotiated.pretty === true || isPretty(state),
  };
}

const truths = new Set(["1", "t", "T", "TRUE", "true", "True"]);

/** `?pretty=true`, and for people with a browser or curl unless they say no. */
function isPretty({ request }: RequestState): boolean {
  const asked = request.query.get("pretty") ?? "";
  if (asked !== "") return truths.has(asked);
  const agent = request.header("user-agent") ?? "";
  return agent.startsWith("curl") || agent.startsWith("Wget") || agent.startsWith("Mozilla/5.0");
}

/** Headers of every answer. */
export function baseHeaders(state: RequestState): ResponseHeaders {
  const headers: ResponseHeaders = { "audit-id": state.auditId, "cache-control": "no-cache, private" };
  const { flow } = state;
  // Names would tell clients how they rank; who may read the objects finds them by their uid.
  if (flow !== undefined && flow.uid !== "") {
    headers["x-kubernetes-pf-flowschema-uid"] = flow.uid;
    headers["x-kubernetes-pf-prioritylevel-uid"] = flow.level.uid;
  }
  if (state.isForbidden === true) headers["x-content-type-options"] = "nosniff";
  if (state.warnings.length > 0) headers["warning"] = warningHeaders(state.warnings);
  return headers;
}
