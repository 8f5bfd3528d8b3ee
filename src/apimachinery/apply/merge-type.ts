import { isNeverFilled } from "../go-fields.ts";
import { isObject } from "../json.ts";
import { resolveSchema, type Schema, type SchemaSet } from "../schema.ts";

/**
 * A type as server-side apply sees it: what owns a value as a whole and what is owned part by part.
 * Untyped values are owned part by part where unknown fields are preserved ("deduced"), else as a whole.
 */
export type MergeType = ScalarType | ListType | MapType | UntypedType;

export interface ScalarType {
  readonly kind: "scalar";
  readonly scalar: "string" | "number" | "boolean" | "any";
}

export interface ListType {
  readonly kind: "list";
  /** `atomic`, or items identified by their keys or, in a set, by their value. */
  readonly relationship: "atomic" | "map" | "set";
  readonly keys: readonly string[];
  /** What a key that an item does not have stands for. */
  readonly keyDefaults: Readonly<Record<string, unknown>>;
  readonly item: () => MergeType;
}

export interface MapType {
  readonly kind: "map";
  readonly isAtomic: boolean;
  /** The declared field of that name; undefined for keys of maps. */
  readonly field: (name: string) => MergeType | undefined;
  /** The type of keys that are no fields; undefined where there must be none. */
  readonly values: () => MergeType | undefined;
}

export interface UntypedType {
  readonly kind: "untyped";
  readonly isDeduced: boolean;
}

const deduced: UntypedType = { kind: "untyped", isDeduced: true };
const untypedAtomic: UntypedType = { kind: "untyped", isDeduced: false };
const anyScalar: ScalarType = { kind: "scalar", scalar: "any" };
const deducedMap: MapType = {
  kind: "map",
  isAtomic: false,
  field: () => undefined,
  values: () => deduced,
};
const untypedMap: MapType = { ...deducedMap, values: () => untypedAtomic };
const atomicMap: MapType = { ...deducedMap, isAtomic: true };
const atomicList: ListType = {
  kind: "list",
  relationship: "atomic",
  keys: [],
  keyDefaults: {},
  item: () => untypedAtomic,
};

/** Which shape an untyped value takes; null and absence take the shape of the other side. */
export function shapeOf(type: MergeType, ...values: readonly unknown[]): ScalarType | ListType | MapType {
  if (type.kind !== "untyped") return type;
  const value = values.find((candidate) => candidate !== undefined && candidate !== null);
  if (Array.isArray(value)) return atomicList;
  if (isObject(value)) return type.isDeduced ? deducedMap : atomicMap;
  return anyScalar;
}

const cache = new WeakMap<SchemaSet, WeakMap<Schema, MergeType>>();

/** The type of a schema, made once per schema. Nothing known of a whole object: its type is deduced. */
export function mergeTypeOf(schemas: SchemaSet, schema: Schema | undefined): MergeType {
  if (schema === undefined) return deduced;
  let types = cache.get(schemas);
  if (types === undefined) {
    types = new WeakMap();
    cache.set(schemas, types);
  }
  let type = types.get(schema);
  if (type === undefined) {
    type = buildType(schemas, schema);
    types.set(schema, type);
  }
  return type;
}

const scalarNames = new Set(["Quantity", "Time", "MicroTime", "IntOrString"]);

function buildType(schemas: SchemaSet, schema: Schema): MergeType {
  const name = schema.ref?.slice(schema.ref.lastIndexOf(".") + 1) ?? "";
  if (scalarNames.has(name)) return anyScalar;
  // Of an object that is kept as it came nobody knows the parts.
  if (name === "RawExtension") return untypedAtomic;
  const resolved = resolveSchema(schemas, schema);
  if (resolved === undefined) return deduced;
  if (resolved.intOrString === true || resolved.format === "int-or-string") return anyScalar;
  switch (resolved.type) {
    case "string":
      return { kind: "scalar", scalar: resolved.format === "quantity" ? "any" : "string" };
    case "integer":
    case "number":
      return { kind: "scalar", scalar: "number" };
    case "boolean":
      return { kind: "scalar", scalar: "boolean" };
    case "array":
      return buildList(schemas, schema, resolved);
    case "object":
      return buildMap(schemas, schema, resolved);
    default:
      return resolved.properties === undefined ? untypedOf(resolved) : buildMap(schemas, schema, resolved);
  }
}

const untypedOf = (schema: Schema): MergeType =>
  schema.preserveUnknownFields === true ? deduced : untypedAtomic;

function buildList(schemas: SchemaSet, schema: Schema, resolved: Schema): ListType {
  const listType = schema.listType ?? resolved.listType;
  const mergeKey = schema.patchMergeKey ?? resolved.patchMergeKey;
  const merges = (schema.patchStrategy ?? resolved.patchStrategy ?? "").split(",").includes("merge");
  const fallback = !merges ? "atomic" : mergeKey === undefined ? "set" : "map";
  const relationship = listType ?? fallback;
  const declared = schema.listMapKeys ?? resolved.listMapKeys ?? (mergeKey === undefined ? [] : [mergeKey]);
  const keys = relationship === "map" ? declared.toSorted() : [];
  return {
    kind: "list",
    relationship,
    keys,
    keyDefaults: keyDefaultsOf(schemas, resolved.items, keys),
    item: () => mergeTypeOf(schemas, resolved.items ?? {}),
  };
}

/** A zero in the facts says what Go prints, not what an absent key means, unless Go does not print it. */
function keyDefaultsOf(
  schemas: SchemaSet,
  items: Schema | undefined,
  keys: readonly string[],
): Readonly<Record<string, unknown>> {
  if (keys.length === 0) return {};
  const properties = resolveSchema(schemas, items)?.properties ?? {};
  const defaults = keys.map((key): [string, unknown] => [key, properties[key]?.default]);
  return Object.fromEntries(
    defaults.filter(
      ([key, value]) =>
        value !== undefined && ((value !== "" && value !== 0) || isNeverFilled(items?.ref ?? "", key)),
    ),
  );
}

function buildMap(schemas: SchemaSet, schema: Schema, resolved: Schema): MapType {
  const { properties, values } = resolved;
  const isAtomic = (schema.mapType ?? resolved.mapType) === "atomic";
  const preserves = resolved.preserveUnknownFields === true;
  if (properties === undefined && values === undefined) {
    return isAtomic ? atomicMap : preserves ? deducedMap : untypedMap;
  }
  // Every field of every write is looked up here.
  const fields = new Map<string, MergeType>();
  const resolveField = (name: string): MergeType | undefined => {
    if (properties === undefined || !Object.hasOwn(properties, name)) return undefined;
    const type = mergeTypeOf(schemas, properties[name]);
    fields.set(name, type);
    return type;
  };
  return {
    kind: "map",
    isAtomic,
    field: (name) => fields.get(name) ?? resolveField(name),
    values: () => (values !== undefined ? mergeTypeOf(schemas, values) : preserves ? deduced : undefined),
  };
}

/** The type of a member, whether it is a field or a key. */
export function memberType(type: MapType, name: string): MergeType {
  return type.field(name) ?? type.values() ?? untypedAtomic;
}

/** The step that leads to an item of a list that is not atomic; undefined when the item lacks a key. */
export function stepOfItem(type: ListType, item: unknown): string | undefined {
  if (type.relationship === "set") return `v:${canonicalJson(item)}`;
  if (!isObject(item)) return undefined;
  const parts: string[] = [];
  for (const key of type.keys) {
    const value = item[key] ?? type.keyDefaults[key];
    if (value === undefined) continue;
    parts.push(`${JSON.stringify(key)}:${canonicalJson(value)}`);
  }
  return parts.length === 0 ? undefined : `k:{${parts.join(",")}}`;
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value ?? null);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`);
  return `{${members.join(",")}}`;
}
