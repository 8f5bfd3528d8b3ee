import { deepFreeze } from "../../apimachinery/json.ts";
import { joinKey, keyOf, type UnstructuredObject } from "../../apimachinery/object.ts";
import { newResourceExpired } from "../../apimachinery/status.ts";
import type { WatchEvent } from "../../apimachinery/transport.ts";

/** One change of one object. `object` is the state after it; for a deletion, the last state at the new revision. */
export interface Change {
  readonly revision: number;
  readonly object: UnstructuredObject | undefined;
  readonly previous: UnstructuredObject | undefined;
  /** For a deletion: the last state, carrying the deletion's revision. */
  readonly deleted: UnstructuredObject | undefined;
}

/** Objects of all resources under one revision counter, with their whole history until it is compacted. */
export class ObjectTracker {
  #revision = 0;
  #compacted = 0;
  readonly #collections = new Map<string, Collection>();

  get revision(): number {
    return this.#revision;
  }

  collection(name: string): Collection {
    let collection = this.#collections.get(name);
    if (collection === undefined) {
      collection = new Collection(
        () => ++this.#revision,
        () => this.#compacted,
      );
      this.#collections.set(name, collection);
    }
    return collection;
  }

  /** Forgets history: a watch from an older revision then gets 410. */
  compact(): void {
    this.#compacted = this.#revision;
  }

  /** Ends every watch, as a server that restarts or times out does. */
  dropWatches(): void {
    for (const collection of this.#collections.values()) collection.dropWatches();
  }
}

export class Collection {
  readonly #objects = new Map<string, UnstructuredObject>();
  readonly #history: Change[] = [];
  readonly #subscribers = new Set<(change: Change | undefined) => void>();
  readonly #nextRevision: () => number;
  readonly #compactedRevision: () => number;

  constructor(nextRevision: () => number, compactedRevision: () => number) {
    this.#nextRevision = nextRevision;
    this.#compactedRevision = compactedRevision;
  }

  get(namespace: string | undefined, name: string): UnstructuredObject | undefined {
    return this.#objects.get(joinKey(namespace, name));
  }

  /** In the order of their keys, as etcd keeps them. */
  list(namespace: string | undefined): UnstructuredObject[] {
    const all = [...this.#objects].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    return namespace === undefined ? all : all.filter(({ metadata }) => metadata.namespace === namespace);
  }

  /** Stores the object, which the collection then owns, at a new revision. */
  put(object: UnstructuredObject): UnstructuredObject {
    const revision = this.#nextRevision();
    object.metadata.resourceVersion = String(revision);
    deepFreeze(object);
    const previous = this.#objects.get(keyOf(object));
    this.#objects.set(keyOf(object), object);
    this.#publish({ revision, object, previous, deleted: undefined });
    return object;
  }

  remove(object: UnstructuredObject): void {
    const previous = this.#objects.get(keyOf(object));
    if (!this.#objects.delete(keyOf(object))) return;
    const revision = this.#nextRevision();
    const metadata = { ...object.metadata, resourceVersion: String(revision) };
    const deleted = deepFreeze({ ...object, metadata });
    this.#publish({ revision, object: undefined, previous, deleted });
  }

  /** Every change after the revision, then each as it happens, until the signal aborts or watches are dropped. */
  async *changes(afterRevision: number, signal: AbortSignal | undefined): AsyncGenerator<Change> {
    if (afterRevision < this.#compactedRevision()) {
      throw newResourceExpired(`too old resource version: ${afterRevision} (${this.#compactedRevision()})`);
    }
    const pending: (Change | undefined)[] = this.#history.filter(({ revision }) => revision > afterRevision);
    let wake = (): void => {};
    const subscriber = (change: Change | undefined): void => {
      pending.push(change);
      wake();
    };
    const stop = (): void => subscriber(undefined);
    this.#subscribers.add(subscriber);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      if (signal?.aborted === true) return;
      for (;;) {
        if (pending.length === 0) await new Promise<void>((resolve) => (wake = resolve));
        const change = pending.shift();
        if (change === undefined) return;
        yield change;
      }
    } finally {
      this.#subscribers.delete(subscriber);
      signal?.removeEventListener("abort", stop);
    }
  }

  dropWatches(): void {
    for (const subscriber of this.#subscribers) subscriber(undefined);
  }

  #publish(change: Change): void {
    this.#history.push(change);
    for (const subscriber of this.#subscribers) subscriber(change);
  }
}

/** The event that a watcher with a selector sees of a change, if any. */
export function eventOf(
  { object, previous, deleted }: Change,
  matches: (object: UnstructuredObject) => boolean,
): WatchEvent | undefined {
  const before = previous !== undefined && matches(previous);
  if (object !== undefined && matches(object)) return { type: before ? "MODIFIED" : "ADDED", object };
  if (!before) return undefined;
  if (deleted !== undefined) return { type: "DELETED", object: deleted };
  // The object has left the selection: the watcher sees the state that it knew, at the revision of the change.
  const resourceVersion = object?.metadata.resourceVersion;
  return {
    type: "DELETED",
    object: deepFreeze({ ...previous, metadata: { ...previous.metadata, resourceVersion } }),
  };
}
