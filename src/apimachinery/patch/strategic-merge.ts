import { deepEqual, setOwn } from "../json.ts";
import {
  asList,
  badPrimitiveList,
  badRetainKeys,
  badSetElementOrder,
  deleteFromPrimitiveListPrefix,
  directiveMarker,
  goText,
  identityOf,
  indexOfIdentity,
  isMap,
  itemKindOf,
  type JsonMap,
  lookupPatchMetadata,
  missingMergeKey,
  PatchFormatError,
  type PatchMetadata,
  retainKeysDirective,
  setElementOrderPrefix,
  sortByOrder,
  type Typed,
} from "./strategic-metadata.ts";

export interface MergeOptions {
  /**
   * True on the server, where directives are carried out. A client that merges two patches into one keeps them.
   */
  readonly mergesParallelLists: boolean;
  /** Leaves out a null whose field the original does not have. */
  readonly ignoresUnmatchedNulls: boolean;
}

/** Merges the patch into the original and returns the result. Owns, and changes, both. */
export function mergeMap(original: JsonMap, patch: JsonMap, type: Typed, options: MergeOptions): JsonMap {
  if (Object.hasOwn(patch, directiveMarker)) return followDirective(patch);
  applyRetainKeys(original, patch, options);
  applyElementOrders(original, patch, type, options);
  for (const key of Object.keys(patch)) mergeField(original, key, patch[key], type, options);
  return original;
}

/** What stands below a replacement is taken as it is, directives and nulls included. */
function followDirective(patch: JsonMap): JsonMap {
  const { [directiveMarker]: directive, ...rest } = patch;
  if (directive === "replace") return rest;
  if (directive === "delete") return {};
  throw new PatchFormatError(`unknown patch type: ${goText(directive)} in map: ${goText(patch)}`);
}

function mergeField(
  original: JsonMap,
  key: string,
  value: unknown,
  type: Typed,
  options: MergeOptions,
): void {
  const isDeleteList = key.startsWith(deleteFromPrimitiveListPrefix);
  if (isDeleteList && !options.mergesParallelLists) {
    setOwn(original, key, value);
    return;
  }
  const name = isDeleteList ? listNameOf(key, deleteFromPrimitiveListPrefix, badPrimitiveList) : key;
  if (value === null) {
    if (Object.hasOwn(original, name)) delete original[name];
    if (options.ignoresUnmatchedNulls) return;
  }
  const present = Object.hasOwn(original, name) ? original[name] : undefined;
  if (present === undefined) {
    if (!isDeleteList) setAdded(original, name, value, options);
    return;
  }
  const metadata = lookupPatchMetadata(type, name);
  if (isMap(present) && isMap(value)) {
    const merged = metadata.replaces ? value : mergeMap(present, value, metadata.type, options);
    setOwn(original, name, merged);
  } else if (Array.isArray(present) && Array.isArray(value)) {
    setOwn(original, name, mergeLists(present, value, metadata, isDeleteList, options));
  } else if (!isDeleteList) setAdded(original, name, value, options);
}

/** What a patch adds where there is nothing to merge with. */
function setAdded(original: JsonMap, name: string, value: unknown, options: MergeOptions): void {
  if (!options.mergesParallelLists) setOwn(original, name, value);
  else if (isMarked(value)) delete original[name];
  else setOwn(original, name, withoutMarked(withoutNulls(value)));
}

const isMarked = (value: unknown): boolean => isMap(value) && Object.hasOwn(value, directiveMarker);

/** Whatever bears a `$patch` is left out; the other directives stay, and are unknown fields then. */
function withoutMarked(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => !isMarked(item)).map(withoutMarked);
  if (!isMap(value)) return value;
  const result: JsonMap = {};
  for (const key of Object.keys(value)) {
    if (!isMarked(value[key])) setOwn(result, key, withoutMarked(value[key]));
  }
  return result;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isMap(value)) return value;
  const result: JsonMap = {};
  for (const key of Object.keys(value)) {
    if (value[key] !== null) setOwn(result, key, withoutNulls(value[key]));
  }
  return result;
}

const isDirective = (key: string): boolean =>
  key === directiveMarker ||
  key === retainKeysDirective ||
  key.startsWith(`${setElementOrderPrefix}/`) ||
  key.startsWith(`${deleteFromPrimitiveListPrefix}/`);

function listNameOf(key: string, prefix: string, message: string): string {
  if (!key.startsWith(`${prefix}/`)) throw new PatchFormatError(message);
  return key.slice(prefix.length + 1);
}

function applyRetainKeys(original: JsonMap, patch: JsonMap, options: MergeOptions): void {
  if (!Object.hasOwn(patch, retainKeysDirective)) return;
  const retained = patch[retainKeysDirective];
  delete patch[retainKeysDirective];
  if (!options.mergesParallelLists) {
    const present = original[retainKeysDirective];
    if (present !== undefined && !deepEqual(present, retained)) {
      throw new PatchFormatError(
        `${goText(present)} and ${goText(retained)} are not deep equal: this may happen when calculating the 3-way diff patch`,
      );
    }
    original[retainKeysDirective] = retained;
    return;
  }
  if (!Array.isArray(retained)) throw new PatchFormatError(badRetainKeys);
  const keys = new Set<unknown>(retained);
  for (const key of Object.keys(patch)) {
    if (patch[key] !== null && !isDirective(key) && !keys.has(key)) throw new PatchFormatError(badRetainKeys);
  }
  for (const key of Object.keys(original)) if (!keys.has(key)) delete original[key];
}

/** Carries out `$setElementOrder` together with the list that it orders; both leave the patch. */
function applyElementOrders(original: JsonMap, patch: JsonMap, type: Typed, options: MergeOptions): void {
  for (const key of Object.keys(patch)) {
    if (!key.startsWith(setElementOrderPrefix)) continue;
    const name = listNameOf(key, setElementOrderPrefix, badSetElementOrder);
    const order = asList(patch[key]);
    if (!options.mergesParallelLists) keepElementOrder(original, key, order);
    delete patch[key];
    mergeOrdered(original, patch, name, order, type, options);
  }
}

function keepElementOrder(original: JsonMap, key: string, order: unknown[]): void {
  if (original[key] !== undefined && !deepEqual(original[key], order)) {
    throw new PatchFormatError(badSetElementOrder);
  }
  original[key] = order;
}

function mergeOrdered(
  original: JsonMap,
  patch: JsonMap,
  name: string,
  order: readonly unknown[],
  type: Typed,
  options: MergeOptions,
): void {
  const metadata = lookupPatchMetadata(type, name);
  const present = isFilled(original[name]) ? asList(original[name]) : undefined;
  const change = isFilled(patch[name]) ? asList(patch[name]) : undefined;
  if (change !== undefined) checkOrder(change, order, metadata.mergeKey);
  if (present === undefined && change === undefined) return;
  const merged =
    present !== undefined && change !== undefined
      ? mergeLists(present, change, metadata, false, options)
      : ((present ?? withoutMarked(change)) as unknown[]);
  setOwn(original, name, ordered(merged, order, present ?? [], metadata.mergeKey));
  delete patch[name];
}

const isFilled = (value: unknown): boolean => value !== undefined && value !== null;

/** The items of the patch must stand in the order that it asks for, and be named by it. */
function checkOrder(change: readonly unknown[], order: readonly unknown[], mergeKey: string): void {
  if (change.length === 0 || order.length === 0) return;
  let position = 0;
  for (const item of change) {
    if (isMap(item) && Object.hasOwn(item, directiveMarker)) continue;
    const identity = identityOf(item, mergeKey);
    while (position < order.length && identityOf(order[position], mergeKey) !== identity) position++;
    if (position >= order.length) {
      throw new PatchFormatError(
        `The order in patch list:\n${goText(change)}\n doesn't match ${setElementOrderPrefix} list:\n${goText(order)}\n`,
      );
    }
    position++;
  }
}

/**
 * Items that the order names stand in that order, all others as they stood in the original list, and the two are
 * interleaved so that each of the others keeps its place before the first item that it preceded.
 */
function ordered(
  merged: readonly unknown[],
  order: readonly unknown[],
  serverOrder: readonly unknown[],
  mergeKey: string,
): unknown[] {
  const named = new Set(order.map((item) => identityOf(item, mergeKey)));
  const isNamed = (item: unknown): boolean => named.has(identityOf(item, mergeKey));
  const left = sortByOrder(
    merged.filter((item) => !isNamed(item)),
    serverOrder,
    mergeKey,
  );
  const right = sortByOrder(merged.filter(isNamed), order, mergeKey);
  return interleave(left, right, serverOrder, mergeKey);
}

function interleave(
  left: readonly unknown[],
  right: readonly unknown[],
  serverOrder: readonly unknown[],
  mergeKey: string,
): unknown[] {
  const positions = new Map(serverOrder.map((item, index) => [identityOf(item, mergeKey), index]));
  const result: unknown[] = [];
  let next = 0;
  for (const item of right) {
    const limit = positions.get(identityOf(item, mergeKey));
    while (next < left.length) {
      const place = positions.get(identityOf(left[next], mergeKey));
      if (limit === undefined || place === undefined || place >= limit) break;
      result.push(left[next++]);
    }
    result.push(item);
  }
  return [...result, ...left.slice(next)];
}

function mergeLists(
  original: unknown[],
  patch: unknown[],
  metadata: PatchMetadata,
  isDeleteList: boolean,
  options: MergeOptions,
): unknown[] {
  if (!metadata.merges && !isDeleteList) return patch;
  if (original.length === 0 && patch.length === 0) return original;
  if (itemKindOf(original, patch) === "scalar") {
    if (options.mergesParallelLists && isDeleteList) return original.filter((item) => !patch.includes(item));
    return ordered([...new Set([...original, ...patch])], patch, original, "");
  }
  const { mergeKey } = metadata;
  if (mergeKey === "") throw new PatchFormatError("cannot merge lists without merge key for type map");
  const { base, items } = applyItemDirectives(original, patch, mergeKey);
  const merged = mergeItems(base, items, metadata, options);
  return ordered(merged, items, base, mergeKey);
}

/** Carries out `$patch` on items: deletes what they name, or replaces the whole list. */
function applyItemDirectives(
  original: readonly unknown[],
  patch: readonly unknown[],
  mergeKey: string,
): { base: unknown[]; items: unknown[] } {
  let base = [...original];
  let replaces = false;
  const items: unknown[] = [];
  for (const item of patch) {
    const directive = isMap(item) ? item[directiveMarker] : undefined;
    if (!isMap(item) || !Object.hasOwn(item, directiveMarker)) items.push(item);
    else if (directive === "delete") {
      const identity = identityOf(item, mergeKey);
      base = base.filter((present) => !isMap(present) || present[mergeKey] !== identity);
    } else if (directive === "replace") replaces = true;
    else if (directive === "merge") {
      throw new PatchFormatError("merging lists cannot yet be specified in the patch");
    } else throw new PatchFormatError(`unknown patch type: ${goText(directive)} in map: ${goText(item)}`);
  }
  return replaces ? { base: items, items: [] } : { base, items };
}

function mergeItems(
  base: readonly unknown[],
  items: readonly unknown[],
  { itemType, mergeKey }: PatchMetadata,
  options: MergeOptions,
): unknown[] {
  const merged = [...base];
  for (const item of items) {
    if (!isMap(item) || !Object.hasOwn(item, mergeKey))
      throw missingMergeKey(isMap(item) ? item : {}, mergeKey);
    const index = indexOfIdentity(merged, item[mergeKey], mergeKey);
    const present = merged[index];
    if (isMap(present)) merged[index] = mergeMap(present, item, itemType, options);
    else merged.push(item);
  }
  return merged;
}
