import type { ResourceInfo } from "../../api/scheme.ts";
import type { RequestInfo } from "../request-context.ts";

/** Where in the store a request points. The path of a namespace names it as namespace and as name; it lies in none. */
export function targetOf(info: RequestInfo, served: ResourceInfo): { namespace: string; name: string } {
  return { namespace: served.namespaced ? info.namespace : "", name: info.name };
}
