import { createHash } from "node:crypto";
import type { KubernetesObject } from "../../src/apimachinery/object.ts";
import type { ResourceReference } from "../../src/client/client.ts";
import type { StorageEvent } from "../../src/storage/storage.ts";

/** One change of one object, as the store committed it. */
export interface Change {
  readonly revision: number;
  readonly key: string;
  /** Absent when the object is new. */
  readonly before: KubernetesObject | undefined;
  /** Absent when it is gone. */
  readonly after: KubernetesObject | undefined;
}

/** What a change looks like in a report. */
export function describeChange({ revision, key, before, after }: Change): string {
  const verb = before === undefined ? "created" : after === undefined ? "removed" : "changed";
  const name = key.replace(/^\/registry\//, "");
  const writers = (after?.metadata.managedFields ?? []).toSorted((a, b) =>
    (a.time ?? "") < (b.time ?? "") ? 1 : -1,
  );
  const status = (after as { status?: { phase?: string } } | undefined)?.status?.phase ?? "";
  const ends = after?.metadata.deletionTimestamp === undefined ? "" : " (being deleted)";
  return `${revision} ${verb} ${name} ${status}${ends} ${writers[0]?.time ?? ""} ${writers[0]?.manager ?? ""}`;
}

/** Where the store keeps the objects of a resource: each at `prefix + namespace/name`. */
export const prefixOf = ({ group, resource }: Pick<ResourceReference, "group" | "resource">): string =>
  `/registry/${group === "" ? "core" : group}/${resource}/`;

export const keyOfObject = (
  reference: Pick<ResourceReference, "group" | "resource">,
  { namespace, name }: { readonly namespace?: string | undefined; readonly name?: string | undefined },
): string =>
  `${prefixOf(reference)}${namespace === undefined || namespace === "" ? "" : `${namespace}/`}${name}`;

/** The first three parts of a key, with the slash. */
const resourceOfKey = (key: string): string => key.split("/", 4).join("/") + "/";

/**
 * All that ever was in a cluster's store, commit by commit: what invariants are judged by. It is read from the store and
 * not from the API, so that it does not share the API's mistakes.
 */
export class History {
  readonly changes: Change[] = [];
  readonly #byRevision = new Map<number, Change>();
  readonly #current = new Map<string, Stock>();
  readonly #byUid = new Map<string, KubernetesObject>();
  readonly #hash = createHash("sha256");
  /** Of each uid that was ever there: where. */
  readonly #everSeen = new Map<string, string>();
  #revision = 0;
  /** What happened before the first change, where that is known: in the cluster that this one is a fork of. */
  past: readonly Change[] = [];
  /** Objects that were there before the first change. */
  readonly base = new Map<string, { readonly revision: number; readonly object: KubernetesObject }>();

  /** The newest revision that was taken in. */
  get revision(): number {
    return this.#revision;
  }

  /** Of all that was committed: equal for equal histories. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }

  /** What was there when the history begins. */
  load(key: string, value: Uint8Array, revision: number): void {
    const object = parse(value);
    this.base.set(key, { revision, object });
    this.#put(key, object);
    this.#revision = Math.max(this.#revision, revision);
  }

  /** The revision that the history begins at, where nothing was there. */
  beginAt(revision: number): void {
    this.#revision = revision;
  }

  accept({ key, revision, value }: StorageEvent): Change {
    this.#hash.update(`${revision} ${key} `).update(value ?? "gone");
    return this.apply(key, value === undefined ? undefined : parse(value), revision);
  }

  /** Takes notice of a change without looking into it: of heartbeats, which are most of what a cluster writes. */
  pass({ key, revision, value }: StorageEvent): Change {
    this.#hash.update(`${revision} ${key} `).update(value ?? "gone");
    this.#revision = revision;
    return { revision, key, before: undefined, after: undefined };
  }

  /** The change that puts the object at the key, or takes away what is there. */
  apply(key: string, after: KubernetesObject | undefined, revision = this.#revision + 1): Change {
    const before = this.#current.get(resourceOfKey(key))?.objects.get(key);
    const change = { revision, key, before, after };
    if (after === undefined) this.#remove(key, before);
    else this.#put(key, after);
    this.changes.push(change);
    this.#byRevision.set(revision, change);
    this.#revision = revision;
    return change;
  }

  /** What is there now, in the order of keys. */
  objects<T extends KubernetesObject>(reference: ResourceReference<T>): readonly T[] {
    const objects = this.#current.get(prefixOf(reference))?.inOrder() ?? [];
    // The prefix names the resource, and the resource the type of its objects.
    return objects as readonly T[];
  }

  /** The last change of those that the revision is of; undefined for one that was passed, or that the history does not know. */
  changeAt(revision: number): Change | undefined {
    return this.#byRevision.get(revision);
  }

  find<T extends KubernetesObject>(
    reference: ResourceReference<T>,
    name: string,
    namespace?: string,
  ): T | undefined {
    const key = keyOfObject(reference, { name, namespace });
    return this.#current.get(prefixOf(reference))?.objects.get(key) as T | undefined;
  }

  byUid(uid: string): KubernetesObject | undefined {
    return this.#byUid.get(uid);
  }

  /** Where the uid was ever seen. */
  keyOfUid(uid: string): string | undefined {
    return this.#everSeen.get(uid);
  }

  /** Everything that is there now. */
  *all(): Generator<readonly [key: string, object: KubernetesObject]> {
    for (const { objects } of this.#current.values()) yield* objects;
  }

  /** What was there at the revision, by key: the object with the revision that wrote it. */
  at(
    revision: number,
    prefix: string,
  ): Map<string, { readonly revision: number; readonly object: KubernetesObject }> {
    const state = new Map([...this.base].filter(([key]) => key.startsWith(prefix)));
    for (const change of this.changes) {
      if (change.revision > revision) break;
      if (!change.key.startsWith(prefix)) continue;
      if (change.after === undefined) state.delete(change.key);
      else state.set(change.key, { revision: change.revision, object: change.after });
    }
    return state;
  }

  #put(key: string, object: KubernetesObject): void {
    const resource = resourceOfKey(key);
    let stock = this.#current.get(resource);
    if (stock === undefined) {
      stock = new Stock();
      this.#current.set(resource, stock);
    }
    stock.put(key, object);
    const uid = object.metadata.uid ?? "";
    this.#byUid.set(uid, object);
    if (!this.#everSeen.has(uid)) this.#everSeen.set(uid, key);
  }

  #remove(key: string, before: KubernetesObject | undefined): void {
    this.#current.get(resourceOfKey(key))?.remove(key);
    this.#byUid.delete(before?.metadata.uid ?? "");
  }
}

/** The objects of one resource. They are asked for in order after each change: the order is kept, not made each time. */
class Stock {
  readonly objects = new Map<string, KubernetesObject>();
  readonly #keys: string[] = [];
  #inOrder: readonly KubernetesObject[] | undefined;

  put(key: string, object: KubernetesObject): void {
    if (!this.objects.has(key)) this.#keys.splice(this.#placeOf(key), 0, key);
    this.objects.set(key, object);
    this.#inOrder = undefined;
  }

  remove(key: string): void {
    if (this.objects.delete(key)) this.#keys.splice(this.#placeOf(key), 1);
    this.#inOrder = undefined;
  }

  inOrder(): readonly KubernetesObject[] {
    this.#inOrder ??= this.#keys.flatMap((key) => this.objects.get(key) ?? []);
    return this.#inOrder;
  }

  /** Where the key is, or would be. */
  #placeOf(key: string): number {
    let [from, to] = [0, this.#keys.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.#keys[middle] ?? "") < key) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

const parse = (value: Uint8Array): KubernetesObject =>
  JSON.parse(Buffer.from(value).toString()) as KubernetesObject;
