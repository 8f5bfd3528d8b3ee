import { newGenericNotFound } from "../../apimachinery/status.ts";
import type { ResourceReference } from "../client.ts";

export interface RequestTarget {
  readonly reference: ResourceReference;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string;
}

/** Reads a request path the way the API server routes it. Throws 404 for resources that are not known. */
export function parseRequestPath(path: string, references: readonly ResourceReference[]): RequestTarget {
  const segments = path.split("/").filter((segment) => segment !== "");
  const [root, ...afterRoot] = segments.map(decodeURIComponent);
  const [group, rest] = root === "api" ? ["", afterRoot] : [afterRoot[0] ?? "", afterRoot.slice(1)];
  if (root !== "api" && root !== "apis") throw newGenericNotFound();
  const [version, ...parts] = rest;
  // /namespaces/NAME and its subresources are the namespace itself; anything longer lies within it.
  const own = parts.length <= 2 || ["status", "finalize"].includes(parts[2] ?? "");
  const within = parts[0] === "namespaces" && !own;
  const [resource, name, ...subresource] = within ? parts.slice(2) : parts;
  const reference = references.find(
    (candidate) =>
      candidate.group === group && candidate.version === version && candidate.resource === resource,
  );
  if (reference === undefined) throw newGenericNotFound();
  return {
    reference,
    namespace: within ? parts[1] : undefined,
    name,
    subresource: subresource.join("/"),
  };
}
