import type { GroupResource } from "../../apimachinery/gvk.ts";

/**
 * Where objects lie in the store: `/registry/<group or "core">/<resource>/<namespace>/<name>`, without the namespace
 * for cluster-scoped resources. Everything the API server stores is below the one prefix.
 */
export const registryPrefix = "/registry/";

const groupFolder = (group: string): string => (group === "" ? "core" : group);

/** The prefix of all objects of a resource, or of those in one namespace. */
export function resourcePrefix({ group, resource }: GroupResource, namespace = ""): string {
  const prefix = `${registryPrefix}${groupFolder(group)}/${resource}/`;
  return namespace === "" ? prefix : `${prefix}${namespace}/`;
}

/** The key of one object. `namespace` is "" for cluster-scoped resources. */
export function objectKey(resource: GroupResource, namespace: string, name: string): string {
  return resourcePrefix(resource, namespace) + name;
}

export interface StorageKey extends GroupResource {
  readonly namespace: string;
  readonly name: string;
}

/** The inverse of `objectKey`; undefined for a key of another form. */
export function parseKey(key: string): StorageKey | undefined {
  if (!key.startsWith(registryPrefix)) return undefined;
  const parts = key.slice(registryPrefix.length).split("/");
  const [folder = "", resource = "", third = "", fourth] = parts;
  if (parts.length < 3 || parts.length > 4) return undefined;
  const group = folder === "core" ? "" : folder;
  return fourth === undefined
    ? { group, resource, namespace: "", name: third }
    : { group, resource, namespace: third, name: fourth };
}
