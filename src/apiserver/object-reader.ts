import type { GroupResource } from "../apimachinery/gvk.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";

/**
 * Synchronous reads from the watch caches, for authorizers, admission plugins and strategies. As current as the cache;
 * it has seen every write that this server acknowledged. Objects are frozen.
 */
export interface ObjectReader {
  get<T extends KubernetesObject>(resource: GroupResource, namespace: string, name: string): T | undefined;
  list<T extends KubernetesObject>(resource: GroupResource, namespace?: string): readonly T[];
  /** Called after each change of the resource, with the new state or, when deleted, undefined. Returns its removal. */
  onChange(
    resource: GroupResource,
    listener: (object: KubernetesObject | undefined, old: KubernetesObject | undefined) => void,
  ): () => void;
}
