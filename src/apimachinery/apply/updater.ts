import { newApplyConflict } from "../status.ts";
import { type Comparison, compareObjects, excludeFields } from "./compare.ts";
import { FieldSet, formatFieldPath } from "./field-set.ts";
import type { Manager, Managers } from "./managers.ts";
import { identityOfManager, stripNeverOwned, withSet } from "./managers.ts";
import type { MergeType } from "./merge-type.ts";
import { mergeTyped, removeItems, withNamedFields } from "./merge-typed.ts";
import { fieldSetOf } from "./to-field-set.ts";

/** The rules of ownership, as merge.Updater of sigs.k8s.io/structured-merge-diff has them. */
export interface Conflict {
  readonly identity: string;
  readonly manager: Manager;
  readonly path: readonly string[];
}

/** Somebody else owns what was to be changed. */
export class ConflictError extends Error {
  readonly conflicts: readonly Conflict[];

  constructor(conflicts: readonly Conflict[]) {
    super(conflictMessage(conflicts));
    this.conflicts = conflicts;
  }
}

/**
 * Takes what has changed away from all other managers; without `force`, changing what another owns throws
 * ConflictError. Managers that own nothing any more are gone. Returns a new map.
 */
export function takeOwnership(
  comparison: Comparison,
  managers: Managers,
  self: string,
  force: boolean,
): Managers {
  const changed = comparison.modified.union(comparison.added);
  const result: Managers = new Map();
  const conflicts: Conflict[] = [];
  for (const [identity, manager] of managers) {
    if (identity === self) {
      if (!manager.set.isEmpty()) result.set(identity, manager);
      continue;
    }
    const contested = changed.isEmpty() ? FieldSet.empty : manager.set.intersection(changed);
    if (!force) conflicts.push(...contested.paths().map((path) => ({ identity, manager, path })));
    const left = manager.set.difference(contested).difference(comparison.removed);
    if (!left.isEmpty()) result.set(identity, left === manager.set ? manager : withSet(manager, left));
  }
  if (conflicts.length > 0) throw new ConflictError(sortConflicts(conflicts));
  return result;
}

function sortConflicts(conflicts: readonly Conflict[]): Conflict[] {
  return conflicts.toSorted((a, b) => (a.identity < b.identity ? -1 : a.identity > b.identity ? 1 : 0));
}

/** What an update changes, and the managers that it leaves to the others. */
export function updateManagers(
  before: unknown,
  after: unknown,
  managers: Managers,
  type: MergeType,
  ignored: FieldSet,
): { managers: Managers; changed: FieldSet; comparison: Comparison } {
  const comparison = excludeFields(compareObjects(before, after, type), ignored);
  const updated = takeOwnership(comparison, managers, "", true);
  return { managers: updated, changed: comparison.modified.union(comparison.added), comparison };
}

export interface Applied {
  readonly object: unknown;
  readonly managers: Managers;
}

/** Merges a configuration into the live object, removes what its manager gave up, and settles ownership. */
export function applyConfiguration(
  live: unknown,
  configuration: unknown,
  managers: Managers,
  applier: Omit<Manager, "set">,
  type: MergeType,
  ignored: FieldSet,
  force: boolean,
): Applied {
  const identity = identityOfManager(applier);
  const last = managers.get(identity);
  const set = fieldSetOf(configuration, type).recursiveDifference(ignored);
  const isSameSet = last?.set.equals(stripNeverOwned(set)) === true;
  const kept: Manager = isSameSet
    ? { ...last, apiVersion: applier.apiVersion }
    : { ...applier, time: last?.time, set };
  const all: Managers = new Map(managers).set(identity, kept);
  const merged = mergeTyped(live, configuration, type);
  const object = last === undefined || isSameSet ? merged : prune(merged, all, last.set, kept.set, type);
  const comparison = excludeFields(compareObjects(live, object, type), ignored);
  return { object, managers: takeOwnership(comparison, all, identity, force) };
}

/**
 * Removes items and fields that the applier applied last time and not this time, unless another manager claims them,
 * applier or not. What nobody ever applied stays.
 */
function prune(
  merged: unknown,
  managers: Managers,
  last: FieldSet,
  current: FieldSet,
  type: MergeType,
): unknown {
  if (last.difference(current).isEmpty()) return merged;
  const lastNamed = withNamedFields(last, type);
  let managed = FieldSet.empty;
  for (const { set } of managers.values()) managed = managed.union(set);
  const mergedSet = withNamedFields(fieldSetOf(merged, type), type);
  const setOf = (value: unknown): FieldSet => withNamedFields(fieldSetOf(value, type), type);

  const withoutLast = removeItems(merged, lastNamed, type);
  const owned = setOf(withoutLast).union(withNamedFields(managed, type));
  const withOwned = removeItems(merged, mergedSet.difference(owned), type);
  return removeItems(merged, mergedSet.difference(setOf(withOwned)).intersection(lastNamed), type);
}

/** 409 with a cause per field, in the words of the API server. */
export function newConflictStatus({ conflicts }: ConflictError): Error {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${describeManager(manager)}`,
    field: formatFieldPath(path),
  }));
  return newApplyConflict(causes, conflictMessage(conflicts));
}

function conflictMessage(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (first !== undefined && conflicts.length === 1) {
    const where = formatFieldPath(first.path);
    return `Apply failed with 1 conflict: conflict with ${describeManager(first.manager)}: ${where}`;
  }
  const lines: string[] = [];
  let current = "";
  for (const { identity, manager, path } of conflicts) {
    if (identity !== current) lines.push(`conflicts with ${describeManager(manager)}:`);
    current = identity;
    lines.push(`- ${formatFieldPath(path)}`);
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join("\n")}`;
}

function describeManager({ manager, operation, apiVersion, subresource }: Manager): string {
  const name = JSON.stringify(manager);
  const where = subresource === "" ? name : `${name} with subresource ${JSON.stringify(subresource)}`;
  return operation === "Update" ? `${where} using ${apiVersion}` : where;
}
