import { deepEqual, isObject } from "../json.ts";
import type { ManagedFieldsEntry, ObjectMeta } from "../meta-v1.ts";
import type { UnstructuredObject } from "../object.ts";
import type { Schema, SchemaSet } from "../schema.ts";
import { newBadRequest, newStatusError } from "../status.ts";
import { compareObjects } from "./compare.ts";
import { CreatedFields } from "./created-fields.ts";
import { emptyObjectOf } from "./empty-object.ts";
import { FieldSet } from "./field-set.ts";
import { hasLastApplied, lastAppliedOf, setLastApplied } from "./last-applied.ts";
import { managedFieldsFault } from "./managed-fields-fault.ts";
import {
  capUpdateManagers,
  decodeManagers,
  encodeManagers,
  identityOfManager,
  ignoredFieldsOf,
  knownManagers,
  type Manager,
  type Managers,
  managedFieldsError,
  newEntry,
  stripNeverOwned,
  timeNow,
  withSet,
} from "./managers.ts";
import { type MergeType, mergeTypeOf } from "./merge-type.ts";
import { type FindVersion, Versions } from "./other-versions.ts";
import { reconcileWithSchema } from "./reconcile-schema.ts";
import { fieldSetOf } from "./to-field-set.ts";
import {
  type Applied,
  applyConfiguration,
  ConflictError,
  newConflictStatus,
  updateManagers,
} from "./updater.ts";
import { joinTypedErrors, typedErrors } from "./validate-typed.ts";

/**
 * Server-side apply and the tracking of field ownership. The chain of steps is that of
 * k8s.io/apimachinery/pkg/util/managedfields; the rules of merging are in updater.ts.
 */
interface CommonOptions {
  readonly manager: string;
  readonly subresource: string;
  /** Undefined where nothing is known of the kind: everything is owned part by part. */
  readonly schema: Schema | undefined;
  readonly schemas: SchemaSet;
  readonly nowMs: number;
  /**
   * Dotted paths that requests of this kind never own, because the strategy resets them. Without it: `status` for the
   * resource itself, `spec` for its status, nothing for other subresources.
   */
  readonly ignoredPaths?: readonly string[] | undefined;
  /** False for an apiVersion that the kind does not have: who set fields in it is forgotten. Default: all are. */
  readonly hasVersion?: ((apiVersion: string) => boolean) | undefined;
  /** True where the schema may be another one than when the stored object was written. */
  readonly isSchemaMutable?: boolean;
  /** Finds the other versions of the kind, in which others may own fields. Default: there are none. */
  readonly findVersion?: FindVersion | undefined;
}

export type { OtherVersion } from "./other-versions.ts";

export interface ServerSideApplyOptions extends CommonOptions {
  /** The stored object; undefined when the apply creates it. */
  readonly live: UnstructuredObject | undefined;
  /** The configuration as it was sent: not decoded, not defaulted. */
  readonly applied: UnstructuredObject;
  /** Takes fields away from other managers instead of refusing with a conflict. */
  readonly force: boolean;
}

export interface TrackUpdateOptions extends CommonOptions {
  /** The stored object; undefined on create. */
  readonly old: UnstructuredObject | undefined;
  /** What is about to be stored. Its managedFields count only where they are valid and not of a subresource. */
  readonly updated: UnstructuredObject;
}

const beforeFirstApply = "before-first-apply";

/**
 * The object that results from applying a configuration, with its managedFields. It may share parts with its inputs
 * and holds what the configuration says literally, nulls included: decode and default it before it is stored.
 * Returns `live` itself when nothing changes. Throws StatusError: 409 on conflicts, 400 and 500 on configurations
 * that cannot be applied.
 */
export function serverSideApply(options: ServerSideApplyOptions): UnstructuredObject {
  const { live, applied, manager, subresource, schema, schemas, nowMs } = options;
  if ((applied.metadata.managedFields ?? undefined) !== undefined) {
    throw newBadRequest("metadata.managedFields must be nil");
  }
  const type = mergeTypeOf(schemas, schema);
  refuseUntypable(applied, type);
  const { apiVersion } = applied;
  const ignored = ignoredFieldsOf(subresource, options.ignoredPaths);
  const base =
    live === undefined
      ? { ...emptyObjectOf(schemas, schema, applied.kind), apiVersion, kind: applied.kind }
      : withoutManagedFields(live);
  const versions = new Versions(apiVersion, type, options.findVersion);
  const managers = managersOfLive(options, versions, ignored);
  const applier = { manager, operation: "Apply", apiVersion, subresource, time: undefined } as const;
  const apply = (forced: boolean): Applied =>
    applyConfiguration(base, applied, managers, applier, versions, ignored, forced);

  const result = withConflicts(apply, options, type);
  // The zero values that stood in for the object before its creation are no part of it.
  let object = live === undefined ? applied : (result.object as UnstructuredObject);
  if (manager === "kubectl" && hasLastApplied(live)) object = setLastApplied(object, applied);
  const isUnchanged = live !== undefined && deepEqual(base, object);
  settleApplier(result.managers, identityOfManager(applier), isUnchanged ? undefined : timeNow(nowMs));
  const entries = encodeManagers(result.managers);
  if (isUnchanged && sameButTimes(live.metadata.managedFields, entries)) return live;
  return withManagedFields(isUnchanged ? live : object, entries);
}

function refuseUntypable(applied: UnstructuredObject, type: MergeType): void {
  const errors = typedErrors(applied, type);
  if (errors.length === 0) return;
  const [name, namespace] = [applied.metadata.name, applied.metadata.namespace].map(textOf);
  // The core group has no name, only a slash.
  const version = applied.apiVersion.includes("/") ? applied.apiVersion : `/${applied.apiVersion}`;
  const kind = `${version}, Kind=${applied.kind}`;
  const message = `failed to create typed patch object (${namespace}/${name}; ${kind}): ${joinTypedErrors(errors)}`;
  throw newStatusError(500, "", message);
}

/** A configuration may hold anything where a name should be. */
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** The managers of the live object; one for all its fields when it was not tracked so far. */
function managersOfLive(options: ServerSideApplyOptions, versions: Versions, ignored: FieldSet): Managers {
  const { live, applied, nowMs, subresource, schema, schemas } = options;
  if (live === undefined) return new Map();
  const entries = live.metadata.managedFields;
  const malformed = managedFieldsError(entries);
  if (malformed !== undefined) {
    throw newStatusError(500, "", `failed to decode managed fields: ${malformed}`);
  }
  const managers = currentManagers(entries, options, versions);
  if (managers.size > 0) return managers;
  const { apiVersion, kind } = live;
  const empty = { ...emptyObjectOf(schemas, schema, kind), apiVersion, kind };
  const self = newUpdater(beforeFirstApply, applied.apiVersion, subresource, nowMs);
  return tracked(empty, withoutManagedFields(live), managers, self, versions, ignored) ?? managers;
}

/** Those of versions that there are, and what they own under the schema of today. */
function currentManagers(
  entries: readonly ManagedFieldsEntry[] | undefined,
  { hasVersion, isSchemaMutable = false }: CommonOptions,
  versions: Versions,
): Managers {
  const managers = knownManagers(decodeManagers(entries), hasVersion);
  if (!isSchemaMutable) return managers;
  for (const [identity, manager] of managers) {
    // What is owned in another version has the schema of that.
    if (!versions.knows(manager.apiVersion)) continue;
    const set = reconcileWithSchema(manager.set, versions.typeIn(manager.apiVersion));
    if (set !== manager.set) managers.set(identity, withSet(manager, set));
  }
  return managers;
}

/**
 * kubectl may apply to an object that was applied on the client's side before without conflicts: fields that are as
 * the annotation says were its own.
 */
function withConflicts(
  apply: (force: boolean) => Applied,
  { live, manager, applied, force }: ServerSideApplyOptions,
  type: MergeType,
): Applied {
  try {
    return apply(force);
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    const allowed = manager === "kubectl" ? fieldsOfLastApplied(live, applied.apiVersion, type) : undefined;
    if (allowed === undefined) throw newConflictStatus(error);
    const left = error.conflicts.filter(({ path }) => !allowed.has(path));
    if (left.length > 0) throw newConflictStatus(new ConflictError(left));
    return apply(true);
  }
}

/** The fields of the client's last configuration that still are as it says. */
function fieldsOfLastApplied(
  live: UnstructuredObject | undefined,
  apiVersion: string,
  type: MergeType,
): FieldSet | undefined {
  const last = lastAppliedOf(live);
  if (last === undefined || last["apiVersion"] !== apiVersion || typedErrors(last, type).length > 0)
    return undefined;
  const { added, modified, removed } = compareObjects(last, live, type);
  return fieldSetOf(last, type).difference(modified).difference(added).difference(removed);
}

/** Takes out of the applier's set what nobody owns, and notes when it changed the object. */
function settleApplier(managers: Managers, identity: string, time: string | undefined): void {
  const applier = managers.get(identity);
  if (applier === undefined) return;
  const set = stripNeverOwned(applier.set);
  if (set.isEmpty()) managers.delete(identity);
  else {
    const settled = set === applier.set ? applier : withSet(applier, set);
    managers.set(identity, time === undefined ? settled : { ...settled, time });
  }
}

/**
 * The managedFields of an object that is written by anything but apply. They are the stored ones, the same array,
 * when the write changes nothing that is tracked.
 */
export function trackUpdate(options: TrackUpdateOptions): ManagedFieldsEntry[] {
  const { old, updated, manager, subresource, schema, schemas, nowMs } = options;
  if (old === undefined && updated.metadata.managedFields === undefined) return trackCreate(options);
  const stored = old?.metadata.managedFields ?? [];
  const given = updated.metadata.managedFields;
  const isReset = subresource === "" && isResetOf(given);
  const chosen = isReset ? [] : chooseEntries(stored, given, subresource);
  const type = mergeTypeOf(schemas, schema);
  // Before there is an object there is nothing to be seen in another version.
  const versions = new Versions(
    updated.apiVersion,
    type,
    old === undefined ? undefined : options.findVersion,
  );
  const managers = currentManagers(chosen, options, versions);
  if (managers.size === 0 && old !== undefined) return [];

  const before =
    old === undefined
      ? {
          ...emptyObjectOf(schemas, schema, updated.kind),
          apiVersion: updated.apiVersion,
          kind: updated.kind,
        }
      : withoutManagedFields(old);
  const self = newUpdater(manager, updated.apiVersion, subresource, nowMs);
  const ignored = ignoredFieldsOf(subresource, options.ignoredPaths);
  const after = tracked(before, withoutManagedFields(updated), managers, self, versions, ignored);
  if (after === undefined && chosen === stored) return stored;
  const result = after ?? managers;
  capUpdateManagers(result);
  const entries = encodeManagers(result);
  return sameButTimes(stored, entries) && deepEqual(before, withoutManagedFields(updated)) ? stored : entries;
}

/** The commonest case: an object comes to be, and whoever creates it owns all of it. */
function trackCreate(options: TrackUpdateOptions): ManagedFieldsEntry[] {
  const { updated, manager, subresource, schema, schemas, nowMs, ignoredPaths } = options;
  const type = mergeTypeOf(schemas, schema);
  const fields = createdFieldsOf(type, subresource, ignoredPaths).of(updated, type, () => {
    const { apiVersion, kind } = updated;
    const before = { ...emptyObjectOf(schemas, schema, kind), apiVersion, kind };
    const ignored = ignoredFieldsOf(subresource, ignoredPaths);
    const versions = new Versions(apiVersion, type, undefined);
    const { changed } = updateManagers(before, updated, new Map(), versions, ignored);
    const owned = stripNeverOwned(changed);
    return owned.isEmpty() ? undefined : owned.toFieldsV1();
  });
  if (fields === undefined) return [];
  return [newEntry(newUpdater(manager, updated.apiVersion, subresource, nowMs), fields)];
}

/** By type, and by what a creator never owns. */
const createdFields = new WeakMap<MergeType, Map<string, CreatedFields>>();

function createdFieldsOf(
  type: MergeType,
  subresource: string,
  ignoredPaths: readonly string[] | undefined,
): CreatedFields {
  let known = createdFields.get(type);
  if (known === undefined) {
    known = new Map();
    createdFields.set(type, known);
  }
  const key = `${subresource} ${ignoredPaths?.join() ?? "-"}`;
  let fields = known.get(key);
  if (fields === undefined) {
    fields = new CreatedFields();
    known.set(key, fields);
  }
  return fields;
}

/** A client that sends one empty entry wants ownership forgotten. */
function isResetOf(given: readonly ManagedFieldsEntry[] | undefined): boolean {
  if (given === undefined) return false;
  const [first] = given;
  return first === undefined || (given.length === 1 && Object.keys(first).length === 0);
}

/** What the client sent counts where it is valid and not empty: clients that know nothing of it lose nothing. */
function chooseEntries(
  stored: readonly ManagedFieldsEntry[],
  given: readonly ManagedFieldsEntry[] | undefined,
  subresource: string,
): readonly ManagedFieldsEntry[] {
  if (subresource !== "" || given === undefined || given === stored || deepEqual(given, stored))
    return stored;
  return given.length === 0 || managedFieldsFault(given) !== undefined ? stored : given;
}

function newUpdater(name: string, apiVersion: string, subresource: string, nowMs: number): Manager {
  const manager = name === "" ? "unknown" : name;
  return { manager, operation: "Update", apiVersion, subresource, time: timeNow(nowMs), set: FieldSet.empty };
}

/** The managers after an update by `self`; undefined when the update changes nothing. */
function tracked(
  before: unknown,
  after: unknown,
  managers: Managers,
  self: Manager,
  versions: Versions,
  ignored: FieldSet,
): Managers | undefined {
  const {
    managers: others,
    changed,
    comparison,
  } = updateManagers(before, after, managers, versions, ignored);
  const owned = stripNeverOwned(changed);
  if (owned.isEmpty() && comparison.removed.isEmpty()) return undefined;
  if (owned.isEmpty()) return others;
  const identity = identityOfManager(self);
  const previous = others.get(identity);
  return others.set(identity, withSet(self, previous === undefined ? owned : owned.union(previous.set)));
}

/**
 * True when two objects differ in the times of their managedFields at most: a write that says nothing new, though it
 * took a detour over other spellings of the same values, shall not be stored.
 */
export function isSameButTimes(live: UnstructuredObject, updated: UnstructuredObject): boolean {
  return (
    sameButTimes(live.metadata.managedFields ?? [], updated.metadata.managedFields ?? []) &&
    deepEqual(withoutManagedFields(live), withoutManagedFields(updated))
  );
}

function sameButTimes(
  stored: readonly ManagedFieldsEntry[] | undefined,
  entries: readonly ManagedFieldsEntry[],
): boolean {
  if (stored === undefined || stored.length !== entries.length) return false;
  const untimed = (list: readonly ManagedFieldsEntry[]): unknown[] =>
    list.map(({ time: _time, ...entry }) => entry);
  return deepEqual(untimed(stored), untimed(entries));
}

function withoutManagedFields(object: UnstructuredObject): UnstructuredObject {
  if (!isObject(object.metadata) || object.metadata.managedFields === undefined) return object;
  const { managedFields: _managedFields, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function withManagedFields(object: UnstructuredObject, entries: ManagedFieldsEntry[]): UnstructuredObject {
  const { managedFields: _managedFields, ...rest } = object.metadata ?? {};
  const metadata: ObjectMeta = rest;
  if (entries.length > 0) metadata.managedFields = entries;
  return { ...object, metadata };
}
