import { joinKey, type KubernetesObject, keyOf } from "../apimachinery/object.ts";

interface Index<T> {
  readonly keysOf: (object: T) => readonly string[];
  /** Index value → object key → object. A value without objects is absent. */
  readonly buckets: Map<string, Map<string, T>>;
}

/** Objects by key, by namespace and by any number of named indexes. Every index always agrees with the objects. */
export class IndexedStore<T extends KubernetesObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();

  /** An index of that name that exists already stays as it is. */
  addIndex(name: string, keysOf: (object: T) => readonly string[]): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { keysOf, buckets: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) insert(index, key, object);
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  getByName(name: string, namespace?: string): T | undefined {
    return this.#objects.get(joinKey(namespace, name));
  }

  list(namespace?: string): T[] {
    if (namespace !== undefined && namespace !== "") {
      // Made when it is first asked for: of most stores nobody asks it.
      this.addIndex(byNamespace, namespaceOf);
      return this.byIndex(byNamespace, namespace);
    }
    return [...this.#objects.values()];
  }

  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new Error(`index ${JSON.stringify(name)} was not added`);
    const bucket = index.buckets.get(value);
    return bucket === undefined ? [] : [...bucket.values()];
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  /** Returns what the key held before. The key is the object's. */
  set(object: T, key = keyOf(object)): T | undefined {
    const old = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) {
      if (old === undefined) insert(index, key, object);
      else replace(index, key, old, object);
    }
    return old;
  }

  /** Returns what the key held. */
  delete(key: string): T | undefined {
    const old = this.#objects.get(key);
    if (old === undefined) return undefined;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) withdraw(index, key, old);
    return old;
  }
}

/** No index of a caller can have this name by accident. */
const byNamespace = "\0namespace";
const namespaceOf = ({ metadata }: KubernetesObject): readonly string[] => [metadata.namespace ?? ""];

function insert<T>({ keysOf, buckets }: Index<T>, key: string, object: T): void {
  for (const value of keysOf(object)) {
    const bucket = buckets.get(value);
    if (bucket === undefined) buckets.set(value, new Map([[key, object]]));
    else bucket.set(key, object);
  }
}

/** Most changes leave an object where it is: then its place is all that has to be found. */
function replace<T>(index: Index<T>, key: string, old: T, object: T): void {
  const before = index.keysOf(old);
  const now = index.keysOf(object);
  const [value] = now;
  if (before.length > 1 || now.length > 1 || before[0] !== value) {
    withdraw(index, key, old);
    insert(index, key, object);
  } else if (value !== undefined) index.buckets.get(value)?.set(key, object);
}

function withdraw<T>({ keysOf, buckets }: Index<T>, key: string, object: T): void {
  for (const value of keysOf(object)) {
    const bucket = buckets.get(value);
    bucket?.delete(key);
    if (bucket?.size === 0) buckets.delete(value);
  }
}
