import type { Unavailable } from "../apiserver/aggregation/api-services.ts";
import type { ServerEvents } from "./server-events.ts";

/** Says in an event about the APIService that the server behind it cannot be reached: who asks for it only learns that. */
export function reportApiService(events: ServerEvents, { name, reason, message }: Unavailable): void {
  events.warn({
    kind: { group: "apiregistration.k8s.io", version: "v1", kind: "APIService" },
    name,
    reason: "APIServiceUnavailable",
    message: `requests for it are not answered (${reason}): ${message}`,
  });
}
