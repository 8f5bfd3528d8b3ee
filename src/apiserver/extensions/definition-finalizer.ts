import type { CustomResourceDefinition } from "../../api/types/apiextensions-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { systemContext } from "../authentication/system-context.ts";
import type { WatchCache } from "../cache/watch-cache.ts";
import type { ResourceStores } from "../registry/strategy.ts";
import { cleanupFinalizer, isTrue } from "./definition/definition.ts";
import { withCondition } from "./definition-conditions.ts";
import { updateDefinition } from "./update-definition.ts";

interface Dependencies {
  readonly watchCache: WatchCache;
  readonly stores: ResourceStores;
  readonly clock: Clock;
}

/**
 * Deletes the objects of a definition that is being deleted, and lets it go when they are gone. False while some are
 * held by finalizers of their own: to be called again.
 */
export async function finalizeDefinition(
  definition: CustomResourceDefinition,
  dependencies: Dependencies,
): Promise<boolean> {
  const { stores, clock } = dependencies;
  const name = definition.metadata.name ?? "";
  const set = (status: string, reason: string, message: string, isDone: boolean): Promise<void> =>
    updateDefinition(stores, name, (current) => {
      const condition = { type: "Terminating", status, reason, message };
      const conditions = withCondition(current.status?.conditions ?? [], condition, clock.now());
      const finalizers = current.metadata.finalizers?.filter((each) => each !== cleanupFinalizer) ?? [];
      const changed = { ...current, status: { ...current.status, conditions } };
      if (deepEqual(changed.status, current.status) && !isDone) return current;
      if (!isDone) return changed;
      const { finalizers: _, ...metadata } = current.metadata;
      return { ...changed, metadata: finalizers.length === 0 ? metadata : { ...metadata, finalizers } };
    });
  if (!isTrue(definition, "Established")) {
    await set("False", "NeverEstablished", "resource was never established", true);
    return true;
  }
  await set("True", "InstanceDeletionInProgress", "CustomResource deletion is in progress", false);
  if (!(await deleteObjects(definition, dependencies))) return false;
  await set("False", "InstanceDeletionCompleted", "removed all instances", true);
  return true;
}

/** False when some are still there. */
async function deleteObjects(
  { spec, status }: CustomResourceDefinition,
  { watchCache, stores }: Dependencies,
): Promise<boolean> {
  const resource = status?.acceptedNames?.plural ?? spec.names.plural;
  const { group } = spec;
  const cache = watchCache.resource({ group, resource });
  const version = spec.versions.find((each) => each.storage)?.name ?? "";
  for (const { namespace, name } of Array.from(cache.objects(""))) {
    const context = systemContext("delete", { group, version, resource }, { namespace, name });
    try {
      await stores.delete(context, group, resource, namespace, name, undefined);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  return cache.size === 0;
}
