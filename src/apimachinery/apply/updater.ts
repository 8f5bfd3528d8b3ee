import { newApplyConflict } from "../status.ts";
import type { Comparison } from "./compare.ts";
import { FieldSet, formatFieldPath } from "./field-set.ts";
import type { Manager, Managers } from "./managers.ts";
import { identityOfManager, stripNeverOwned, withSet } from "./managers.ts";
import type { MergeType } from "./merge-type.ts";
import { mergeTyped, removeItems, withNamedFields } from "./merge-typed.ts";
import type { Versions } from "./other-versions.ts";
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
 * ConflictError. Managers that own nothing any more are gone. What has changed is asked for in the version of each manager.
 * Returns a new map.
 */
export function takeOwnership(
  comparisonIn: (apiVersion: string) => Comparison,
  managers: Managers,
  self: string,
  force: boolean,
): Managers {
  const result: Managers = new Map();
  const conflicts: Conflict[] = [];
  for (const [identity, manager] of managers) {
    if (identity === self) {
      if (!manager.set.isEmpty()) result.set(identity, manager);
      continue;
    }
    const comparison = comparisonIn(manager.apiVersion);
    const changed = comparison.modified.union(comparison.added);
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
  versions: Versions,
  ignored: FieldSet,
): { managers: Managers; changed: FieldSet; comparison: Comparison } {
  const comparisonIn = versions.comparisons(before, after, ignored);
  const comparison = comparisonIn(versions.own);
  const updated = takeOwnership(comparisonIn, managers, "", true);
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
  versions: Versions,
  ignored: FieldSet,
  force: boolean,
): Applied {
  const type = versions.typeIn(applier.apiVersion);
  const identity = identityOfManager(applier);
  const last = managers.get(identity);
  const set = fieldSetOf(configuration, type).recursiveDifference(ignored);
  const isSameVersion = last?.apiVersion === applier.apiVersion;
  const isSameSet = isSameVersion && last.set.equals(stripNeverOwned(set));
  const kept: Manager = isSameSet ? last : { ...applier, time: last?.time, set };
  const all: Managers = new Map(managers).set(identity, kept);
  const merged = mergeTyped(live, configuration, type);
  const isWhole = last === undefined || (isSameVersion && last.set.difference(kept.set).isEmpty());
  const object = isWhole ? merged : prune(merged, all, last, versions);
  const comparisonIn = versions.comparisons(live, object, ignored);
  return { object, managers: takeOwnership(comparisonIn, all, identity, force) };
}

/**
 * Removes items and fields that the applier applied last time and not this time, unless another manager claims them,
 * applier or not. What nobody ever applied stays.
 */
function prune(merged: unknown, managers: Managers, last: Manager, versions: Versions): unknown {
  const type = versions.typeIn(last.apiVersion);
  const lastNamed = withNamedFields(last.set, type);
  const whole = versions.convert(merged, last.apiVersion);
  let pruned = removeItems(whole, lastNamed, type);
  for (const [apiVersion, managed] of ownedByVersion(managers, last.apiVersion, versions))
    pruned = addBack(merged, pruned, apiVersion, managed, versions);
  const left = namedFieldsOf(versions.convert(pruned, last.apiVersion), type);
  const gone = namedFieldsOf(whole, type).difference(left).intersection(lastNamed);
  return versions.convert(removeItems(whole, gone, type), versions.own);
}

const namedFieldsOf = (value: unknown, type: MergeType): FieldSet =>
  withNamedFields(fieldSetOf(value, type), type);

/** What managers own in each version; that of the last configuration first, where most of what was removed is from. */
function ownedByVersion(
  managers: Managers,
  first: string,
  versions: Versions,
): ReadonlyMap<string, FieldSet> {
  const owned = new Map([[first, FieldSet.empty]]);
  for (const { apiVersion, set } of managers.values()) {
    const known = [...owned.keys()].find((each) => versions.isSame(each, apiVersion)) ?? apiVersion;
    owned.set(known, (owned.get(known) ?? FieldSet.empty).union(set));
  }
  return owned;
}

/** Puts back what was removed and is owned in this version; the result is in this version. */
function addBack(
  merged: unknown,
  pruned: unknown,
  apiVersion: string,
  managed: FieldSet,
  versions: Versions,
): unknown {
  const type = versions.typeIn(apiVersion);
  const whole = versions.convert(merged, apiVersion);
  const kept = namedFieldsOf(versions.convert(pruned, apiVersion), type).union(
    withNamedFields(managed, type),
  );
  return removeItems(whole, namedFieldsOf(whole, type).difference(kept), type);
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
