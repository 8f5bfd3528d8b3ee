import type { ResourceInfo, Scheme } from "../../api/scheme.ts";
import type { GroupVersionKind } from "../../apimachinery/gvk.ts";

/** The schema of a kind. Bodies of subresources are kinds that no resource has, but for those that are their `owner`'s. */
export function schemaNameOf(scheme: Scheme, kind: GroupVersionKind, owner?: ResourceInfo): string {
  if (owner !== undefined && kind.kind === owner.kind && kind.group === owner.group) return owner.schemaName;
  const known = scheme.resourceForKind(kind);
  if (known !== undefined) return known.schemaName;
  const group = kind.group === "" ? "core" : (kind.group.split(".")[0] ?? "");
  return `io.k8s.api.${group}.${kind.version}.${kind.kind}`;
}
