import type { RequestState } from "../endpoints/api-request.ts";

const connects = new Set(["exec", "attach", "portforward", "proxy", "log"]);

/** Requests that may last: they have no deadline and are not counted among those in flight. */
export function isLongRunning({ info }: RequestState): boolean {
  return info.verb === "watch" || (info.isResourceRequest && connects.has(info.subresource));
}
