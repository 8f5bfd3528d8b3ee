import { formatGroupResource, type GroupResource } from "../../apimachinery/gvk.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { loadDeferred } from "../../storage/load-deferred.ts";
import { CacheEvent } from "./cache-event.ts";
import type { CachedObject } from "./cached-object.ts";
import { EventRing } from "./event-ring.ts";
import { FormBudget } from "./form-budget.ts";
import { HistoryBudget } from "./history-budget.ts";
import type { Selection } from "./selection.ts";
import { SortedObjects } from "./sorted-objects.ts";
import { type Watcher, WatcherIndex } from "./watcher.ts";

export type ChangeListener = (
  object: KubernetesObject | undefined,
  old: KubernetesObject | undefined,
) => void;

/** The current state of one storage resource, its recent events, and who watches it. All calls are synchronous. */
export class ResourceCache {
  readonly resource: GroupResource;
  /** By namespace; "" holds the objects of a cluster-scoped resource. */
  readonly #namespaces = new Map<string, SortedObjects>();
  /** The namespaces in the order of keys; undefined after one came or went. */
  #order: string[] | undefined;
  readonly #ring: EventRing;
  /** The revision of the newest change. */
  #lastChange: number;
  readonly #watchers = new WatcherIndex();
  readonly #listeners = new Set<ChangeListener>();

  readonly #forms: FormBudget;
  /** Some of what was there at the start may still be in the store only. */
  #hasDeferred = false;
  #eventCount = 0;
  #sizeBytes = 0;
  /** Lists that were answered from here: how many, objects that were looked at for them, objects in the answers. */
  readonly lists = { count: 0, consistent: 0, fetched: 0, returned: 0 };

  constructor(
    resource: GroupResource,
    revision: number,
    forms = new FormBudget(),
    history = new HistoryBudget(),
  ) {
    this.#forms = forms;
    this.#ring = new EventRing(revision, history);
    this.resource = resource;
    this.#lastChange = revision;
  }

  get lastChange(): number {
    return this.#lastChange;
  }

  /** The oldest revision that a watch can resume from without the store's history. */
  get completeAfter(): number {
    return this.#ring.completeAfter;
  }

  /** Changes since the server began. */
  get eventCount(): number {
    return this.#eventCount;
  }

  /** Changes that are remembered, for watches that resume. */
  get historyLength(): number {
    return this.#ring.length;
  }

  get historyBytes(): number {
    return this.#ring.historyBytes;
  }

  get watchers(): ReadonlySet<Watcher> {
    return this.#watchers.all;
  }

  get size(): number {
    let size = 0;
    for (const objects of this.#namespaces.values()) size += objects.size;
    return size;
  }

  /** What the objects take as JSON, about. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get(namespace: string, name: string): CachedObject | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  /** Whether there is nothing in the namespace, or nothing at all for "". */
  isEmptyIn(namespace: string): boolean {
    return namespace === "" ? this.#namespaces.size === 0 : !this.#namespaces.has(namespace);
  }

  /** Objects in the order of their keys, from the first one after `after` ("namespace/name" or "name") on. */
  *objects(namespace: string, after = ""): Generator<CachedObject> {
    const slash = after.indexOf("/");
    const [afterNamespace, afterName] =
      slash < 0 ? [namespace, after] : [after.slice(0, slash), after.slice(slash + 1)];
    for (const each of namespace === "" ? this.#orderedNamespaces() : [namespace]) {
      const objects = this.#namespaces.get(each);
      if (objects === undefined || (after !== "" && `${each}/` < `${afterNamespace}/`)) continue;
      const isFirst = after !== "" && each === afterNamespace;
      const all = objects.all;
      for (let index = isFirst ? objects.indexAfter(afterName) : 0; index < all.length; index++) {
        const object = all[index];
        if (object !== undefined) yield object;
      }
    }
  }

  /** All objects of the selection, as an array of its own. */
  select(selection: Selection): CachedObject[] {
    if (selection.isWhole) return this.#all(selection.namespace);
    const selected: CachedObject[] = [];
    for (const object of this.#all(selection.namespace)) if (selection.matches(object)) selected.push(object);
    return selected;
  }

  /** How many objects `objects(namespace, after)` would yield. */
  countAfter(namespace: string, after: string): number {
    const slash = after.indexOf("/");
    const afterNamespace = slash < 0 ? namespace : after.slice(0, slash);
    let count = 0;
    for (const each of namespace === "" ? this.#orderedNamespaces() : [namespace]) {
      const objects = this.#namespaces.get(each);
      if (objects === undefined || `${each}/` < `${afterNamespace}/`) continue;
      const skipped = each === afterNamespace ? objects.indexAfter(after.slice(slash + 1)) : 0;
      count += objects.size - skipped;
    }
    return count;
  }

  /** Puts an object that was there at the start; no event. */
  load(object: CachedObject): void {
    if (object.deferred !== undefined) this.#hasDeferred = true;
    this.#put(object, this.get(object.namespace, object.name));
  }

  /** Applies a change of the store and tells those who watch. Calls `touched` for each watcher that got something. */
  apply(
    revision: number,
    namespace: string,
    name: string,
    current: CachedObject | undefined,
    touched: (watcher: Watcher) => void,
  ): void {
    this.change(revision, this.get(namespace, name), current, touched);
  }

  /** As `apply`, for who has just got the state before: `previous` is what `get` answers. */
  change(
    revision: number,
    previous: CachedObject | undefined,
    current: CachedObject | undefined,
    touched: (watcher: Watcher) => void,
  ): void {
    this.#lastChange = revision;
    if (current !== undefined) this.#put(current, previous);
    else if (previous !== undefined) this.#remove(previous);
    else return;
    const event = new CacheEvent(revision, current, previous);
    this.#eventCount++;
    this.#ring.remember(event);
    for (const listener of this.#listeners) listener(current?.object, previous?.object);
    this.#watchers.forEach(event, (watcher) => {
      if (deliver(watcher, event)) touched(watcher);
    });
    // What is only remembered lies there as bytes: decoded it takes several times as much.
    previous?.forgetObject();
  }

  /** Reads what of the objects is not read yet, for those who need more than metadata. Undefined when all of it is there. */
  loaded(objects: Iterable<CachedObject>): Promise<void> | undefined {
    if (!this.#hasDeferred) return undefined;
    return loadDeferred(Array.from(objects, ({ deferred }) => deferred));
  }

  /**
   * Starts a watch with the events after `watcher.afterRevision` that are still known; false when some are forgotten.
   */
  watch(watcher: Watcher): boolean {
    if (watcher.afterRevision < this.#ring.completeAfter) return false;
    for (const event of this.#ring.after(watcher.afterRevision)) deliver(watcher, event);
    this.#watchers.add(watcher);
    watcher.sink.flush();
    return true;
  }

  unwatch(watcher: Watcher): void {
    this.#watchers.delete(watcher);
  }

  /** Ends all watches: what they watch is not what it was, so that they are to begin anew. */
  endWatches(error?: unknown): void {
    for (const watcher of Array.from(this.watchers)) {
      this.unwatch(watcher);
      watcher.sink.end(error);
    }
  }

  /** At the start, and after the feed broke: what happened before the revision can no longer be told event by event. */
  forgetEvents(revision: number): void {
    this.#ring.forgetAll(revision);
    this.#lastChange = revision;
  }

  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  toString(): string {
    return formatGroupResource(this.resource);
  }

  #all(namespace: string): CachedObject[] {
    if (namespace !== "") return this.#namespaces.get(namespace)?.all.slice() ?? [];
    const order = this.#orderedNamespaces();
    if (order.length === 1) return this.#namespaces.get(order[0] ?? "")?.all.slice() ?? [];
    return order.flatMap((each) => this.#namespaces.get(each)?.all ?? []);
  }

  #orderedNamespaces(): readonly string[] {
    // Keys are compared as a whole, so the namespace is followed by its slash: "a-b/" sorts before "a/".
    this.#order ??= [...this.#namespaces.keys()].sort((a, b) => (`${a}/` < `${b}/` ? -1 : 1));
    return this.#order;
  }

  #put(object: CachedObject, previous: CachedObject | undefined): void {
    let objects = this.#namespaces.get(object.namespace);
    if (objects === undefined) {
      objects = new SortedObjects();
      this.#namespaces.set(object.namespace, objects);
      this.#order = undefined;
    }
    previous?.forgetForms();
    objects.set(object);
    this.#sizeBytes += object.sizeBytes - (previous?.sizeBytes ?? 0);
    object.keepForms(this.#forms);
  }

  #remove(object: CachedObject): void {
    const { namespace, name } = object;
    const objects = this.#namespaces.get(namespace);
    object.forgetForms();
    objects?.delete(name);
    this.#sizeBytes -= object.sizeBytes;
    if (objects?.size === 0) {
      this.#namespaces.delete(namespace);
      this.#order = undefined;
    }
  }
}

/** Hands the event to the watcher when it is news to it and selected; says whether it was. */
export function deliver(watcher: Watcher, event: CacheEvent): boolean {
  if (event.revision <= watcher.afterRevision) return false;
  const notice = event.select(watcher.selection);
  if (notice === undefined) return false;
  watcher.sink.notice(notice);
  return true;
}
