import type { ResourceInfo } from "../../api/scheme.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { type FieldError, invalid, notSupported } from "../../apimachinery/field-error.ts";
import { deepCopy } from "../../apimachinery/json.ts";
import type { DeleteOptions, ObjectMeta } from "../../apimachinery/meta-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newConflict, newTimeout, type StatusError } from "../../apimachinery/status.ts";
import { CachedObject } from "../cache/cached-object.ts";
import type { RequestContext } from "../request-context.ts";
import type { ValidateHook } from "./create.ts";
import { newInvalidOptions } from "./errors.ts";
import { orphansDependentsByDefault } from "./resource-facts.ts";
import type { GenericStore } from "./store.ts";

export interface DeleteResult {
  readonly object: CachedObject;
  /** False while finalizers or a grace period keep the object. */
  readonly deleted: boolean;
}

const orphanFinalizer = "orphan";
const foregroundFinalizer = "foregroundDeletion";
const maxAttempts = 100;

/** Deletes one object, or marks it (mirrors k8s.io/apiserver/pkg/registry/generic/registry.Store.Delete). */
export async function deleteObject(
  store: GenericStore,
  context: RequestContext,
  served: ResourceInfo,
  namespace: string,
  name: string,
  options: DeleteOptions,
  validate: ValidateHook,
): Promise<DeleteResult> {
  checkDeleteOptions(options);
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const cached = await store.read(served, namespace, name);
    const pending = store.ready(served, [cached]);
    if (pending !== undefined) await pending;
    const old = cached.inVersion(served, store.scheme).object;
    if (!(await preconditionsHold(store, served, old, cached, options))) continue;
    await validate(old, old);
    const result = await deleteOnce(store, context, served, cached, options);
    if (result !== undefined) return result;
  }
  throw newTimeout(`the object ${name} changes faster than it can be deleted`, 1);
}

/** Undefined when the race was lost. */
async function deleteOnce(
  store: GenericStore,
  context: RequestContext,
  served: ResourceInfo,
  cached: CachedObject,
  options: DeleteOptions,
): Promise<DeleteResult | undefined> {
  const old = cached.inVersion(served, store.scheme).object;
  const object = deepCopy(old);
  const step = markForDeletion(store, context, served, object, options);
  if (step === "pending") return { object: cached.inVersion(served, store.scheme), deleted: false };
  if (context.dryRun) return { object: CachedObject.detached(object), deleted: step === "remove" };
  if (step === "mark") {
    const marked = await store.put(await store.toStorage(object), cached.revision);
    return marked && { object: await store.inVersion(served, marked), deleted: false };
  }
  const reservation = store.strategy.begin?.(context, undefined, old);
  let removed: CachedObject | undefined;
  try {
    removed = await store.remove(cached);
  } finally {
    if (removed === undefined) reservation?.rollback();
    else reservation?.commit();
  }
  if (removed === undefined) return undefined;
  const last = await store.inVersion(served, removed);
  if (object.metadata.deletionTimestamp === old.metadata.deletionTimestamp)
    return { object: last, deleted: true };
  // What goes at once and gracefully is shown as if it had been marked first; who watches sees it without the marks.
  const { deletionTimestamp, deletionGracePeriodSeconds, generation } = object.metadata;
  const metadata = { ...last.object.metadata, deletionTimestamp, deletionGracePeriodSeconds, generation };
  return { object: CachedObject.detached({ ...last.object, metadata }), deleted: true };
}

/**
 * Changes the object as the deletion asks and says what is to be done: `remove` it, write it as it is `mark`ed, or
 * nothing because the deletion is `pending` already.
 */
function markForDeletion(
  store: GenericStore,
  context: RequestContext,
  served: ResourceInfo,
  object: UnstructuredObject,
  options: DeleteOptions,
): "remove" | "mark" | "pending" {
  const { metadata } = object;
  const grace = applyGrace(store, context, object, options);
  if (grace === "pending") return "pending";
  const finalizersChange = applyPolicyFinalizers(served, metadata, options);
  const isHeldByContent = store.strategy.holdsDeletion?.(object) === true;
  const isHeld = (metadata.finalizers ?? []).length > 0 || isHeldByContent;
  if (grace === "graceful") {
    if (isHeld || (metadata.deletionGracePeriodSeconds ?? 0) > 0) return "mark";
    return "remove";
  }
  if (!isHeld) return "remove";
  if (
    metadata.deletionTimestamp !== undefined &&
    (isHeldByContent || metadata.deletionGracePeriodSeconds === 0) &&
    !finalizersChange
  ) {
    return "pending";
  }
  if (metadata.deletionTimestamp === undefined) {
    metadata.deletionTimestamp = formatTime(store.clock.now());
    if (store.strategy.countsDeletion !== false && (metadata.generation ?? 0) > 0)
      metadata.generation = (metadata.generation ?? 0) + 1;
  }
  // What waits for its content has no grace period, not even one of no seconds.
  if (!isHeldByContent) metadata.deletionGracePeriodSeconds = 0;
  store.strategy.prepareForDelete?.(context, object);
  return "mark";
}

/** Sets deletionTimestamp and grace period where the strategy deletes gracefully (mirrors rest.BeforeDelete). */
function applyGrace(
  store: GenericStore,
  context: RequestContext,
  object: UnstructuredObject,
  options: DeleteOptions,
): "graceful" | "pending" | "none" {
  const { strategy } = store;
  if (strategy.gracePeriodSeconds === undefined) return "none";
  const { metadata } = object;
  // A negative period means one second.
  const asked =
    options.gracePeriodSeconds === undefined || options.gracePeriodSeconds >= 0
      ? options.gracePeriodSeconds
      : 1;
  if (metadata.deletionTimestamp !== undefined) {
    const left = metadata.deletionGracePeriodSeconds ?? 0;
    if (left === 0) return "none";
    if (asked === undefined || asked >= left) return "pending";
    const startMs = Date.parse(metadata.deletionTimestamp) - left * 1000;
    metadata.deletionTimestamp = formatTime(withinYears(startMs + asked * 1000));
    metadata.deletionGracePeriodSeconds = asked;
    return "graceful";
  }
  const period = strategy.gracePeriodSeconds(context, object, asked);
  if (period === undefined) return "none";
  metadata.deletionTimestamp = formatTime(withinYears(store.clock.now() + period * 1000));
  metadata.deletionGracePeriodSeconds = period;
  if ((metadata.generation ?? 0) > 0) metadata.generation = (metadata.generation ?? 0) + 1;
  return "graceful";
}

/** A period may be as long as 64 bits say; RFC 3339 ends with the year 9999. */
const lastMs = Date.UTC(9999, 11, 31, 23, 59, 59);
const withinYears = (ms: number): number => Math.min(Math.max(0, ms), lastMs);

/** Puts the finalizers of the propagation policy on the object or takes them off; says whether anything changed. */
function applyPolicyFinalizers(served: ResourceInfo, metadata: ObjectMeta, options: DeleteOptions): boolean {
  const before = metadata.finalizers ?? [];
  const after = before.filter((name) => name !== orphanFinalizer && name !== foregroundFinalizer);
  if (orphans(served, before, options)) after.push(orphanFinalizer);
  if (deletesInForeground(before, options)) after.push(foregroundFinalizer);
  if (after.length === before.length && after.every((name) => before.includes(name))) return false;
  if (after.length === 0) delete metadata.finalizers;
  else metadata.finalizers = after;
  return true;
}

function orphans(served: ResourceInfo, finalizers: readonly string[], options: DeleteOptions): boolean {
  if (options.orphanDependents !== undefined) return options.orphanDependents;
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === "Orphan";
  const earlier = policyFinalizer(finalizers);
  return earlier === undefined ? orphansDependentsByDefault(served) : earlier === orphanFinalizer;
}

function deletesInForeground(finalizers: readonly string[], options: DeleteOptions): boolean {
  if (options.orphanDependents !== undefined) return false;
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === "Foreground";
  return policyFinalizer(finalizers) === foregroundFinalizer;
}

/** What an earlier deletion asked for, or whoever put the finalizer there: it counts for more than the default. */
const policyFinalizer = (finalizers: readonly string[]): string | undefined =>
  finalizers.find((name) => name === orphanFinalizer || name === foregroundFinalizer);

/** False when the cache was behind: look again. */
async function preconditionsHold(
  store: GenericStore,
  served: ResourceInfo,
  old: UnstructuredObject,
  cached: CachedObject,
  { preconditions }: DeleteOptions,
): Promise<boolean> {
  const { uid, resourceVersion } = preconditions ?? {};
  const uidHolds = uid === undefined || uid === old.metadata.uid;
  const versionHolds = resourceVersion === undefined || resourceVersion === old.metadata.resourceVersion;
  if (uidHolds && versionHolds) return true;
  await store.watchCache.current();
  if (store.cache.get(cached.namespace, cached.name)?.revision !== cached.revision) return false;
  const subject = { group: served.group, resource: served.kind };
  throw newConflict(
    subject,
    cached.name,
    uidHolds ? versionMismatch(resourceVersion, old) : uidMismatch(uid, old),
  );
}

const uidMismatch = (uid: string | undefined, old: UnstructuredObject): string =>
  `the UID in the precondition (${uid}) does not match the UID in record (${old.metadata.uid}). ` +
  "The object might have been deleted and then recreated";

const versionMismatch = (version: string | undefined, old: UnstructuredObject): string =>
  `the ResourceVersion in the precondition (${version}) does not match the ResourceVersion in record ` +
  `(${old.metadata.resourceVersion}). The object might have been modified`;

/** Throws 422 for options that contradict each other or are unknown. */
export function checkDeleteOptions(options: DeleteOptions): void {
  const errors: FieldError[] = [];
  const { propagationPolicy, orphanDependents, dryRun = [] } = options;
  if (orphanDependents !== undefined && propagationPolicy !== undefined) {
    const why = "orphanDependents and deletionPropagation cannot be both set";
    errors.push(invalid("propagationPolicy", propagationPolicy, why));
  }
  const policies = ["Foreground", "Background", "Orphan"];
  if (propagationPolicy !== undefined && !policies.includes(propagationPolicy)) {
    errors.push(notSupported("propagationPolicy", propagationPolicy, [...policies, "nil"]));
  }
  if (dryRun.some((value) => value !== "All")) errors.push(notSupported("dryRun", dryRun, ["All"]));
  const failure: StatusError | undefined =
    errors.length > 0 ? newInvalidOptions("DeleteOptions", errors) : undefined;
  if (failure !== undefined) throw failure;
}
