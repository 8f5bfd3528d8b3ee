import { controllerOf, joinKey, type KubernetesObject, keyOf } from "../apimachinery/object.ts";
import type { Informer } from "../client/informer.ts";
import type { ControllerWatch } from "./controller.ts";

/** The keys that a change of the object concerns. */
export type KeyMap<T> = (object: T) => readonly string[];

export interface WatchOptions<T> {
  /** Updates that it refuses wake nobody. Additions and deletions always do. */
  readonly when?: (old: T, object: T) => boolean;
}

/**
 * Wakes a controller for every change of the informer's objects. For an update the keys of the old and of the new
 * state are added, so an object that moves from one owner to another wakes both.
 *
 *   watch(context.informers.informer(resources.pods), enqueueOwner("ReplicaSet"))
 */
export function watch<T extends KubernetesObject>(
  informer: Informer<T>,
  map: KeyMap<T>,
  options: WatchOptions<T> = {},
): ControllerWatch {
  return (enqueue) => {
    const enqueueAll = (object: T): void => {
      for (const key of map(object)) enqueue(key, object);
    };
    return informer.addHandler({
      added: enqueueAll,
      updated: (old, object) => {
        if (options.when?.(old, object) === false) return;
        // An object keeps its name: most watches of most changes end here.
        if (Object.is(map, enqueueSelf)) return enqueue(keyOf(object), object);
        for (const key of new Set([...map(old), ...map(object)])) enqueue(key, object);
      },
      deleted: enqueueAll,
    });
  };
}

/** The object's own key. */
export const enqueueSelf: KeyMap<KubernetesObject> = (object) => [keyOf(object)];

/** The key of the controller that owns the object, when it is of the kind; owners live in the object's namespace. */
export function enqueueOwner(kind: string): KeyMap<KubernetesObject> {
  return (object) => {
    const owner = controllerOf(object);
    return owner?.kind === kind ? [joinKey(object.metadata.namespace, owner.name)] : [];
  };
}
