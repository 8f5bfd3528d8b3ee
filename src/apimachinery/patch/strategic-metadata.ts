import { isObject } from "../json.ts";
import { resolveSchema, type Schema, type SchemaSet } from "../schema.ts";

/** What strategic merge patches know of types, and the small tools that merging and diffing share. */
export type JsonMap = Record<string, unknown>;

/** A type: undefined where nothing is known of it. */
export interface Typed {
  readonly schema: Schema | undefined;
  readonly schemas: SchemaSet;
}

export interface PatchMetadata {
  readonly type: Typed;
  /** The type of the items of a list. */
  readonly itemType: Typed;
  readonly merges: boolean;
  readonly replaces: boolean;
  readonly retainsKeys: boolean;
  /** Empty where there is none. */
  readonly mergeKey: string;
}

/** A patch that cannot be understood. */
export class PatchFormatError extends Error {
  readonly isUnprocessable: boolean;

  constructor(message: string, isUnprocessable = false) {
    super(message);
    this.isUnprocessable = isUnprocessable;
  }
}

export const directiveMarker = "$patch";
export const retainKeysDirective = "$retainKeys";
export const deleteFromPrimitiveListPrefix = "$deleteFromPrimitiveList";
export const setElementOrderPrefix = "$setElementOrder";

export const badRetainKeys = "invalid patch format of retainKeys";
export const badSetElementOrder = "invalid patch format of setElementOrder list";
export const badPrimitiveList = "invalid patch format of primitive list";

export const isMap = (value: unknown): value is JsonMap => isObject(value);

/**
 * How a field merges. The strategy may stand beside a reference or in the type that it leads to. A field that the
 * type does not have merges as one of unknown type.
 */
export function lookupPatchMetadata({ schema, schemas }: Typed, key: string): PatchMetadata {
  const parent = resolveSchema(schemas, schema);
  const field = ownProperty(parent?.properties, key) ?? parent?.values;
  const resolved = resolveSchema(schemas, field);
  const strategies = (field?.patchStrategy ?? resolved?.patchStrategy ?? "").split(",");
  return {
    type: { schema: resolved, schemas },
    itemType: { schema: resolved?.items, schemas },
    merges: strategies.includes("merge"),
    replaces: strategies.includes("replace"),
    retainsKeys: strategies.includes("retainKeys"),
    mergeKey: field?.patchMergeKey ?? resolved?.patchMergeKey ?? "",
  };
}

function ownProperty(
  properties: Readonly<Record<string, Schema>> | undefined,
  key: string,
): Schema | undefined {
  return properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : undefined;
}

/** How Go prints a value in a message, and the text that scalars sort by. */
export function goText(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  if (!isMap(value)) return typeof value === "string" ? value : JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${key}:${goText(value[key])}`);
  return `map[${members.join(" ")}]`;
}

export function missingMergeKey(map: JsonMap, mergeKey: string): PatchFormatError {
  return new PatchFormatError(`map: ${goText(map)} does not contain declared merge key: ${mergeKey}`);
}

export type ItemKind = "map" | "scalar";

/** The kind of all items; undefined when there are none. Throws when they differ or are lists. */
export function itemKindOf(...lists: (readonly unknown[])[]): ItemKind | undefined {
  let first: string | undefined;
  for (const item of lists.flat()) {
    if (Array.isArray(item)) throw new PatchFormatError("lists of lists are not supported", true);
    const kind = isMap(item) ? "map" : item === null ? "null" : typeof item;
    first ??= kind;
    if (kind !== first) {
      throw new PatchFormatError(`list element types are not identical: ${goText(lists)}`);
    }
  }
  return first === undefined ? undefined : first === "map" ? "map" : "scalar";
}

export function asList(value: unknown): unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  throw new PatchFormatError(
    `expected a []interface {}, but received a ${isMap(value) ? "map[string]interface {}" : typeof value}`,
  );
}

/** The value that identifies an item: its merge key's, or the item itself. */
export function identityOf(item: unknown, mergeKey: string): unknown {
  if (mergeKey === "") return item;
  if (!isMap(item)) throw new PatchFormatError("expected a map[string]interface {} in a merging list");
  if (!Object.hasOwn(item, mergeKey)) throw missingMergeKey(item, mergeKey);
  return item[mergeKey];
}

/** The index of the item with that identity, or -1. */
export function indexOfIdentity(list: readonly unknown[], identity: unknown, mergeKey: string): number {
  return list.findIndex((item) => {
    if (mergeKey === "") return item === identity;
    return isMap(item) && item[mergeKey] === identity;
  });
}

const isDeletion = (item: unknown): boolean => isMap(item) && item[directiveMarker] === "delete";

/** Items in the order of the other list; deletions at the end. Items that it does not name come first. */
export function sortByOrder(
  items: readonly unknown[],
  order: readonly unknown[],
  mergeKey: string,
): unknown[] {
  const positions = new Map(order.map((item, index) => [identityOf(item, mergeKey), index]));
  const rank = (item: unknown): number => positions.get(identityOf(item, mergeKey)) ?? -1;
  const kept = items.filter((item) => !isDeletion(item));
  const deletions = items.filter(isDeletion);
  return [...kept.toSorted((a, b) => rank(a) - rank(b)), ...deletions];
}
