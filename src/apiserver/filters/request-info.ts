import { parseFieldSelector } from "../../apimachinery/fields.ts";
import { pathSegmentErrors } from "../../apimachinery/names.ts";
import type { RequestInfo } from "../request-context.ts";

/** Subresources of a namespace, which would else read as resources in it. */
const namespaceSubresources = new Set(["status", "finalize"]);

const verbs: Readonly<Record<string, string>> = {
  POST: "create",
  GET: "get",
  HEAD: "get",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/** What a method and a path mean (mirrors k8s.io/apiserver/pkg/endpoints/request.RequestInfoFactory). */
export function requestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  // An escaped slash separates as a plain one does: a name that holds one must not pass for a name.
  const unescaped = path.includes("%") ? unescape(path) : path;
  const parts = unescaped.split("/").filter((part) => part !== "");
  const nonResource: RequestInfo = {
    isResourceRequest: false,
    path,
    verb: method.toLowerCase(),
    group: "",
    version: "",
    resource: "",
    subresource: "",
    parts: [],
    namespace: "",
    name: "",
  };
  const isCore = parts[0] === "api";
  if (!isCore && parts[0] !== "apis") return nonResource;
  const prefixLength = isCore ? 2 : 3;
  if (parts.length <= prefixLength) return nonResource;
  const group = isCore ? "" : (parts[1] ?? "");
  const version = parts[prefixLength - 1] ?? "";
  return resourceInfo(method, path, query, { group, version }, parts.slice(prefixLength));
}

function resourceInfo(
  method: string,
  path: string,
  query: URLSearchParams,
  { group, version }: { group: string; version: string },
  rest: string[],
): RequestInfo {
  let verb = verbs[method] ?? "";
  // The old form of a watch: /api/v1/watch/namespaces/default/pods.
  const isOldWatch = rest[0] === "watch" && rest.length > 1;
  if (isOldWatch) {
    rest = rest.slice(1);
    verb = "watch";
  }
  const { namespace, parts } = splitNamespace(rest);
  const [resource = "", inPath = "", subresource = "", ...more] = parts;
  let name = inPath;
  if (name === "" || isOldWatch) {
    if (verb === "get") verb = isTrue(query.get("watch")) ? "watch" : "list";
    else if (verb === "delete") verb = "deletecollection";
    // Who asks for the one object by its name is authorised for that name.
    if (name === "" && (verb === "list" || verb === "watch" || verb === "deletecollection")) {
      name = nameInSelector(query.get("fieldSelector") ?? "");
    }
  }
  return {
    isResourceRequest: true,
    path,
    verb,
    group,
    version,
    resource,
    subresource,
    parts: more,
    namespace,
    name,
  };
}

/** "namespaces/default/pods/web" → the namespace and what follows; "namespaces/default" is the namespace itself. */
function splitNamespace(rest: string[]): { namespace: string; parts: string[] } {
  if (rest[0] !== "namespaces" || rest.length < 2) return { namespace: "", parts: rest };
  const namespace = rest[1] ?? "";
  const isInside = rest.length > 2 && !namespaceSubresources.has(rest[2] ?? "");
  return { namespace, parts: isInside ? rest.slice(2) : rest };
}

/** A selector that cannot be read names nothing; the endpoint will refuse it. */
function nameInSelector(selector: string): string {
  if (!selector.includes("metadata.name")) return "";
  try {
    const { requirements } = parseFieldSelector(selector);
    const exact = requirements.find(({ field, operator }) => field === "metadata.name" && operator === "=");
    const name = exact?.value ?? "";
    return pathSegmentErrors(name).length === 0 ? name : "";
  } catch {
    return "";
  }
}

/** A boolean of a query as Go's decoder reads it: present without a value, "1" and "true" are true. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== "0" && value.toLowerCase() !== "false";
}

function unescape(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
