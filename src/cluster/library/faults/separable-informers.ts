import { type KubernetesObject, keyOf } from "../../../apimachinery/object.ts";
import type { ResourceReference } from "../../../client/client.ts";
import { IndexedStore } from "../../../client/indexed-store.ts";
import type { EventHandler, Informer, InformerFactory, InformerOptions } from "../../../client/informer.ts";

/**
 * One party's view of caches that many share. As long as it is connected it costs a function call; while it is cut off,
 * the party sees what it saw last and hears nothing. When it is connected again, with the same caches or with others, it
 * is told what has changed meanwhile, as somebody who lists anew.
 */
export class SeparableInformers implements InformerFactory {
  #factory: InformerFactory;
  #isCut = false;
  readonly #informers: SeparableInformer<KubernetesObject>[] = [];

  constructor(factory: InformerFactory) {
    this.#factory = factory;
  }

  informer<T extends KubernetesObject>(
    reference: ResourceReference<T>,
    options?: InformerOptions,
  ): Informer<T> {
    const find = (factory: InformerFactory): Informer<T> => factory.informer(reference, options);
    const informer = new SeparableInformer(reference, find);
    if (this.#isCut) informer.cut();
    else informer.connect(this.#factory);
    // What it is used for here does not depend on the type of its objects.
    this.#informers.push(informer as unknown as SeparableInformer<KubernetesObject>);
    return informer;
  }

  /** The shared caches are started by those who share them. */
  start(signal: AbortSignal): Promise<void> {
    return this.#factory.start(signal);
  }

  cut(): void {
    this.#isCut = true;
    for (const informer of this.#informers) informer.cut();
  }

  /** With other caches than before when the server was begun anew: they may still have to sync. */
  connect(factory: InformerFactory): void {
    this.#factory = factory;
    this.#isCut = false;
    for (const informer of this.#informers) informer.connect(factory);
  }
}

class SeparableInformer<T extends KubernetesObject> implements Informer<T> {
  readonly reference: ResourceReference<T>;
  readonly #find: (factory: InformerFactory) => Informer<T>;
  readonly #handlers = new Map<EventHandler<T>, () => void>();
  readonly #indexes = new Map<string, (object: T) => readonly string[]>();
  readonly #synced = Promise.withResolvers<void>();
  /** The shared cache; undefined before the first connection. */
  #shared: Informer<T> | undefined;
  /** What was seen last; absent while the shared cache is what is seen. */
  #kept: IndexedStore<T> | undefined;
  /** The cache that is waited for: it is connected with as soon as it has synced. */
  #awaited: Informer<T> | undefined;

  constructor(reference: ResourceReference<T>, find: (factory: InformerFactory) => Informer<T>) {
    this.reference = reference;
    this.#find = find;
  }

  cut(): void {
    this.#awaited = undefined;
    if (this.#kept !== undefined) return;
    const kept = new IndexedStore<T>();
    for (const [name, keysOf] of this.#indexes) kept.addIndex(name, keysOf);
    for (const object of this.#shared?.list() ?? []) kept.set(object);
    this.#kept = kept;
    for (const [handler, remove] of this.#handlers) {
      remove();
      this.#handlers.set(handler, nothing);
    }
  }

  connect(factory: InformerFactory): void {
    const shared = this.#find(factory);
    const isSame = shared === this.#shared && this.#kept === undefined;
    if (isSame) return;
    for (const [name, keysOf] of this.#indexes) shared.addIndex(name, keysOf);
    const isFirst = this.#shared === undefined && this.#kept === undefined;
    this.#shared = shared;
    if (isFirst) {
      void shared.synced().then(() => this.#synced.resolve());
      return;
    }
    this.#awaited = shared;
    if (shared.hasSynced()) this.#catchUp(shared);
    else void shared.synced().then(() => this.#catchUp(shared));
  }

  addHandler(handler: EventHandler<T>): () => void {
    if (this.#kept === undefined) this.#handlers.set(handler, this.#shared?.addHandler(handler) ?? nothing);
    else {
      this.#handlers.set(handler, nothing);
      for (const object of this.#kept.list()) handler.added?.(object);
    }
    return () => {
      this.#handlers.get(handler)?.();
      this.#handlers.delete(handler);
    };
  }

  addIndex(name: string, keysOf: (object: T) => readonly string[]): void {
    this.#indexes.set(name, keysOf);
    this.#shared?.addIndex(name, keysOf);
    this.#kept?.addIndex(name, keysOf);
  }

  hasSynced(): boolean {
    return this.#kept === undefined && this.#shared?.hasSynced() === true;
  }

  synced(): Promise<void> {
    return this.#synced.promise;
  }

  lastResourceVersion(): string {
    return this.#shared?.lastResourceVersion() ?? "";
  }

  onRevision(revision: number, listener: () => void): void {
    this.#shared?.onRevision(revision, listener);
  }

  get(name: string, namespace?: string): T | undefined {
    return this.#kept === undefined
      ? this.#shared?.get(name, namespace)
      : this.#kept.getByName(name, namespace);
  }

  getByKey(key: string): T | undefined {
    return this.#kept === undefined ? this.#shared?.getByKey(key) : this.#kept.get(key);
  }

  list(namespace?: string): T[] {
    return (this.#kept ?? this.#shared)?.list(namespace) ?? [];
  }

  byIndex(index: string, value: string): T[] {
    return (this.#kept ?? this.#shared)?.byIndex(index, value) ?? [];
  }

  /** Tells the difference between what was seen last and what is there now, and listens from here on. */
  #catchUp(shared: Informer<T>): void {
    const kept = this.#kept;
    // It was cut off again, or connected with others, while the cache was filled.
    if (kept === undefined || shared !== this.#awaited) return;
    this.#awaited = undefined;
    this.#kept = undefined;
    this.#synced.resolve();
    const handlers = [...this.#handlers.keys()];
    for (const handler of handlers) this.#handlers.set(handler, listenFromNowOn(shared, handler));
    const gone = new Map(kept.list().map((object) => [keyOf(object), object]));
    for (const object of shared.list()) {
      const key = keyOf(object);
      const old = gone.get(key);
      gone.delete(key);
      const isAnother = old !== undefined && old.metadata.uid !== object.metadata.uid;
      for (const handler of handlers) {
        if (isAnother) handler.deleted?.(old);
        if (old === undefined || isAnother) handler.added?.(object);
        else if (old.metadata.resourceVersion !== object.metadata.resourceVersion)
          handler.updated?.(old, object);
      }
    }
    for (const object of gone.values()) for (const handler of handlers) handler.deleted?.(object);
  }
}

/** A handler that is new to a cache would be told of all that there is. */
function listenFromNowOn<T extends KubernetesObject>(
  shared: Informer<T>,
  handler: EventHandler<T>,
): () => void {
  let isListening = false;
  const remove = shared.addHandler({
    added: (object) => {
      if (isListening) handler.added?.(object);
    },
    updated: (old, object) => handler.updated?.(old, object),
    deleted: (object) => handler.deleted?.(object),
  });
  isListening = true;
  return remove;
}

const nothing = (): void => undefined;
