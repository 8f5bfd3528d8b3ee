import type { KubernetesList, KubernetesObject } from "../apimachinery/object.ts";
import type { Transport, WatchEvent } from "../apimachinery/transport.ts";

/**
 * A client over any Transport. All that a controller, the scheduler or the kubelet holds is one of these, so each of
 * them runs against our own API server in-process, over HTTPS, or against any other Kubernetes.
 *
 *   const pods = client.resource(resources.pods);           // typed: ResourceClient<Pod>
 *   await pods.create({ … }, { namespace: "default" });
 *   const things = client.dynamic({ group: "example.com", version: "v1", resource: "things", namespaced: true });
 *
 * Every failure is a StatusError. Objects that come back may be shared and frozen: copy before changing.
 */
export interface Client {
  readonly transport: Transport;
  resource<T extends KubernetesObject>(reference: ResourceReference<T>): ResourceClient<T>;
}

/** Names a resource; the type parameter carries its Kind. `client/resources.ts` lists the built-in ones. */
export interface ResourceReference<T extends KubernetesObject = KubernetesObject> {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Type only; never set. */
  readonly object?: T;
}

export interface ResourceClient<T extends KubernetesObject> {
  get(name: string, options?: GetOptions): Promise<T>;
  list(options?: ListOptions): Promise<KubernetesList<T>>;
  watch(options?: WatchOptions): AsyncIterable<WatchEvent<T>>;
  create(object: T, options?: WriteOptions): Promise<T>;
  update(object: T, options?: WriteOptions): Promise<T>;
  updateStatus(object: T, options?: WriteOptions): Promise<T>;
  patch(name: string, patch: unknown, options: PatchOptions): Promise<T>;
  delete(name: string, options?: DeleteCallOptions): Promise<void>;
  deleteCollection(options?: DeleteCallOptions & ListOptions): Promise<void>;
  /** POST or PUT to a subresource: `binding`, `eviction`, `token`, `scale`, `finalize`, `approval`. */
  postSubresource<R>(name: string, subresource: string, body: unknown, options?: WriteOptions): Promise<R>;
  putSubresource<R>(name: string, subresource: string, body: unknown, options?: WriteOptions): Promise<R>;
  getSubresource<R>(name: string, subresource: string, options?: GetOptions): Promise<R>;
}

/** For namespaced resources. Create and update default to the object's own namespace; list without one means all. */
interface Namespaced {
  readonly namespace?: string | undefined;
  readonly signal?: AbortSignal;
}

export interface GetOptions extends Namespaced {
  readonly resourceVersion?: string;
}

export interface ListOptions extends Namespaced {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: string;
  readonly limit?: number;
  readonly continue?: string;
}

export interface WatchOptions extends Namespaced {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly allowWatchBookmarks?: boolean;
  readonly sendInitialEvents?: boolean;
  readonly resourceVersionMatch?: string;
  readonly timeoutSeconds?: number;
}

export interface WriteOptions extends Namespaced {
  readonly fieldManager?: string;
  readonly dryRun?: boolean;
}

export interface PatchOptions extends WriteOptions {
  readonly type: "json" | "merge" | "strategic" | "apply";
  readonly force?: boolean;
  readonly subresource?: string;
}

export interface DeleteCallOptions extends Namespaced {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: "Orphan" | "Background" | "Foreground";
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}
