import type { GroupVersion } from "../apimachinery/gvk.ts";
import type { ResourceReference } from "./client.ts";

/** What of a resource is meant. Without a namespace the path spans all; without a name it is the collection. */
export interface PathParts {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  /** `status`, or with more segments: `proxy/index.html`. */
  readonly subresource?: string | undefined;
}

/** `/api/v1` for the core group, `/apis/GROUP/VERSION` for the others. */
export function groupVersionPath({ group, version }: GroupVersion): string {
  return group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
}

/** `/apis/apps/v1/namespaces/default/deployments/web/status`. Throws when the name or namespace would leave the path. */
export function resourcePath(
  reference: GroupVersion & Pick<ResourceReference, "resource" | "namespaced">,
  { namespace, name, subresource }: PathParts = {},
): string {
  let path = groupVersionPath(reference);
  if (reference.namespaced && namespace !== undefined && namespace !== "") {
    path += `/namespaces/${segment(namespace)}`;
  }
  path += `/${reference.resource}`;
  if (name !== undefined) path += `/${segment(name)}`;
  if (subresource !== undefined && subresource !== "") path += `/${subresource}`;
  return path;
}

function segment(text: string): string {
  if (text === "" || text === "." || text === "..") {
    throw new TypeError(`resource name may not be ${JSON.stringify(text)}`);
  }
  return encodeURIComponent(text);
}

export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** `?a=1&b=2`, or the empty string. Undefined values are left out, arrays repeat. */
export function formatQuery(query: Query | undefined): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value === undefined) continue;
    if (typeof value === "string") parameters.append(key, value);
    else for (const item of value) parameters.append(key, item);
  }
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}
