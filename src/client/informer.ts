import type { KubernetesObject } from "../apimachinery/object.ts";
import type { ResourceReference } from "./client.ts";

/**
 * A local, always current copy of one resource's objects. One informer per resource is shared by all in the process.
 *
 *   const pods = informers.informer(resources.pods);
 *   pods.addIndex("node", (pod) => [pod.spec.nodeName ?? ""]);
 *   pods.addHandler({ added: enqueue, updated: (old, pod) => enqueue(pod), deleted: enqueue });
 *   await informers.start(signal);           // resolves when all caches have synced
 *
 * Objects are frozen and shared: copy before changing. Handlers run synchronously, in revision order, after the store
 * was brought up to date; they must not throw and should only enqueue keys.
 */
export interface InformerFactory {
  /** The shared informer of the resource; made at the first call. May also be called after `start`. */
  informer<T extends KubernetesObject>(
    reference: ResourceReference<T>,
    options?: InformerOptions,
  ): Informer<T>;
  /** Starts the informers that were asked for and those asked for later; resolves when the former have synced. */
  start(signal: AbortSignal): Promise<void>;
}

export interface InformerOptions {
  /** Narrow what is kept: informers with different options are different informers. */
  readonly namespace?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /**
   * Keep no more than kind, apiVersion and metadata of each object, as a `PartialObjectMetadata`. Where somebody else's
   * informer keeps the whole objects already, that one is shared.
   */
  readonly metadataOnly?: boolean;
  /**
   * Of a kind that may go: the cache is the caller's own and ends with the signal. It keeps what it saw last and tells of
   * nothing more; who waits for it to sync waits no longer.
   */
  readonly signal?: AbortSignal;
}

export interface Informer<T extends KubernetesObject> extends Lister<T> {
  readonly reference: ResourceReference<T>;
  /** Handlers added after the start receive `added` for everything known. Returns the function that removes it. */
  addHandler(handler: EventHandler<T>): () => void;
  /** Must be called before the first `byIndex`; adding the same name again is harmless. */
  addIndex(name: string, keysOf: (object: T) => readonly string[]): void;
  hasSynced(): boolean;
  /** Resolves at the first sync. */
  synced(): Promise<void>;
  /** The resourceVersion of the newest event applied. */
  lastResourceVersion(): string;
  /** Calls once, when the cache next comes to the revision, or to a later one: by an event, a bookmark or a list. */
  onRevision(revision: number, listener: () => void): void;
}

export interface Lister<T extends KubernetesObject> {
  get(name: string, namespace?: string): T | undefined;
  /** By `namespace/name` or `name`. */
  getByKey(key: string): T | undefined;
  list(namespace?: string): T[];
  byIndex(index: string, value: string): T[];
}

export interface EventHandler<T> {
  added?(object: T): void;
  /** `old` and `object` may be equal when a relist could not tell. */
  updated?(old: T, object: T): void;
  /** The last state known. */
  deleted?(object: T): void;
}
