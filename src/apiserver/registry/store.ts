import type { CustomTraits, ResourceInfo, Scheme } from "../../api/scheme.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { formatApiVersion, type GroupResource, type GroupVersionKind } from "../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import { newInternalError, newNotFound, newStatusError } from "../../apimachinery/status.ts";
import { StorageError } from "../../storage/storage.ts";
import { CachedObject, encodeForStorage } from "../cache/cached-object.ts";
import type { ResourceCache } from "../cache/resource-cache.ts";
import { objectKey } from "../cache/storage-key.ts";
import type { WatchCache } from "../cache/watch-cache.ts";
import type { Strategy } from "./strategy.ts";

export interface StoreDependencies {
  readonly watchCache: WatchCache;
  readonly scheme: Scheme;
  readonly clock: Clock;
  readonly random: Random;
}

/** etcd refuses requests beyond 1.5 MiB; the same bound keeps every store exchangeable. */
const maxObjectBytes = 1.5 * 1024 * 1024;
/** Smaller values are read as fast as what would stand for them. */
const outlinedFromBytes = 32 * 1024;

/**
 * The one store that serves every resource: the verbs are in the files beside this one, each a function on a store.
 * A store belongs to a storage resource; the versions and groups that share its objects are converted at its edge.
 */
export class GenericStore {
  readonly resource: GroupResource;
  readonly storageKind: GroupVersionKind;
  readonly namespaced: boolean;
  readonly strategy: Strategy;
  readonly cache: ResourceCache;
  readonly watchCache: WatchCache;
  readonly scheme: Scheme;
  readonly clock: Clock;
  readonly random: Random;
  readonly #custom: CustomTraits | undefined;

  constructor(info: ResourceInfo, strategy: Strategy, dependencies: StoreDependencies) {
    const { watchCache, scheme, clock, random } = dependencies;
    // A version that custom resources are stored in need not be served.
    const stored =
      info.custom === undefined ? (scheme.resource(info.storage) ?? info) : { ...info, ...info.storage };
    this.#custom = info.custom;
    this.resource = { group: info.storage.group, resource: info.storage.resource };
    this.storageKind = { group: stored.group, version: stored.version, kind: stored.kind };
    this.namespaced = info.namespaced;
    this.strategy = strategy;
    this.watchCache = watchCache;
    this.cache = watchCache.resource(this.resource);
    this.scheme = scheme;
    this.clock = clock;
    this.random = random;
  }

  key(namespace: string, name: string): string {
    return objectKey(this.resource, namespace, name);
  }

  /** Whether the object would be stored in another way if it were written now. */
  async isStale(namespace: string, name: string): Promise<boolean> {
    const { storage } = this.watchCache;
    return (await storage.isStale?.(this.key(namespace, name))) ?? false;
  }

  schemaOf(served: ResourceInfo): Schema | undefined {
    return this.scheme.schemas.get(served.schemaName);
  }

  /** The newest state, or 404. */
  async read(served: ResourceInfo, namespace: string, name: string): Promise<CachedObject> {
    const cached = this.cache.get(namespace, name);
    if (cached?.deferred !== undefined) await cached.deferred.load();
    if (cached !== undefined) return cached;
    // Another server that shares the store may have created it a moment ago.
    await this.watchCache.current();
    const late = this.cache.get(namespace, name);
    if (late !== undefined) return late;
    this.watchCache.unreadable.checkObject(this.key(namespace, name));
    throw newNotFound(served, name);
  }

  /**
   * Resolves when `inVersion` may be called with the objects, which is at once for all but custom resources whose
   * versions are converted by others: undefined then.
   */
  ready(served: ResourceInfo, objects: Iterable<CachedObject | undefined>): Promise<void> | undefined {
    const reader = served.custom?.reader;
    if (reader?.convert === undefined) return undefined;
    const apiVersion = formatApiVersion(served);
    const foreign: CachedObject[] = [];
    for (const object of objects) {
      if (object === undefined || object.isReadBy(reader)) continue;
      if (object.object.apiVersion !== apiVersion) foreign.push(object);
    }
    if (foreign.length === 0) return undefined;
    return reader.convert(foreign.map(({ object }) => object)).then((converted) => {
      for (const [index, each] of foreign.entries()) each.keepRead(reader, converted[index]);
    });
  }

  /** The state in the version that is served. */
  inVersion(served: ResourceInfo, cached: CachedObject): CachedObject | Promise<CachedObject> {
    const pending = this.ready(served, [cached]);
    if (pending === undefined) return cached.inVersion(served, this.scheme);
    return pending.then(() => cached.inVersion(served, this.scheme));
  }

  /** The same for what was written just now: what was stored as it was given is read as it was given. */
  writtenInVersion(
    served: ResourceInfo,
    cached: CachedObject,
    isAsGiven: boolean,
  ): CachedObject | Promise<CachedObject> {
    if (isAsGiven && served.custom !== undefined) cached.keepRead(served.custom.reader);
    return this.inVersion(served, cached);
  }

  /** Whether the object would be stored otherwise if it were written now: in another version, or with new defaults. */
  isOutdated(cached: CachedObject, served: ResourceInfo): boolean {
    if (served.custom === undefined) return false;
    if (cached.object.apiVersion !== formatApiVersion(this.storageKind)) return true;
    const isSame = cached.object.apiVersion === formatApiVersion(served);
    return isSame && cached.inVersion(served, this.scheme) !== cached;
  }

  /** The object in the version in which it is stored; it stays the caller's. */
  toStorage(object: UnstructuredObject): UnstructuredObject | Promise<UnstructuredObject> {
    if (this.#custom !== undefined) return this.#custom.toStorage(object);
    if (object.apiVersion === formatApiVersion(this.storageKind) && object.kind === this.storageKind.kind) {
      return object;
    }
    return this.scheme.convert(object, this.storageKind);
  }

  /**
   * Writes the object (in its storage version, given away) when the key is still at the expected revision (0: absent).
   * Undefined when the race was lost; the cache has then seen who won. `isCompact`: `freezeParts` was called.
   */
  async put(
    object: UnstructuredObject,
    expected: number,
    isCompact = false,
  ): Promise<CachedObject | undefined> {
    const { namespace = "", name = "" } = object.metadata;
    const key = this.key(namespace, name);
    const value = encodeForStorage(object);
    if (value.length > maxObjectBytes) throw tooLarge();
    const outline = value.length < outlinedFromBytes ? undefined : this.strategy.outline?.(value);
    const finish = this.watchCache.announce(key, { value, object, isCompact, outline });
    let cached: CachedObject | undefined;
    try {
      const compare = [{ key, modRevision: expected }];
      const result = await this.watchCache.storage.txn(compare, [{ type: "put", key, value, outline }]);
      // The store tells its watches first, so there is seldom anything to wait for.
      if (result.revision > this.watchCache.revision) await this.watchCache.waitFor(result.revision);
      if (!result.succeeded) return undefined;
      cached = finish();
      return cached ?? CachedObject.stored(namespace, name, result.revision, value);
    } catch (error) {
      throw translated(error);
    } finally {
      if (cached === undefined) finish();
    }
  }

  /** Deletes the state that was read; undefined when the race was lost. The answer is the last state. */
  async remove(cached: CachedObject): Promise<CachedObject | undefined> {
    const key = this.key(cached.namespace, cached.name);
    const compare = [{ key, modRevision: cached.revision }];
    const result = await translate(this.watchCache.storage.txn(compare, [{ type: "delete", key }]));
    await this.watchCache.waitFor(result.revision);
    return result.succeeded ? cached.at(result.revision) : undefined;
  }
}

const tooLarge = (): Error =>
  newStatusError(413, "RequestEntityTooLarge", `Request entity too large: limit is ${maxObjectBytes}`);

/** The one place where the codes of the store become answers. */
export async function translate<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw translated(error);
  }
}

const translated = (error: unknown): unknown =>
  error instanceof StorageError ? storageFailure(error) : error;

function storageFailure(error: StorageError): Error {
  if (error.code === "noSpace") {
    return newStatusError(507, "InternalError", `the store's disk is full: ${error.message}`, {
      cause: error,
    });
  }
  if (error.code === "closed") {
    return newStatusError(503, "ServiceUnavailable", "the server is shutting down", { cause: error });
  }
  return newInternalError(error);
}
