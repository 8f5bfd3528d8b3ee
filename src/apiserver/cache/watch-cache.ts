import type { Clock, Timer } from "../../apimachinery/clock.ts";
import type { GroupResource } from "../../apimachinery/gvk.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { KubernetesObject, UnstructuredObject } from "../../apimachinery/object.ts";
import { newServiceUnavailable, newStatusError, newTimeout } from "../../apimachinery/status.ts";
import type { Storage, StorageEvent } from "../../storage/storage.ts";
import type { ObjectReader } from "../object-reader.ts";
import { CachedObject } from "./cached-object.ts";
import { FanOut } from "./fan-out.ts";
import { FormBudget } from "./form-budget.ts";
import { HistoryBudget } from "./history-budget.ts";
import { type ChangeListener, ResourceCache } from "./resource-cache.ts";
import { objectKey, parseKey, registryPrefix } from "./storage-key.ts";
import { UnreadableValues } from "./unreadable-values.ts";
import type { Watcher } from "./watcher.ts";

export interface WatchCacheOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * Knows what some bytes of the store say, where they are read first: the object, frozen, with the resourceVersion of the
   * commit that wrote them.
   */
  readonly decoded?: ((value: Uint8Array) => UnstructuredObject | undefined) | undefined;
}

/** A write on its way: when its event comes back from the store, the cache takes this object instead of parsing. */
interface AnnouncedWrite {
  readonly value: Uint8Array;
  readonly object: UnstructuredObject;
  /** `freezeParts` was called. */
  readonly isCompact: boolean;
  /** See `Strategy.outline`. */
  readonly outline?: Uint8Array | undefined;
}

interface Announcement {
  readonly write: AnnouncedWrite;
  cached: CachedObject | undefined;
}

interface Waiter {
  readonly revision: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** How long a read waits for a revision that the store has not shown yet (as kube-apiserver does). */
const freshnessTimeoutMs = 3_000;

/**
 * The current state of everything that is stored, fed by one watch over the whole store, in the order of revisions.
 * One feed for all resources means that `revision` holds for each of them.
 */
export class WatchCache implements ObjectReader {
  /** Through which watchers over sockets get their events. */
  readonly fanOut = new FanOut();
  readonly unreadable = new UnreadableValues();
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #knownAtStart: WatchCacheOptions["decoded"];
  readonly #resources = new Map<string, ResourceCache>();
  /** One for all resources. */
  readonly #forms = new FormBudget();
  readonly #history = new HistoryBudget();
  /** All events up to here have been applied. */
  #revision = 0;
  /** The revision of the list that filled the cache. */
  #startRevision = 0;
  readonly #announced = new Map<string, Announcement[]>();
  #waiters: Waiter[] = [];
  /** Watchers that got something from the batch being applied. */
  readonly #touched = new Set<Watcher>();
  readonly #touch = (watcher: Watcher): void => void this.#touched.add(watcher);
  readonly #stopped = new AbortController();

  constructor({ storage, clock, logger, decoded: known }: WatchCacheOptions) {
    this.#storage = storage;
    this.#knownAtStart = known;
    this.#clock = clock;
    this.#logger = logger.named("watch-cache");
  }

  /** Everything up to this revision can be read here. */
  get revision(): number {
    return this.#revision;
  }

  get storage(): Storage {
    return this.#storage;
  }

  /** Fills the cache and begins to follow the store. Call once, before the first read. */
  async start(): Promise<void> {
    await this.#load();
    void this.#follow();
  }

  /** Ends all watches and stops following. */
  stop(): void {
    this.#stopped.abort();
    this.#endWatches(undefined);
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(newServiceUnavailable("the server is shutting down"));
  }

  /** The cache of one resource, made when it is first asked for. */
  resource({ group, resource }: GroupResource): ResourceCache {
    const key = `${group}/${resource}`;
    let cache = this.#resources.get(key);
    if (cache === undefined) {
      cache = new ResourceCache({ group, resource }, this.#startRevision, this.#forms, this.#history);
      this.#resources.set(key, cache);
    }
    return cache;
  }

  /** The caches of all resources that have been asked for. */
  all(): readonly ResourceCache[] {
    return [...this.#resources.values()];
  }

  /** What is decoded now, by the bytes in the store: for another cache of the same bytes. */
  decoded(): Map<Uint8Array, UnstructuredObject> {
    const known = new Map<Uint8Array, UnstructuredObject>();
    for (const resource of this.#resources.values()) {
      for (const cached of resource.objects("")) {
        if (cached.decoded !== undefined) known.set(cached.stored, cached.decoded);
      }
    }
    return known;
  }

  /** Resolves when all that the store had committed at the time of the call can be read here. */
  async current(): Promise<number> {
    const revision = await this.#storage.revision();
    await this.waitFor(revision);
    return this.#revision;
  }

  /** Resolves when the revision has been applied; rejects with 504 when that takes longer than three seconds. */
  waitFor(revision: number): Promise<void> {
    if (revision <= this.#revision) return Promise.resolve();
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined;
      const waiter: Waiter = {
        revision,
        resolve: () => {
          timer?.stop();
          resolve();
        },
        reject: (error) => {
          timer?.stop();
          reject(error);
        },
      };
      timer = this.#clock.after(freshnessTimeoutMs, () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(newTooLargeResourceVersion(revision, this.#revision));
      });
      this.#waiters.push(waiter);
    });
  }

  /**
   * To be called before a put: the object becomes the cached one when the event with these very bytes arrives. The
   * answer tells the cached object once the write's revision has been applied, and must be asked exactly once.
   */
  announce(key: string, write: AnnouncedWrite): () => CachedObject | undefined {
    const announcement: Announcement = { write, cached: undefined };
    const waiting = this.#announced.get(key);
    if (waiting === undefined) this.#announced.set(key, [announcement]);
    else waiting.push(announcement);
    return () => {
      if (announcement.cached === undefined) this.#withdraw(key, announcement);
      return announcement.cached;
    };
  }

  get<T extends KubernetesObject>(resource: GroupResource, namespace: string, name: string): T | undefined {
    return this.resource(resource).get(namespace, name)?.object as T | undefined;
  }

  list<T extends KubernetesObject>(resource: GroupResource, namespace = ""): readonly T[] {
    const cache = this.resource(resource);
    // What admission asks of each write, for the most part: limits, quotas and webhooks that there are none of.
    return cache.isEmptyIn(namespace) ? [] : decoded<T>(cache.objects(namespace));
  }

  onChange(resource: GroupResource, listener: ChangeListener): () => void {
    return this.resource(resource).onChange(listener);
  }

  /** Sends every watcher that wants them a bookmark at the current revision. */
  sendBookmarks(): void {
    for (const resource of this.#resources.values()) {
      for (const watcher of resource.watchers) {
        if (watcher.bookmarks) watcher.sink.bookmark(this.#revision, false);
      }
    }
  }

  async #load(): Promise<void> {
    const { revision, items } = await this.#storage.list(registryPrefix, { mayDefer: true });
    this.#startRevision = revision;
    this.#revision = revision;
    // Those that somebody listens to are there already, and know no more of what was before than the others.
    for (const known of this.#resources.values()) known.forgetEvents(revision);
    // They come in the order of their keys: those of one folder are of one resource and namespace.
    let folder = "";
    let cache: ResourceCache | undefined;
    let namespace = "";
    for (const item of items) {
      const { key, modRevision, unreadable, deferred } = item;
      if (cache === undefined || !key.startsWith(folder) || key.includes("/", folder.length)) {
        const parsed = parseKey(key);
        if (parsed === undefined) continue;
        ({ namespace } = parsed);
        cache = this.resource(parsed);
        folder = key.slice(0, key.length - parsed.name.length);
      }
      const name = key.slice(folder.length);
      // What begins with an outline is not encrypted.
      if (deferred !== undefined) {
        cache.load(CachedObject.deferred(namespace, name, modRevision, deferred));
        continue;
      }
      const { value } = item;
      if (this.unreadable.note(key, value, unreadable)) continue;
      const object = this.#knownAtStart?.(value);
      cache.load(CachedObject.stored(namespace, name, modRevision, value, object));
    }
  }

  /** Follows the store until stopped. When the feed breaks, all watches end and the cache is filled anew. */
  async #follow(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        for await (const batch of this.#storage.watch(registryPrefix, this.#revision, signal))
          this.#apply(batch);
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.error("the feed from the store broke, filling the cache anew", { error: String(error) });
        await this.#refill(signal);
      }
    }
  }

  async #refill(signal: AbortSignal): Promise<void> {
    this.#endWatches(newServiceUnavailable("the watch cache is being filled anew"));
    try {
      await this.#clock.sleep(100, signal);
      await this.#resync();
    } catch (error) {
      if (!signal.aborted) this.#logger.error("the store cannot be read", { error: String(error) });
    }
  }

  /** Brings every resource to the store's present state as if by events, so that listeners hear of each change. */
  async #resync(): Promise<void> {
    const { revision, items } = await this.#storage.list(registryPrefix);
    const present = new Set<string>();
    for (const { key, value, modRevision, unreadable } of items) {
      present.add(key);
      this.#applyChange(key, modRevision, value, unreadable);
    }
    for (const resource of this.#resources.values()) {
      const gone = [...resource.objects("")].filter(
        (object) => !present.has(objectKey(resource.resource, object.namespace, object.name)),
      );
      for (const { namespace, name } of gone)
        resource.apply(revision, namespace, name, undefined, this.#touch);
      resource.forgetEvents(revision);
    }
    this.#touched.clear();
    this.#advance(revision);
  }

  #apply(batch: readonly StorageEvent[]): void {
    let revision = this.#revision;
    for (const event of batch) {
      revision = event.revision;
      this.#applyChange(event.key, event.revision, event.value, event.unreadable);
    }
    for (const watcher of this.#touched) watcher.sink.flush();
    this.#touched.clear();
    this.#advance(revision);
  }

  #applyChange(
    key: string,
    revision: number,
    value: Uint8Array | undefined,
    unreadable: string | undefined,
  ): void {
    const parsed = parseKey(key);
    if (parsed === undefined) return;
    const resource = this.resource(parsed);
    const { namespace, name } = parsed;
    if (this.unreadable.note(key, value, unreadable) || value === undefined) {
      resource.apply(revision, namespace, name, undefined, this.#touch);
      return;
    }
    const previous = resource.get(namespace, name);
    if (previous?.revision === revision) return;
    const current =
      this.#takeAnnounced(key, revision, value) ?? CachedObject.stored(namespace, name, revision, value);
    resource.change(revision, previous, current, this.#touch);
  }

  /** Equal bytes are an equal object, so it does not matter which of two equal writes is taken. */
  #takeAnnounced(key: string, revision: number, value: Uint8Array): CachedObject | undefined {
    const announcement = this.#announced
      .get(key)
      ?.find(({ write }) => write.value === value || Buffer.compare(write.value, value) === 0);
    if (announcement === undefined) return undefined;
    this.#withdraw(key, announcement);
    const { object, isCompact, outline } = announcement.write;
    announcement.cached = CachedObject.written(object, revision, value, isCompact, outline);
    return announcement.cached;
  }

  #withdraw(key: string, announcement: Announcement): void {
    const all = this.#announced.get(key) ?? [];
    if (all.length <= 1) this.#announced.delete(key);
    else all.splice(all.indexOf(announcement), 1);
  }

  #advance(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
    if (this.#waiters.length === 0) return;
    const waiting = this.#waiters;
    this.#waiters = waiting.filter((waiter) => waiter.revision > this.#revision);
    for (const waiter of waiting) if (waiter.revision <= this.#revision) waiter.resolve();
  }

  #endWatches(error: unknown): void {
    for (const resource of this.#resources.values()) resource.endWatches(error);
  }
}

function decoded<T extends KubernetesObject>(cached: Iterable<CachedObject>): T[] {
  const objects: T[] = [];
  for (const { object } of cached) objects.push(object as KubernetesObject as T);
  return objects;
}

/** The client is ahead of us: retry soon (k8s.io/apiserver/pkg/storage.NewTooLargeResourceVersionError). */
export function newTooLargeResourceVersion(asked: number, current: number): Error {
  const { message = "", reason = "" } = newTimeout(
    `Too large resource version: ${asked}, current: ${current}`,
    1,
  ).status;
  return newStatusError(504, reason, message, {
    details: {
      causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
      retryAfterSeconds: 1,
    },
  });
}
