import { formatApiVersion } from "../apimachinery/gvk.ts";
import type { KubernetesList, KubernetesObject } from "../apimachinery/object.ts";
import type { Transport, TransportRequest, WatchEvent } from "../apimachinery/transport.ts";
import { type Query, resourcePath } from "./paths.ts";

/**
 * A client over any Transport. All that a controller, the scheduler or the kubelet holds is one of these, so each of
 * them runs against our own API server in-process, over HTTPS, or against any other Kubernetes.
 *
 *   const pods = client.resource(resources.pods);           // typed: ResourceClient<Pod>
 *   await pods.create({ … }, { namespace: "default" });
 *   const things = client.resource({ group: "example.com", version: "v1", resource: "things", kind: "Thing", namespaced: true });
 *
 * An answer that refuses rejects with StatusError, a server that cannot be reached with ConnectionError. Objects that come back may be shared and frozen: copy before changing.
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
  /** The whole list, also of a server that answers in pages of its own; with `limit` or `continue`, one page. */
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

/** Of many objects at once. */
interface Collected extends Namespaced {
  /** Of each object kind, apiVersion and metadata alone, as a `PartialObjectMetadata`. */
  readonly metadataOnly?: boolean;
}

export interface ListOptions extends Collected {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: string;
  readonly limit?: number;
  readonly continue?: string;
}

export interface WatchOptions extends Collected {
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

/** A client over the transport. It holds no state: make as many as needed. */
export function newClient(transport: Transport): Client {
  return { transport, resource: (reference) => new TransportResourceClient(transport, reference) };
}

const isLast = ({ metadata }: KubernetesList): boolean => (metadata.continue ?? "") === "";

const patchTypes: Readonly<Record<PatchOptions["type"], string>> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

class TransportResourceClient<T extends KubernetesObject> implements ResourceClient<T> {
  readonly #transport: Transport;
  readonly #reference: ResourceReference<T>;

  constructor(transport: Transport, reference: ResourceReference<T>) {
    this.#transport = transport;
    this.#reference = reference;
  }

  async get(name: string, options: GetOptions = {}): Promise<T> {
    return await this.getSubresource<T>(name, "", options);
  }

  async getSubresource<R>(name: string, subresource: string, options: GetOptions = {}): Promise<R> {
    const query = { resourceVersion: options.resourceVersion };
    return await this.#send<R>("GET", this.#path(options.namespace, name, subresource), options, { query });
  }

  async list(options: ListOptions = {}): Promise<KubernetesList<T>> {
    let page = await this.#page(options);
    const isPageWanted = options.limit !== undefined || options.continue !== undefined;
    if (isPageWanted || isLast(page)) return page;
    const items = [...page.items];
    const { resourceVersion: _revision, resourceVersionMatch: _match, ...selection } = options;
    while (!isLast(page)) {
      page = await this.#page({ ...selection, continue: page.metadata.continue ?? "" });
      items.push(...page.items);
    }
    return { ...page, items };
  }

  async #page(options: ListOptions): Promise<KubernetesList<T>> {
    const path = this.#path(options.namespace);
    const list = await this.#send<KubernetesList<T>>("GET", path, options, {
      query: listQuery(options),
      ...acceptOf("PartialObjectMetadataList", options),
    });
    return withItemKinds(list, this.#reference);
  }

  watch(options: WatchOptions = {}): AsyncIterable<WatchEvent<T>> {
    const events = this.#transport.watch({
      path: this.#path(options.namespace),
      query: watchQuery(options),
      ...acceptOf("PartialObjectMetadata", options),
      ...signalOf(options),
    });
    return events as AsyncIterable<WatchEvent<unknown>> as AsyncIterable<WatchEvent<T>>;
  }

  async create(object: T, options: WriteOptions = {}): Promise<T> {
    const namespace = options.namespace ?? object.metadata.namespace;
    return await this.#send<T>("POST", this.#path(namespace), options, {
      query: writeQuery(options),
      body: object,
    });
  }

  async update(object: T, options: WriteOptions = {}): Promise<T> {
    return await this.#put(object, "", options);
  }

  async updateStatus(object: T, options: WriteOptions = {}): Promise<T> {
    return await this.#put(object, "status", options);
  }

  async patch(name: string, patch: unknown, options: PatchOptions): Promise<T> {
    const query = { ...writeQuery(options), force: options.force === true ? "true" : undefined };
    const path = this.#path(options.namespace, name, options.subresource);
    const contentType = patchTypes[options.type];
    return await this.#send<T>("PATCH", path, options, { query, body: patch, contentType });
  }

  async delete(name: string, options: DeleteCallOptions = {}): Promise<void> {
    const body = deleteBody(options);
    await this.#send("DELETE", this.#path(options.namespace, name), options, { body });
  }

  async deleteCollection(options: DeleteCallOptions & ListOptions = {}): Promise<void> {
    const body = deleteBody(options);
    await this.#send("DELETE", this.#path(options.namespace), options, { query: listQuery(options), body });
  }

  async postSubresource<R>(
    name: string,
    subresource: string,
    body: unknown,
    options: WriteOptions = {},
  ): Promise<R> {
    const path = this.#path(options.namespace, name, subresource);
    return await this.#send<R>("POST", path, options, { query: writeQuery(options), body });
  }

  async putSubresource<R>(
    name: string,
    subresource: string,
    body: unknown,
    options: WriteOptions = {},
  ): Promise<R> {
    const path = this.#path(options.namespace, name, subresource);
    return await this.#send<R>("PUT", path, options, { query: writeQuery(options), body });
  }

  async #put(object: T, subresource: string, options: WriteOptions): Promise<T> {
    const { name = "", namespace } = object.metadata;
    return await this.putSubresource<T>(name, subresource, object, {
      ...options,
      ...scope(options, namespace),
    });
  }

  #path(namespace: string | undefined, name?: string, subresource?: string): string {
    return resourcePath(this.#reference, { namespace, name, subresource });
  }

  async #send<R>(
    method: TransportRequest["method"],
    path: string,
    options: Namespaced,
    rest: Pick<TransportRequest, "query" | "body" | "contentType" | "accept">,
  ): Promise<R> {
    const response = await this.#transport.request({ method, path, ...signalOf(options), ...rest });
    return response.body as R;
  }
}

function scope(options: Namespaced, own: string | undefined): { namespace?: string } {
  const namespace = options.namespace ?? own;
  return namespace === undefined ? {} : { namespace };
}

function signalOf({ signal }: Namespaced): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

function acceptOf(form: string, { metadataOnly = false }: Collected): { accept?: string } {
  return metadataOnly ? { accept: `application/json;as=${form};g=meta.k8s.io;v=v1` } : {};
}

/** Kubernetes leaves apiVersion and kind out of the items of a list; what leaves a client always carries them. */
function withItemKinds<T extends KubernetesObject>(
  list: KubernetesList<T>,
  { group, version, kind }: ResourceReference<T>,
): KubernetesList<T> {
  // Go writes an empty list as null.
  const items: T[] = list.items ?? [];
  if (items === list.items && items.every((item) => item.kind !== undefined)) return list;
  const apiVersion = formatApiVersion({ group, version });
  return {
    ...list,
    items: items.map((item) => (item.kind === undefined ? { ...item, apiVersion, kind } : item)),
  };
}

function listQuery(options: ListOptions): Query {
  return {
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch,
    limit: options.limit?.toString(),
    continue: options.continue,
  };
}

function watchQuery(options: WatchOptions): Query {
  return {
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch,
    allowWatchBookmarks: options.allowWatchBookmarks?.toString(),
    sendInitialEvents: options.sendInitialEvents?.toString(),
    timeoutSeconds: options.timeoutSeconds?.toString(),
  };
}

function writeQuery(options: WriteOptions): Query {
  return { fieldManager: options.fieldManager, dryRun: options.dryRun === true ? "All" : undefined };
}

function deleteBody({ gracePeriodSeconds, propagationPolicy, preconditions }: DeleteCallOptions): unknown {
  return {
    apiVersion: "v1",
    kind: "DeleteOptions",
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(preconditions === undefined ? {} : { preconditions }),
  };
}
