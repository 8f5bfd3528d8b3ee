import type { Clock } from "../../apimachinery/clock.ts";
import { formatTime, VirtualClock } from "../../apimachinery/clock.ts";
import { parseFieldSelector } from "../../apimachinery/fields.ts";
import { deepCopy, deepEqual, isObject } from "../../apimachinery/json.ts";
import { parseLabelSelector } from "../../apimachinery/labels.ts";
import type { DeleteOptions } from "../../apimachinery/meta-v1.ts";
import { isBeingDeleted, type KubernetesObject, type UnstructuredObject } from "../../apimachinery/object.ts";
import { applyJsonPatch } from "../../apimachinery/patch/json-patch.ts";
import { applyMergePatch } from "../../apimachinery/patch/merge-patch.ts";
import { type Random, randomSuffix, SeededRandom } from "../../apimachinery/random.ts";
import {
  newAlreadyExists,
  newBadRequest,
  newConflict,
  newInvalid,
  newMethodNotAllowed,
  newNotFound,
  newStatusError,
  newUnsupportedMediaType,
  staleObject,
  successStatus,
} from "../../apimachinery/status.ts";
import type {
  ConnectRequest,
  MessageChannelConnection,
  Transport,
  TransportRequest,
  TransportResponse,
  WatchEvent,
} from "../../apimachinery/transport.ts";
import type { ResourceReference } from "../client.ts";
import { resources } from "../resources.ts";
import { discoveryDocument } from "./discovery.ts";
import { type Collection, eventOf, ObjectTracker } from "./object-tracker.ts";
import { parseRequestPath, type RequestTarget } from "./request-path.ts";
import { applyStrategic } from "./strategic.ts";
import { applySubresource } from "./subresources.ts";

export interface FakeTransportOptions {
  /** Stamps creation and deletion. Defaults to a virtual clock that stands still. */
  readonly clock?: Clock;
  readonly random?: Random;
  /** Custom resources that are served besides the built-in ones. */
  readonly references?: readonly ResourceReference[];
  /**
   * What deleting a running pod does. `graceful`, the default, is what the API server does: the pod gets a
   * deletionTimestamp and stays until it is deleted with grace period 0. `immediate` removes it at once, as if a
   * kubelet had obeyed.
   */
  readonly podDeletion?: "graceful" | "immediate";
  /** Fills in defaults of a created object, in place. The fake itself knows none. */
  readonly applyDefaults?: (object: UnstructuredObject) => void;
}

/** Called before each request is served; throwing answers it with that error. */
export type RequestReactor = (request: TransportRequest) => void;

/**
 * An API server for tests: objects in memory behind the Transport interface, for all built-in resources. It keeps
 * the contract that reconcilers depend on: optimistic locking, generation, uid, status apart from spec, finalizers and
 * graceful deletion, selectors, and watches that resume from a resourceVersion: `transport-contract.ts` holds it to the
 * real server. It has no validation, admission, authorization, managed fields or garbage collection, and defaults
 * nothing unless told to.
 *
 *   const transport = new FakeTransport({ clock });
 *   transport.seed(deployment);                       // as if created before, status kept
 *   const client = newClient(transport);
 *   transport.react((request) => { if (request.method === "POST") throw newServiceUnavailable("down"); });
 */
export class FakeTransport implements Transport {
  /** Every request served, in order. */
  readonly requests: TransportRequest[] = [];
  readonly #clock: Clock;
  readonly #random: Random;
  #references: readonly ResourceReference[];
  readonly #tracker = new ObjectTracker();
  readonly #reactors = new Set<RequestReactor>();
  readonly #options: FakeTransportOptions;

  constructor(options: FakeTransportOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? new VirtualClock();
    this.#random = options.random ?? new SeededRandom(1);
    this.#references = [...Object.values(resources), ...(options.references ?? [])];
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    // A real answer never comes within the caller's own turn.
    await Promise.resolve();
    request.signal?.throwIfAborted();
    this.requests.push(request);
    for (const reactor of this.#reactors) reactor(request);
    const document = discoveryDocument(request.path, this.#references);
    if (document !== undefined) return { status: 200, body: document, warnings: [] };
    const target = parseRequestPath(request.path, this.#references);
    const body = this.#serve(request, target);
    return { status: request.method === "POST" ? 201 : 200, body, warnings: [] };
  }

  async *watch(request: Omit<TransportRequest, "method" | "body">): AsyncGenerator<WatchEvent> {
    await Promise.resolve();
    const watching: TransportRequest = {
      ...request,
      method: "GET",
      query: { ...request.query, watch: "true" },
    };
    this.requests.push(watching);
    for (const reactor of this.#reactors) reactor(watching);
    const target = parseRequestPath(request.path, this.#references);
    const collection = this.#collection(target);
    const matches = matcher(request, target);
    const from = text(request, "resourceVersion");
    const initial = text(request, "sendInitialEvents") === "true";
    const revision = this.#tracker.revision;
    if (initial || from === "" || from === "0") {
      for (const object of collection.list(undefined)) if (matches(object)) yield { type: "ADDED", object };
    }
    if (initial) yield initialEventsEnd(target.reference, revision);
    const after = initial || from === "" || from === "0" ? revision : Number(from);
    for await (const change of collection.changes(after, request.signal)) {
      const event = eventOf(change, matches);
      if (event !== undefined) yield event;
    }
  }

  async stream(request: TransportRequest): Promise<AsyncIterable<Uint8Array>> {
    this.requests.push(request);
    for (const reactor of this.#reactors) reactor(request);
    throw newMethodNotAllowed();
  }

  async connect(_request: ConnectRequest): Promise<MessageChannelConnection> {
    throw newMethodNotAllowed();
  }

  /** Puts objects in place with what the server would have set; status is kept. Replaces what has the same name. */
  seed(...objects: readonly (KubernetesObject | UnstructuredObject)[]): void {
    for (const given of objects) {
      const reference = this.#references.find(
        ({ group, version, kind }) =>
          kind === given.kind && given.apiVersion === (group === "" ? version : `${group}/${version}`),
      );
      if (reference === undefined) throw new TypeError(`unknown kind ${given.apiVersion} ${given.kind}`);
      const object = plain(given);
      if (reference.namespaced) object.metadata.namespace ??= "default";
      this.#stamp(object);
      this.#collectionOf(reference).put(object);
    }
  }

  /** The stored object, frozen. */
  get<T extends KubernetesObject>(
    reference: ResourceReference<T>,
    name: string,
    namespace?: string,
  ): T | undefined {
    const scope = reference.namespaced ? (namespace ?? "default") : undefined;
    return this.#collectionOf(reference).get(scope, name) as T | undefined;
  }

  /** The stored objects, frozen, sorted by namespace and name. */
  list<T extends KubernetesObject>(reference: ResourceReference<T>, namespace?: string): T[] {
    return this.#collectionOf(reference).list(namespace) as KubernetesObject[] as T[];
  }

  /** Changes a stored object as some other actor would: the function gets a copy that it may change. */
  modify<T extends KubernetesObject>(
    reference: ResourceReference<T>,
    name: string,
    change: (object: T) => void,
    namespace?: string,
  ): T {
    const stored = this.get(reference, name, namespace);
    if (stored === undefined) throw newNotFound(reference, name);
    const object = deepCopy(stored);
    change(object);
    const next = plain(object);
    if (specChanged(next, stored as KubernetesObject as UnstructuredObject)) bumpGeneration(next);
    return this.#collectionOf(reference).put(next) as KubernetesObject as T;
  }

  /** Takes an object away as if it had never had finalizers or a grace period. */
  remove<T extends KubernetesObject>(
    reference: ResourceReference<T>,
    name: string,
    namespace?: string,
  ): void {
    const stored = this.get(reference, name, namespace);
    if (stored !== undefined) {
      this.#collectionOf(reference).remove(stored as KubernetesObject as UnstructuredObject);
    }
  }

  /** The resource is no longer served, or is again: as when its definition goes and comes. */
  serve(reference: ResourceReference, isServed: boolean): void {
    const others = this.#references.filter((each) => each !== reference);
    this.#references = isServed ? [...others, reference] : others;
    this.#tracker.dropWatches();
  }

  /** Adds a reactor; returns the function that takes it away. */
  react(reactor: RequestReactor): () => void {
    this.#reactors.add(reactor);
    return () => this.#reactors.delete(reactor);
  }

  /** Ends every watch, as a server that restarts does. */
  dropWatches(): void {
    this.#tracker.dropWatches();
  }

  /** Forgets history, so that resuming from an older revision gets 410. */
  compact(): void {
    this.#tracker.compact();
  }

  #collection({ reference }: RequestTarget): Collection {
    return this.#collectionOf(reference);
  }

  /** Versions of one resource share their objects. */
  #collectionOf({ group, resource }: ResourceReference): Collection {
    return this.#tracker.collection(`${group}/${resource}`);
  }

  #serve(request: TransportRequest, target: RequestTarget): unknown {
    const collection = this.#collection(target);
    if (target.name === undefined) {
      if (request.method === "GET") return this.#list(request, target, collection);
      if (request.method === "POST") return this.#create(request, target, collection);
      if (request.method === "DELETE") return this.#deleteAll(request, target, collection);
      throw newMethodNotAllowed();
    }
    const stored = collection.get(scopeOf(target), target.name);
    if (stored === undefined && isApply(request) && target.subresource === "") {
      return this.#create(request, target, collection);
    }
    if (stored === undefined) throw newNotFound(target.reference, target.name);
    if (target.subresource !== "" && target.subresource !== "status") {
      return this.#subresource(request, target, collection, stored);
    }
    switch (request.method) {
      case "GET":
        return stored;
      case "PUT":
        return this.#update(plain(request.body), stored, request, target, collection);
      case "PATCH":
        return this.#update(this.#patched(stored, request, target), stored, request, target, collection);
      case "DELETE":
        return this.#delete(stored, deleteOptions(request), target, collection);
      default:
        throw newMethodNotAllowed();
    }
  }

  #list(request: TransportRequest, target: RequestTarget, collection: Collection): unknown {
    const matches = matcher(request, target);
    const after = text(request, "continue");
    const limit = Number(text(request, "limit")) || Number.POSITIVE_INFINITY;
    const all = collection.list(undefined).filter((object) => matches(object));
    const start = after === "" ? 0 : Number(after);
    const items = all.slice(start, start + limit);
    const metadata: Record<string, unknown> = { resourceVersion: String(this.#tracker.revision) };
    if (start + items.length < all.length) {
      metadata["continue"] = String(start + items.length);
      metadata["remainingItemCount"] = all.length - start - items.length;
    }
    const { group, version, kind } = target.reference;
    return {
      apiVersion: group === "" ? version : `${group}/${version}`,
      kind: `${kind}List`,
      metadata,
      items,
    };
  }

  #create(request: TransportRequest, target: RequestTarget, collection: Collection): unknown {
    const { reference } = target;
    const object = plain(request.body);
    const metadata = (object.metadata ??= {});
    if (object.kind !== reference.kind) {
      throw newBadRequest(`the object provided is unrecognized: ${object.kind} is not ${reference.kind}`);
    }
    if (reference.namespaced) {
      metadata.namespace ??= target.namespace ?? "default";
      if (target.namespace !== undefined && metadata.namespace !== target.namespace) {
        throw newBadRequest(
          "the namespace of the provided object does not match the namespace sent on the request",
        );
      }
    }
    if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== "") {
      throw newStatusError(500, "", "resourceVersion should not be set on objects to be created");
    }
    if ((metadata.name ?? "") === "" && (metadata.generateName ?? "") !== "") {
      metadata.name = `${metadata.generateName}${randomSuffix(this.#random)}`;
    }
    const name = metadata.name ?? "";
    if (name === "") {
      const detail = "name or generateName is required";
      throw newInvalid(reference, "", [{ type: "FieldValueRequired", path: "metadata.name", detail }]);
    }
    if (collection.get(metadata.namespace, name) !== undefined) throw newAlreadyExists(reference, name);
    prepareForCreate(object, reference);
    this.#options.applyDefaults?.(object);
    delete metadata.uid;
    delete metadata.creationTimestamp;
    delete metadata.deletionTimestamp;
    this.#stamp(object);
    if (isDryRun(request)) return object;
    return collection.put(object);
  }

  #update(
    object: UnstructuredObject,
    stored: UnstructuredObject,
    request: TransportRequest,
    target: RequestTarget,
    collection: Collection,
  ): UnstructuredObject {
    const { reference, subresource } = target;
    const name = stored.metadata.name ?? "";
    const { resourceVersion = "", uid = "" } = object.metadata;
    if (object.metadata.name !== name) {
      throw newBadRequest(
        `the name of the object (${object.metadata.name}) does not match the name on the URL (${name})`,
      );
    }
    if (uid !== "" && uid !== stored.metadata.uid) {
      const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${stored.metadata.uid}`;
      throw newConflict(reference, name, why);
    }
    if (resourceVersion !== "" && resourceVersion !== stored.metadata.resourceVersion) {
      throw newConflict(reference, name, staleObject);
    }
    const next =
      subresource === "status" ? withStatusOf(stored, object) : keepingStatus(object, stored, reference);
    for (const field of [
      "uid",
      "creationTimestamp",
      "deletionTimestamp",
      "deletionGracePeriodSeconds",
    ] as const) {
      keep(next.metadata, stored.metadata, field);
    }
    keep(next.metadata, stored.metadata, "namespace");
    keep(next.metadata, stored.metadata, "generation");
    keep(next.metadata, stored.metadata, "resourceVersion");
    if (specChanged(next, stored)) bumpGeneration(next);
    if (isDryRun(request) || deepEqual(next, stored)) return isDryRun(request) ? next : stored;
    const windsDown = (next.metadata.deletionGracePeriodSeconds ?? 0) > 0;
    if (isBeingDeleted(next) && !windsDown && isFree(next)) {
      collection.remove(next);
      return next;
    }
    return collection.put(next);
  }

  #delete(
    stored: UnstructuredObject,
    options: DeleteOptions,
    target: RequestTarget,
    collection: Collection,
  ): unknown {
    const { reference } = target;
    const { name = "", uid = "" } = stored.metadata;
    checkPreconditions(stored, options, reference);
    const finalizers = finalizersFor(stored, options);
    const graceSeconds = this.#graceSeconds(stored, options);
    const next = { ...deepCopy(stored) };
    if (finalizers.length > 0) next.metadata.finalizers = finalizers;
    else delete next.metadata.finalizers;
    if (graceSeconds === 0 && isFree(next)) {
      collection.remove(stored);
      return successStatus(reference, name, uid);
    }
    const earlier = stored.metadata.deletionGracePeriodSeconds;
    if (!isBeingDeleted(stored) || (earlier !== undefined && graceSeconds < earlier)) {
      next.metadata.deletionTimestamp = formatTime(this.#clock.now() + graceSeconds * 1000);
      next.metadata.deletionGracePeriodSeconds = graceSeconds;
      if (next.metadata.generation !== undefined) next.metadata.generation++;
    }
    if (next.kind === "Namespace") next["status"] = { ...asRecord(next["status"]), phase: "Terminating" };
    return deepEqual(next, stored) ? stored : collection.put(next);
  }

  #deleteAll(request: TransportRequest, target: RequestTarget, collection: Collection): unknown {
    const matches = matcher(request, target);
    for (const object of collection.list(undefined)) {
      if (matches(object)) this.#delete(object, deleteOptions(request), target, collection);
    }
    return { apiVersion: "v1", kind: "Status", metadata: {}, status: "Success" };
  }

  /** 0 means that nothing delays the removal but finalizers. */
  #graceSeconds(stored: UnstructuredObject, options: DeleteOptions): number {
    if (stored.kind !== "Pod" || this.#options.podDeletion === "immediate") return 0;
    const spec = asRecord(stored["spec"]);
    const phase = asRecord(stored["status"])["phase"];
    // A pod that never reached a node, or has ended, has nothing to wind down.
    if (spec["nodeName"] === undefined || phase === "Succeeded" || phase === "Failed") return 0;
    const own = spec["terminationGracePeriodSeconds"];
    return options.gracePeriodSeconds ?? (typeof own === "number" ? own : 30);
  }

  #subresource(
    request: TransportRequest,
    target: RequestTarget,
    collection: Collection,
    stored: UnstructuredObject,
  ): unknown {
    const { next, answer, evict } = applySubresource(stored, request, target, this.#clock);
    if (evict !== undefined) this.#delete(stored, evict, target, collection);
    if (next === undefined) return answer;
    if (specChanged(next, stored)) bumpGeneration(next);
    if (isBeingDeleted(next) && isFree(next)) collection.remove(next);
    else if (!deepEqual(next, stored)) collection.put(next);
    return answer ?? collection.get(scopeOf(target), target.name ?? "") ?? next;
  }

  #patched(
    stored: UnstructuredObject,
    request: TransportRequest,
    { reference }: RequestTarget,
  ): UnstructuredObject {
    switch (request.contentType) {
      case "application/json-patch+json":
        return plain(applyJsonPatch(stored, request.body));
      case "application/merge-patch+json":
      case "application/apply-patch+yaml":
        return plain(applyMergePatch(stored, request.body));
      case strategicPatch:
        return plain(applyStrategic(stored, request.body, reference));
      default:
        throw newUnsupportedMediaType([
          "application/json-patch+json",
          "application/merge-patch+json",
          "application/apply-patch+yaml",
          strategicPatch,
        ]);
    }
  }

  #stamp(object: UnstructuredObject): void {
    object.metadata.uid ??= this.#random.uuid();
    object.metadata.creationTimestamp ??= formatTime(this.#clock.now());
    if (object["spec"] !== undefined) object.metadata.generation ??= 1;
  }
}

/** Resources whose status is written apart. */
const withStatus = new Set([
  "apiservices",
  "certificatesigningrequests",
  "cronjobs",
  "customresourcedefinitions",
  "daemonsets",
  "deployments",
  "flowschemas",
  "horizontalpodautoscalers",
  "ingresses",
  "jobs",
  "namespaces",
  "nodes",
  "persistentvolumeclaims",
  "persistentvolumes",
  "poddisruptionbudgets",
  "pods",
  "prioritylevelconfigurations",
  "replicasets",
  "replicationcontrollers",
  "resourceclaims",
  "resourcequotas",
  "servicecidrs",
  "services",
  "statefulsets",
  "validatingadmissionpolicies",
  "volumeattachments",
]);

function prepareForCreate(object: UnstructuredObject, { resource }: ResourceReference): void {
  if (!withStatus.has(resource)) return;
  delete object["status"];
  if (resource === "pods") object["status"] = { phase: "Pending" };
  if (resource === "persistentvolumeclaims" || resource === "persistentvolumes") {
    object["status"] = { phase: "Pending" };
  }
  if (resource !== "namespaces") return;
  object["spec"] = { ...asRecord(object["spec"]), finalizers: ["kubernetes"] };
  object["status"] = { phase: "Active" };
}

function withStatusOf(stored: UnstructuredObject, object: UnstructuredObject): UnstructuredObject {
  const next = deepCopy(stored);
  if (object["status"] === undefined) delete next["status"];
  else next["status"] = object["status"];
  if (object.metadata.annotations !== undefined) next.metadata.annotations = object.metadata.annotations;
  return next;
}

function keepingStatus(
  object: UnstructuredObject,
  stored: UnstructuredObject,
  { resource }: ResourceReference,
): UnstructuredObject {
  if (withStatus.has(resource)) keep(object, stored, "status");
  return object;
}

function keep<T extends object, K extends keyof T>(target: T, source: T, field: K): void {
  if (source[field] === undefined) delete target[field];
  else target[field] = deepCopy(source[field]);
}

function specChanged(next: UnstructuredObject, stored: UnstructuredObject): boolean {
  return stored.metadata.generation !== undefined && !deepEqual(next["spec"], stored["spec"]);
}

function bumpGeneration(object: UnstructuredObject): void {
  object.metadata.generation = (object.metadata.generation ?? 0) + 1;
}

/** True when no finalizer holds the object. A pod that winds down is held by its grace period instead. */
function isFree({ kind, metadata, ...rest }: UnstructuredObject): boolean {
  if ((metadata.finalizers ?? []).length > 0) return false;
  const spec = asRecord(rest["spec"]);
  return kind !== "Namespace" || !Array.isArray(spec["finalizers"]) || spec["finalizers"].length === 0;
}

function finalizersFor({ metadata }: UnstructuredObject, options: DeleteOptions): string[] {
  const others = (metadata.finalizers ?? []).filter(
    (finalizer) => finalizer !== "orphan" && finalizer !== "foregroundDeletion",
  );
  if (options.propagationPolicy === "Orphan") return [...others, "orphan"];
  if (options.propagationPolicy === "Foreground") return [...others, "foregroundDeletion"];
  return options.propagationPolicy === undefined ? (metadata.finalizers ?? []) : others;
}

function checkPreconditions(
  { metadata }: UnstructuredObject,
  { preconditions }: DeleteOptions,
  reference: ResourceReference,
): void {
  const name = metadata.name ?? "";
  if (preconditions?.uid !== undefined && preconditions.uid !== metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${preconditions.uid}, UID in object meta: ${metadata.uid}`;
    throw newConflict(reference, name, why);
  }
  const wanted = preconditions?.resourceVersion;
  if (wanted !== undefined && wanted !== metadata.resourceVersion) {
    const why = `Precondition failed: ResourceVersion in precondition: ${wanted}, ResourceVersion in object meta: ${metadata.resourceVersion}`;
    throw newConflict(reference, name, why);
  }
}

function deleteOptions(request: TransportRequest): DeleteOptions {
  return isObject(request.body) ? plain(request.body) : {};
}

const strategicPatch = "application/strategic-merge-patch+json";

const isApply = ({ method, contentType }: TransportRequest): boolean =>
  method === "PATCH" && contentType === "application/apply-patch+yaml";

const isDryRun = (request: TransportRequest): boolean => text(request, "dryRun") === "All";

function matcher(
  request: Pick<TransportRequest, "query">,
  { reference, namespace, name }: RequestTarget,
): (object: UnstructuredObject) => boolean {
  const labels = parseLabelSelector(text(request, "labelSelector"));
  const fields = parseFieldSelector(text(request, "fieldSelector"));
  return (object) =>
    (!reference.namespaced || namespace === undefined || object.metadata.namespace === namespace) &&
    (name === undefined || object.metadata.name === name) &&
    labels.matches(object.metadata.labels) &&
    fields.matches((field) => fieldValue(object, field));
}

/** The value at a dotted path, as text; the empty string when there is none. */
function fieldValue(object: UnstructuredObject, field: string): string {
  let value: unknown = object;
  for (const part of field.split(".")) value = isObject(value) ? value[part] : undefined;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? `${value}`
    : "";
}

function initialEventsEnd({ group, version, kind }: ResourceReference, revision: number): WatchEvent {
  const annotations = { "k8s.io/initial-events-end": "true" };
  const apiVersion = group === "" ? version : `${group}/${version}`;
  const metadata = { resourceVersion: String(revision), annotations };
  return { type: "BOOKMARK", object: { apiVersion, kind, metadata } };
}

function scopeOf({ reference, namespace }: RequestTarget): string | undefined {
  return reference.namespaced ? namespace : undefined;
}

function text({ query }: Pick<TransportRequest, "query">, key: string): string {
  const value = query?.[key];
  return typeof value === "string" ? value : (value?.[0] ?? "");
}

/** What a body is after its way over the wire: no undefined members, shared with nobody. */
function plain(value: unknown): UnstructuredObject {
  return JSON.parse(JSON.stringify(value)) as UnstructuredObject;
}

const asRecord = (value: unknown): Record<string, unknown> => (isObject(value) ? value : {});
