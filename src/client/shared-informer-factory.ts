import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import { type KubernetesObject, keyOf } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import type { WatchEvent } from "../apimachinery/transport.ts";
import type { Client, ResourceReference } from "./client.ts";
import { IndexedStore } from "./indexed-store.ts";
import type { EventHandler, Informer, InformerFactory, InformerOptions } from "./informer.ts";
import { Reflector, type ReflectorSink } from "./reflector.ts";
import { RevisionWaiters } from "./revision-waiters.ts";

export interface SharedInformerFactoryOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Spreads retries and the ends of watches; without it they are exact. */
  readonly random?: Random;
  /** Ask servers for the initial state as a stream of events; those that refuse are listed. Default false. */
  readonly streamInitialState?: boolean;
  /**
   * Where the server is in this process: says of a resource without objects when there will be one. Its informers have
   * synced, and ask the server for nothing until then. Undefined for resources that are to be listed and watched at once.
   */
  readonly whileEmpty?: (reference: ResourceReference) => EmptyResource | undefined;
}

/** A resource of which there is nothing yet. */
export interface EmptyResource {
  /** At which that was so. */
  readonly resourceVersion: string;
  /** Calls once, when the first object is there. */
  onFirst(listener: () => void): void;
}

/** The one InformerFactory: an informer per resource and selection, fed by a reflector each. */
export class SharedInformerFactory implements InformerFactory {
  readonly #options: SharedInformerFactoryOptions;
  readonly #informers = new Map<string, SharedInformer<KubernetesObject>>();
  /** Informers of one owner each that were asked for before the start. */
  readonly #waiting: ((signal: AbortSignal) => void)[] = [];
  /** Set by `start`: informers asked for later run until it aborts. */
  #signal: AbortSignal | undefined;

  constructor(options: SharedInformerFactoryOptions) {
    this.#options = options;
  }

  informer<T extends KubernetesObject>(
    reference: ResourceReference<T>,
    options: InformerOptions = {},
  ): Informer<T> {
    const { group, version, resource } = reference;
    const { signal, ...narrowed } = options;
    if (signal !== undefined) return this.#newOwn(reference, narrowed, signal);
    const { namespace, fieldSelector, labelSelector, metadataOnly = false } = options;
    const selection = JSON.stringify([group, version, resource, namespace, fieldSelector, labelSelector]);
    const key = metadataOnly && !this.#informers.has(selection) ? `${selection} metadata` : selection;
    let informer = this.#informers.get(key) as SharedInformer<T> | undefined;
    if (informer === undefined) {
      informer = new SharedInformer(reference, options, this.#options);
      // The key names the resource, and the resource the type of its objects.
      this.#informers.set(key, informer as unknown as SharedInformer<KubernetesObject>);
      if (this.#signal !== undefined) informer.start(this.#signal);
    }
    return informer;
  }

  /** Rejects with the signal's reason when it aborts before all have synced. */
  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    const informers = [...this.#informers.values()];
    for (const informer of informers) informer.start(signal);
    for (const begin of this.#waiting.splice(0)) begin(signal);
    await Promise.race([Promise.all(informers.map((informer) => informer.synced())), aborted(signal)]);
  }

  #newOwn<T extends KubernetesObject>(
    reference: ResourceReference<T>,
    options: InformerOptions,
    signal: AbortSignal,
  ): Informer<T> {
    const informer = new SharedInformer(reference, options, this.#options);
    if (signal.aborted) informer.end();
    else signal.addEventListener("abort", () => informer.end(), { once: true });
    const begin = (all: AbortSignal): void => informer.start(AbortSignal.any([signal, all]));
    if (this.#signal === undefined) this.#waiting.push(begin);
    else begin(this.#signal);
    return informer;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

class SharedInformer<T extends KubernetesObject> implements Informer<T>, ReflectorSink<T> {
  readonly reference: ResourceReference<T>;
  readonly #selection: InformerOptions;
  readonly #options: SharedInformerFactoryOptions;
  readonly #store = new IndexedStore<T>();
  readonly #handlers = new Set<EventHandler<T>>();
  readonly #waiters = new RevisionWaiters();
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;
  #resourceVersion = "";
  #started = false;

  constructor(
    reference: ResourceReference<T>,
    selection: InformerOptions,
    options: SharedInformerFactoryOptions,
  ) {
    this.reference = reference;
    this.#selection = selection;
    this.#options = options;
  }

  /** Does nothing when it was started before. */
  start(signal: AbortSignal): void {
    if (this.#started) return;
    this.#started = true;
    const empty = this.#options.whileEmpty?.(this.reference);
    if (empty === undefined) return this.#follow(signal);
    this.replace([], empty.resourceVersion);
    empty.onFirst(() => {
      if (!signal.aborted) this.#follow(signal);
    });
  }

  #follow(signal: AbortSignal): void {
    const { client, clock, logger, random, streamInitialState = false } = this.#options;
    const reflector = new Reflector({
      client,
      reference: this.reference,
      selection: this.#selection,
      sink: this,
      clock,
      random,
      logger: logger.named("reflector"),
      streamInitialState,
    });
    void reflector.run(signal);
  }

  /** Nobody waits any longer for it to sync. */
  end(): void {
    this.#synced.resolve();
  }

  addHandler(handler: EventHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#store.list()) this.#call(() => handler.added?.(object));
    return () => this.#handlers.delete(handler);
  }

  addIndex(name: string, keysOf: (object: T) => readonly string[]): void {
    this.#store.addIndex(name, keysOf);
  }

  hasSynced(): boolean {
    return this.#hasSynced;
  }

  synced(): Promise<void> {
    return this.#synced.promise;
  }

  lastResourceVersion(): string {
    return this.#resourceVersion;
  }

  onRevision(revision: number, listener: () => void): void {
    this.#waiters.add(revision, listener);
  }

  get(name: string, namespace?: string): T | undefined {
    return this.#store.getByName(name, namespace);
  }

  getByKey(key: string): T | undefined {
    return this.#store.get(key);
  }

  list(namespace?: string): T[] {
    return this.#store.list(namespace);
  }

  byIndex(index: string, value: string): T[] {
    return this.#store.byIndex(index, value);
  }

  replace(objects: readonly T[], resourceVersion: string): void {
    const gone = new Set(this.#store.keys());
    for (const object of objects) {
      const key = keyOf(object);
      if (gone.size > 0) gone.delete(key);
      this.#put(object, key);
    }
    for (const key of gone) this.#remove(key, undefined);
    this.#resourceVersion = resourceVersion;
    this.#hasSynced = true;
    this.#synced.resolve();
    this.#waiters.reached(resourceVersion);
  }

  apply({ type, object }: WatchEvent<T>): void {
    if (type === "DELETED") this.#remove(keyOf(object), object);
    else if (type !== "BOOKMARK") this.#put(object, keyOf(object));
    this.#resourceVersion = object.metadata.resourceVersion ?? this.#resourceVersion;
    this.#waiters.reached(this.#resourceVersion);
  }

  #put(object: T, key: string): void {
    const known = this.#store.get(key);
    if (known !== undefined && known.metadata.uid !== object.metadata.uid) {
      // Deleted and made anew between two looks: whoever waits for the old one's end must hear of it.
      this.#remove(key, undefined);
    }
    if (known?.metadata.uid === object.metadata.uid && sameRevision(known, object)) return;
    const old = this.#store.set(object, key);
    for (const handler of this.#handlers) {
      this.#call(() => (old === undefined ? handler.added?.(object) : handler.updated?.(old, object)));
    }
  }

  #remove(key: string, last: T | undefined): void {
    const old = this.#store.delete(key);
    if (old === undefined) return;
    const object = last ?? old;
    for (const handler of this.#handlers) this.#call(() => handler.deleted?.(object));
  }

  /** One handler's fault must not keep the others, or the store, from hearing of a change. */
  #call(deliver: () => void): void {
    try {
      deliver();
    } catch (error) {
      const { resource } = this.reference;
      this.#options.logger.error("event handler failed", { resource, error: String(error) });
    }
  }
}

function sameRevision(a: KubernetesObject | undefined, b: KubernetesObject): boolean {
  const revision = a?.metadata.resourceVersion;
  return revision !== undefined && revision !== "" && revision === b.metadata.resourceVersion;
}
