import type { GroupVersionKind } from "../apimachinery/gvk.ts";
import { resourceTable } from "./generated/resources.ts";
import { builtinSchemas } from "./schema-table.ts";

/**
 * The names of types by kind, also of kinds that are no resource: lists, Scale, Eviction, TokenRequest, DeleteOptions.
 */
let packages: Map<string, string> | undefined;

/** `group/version` → the package of its types, read off the table of resources. */
function packageOf(groupVersion: string): string | undefined {
  if (packages === undefined) {
    packages = new Map();
    for (const line of resourceTable.split("\n")) {
      const schemaName = line.slice(line.lastIndexOf("\t") + 1);
      packages.set(line.slice(0, line.indexOf("\t")), schemaName.slice(0, schemaName.lastIndexOf(".")));
    }
  }
  return packages.get(groupVersion);
}

const metaPackage = "io.k8s.apimachinery.pkg.apis.meta.v1";

/** The name of a built-in kind's schema: `io.k8s.api.apps.v1.DeploymentList`; undefined when it has none. */
export function schemaNameOfKind({ group, version, kind }: GroupVersionKind): string | undefined {
  const own = packageOf(group === "" ? version : `${group}/${version}`);
  const schemas = builtinSchemas();
  if (own !== undefined && schemas.get(`${own}.${kind}`) !== undefined) return `${own}.${kind}`;
  return schemas.get(`${metaPackage}.${kind}`) === undefined ? undefined : `${metaPackage}.${kind}`;
}
