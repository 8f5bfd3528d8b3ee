import { deepEqual, setOwn } from "../json.ts";
import {
  deleteFromPrimitiveListPrefix,
  directiveMarker,
  goText,
  identityOf,
  isMap,
  itemKindOf,
  type JsonMap,
  lookupPatchMetadata,
  type PatchMetadata,
  retainKeysDirective,
  setElementOrderPrefix,
  sortByOrder,
  type Typed,
} from "./strategic-metadata.ts";

export interface DiffOptions {
  /** Writes `$setElementOrder` beside lists that change. */
  readonly setsElementOrder: boolean;
  /** Leaves out what was added or changed. */
  readonly ignoresChanges: boolean;
  /** Leaves out what was taken away. */
  readonly ignoresDeletions: boolean;
  /** Writes `$retainKeys` into this map. */
  readonly buildsRetainKeys: boolean;
}

/** The strategic merge patch that leads from one map to the other. */
export function diffMaps(original: JsonMap, modified: JsonMap, type: Typed, options: DiffOptions): JsonMap {
  const patch: JsonMap = {};
  for (const key of Object.keys(modified)) diffField(patch, key, original, modified, type, options);
  if (!options.ignoresDeletions) {
    for (const key of Object.keys(original)) if (!Object.hasOwn(modified, key)) setOwn(patch, key, null);
  }
  if (options.buildsRetainKeys) addRetainKeys(patch, original, modified);
  return patch;
}

function addRetainKeys(patch: JsonMap, original: JsonMap, modified: JsonMap): void {
  const retained = Object.keys(modified).filter((key) => modified[key] !== null);
  const clears = Object.keys(original).some((key) => original[key] !== null && !Object.hasOwn(modified, key));
  if (retained.length > 0 && (Object.keys(patch).length > 0 || clears)) {
    patch[retainKeysDirective] = retained.sort();
  }
}

function diffField(
  patch: JsonMap,
  key: string,
  original: JsonMap,
  modified: JsonMap,
  type: Typed,
  options: DiffOptions,
): void {
  const after = modified[key];
  const before = Object.hasOwn(original, key) ? original[key] : undefined;
  if (isMap(before) && isMap(after)) {
    diffMapField(patch, key, before, after, lookupPatchMetadata(type, key), options);
  } else if (Array.isArray(before) && Array.isArray(after)) {
    diffListField(patch, key, before, after, lookupPatchMetadata(type, key), options);
  } else if (!options.ignoresChanges && (before === undefined || !deepEqual(before, after))) {
    setOwn(patch, key, after);
  }
}

function diffMapField(
  patch: JsonMap,
  key: string,
  before: JsonMap,
  after: JsonMap,
  metadata: PatchMetadata,
  options: DiffOptions,
): void {
  if (metadata.replaces) {
    if (!options.ignoresChanges) setOwn(patch, key, after);
    return;
  }
  const change = diffMaps(before, after, metadata.type, {
    ...options,
    buildsRetainKeys: metadata.retainsKeys,
  });
  if (Object.keys(change).length > 0) setOwn(patch, key, change);
}

function diffListField(
  patch: JsonMap,
  key: string,
  before: readonly unknown[],
  after: readonly unknown[],
  metadata: PatchMetadata,
  options: DiffOptions,
): void {
  if (!metadata.merges) {
    if (!options.ignoresChanges && !deepEqual(before, after)) setOwn(patch, key, after);
    return;
  }
  const { additions, deletions, order } = diffLists(before, after, metadata, {
    ...options,
    buildsRetainKeys: metadata.retainsKeys,
  });
  if (additions.length > 0) setOwn(patch, key, additions);
  if (deletions.length > 0) patch[`${deleteFromPrimitiveListPrefix}/${key}`] = deletions;
  if (order.length > 0) patch[`${setElementOrderPrefix}/${key}`] = order;
}

interface ListDiff {
  readonly additions: readonly unknown[];
  /** Scalars only: items of merging lists are deleted by a directive among the additions. */
  readonly deletions: readonly unknown[];
  readonly order: readonly unknown[];
}

const nothing: readonly unknown[] = [];

function diffLists(
  before: readonly unknown[],
  after: readonly unknown[],
  metadata: PatchMetadata,
  options: DiffOptions,
): ListDiff {
  if (before.length === 0) {
    return { additions: options.ignoresChanges ? nothing : after, deletions: nothing, order: nothing };
  }
  return itemKindOf(before, after) === "map"
    ? diffListsOfMaps(before, after, metadata, options)
    : diffListsOfScalars(before, after, options);
}

const byText = (a: unknown, b: unknown): number => {
  const left = goText(a);
  const right = goText(b);
  return left < right ? -1 : left > right ? 1 : 0;
};

function diffListsOfScalars(
  before: readonly unknown[],
  after: readonly unknown[],
  options: DiffOptions,
): ListDiff {
  const additions = options.ignoresChanges ? [] : after.filter((item) => !before.includes(item));
  const deletions = options.ignoresDeletions
    ? []
    : [...new Set(before)].filter((item) => !after.includes(item));
  const changes =
    (!options.ignoresDeletions && deletions.length > 0) ||
    (!options.ignoresChanges && !deepEqual(before, after));
  return {
    additions,
    deletions: deletions.sort(byText),
    order: options.setsElementOrder && changes ? after : nothing,
  };
}

function diffListsOfMaps(
  before: readonly unknown[],
  after: readonly unknown[],
  { itemType, mergeKey }: PatchMetadata,
  options: DiffOptions,
): ListDiff {
  const old = new Map(before.map((item) => [goText(identityOf(item, mergeKey)), item]));
  const kept = new Set(after.map((item) => goText(identityOf(item, mergeKey))));
  const changes: unknown[] = [];
  for (const item of after) {
    const identity = identityOf(item, mergeKey);
    const present = old.get(goText(identity));
    if (isMap(present) && isMap(item)) {
      const change = diffMaps(present, item, itemType, options);
      if (Object.keys(change).length > 0) changes.push({ ...change, [mergeKey]: identity });
    } else if (!options.ignoresChanges) changes.push(item);
  }
  const deletions = options.ignoresDeletions
    ? []
    : before
        .map((item) => identityOf(item, mergeKey))
        .filter((identity) => !kept.has(goText(identity)))
        .sort(byText)
        .map((identity) => ({ [mergeKey]: identity, [directiveMarker]: "delete" }));
  const additions = [...sortByOrder(changes, after, mergeKey), ...deletions];
  const isSameOrder =
    before.length === after.length &&
    after.every((item, index) => identityOf(item, mergeKey) === identityOf(before[index], mergeKey));
  const changed =
    (!options.ignoresChanges && (additions.length > 0 || !isSameOrder)) ||
    (!options.ignoresDeletions && additions.length > 0);
  const order =
    options.setsElementOrder && changed
      ? after.map((item) => ({ [mergeKey]: identityOf(item, mergeKey) }))
      : nothing;
  return { additions, deletions: nothing, order };
}
