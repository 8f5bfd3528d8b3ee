import { formatGroupResource, type GroupResource } from "../../../apimachinery/gvk.ts";
import { deepFreeze } from "../../../apimachinery/json.ts";
import { joinKey, type KubernetesObject, keyOf } from "../../../apimachinery/object.ts";
import type { ObjectReader } from "../../object-reader.ts";

type Listener = (object: KubernetesObject | undefined, old: KubernetesObject | undefined) => void;

/**
 * An ObjectReader over objects that a test puts in: `new FakeReader().put("pods", pod).put("roles.rbac…", role)`.
 * Listeners are called as the watch cache calls them.
 */
export class FakeReader implements ObjectReader {
  readonly #objects = new Map<string, Map<string, KubernetesObject>>();
  readonly #listeners = new Map<string, Set<Listener>>();

  /** Adds or replaces objects of the resource, named as `kubectl api-resources` does with its group: `pods`, `roles.rbac.authorization.k8s.io`. */
  put(resource: string, ...objects: readonly KubernetesObject[]): this {
    for (const object of objects) {
      const byKey = this.#of(resource);
      const old = byKey.get(keyOf(object));
      byKey.set(keyOf(object), deepFreeze(object));
      this.#notify(resource, object, old);
    }
    return this;
  }

  remove(resource: string, key: string): this {
    const old = this.#of(resource).get(key);
    this.#of(resource).delete(key);
    if (old !== undefined) this.#notify(resource, undefined, old);
    return this;
  }

  get<T extends KubernetesObject>(resource: GroupResource, namespace: string, name: string): T | undefined {
    return this.#of(formatGroupResource(resource)).get(joinKey(namespace, name)) as T | undefined;
  }

  list<T extends KubernetesObject>(resource: GroupResource, namespace?: string): readonly T[] {
    const all = [...this.#of(formatGroupResource(resource)).values()] as T[];
    return namespace === undefined ? all : all.filter((object) => object.metadata.namespace === namespace);
  }

  onChange(resource: GroupResource, listener: Listener): () => void {
    const name = formatGroupResource(resource);
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  #of(resource: string): Map<string, KubernetesObject> {
    const found = this.#objects.get(resource) ?? new Map<string, KubernetesObject>();
    this.#objects.set(resource, found);
    return found;
  }

  #notify(resource: string, object: KubernetesObject | undefined, old: KubernetesObject | undefined): void {
    for (const listener of this.#listeners.get(resource) ?? []) listener(object, old);
  }
}
