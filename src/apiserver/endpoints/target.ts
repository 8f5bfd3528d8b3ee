import type { ResourceInfo } from "../../api/scheme.ts";
import { pathSegmentErrors } from "../../apimachinery/names.ts";
import { newBadRequest } from "../../apimachinery/status.ts";
import type { RequestInfo } from "../request-context.ts";

/** Where in the store a request points. The path of a namespace names it as namespace and as name; it lies in none. */
export function targetOf(info: RequestInfo, served: ResourceInfo): { namespace: string; name: string } {
  return { namespace: served.namespaced ? info.namespace : "", name: info.name };
}

/** 400 for a name that could be no part of a path. */
export function checkNameInPath(name: string): void {
  if (!/^\.\.?$|[/%]/.test(name)) return;
  throw newBadRequest(
    `Name parameter invalid: ${JSON.stringify(name)}: ${pathSegmentErrors(name).join(";")}`,
  );
}
