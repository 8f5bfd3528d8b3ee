import type { CustomResourceDefinition } from "../../api/types/apiextensions-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { systemContext } from "../authentication/system-context.ts";
import type { ResourceStores } from "../registry/strategy.ts";
import { asDefinition, definitionKind, definitions } from "./definition/definition.ts";

/** Writes the status of a definition, and its finalizers, on the server's own account. */
export async function updateDefinition(
  stores: ResourceStores,
  name: string,
  change: (definition: CustomResourceDefinition) => CustomResourceDefinition,
): Promise<void> {
  const { group, resource } = definitions;
  const context = systemContext("update", { ...definitionKind, resource }, { name }, "status");
  await stores.update(context, group, resource, "", name, "status", (current) => {
    const changed: object = change(asDefinition(current));
    return changed as UnstructuredObject;
  });
}
