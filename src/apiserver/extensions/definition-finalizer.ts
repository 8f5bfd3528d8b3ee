import type { CustomResourceDefinition } from "../../api/types/apiextensions-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { systemContext } from "../authentication/system-context.ts";
import { resourcePrefix } from "../cache/storage-key.ts";
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

/** Objects that are there longer than this are told of. */
const patienceMs = 60_000;

/**
 * Deletes the objects of a definition that is being deleted, since `sinceMs`, and lets it go when they are gone. False while
 * some are held by finalizers of their own: to be called again. Rejects when some cannot be deleted. Mirrors
 * k8s.io/apiextensions-apiserver/pkg/controller/finalizer.
 */
export async function finalizeDefinition(
  definition: CustomResourceDefinition,
  sinceMs: number,
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
  const unreadable = whyUnreadable(definition, dependencies);
  if (unreadable !== undefined) {
    const why = `could not list instances: ${unreadable.message}`;
    await set("True", "InstanceDeletionFailed", why, false);
    throw unreadable;
  }
  const { isEmpty, errors } = await deleteObjects(definition, dependencies);
  if (errors.length > 0) {
    const messages = [...new Set(errors.map(({ message }) => message))];
    const why = messages.length === 1 ? (messages[0] ?? "") : `[${messages.join(", ")}]`;
    await set("True", "InstanceDeletionFailed", `could not issue all deletes: ${why}`, false);
    throw new AggregateError(errors, why);
  }
  if (!isEmpty && clock.now() - sinceMs >= patienceMs) {
    const why = "could not confirm zero CustomResources remaining: context deadline exceeded";
    await set("True", "InstanceDeletionCheck", why, false);
  }
  if (!isEmpty) return false;
  await set("False", "InstanceDeletionCompleted", "removed all instances", true);
  return true;
}

/** Objects whose key is not known are there, though nobody sees them: without their definition they would be lost. */
function whyUnreadable(
  { spec, status }: CustomResourceDefinition,
  { watchCache }: Dependencies,
): Error | undefined {
  const resource = status?.acceptedNames?.plural ?? spec.names.plural;
  try {
    watchCache.unreadable.checkAll(resourcePrefix({ group: spec.group, resource }));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Goes on with the others where one cannot be deleted. */
async function deleteObjects(
  { spec, status }: CustomResourceDefinition,
  { watchCache, stores }: Dependencies,
): Promise<{ isEmpty: boolean; errors: readonly Error[] }> {
  const resource = status?.acceptedNames?.plural ?? spec.names.plural;
  const { group } = spec;
  const cache = watchCache.resource({ group, resource });
  const version = spec.versions.find((each) => each.storage)?.name ?? "";
  const errors: Error[] = [];
  for (const { namespace, name } of Array.from(cache.objects(""))) {
    const context = systemContext("delete", { group, version, resource }, { namespace, name });
    try {
      await stores.delete(context, group, resource, namespace, name, undefined);
    } catch (error) {
      if (!isNotFound(error)) errors.push(error instanceof Error ? error : new Error(String(error)));
    }
  }
  return { isEmpty: cache.size === 0, errors };
}
