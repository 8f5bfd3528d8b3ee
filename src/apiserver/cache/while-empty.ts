import type { GroupVersionResource } from "../../apimachinery/gvk.ts";
import type { EmptyResource } from "../../client/shared-informer-factory.ts";
import type { ServedResources } from "../registry/served-resources.ts";
import type { WatchCache } from "./watch-cache.ts";

/**
 * A built-in resource that has no objects, and when it will have one. Most have none in most clusters, and to list and
 * watch each of them is a good part of what a small cluster takes. Undefined for all others.
 */
export function whileEmpty(
  resources: ServedResources,
  watchCache: WatchCache,
  { group, version, resource }: GroupVersionResource,
): EmptyResource | undefined {
  const served = resources.find(group, version, resource);
  const cache = served?.store?.cache;
  if (served?.info.custom !== undefined || cache === undefined || cache.size > 0) return undefined;
  // Only a list says which of its objects cannot be read.
  if (watchCache.unreadable.first() !== undefined) return undefined;
  return {
    resourceVersion: String(watchCache.revision),
    onFirst(listener) {
      const stop = cache.onChange(() => {
        stop();
        // Whoever asks then sees all that the change belongs to.
        queueMicrotask(listener);
      });
    },
  };
}
