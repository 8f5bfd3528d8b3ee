import { decodeObject } from "./decode.ts";
import { isObject } from "./json.ts";
import type { Schema, SchemaSet } from "./schema.ts";
import { StatusError } from "./status.ts";

/**
 * Why the result of a strategic merge patch is none of its kind, in Kubernetes' words. Go holds such a result as a map and
 * copies it into the struct of the kind without any JSON between, so that its faults read otherwise than those of the
 * decoder: they name no field, and a number where a text belongs is not the same fault as a list there.
 *
 * It is asked only where the decoder refused the value, so it may take its time; undefined when it finds nothing wrong.
 */
export function conversionFault(schemas: SchemaSet, schemaName: string, value: unknown): string | undefined {
  return faultOf(schemas, { ref: schemaName }, value);
}

function faultOf(schemas: SchemaSet, schema: Schema, value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (schema.ref !== undefined) {
    if (readsItself.has(schema.ref.slice(schema.ref.lastIndexOf(".") + 1)))
      return ownFault(schemas, schema, value);
    const named = schemas.get(schema.ref);
    return named === undefined ? undefined : faultOf(schemas, named, value);
  }
  if (schema.intOrString === true || ownFormats.has(schema.format ?? ""))
    return ownFault(schemas, schema, value);
  switch (schema.type) {
    case "string":
      return schema.format === "byte" ? bytesFault(schemas, schema, value) : scalarFault(value, "string");
    case "boolean":
      return scalarFault(value, "bool");
    case "integer":
      return scalarFault(value, schema.format === "int64" ? "int64" : "int32");
    case "number":
      return scalarFault(value, "float64");
    case "array":
      return Array.isArray(value)
        ? firstFault(value, (item) => faultOf(schemas, schema.items ?? {}, item))
        : `cannot restore slice from ${goKindOf(value)}`;
    case "object":
      return objectFault(schemas, schema, value);
    default:
      return schema.properties === undefined ? undefined : objectFault(schemas, schema, value);
  }
}

/** Types that Go asks to read themselves, out of JSON after all. */
const readsItself = new Set([
  "Quantity",
  "Time",
  "MicroTime",
  "IntOrString",
  "RawExtension",
  "FieldsV1",
  "JSON",
]);
const ownFormats = new Set(["int-or-string", "quantity", "date-time"]);

/** They know nothing of where they stand: their words are those of a value alone. */
function ownFault(schemas: SchemaSet, schema: Schema, value: unknown): string | undefined {
  try {
    decodeObject(schemas, schema, value);
    return undefined;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return error.cause instanceof Error ? error.cause.message : error.message;
  }
}

function objectFault(schemas: SchemaSet, { properties, values }: Schema, value: unknown): string | undefined {
  if (properties === undefined && values !== undefined) {
    if (!isObject(value)) return `cannot restore map from ${goKindOf(value)}`;
    return firstFault(Object.values(value), (member) => faultOf(schemas, values, member));
  }
  if (!isObject(value)) return `cannot restore struct from: ${goKindOf(value)}`;
  // Of several faults the first in the order of the type's own fields counts, not of the patch.
  return firstFault(Object.entries(properties ?? {}), ([name, property]) =>
    Object.hasOwn(value, name) ? faultOf(schemas, property, value[name]) : undefined,
  );
}

function bytesFault(schemas: SchemaSet, schema: Schema, value: unknown): string | undefined {
  if (Array.isArray(value)) return firstFault(value, (item) => scalarFault(item, "uint8"));
  if (typeof value !== "string") return `cannot restore slice from ${goKindOf(value)}`;
  const fault = ownFault(schemas, schema, value);
  return fault === undefined ? undefined : `error decoding from json: ${fault}`;
}

type ScalarType = "string" | "bool" | "int32" | "int64" | "float64" | "uint8";

/** Go can make a text of a whole number, which is not what is meant; of anything else it has never heard. */
function scalarFault(value: unknown, type: ScalarType): string | undefined {
  const kind = goKindOf(value);
  switch (type) {
    case "string":
      if (kind === "string") return undefined;
      return kind === "int64" ? "cannot convert int64 to string" : "unrecognized type: string";
    case "bool":
      return kind === "bool" ? undefined : "unrecognized type: bool";
    case "float64":
      return kind === "int64" || kind === "float64" ? undefined : "unrecognized type: float64";
    default:
      if (kind === "int64") return undefined;
      return kind === "float64" ? `cannot convert float64 to ${type}` : `unrecognized type: ${type}`;
  }
}

/** What Go holds a JSON value in. */
function goKindOf(value: unknown): string {
  if (Array.isArray(value)) return "slice";
  switch (typeof value) {
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "number":
      return Number.isInteger(value) ? "int64" : "float64";
    default:
      return "map";
  }
}

function firstFault<T>(items: readonly T[], fault: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = fault(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The value with integers that are too large for their field cut to its 32 bits: so much Go keeps of them where it copies
 * them without any JSON between. The very same value when there are none.
 */
export function withCutIntegers(schemas: SchemaSet, schemaName: string, value: unknown): unknown {
  return cut(schemas, { ref: schemaName }, value);
}

function cut(schemas: SchemaSet, schema: Schema, value: unknown): unknown {
  if (schema.ref !== undefined) {
    const named = schemas.get(schema.ref);
    return named === undefined ? value : cut(schemas, named, value);
  }
  if (typeof value === "number") {
    const is32Bits = schema.type === "integer" && schema.format !== "int64";
    return is32Bits && Number.isSafeInteger(value) ? Number(BigInt.asIntN(32, BigInt(value))) : value;
  }
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return value;
    const list = value.map((item) => cut(schemas, items, item));
    return list.some((item, index) => item !== value[index]) ? list : value;
  }
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([name, member]): [string, unknown] => {
    const property = schema.properties?.[name] ?? schema.values;
    return [name, property === undefined ? member : cut(schemas, property, member)];
  });
  return entries.some(([name, member]) => member !== value[name]) ? Object.fromEntries(entries) : value;
}
