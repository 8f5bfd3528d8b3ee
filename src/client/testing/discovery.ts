import type { APIGroupList, APIResourceList } from "../../apimachinery/meta-v1.ts";
import type { ResourceReference } from "../client.ts";

/** The discovery document at the path, of the resources that are served; undefined when the path names none. */
export function discoveryDocument(
  path: string,
  references: readonly ResourceReference[],
): APIGroupList | APIResourceList | undefined {
  if (path === "/apis") return groupList(references);
  const [, group = "", version] = /^\/(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path) ?? [];
  const served = references.filter((reference) => reference.group === group && reference.version === version);
  if (version === undefined || served.length === 0) return undefined;
  return {
    apiVersion: "v1",
    kind: "APIResourceList",
    groupVersion: group === "" ? version : `${group}/${version}`,
    resources: served.map(({ resource, kind, namespaced }) => ({
      name: resource,
      singularName: kind.toLowerCase(),
      kind,
      namespaced,
      verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    })),
  };
}

function groupList(references: readonly ResourceReference[]): APIGroupList {
  const versions = new Map<string, Set<string>>();
  for (const { group, version } of references) {
    if (group !== "") versions.set(group, (versions.get(group) ?? new Set()).add(version));
  }
  const groups = [...versions].map(([name, all]) => {
    const each = [...all].map((version) => ({ groupVersion: `${name}/${version}`, version }));
    return { apiVersion: "v1" as const, kind: "APIGroup" as const, name, versions: each };
  });
  return { apiVersion: "v1", kind: "APIGroupList", groups };
}
