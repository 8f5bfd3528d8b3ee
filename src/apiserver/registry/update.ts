import type { ResourceInfo } from "../../api/scheme.ts";
import { isSameButTimes } from "../../apimachinery/apply/index.ts";
import { type FieldError, invalid } from "../../apimachinery/field-error.ts";
import { deepEqual, sameWish } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import {
  newConflict,
  newInvalid,
  newNotFound,
  newStatusError,
  newTimeout,
  staleObject,
} from "../../apimachinery/status.ts";
import { CachedObject } from "../cache/cached-object.ts";
import type { RequestContext } from "../request-context.ts";
import { type Admitting, createObject } from "./create.ts";
import { newInvalidObject, newPreconditionFailed } from "./errors.ts";
import {
  allowsUnconditionalUpdate,
  hasStatus,
  isCreatedOnUpdate,
  metadataWanted,
  raisesGeneration,
} from "./resource-facts.ts";
import type { GenericStore } from "./store.ts";

export interface UpdateRequest extends Admitting {
  readonly namespace: string;
  readonly name: string;
  /** "" for the main resource. */
  readonly subresource: string;
  /**
   * The object as it is to be, in the served version, given away; `current` is frozen. Called again after a lost race.
   * Includes what mutating admission adds.
   */
  change(current: UnstructuredObject | undefined): Promise<UnstructuredObject> | UnstructuredObject;
  /** Whether an absent object is created: always by server-side apply, never by a patch. Default: the strategy says. */
  readonly forceAllowCreate?: boolean;
  /** A uid in what an update sends is a precondition; in what a patch makes of the object it is a field like others. */
  readonly isPatch?: boolean;
}

export interface UpdateResult {
  readonly object: CachedObject;
  readonly created: boolean;
}

/** Far more than any honest contention; a bound against a change that never settles. */
const maxAttempts = 100;

/** Read, change, write, until no race is lost (mirrors k8s.io/apiserver/pkg/registry/generic/registry.Store.Update). */
export async function updateObject(
  store: GenericStore,
  context: RequestContext,
  served: ResourceInfo,
  request: UpdateRequest,
): Promise<UpdateResult> {
  const { namespace, name } = request;
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const cached = await find(store, namespace, name);
    if (cached === undefined) {
      const created = await createAbsent(store, context, served, request);
      if (created !== undefined) return { object: created, created: true };
      continue;
    }
    const updated = await updateOnce(store, context, served, request, cached);
    if (updated !== undefined) return { object: updated, created: false };
  }
  throw newTimeout(`the object ${name} changes faster than it can be updated`, 1);
}

async function find(store: GenericStore, namespace: string, name: string): Promise<CachedObject | undefined> {
  const cached = store.cache.get(namespace, name);
  if (cached !== undefined) return cached;
  await store.watchCache.current();
  const late = store.cache.get(namespace, name);
  if (late === undefined) store.watchCache.unreadable.checkObject(store.key(namespace, name));
  return late;
}

async function createAbsent(
  store: GenericStore,
  context: RequestContext,
  served: ResourceInfo,
  request: UpdateRequest,
): Promise<CachedObject | undefined> {
  const mayCreate =
    request.forceAllowCreate ?? store.strategy.allowCreateOnUpdate ?? isCreatedOnUpdate(served);
  if (!mayCreate || request.subresource !== "") throw newNotFound(served, request.name);
  const object = await request.change(undefined);
  const { uid = "" } = object.metadata;
  if (uid !== "" && request.isPatch === true) {
    const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
    throw newConflict(served, request.name, why);
  }
  if (uid !== "") {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: `;
    throw newPreconditionFailed(served, store.key(request.namespace, request.name), request.name, why);
  }
  delete object.metadata.resourceVersion;
  return createObject(store, context, served, object, request);
}

/** Undefined when the race was lost. */
async function updateOnce(
  store: GenericStore,
  context: RequestContext,
  served: ResourceInfo,
  request: UpdateRequest,
  cached: CachedObject,
): Promise<CachedObject | undefined> {
  const { namespace, name } = request;
  const pending = store.ready(served, [cached]);
  if (pending !== undefined) await pending;
  const old = cached.inVersion(served, store.scheme).object;
  const object = await request.change(old);
  if (!(await checkVersion(store, served, request, object, cached))) return undefined;
  prepareObject(store, context, served, object, old, request.subresource);
  const compiling = store.strategy.validateExpressions?.(context, object, old, request.subresource);
  const compiled = compiling === undefined ? undefined : await compiling;
  const preparing = store.scheme.prepareValidation?.(served, object, old);
  if (preparing !== undefined) await preparing;
  check(store, context, served, object, old, request.subresource, compiled);
  await request.validate(object, old);

  // An apply may say what is there already in other words; that alone does not make its manager's entry younger.
  const { managedFields } = old.metadata;
  if (managedFields !== undefined && isSameButTimes(old, object))
    object.metadata.managedFields = managedFields;
  // Nothing to write, unless it would be stored in another way: that is how people have their keys replaced.
  if (deepEqual(object, old) && !store.isOutdated(cached, served) && !(await store.isStale(namespace, name)))
    return cached.inVersion(served, store.scheme);
  const deletes = isDeletionComplete(store, object, old);
  if (context.dryRun) {
    // What the object would be given is shown, and nothing is kept.
    store.strategy.begin?.(context, deletes ? undefined : object, old)?.rollback();
    return CachedObject.detached(object);
  }
  const form = deletes ? object : store.toStorage(object);
  const stored = form instanceof Promise ? await form : form;
  const reservation = store.strategy.begin?.(context, deletes ? undefined : object, old);
  let written: CachedObject | undefined;
  try {
    if (deletes) {
      const removed = await store.remove(cached);
      written = removed && CachedObject.detached(object);
    } else {
      written = await store.put(stored, cached.revision);
    }
  } finally {
    if (written === undefined) reservation?.rollback();
    else reservation?.commit();
  }
  if (deletes) return written;
  return written && store.writtenInVersion(served, written, stored === object);
}

/** False when the cache was behind and the update is to be tried on a newer state. */
async function checkVersion(
  store: GenericStore,
  served: ResourceInfo,
  request: UpdateRequest,
  object: UnstructuredObject,
  cached: CachedObject,
): Promise<boolean> {
  const { name, namespace } = request;
  const { resourceVersion = "", uid = "" } = object.metadata;
  const current = cached.object.metadata;
  if (uid !== "" && uid !== current.uid && request.isPatch !== true) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.uid}`;
    throw newPreconditionFailed(served, store.key(namespace, name), name, why);
  }
  if (resourceVersion === "" || resourceVersion === "0") {
    if (store.strategy.allowUnconditionalUpdate ?? allowsUnconditionalUpdate(served)) return true;
    const error = invalid("metadata.resourceVersion", 0, "must be specified for an update");
    throw newInvalid({ group: served.group, kind: served.resource }, name, [error]);
  }
  if (resourceVersion === String(cached.revision)) return true;
  const fault = unsignedIntegerFault(resourceVersion);
  if (fault !== undefined) throw newStatusError(500, "", fault);
  await store.watchCache.current();
  if (store.cache.get(namespace, name)?.revision !== cached.revision) return false;
  throw newConflict(served, name, staleObject);
}

const unsignedMax = 2n ** 64n - 1n;

/** What Go says of a text that is to be a number, which is all that clients get to hear. */
function unsignedIntegerFault(text: string): string | undefined {
  const fault = (why: string): string => `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${why}`;
  if (!/^\d+$/.test(text)) return fault("invalid syntax");
  return BigInt(text) > unsignedMax ? fault("value out of range") : undefined;
}

/** What no update may change, and what follows from the change. */
function prepareObject(
  store: GenericStore,
  context: RequestContext,
  served: ResourceInfo,
  object: UnstructuredObject,
  old: UnstructuredObject,
  subresource: string,
): void {
  const before = old.metadata;
  if (before.generation === undefined) delete object.metadata.generation;
  else object.metadata.generation = before.generation;
  if (subresource === "status") keepAllButStatus(object, old);
  else if (subresource === "" && hasStatus(served)) keepStatus(object, old);
  store.strategy.prepareForUpdate?.(context, object, old, subresource);
  // Not before: a strategy that works in another version gives the object new metadata.
  const { metadata } = object;
  if ((metadata.uid ?? "") === "") metadata.uid = before.uid;
  metadata.creationTimestamp = before.creationTimestamp;
  metadata.resourceVersion = before.resourceVersion;
  delete metadata.selfLink;
  // What is being deleted stays so; that nothing else begins to be is validation's to say.
  if (before.deletionTimestamp !== undefined) metadata.deletionTimestamp = before.deletionTimestamp;
  if (before.deletionGracePeriodSeconds !== undefined)
    metadata.deletionGracePeriodSeconds ??= before.deletionGracePeriodSeconds;
  raiseGeneration(served, object, old, subresource);
}

function keepStatus(object: UnstructuredObject, old: UnstructuredObject): void {
  if (old["status"] === undefined) delete object["status"];
  else object["status"] = old["status"];
}

function keepAllButStatus(object: UnstructuredObject, old: UnstructuredObject): void {
  for (const field of Object.keys(object)) {
    if (!ownFields.has(field) && old[field] === undefined) delete object[field];
  }
  for (const field of Object.keys(old)) if (!ownFields.has(field)) object[field] = old[field];
}

/** What a status write may bring: metadata too, less what `prepareObject` protects. */
const ownFields = new Set(["apiVersion", "kind", "metadata", "status"]);

/** A field whose change is no change of what is wanted: of custom resources without a status of its own, it is one. */
const isApart = (served: ResourceInfo, field: string): boolean =>
  ownFields.has(field) && (field !== "status" || served.custom === undefined || hasStatus(served));

/** Writes that do not change what is wanted, however they change the object. */
const withoutGeneration = new Set(["status", "binding", "finalize", "approval"]);

/** Any change but one of the status; some resources count metadata too (`metadataWanted`). */
function raiseGeneration(
  served: ResourceInfo,
  object: UnstructuredObject,
  old: UnstructuredObject,
  subresource: string,
): void {
  if (!raisesGeneration(served) || withoutGeneration.has(subresource)) return;
  if (object.metadata.generation !== old.metadata.generation) return;
  const wanted = metadataWanted(served);
  const isMetadataNew =
    wanted !== undefined && !sameWish(object.metadata[wanted] ?? {}, old.metadata[wanted] ?? {});
  const changed =
    isMetadataNew ||
    [...new Set([...Object.keys(object), ...Object.keys(old)])].some(
      (field) => !isApart(served, field) && !sameWish(object[field], old[field]),
    );
  if (changed) object.metadata.generation = (old.metadata.generation ?? 0) + 1;
}

function check(
  store: GenericStore,
  context: RequestContext,
  served: ResourceInfo,
  object: UnstructuredObject,
  old: UnstructuredObject,
  subresource: string,
  compiled: readonly FieldError[] = [],
): void {
  const errors = [
    ...store.scheme.validateUpdate(served, object, old, subresource),
    ...(store.strategy.validateUpdate?.(context, object, old, subresource) ?? []),
    ...compiled,
  ];
  for (const warning of store.scheme.takeForgiven?.(served) ?? []) context.addWarning(warning);
  if (errors.length > 0) throw newInvalidObject(served, object.metadata.name ?? "", errors);
  if (subresource !== "") return;
  for (const warning of store.scheme.warnings(served, object, old)) context.addWarning(warning);
}

/** The update that takes the last finalizer off an object whose deletion waits for nothing else. */
function isDeletionComplete(
  store: GenericStore,
  object: UnstructuredObject,
  old: UnstructuredObject,
): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds } = old.metadata;
  if (deletionTimestamp === undefined || (object.metadata.finalizers ?? []).length > 0) return false;
  return (deletionGracePeriodSeconds ?? 0) === 0 && store.strategy.holdsDeletion?.(object) !== true;
}
