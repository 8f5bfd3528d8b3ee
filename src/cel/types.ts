/**
 * The types of the expression language. A type says what the checker may assume of a value; types made from a schema
 * also say how the plain JSON below them is to be read (`field.type`, `listType`, formats) and how large a value may
 * grow (`maxElements`), which the cost estimate needs.
 */
export type CelKind =
  | "dyn"
  | "any"
  | "null_type"
  | "bool"
  | "int"
  | "uint"
  | "double"
  | "string"
  | "bytes"
  | "timestamp"
  | "duration"
  | "list"
  | "map"
  | "struct"
  | "opaque"
  | "type"
  | "typeParam"
  | "error";

/** How plain JSON is read where the type alone does not say it. */
export type JsonReading =
  | "date"
  | "date-time"
  | "int-or-string"
  /** Claims of a token: every number is a double, and escaped names find what they stand for at every level. */
  | "claims";

export interface CelField {
  /** The name in JSON; the name in expressions may be an escaped one. */
  readonly jsonName: string;
  readonly type: CelType;
}

export interface CelType {
  readonly kind: CelKind;
  /** What `type(x)` prints: `int`, `google.protobuf.Timestamp`, the name of a struct. */
  readonly name: string;
  /** Element of a list, key and value of a map, parameters of opaque types, the type of a `type`. */
  readonly params: readonly CelType[];
  /** Of a struct: fields by the (escaped) name that expressions use. Absent: the struct has no fields to select. */
  readonly fields?: ReadonlyMap<string, CelField>;
  /** Lists of `x-kubernetes-list-type` set and map compare and add as such. */
  readonly listType?: "set" | "map";
  readonly listMapKeys?: readonly string[];
  readonly reading?: JsonReading;
  /** The largest number of elements, characters or entries that a valid value can have; for the cost estimate. */
  readonly maxElements?: number;
  /** The least number of bytes that a valid value takes as JSON; limits how many fit into one request. */
  readonly minSize?: number;
  /** A JSON null is a value (`nullable: true`) rather than an error. */
  readonly nullable?: boolean;
}

const none: readonly CelType[] = [];

function simple(kind: CelKind, name: string, minSize: number): CelType {
  return { kind, name, params: none, minSize };
}

export const dynType = simple("dyn", "dyn", 1);
export const anyType = simple("any", "google.protobuf.Any", 1);
export const nullType = simple("null_type", "null_type", 4);
export const boolType = simple("bool", "bool", 4);
export const intType = simple("int", "int", 1);
export const uintType = simple("uint", "uint", 1);
export const doubleType = simple("double", "double", 1);
export const stringType = simple("string", "string", 2);
export const bytesType = simple("bytes", "bytes", 2);
export const timestampType = simple("timestamp", "google.protobuf.Timestamp", 12);
export const durationType = simple("duration", "google.protobuf.Duration", 3);
export const errorType = simple("error", "error", 0);
/** The type of types, without saying which. */
export const typeType = simple("type", "type", 0);

export function listType(element: CelType): CelType {
  return { kind: "list", name: "list", params: [element], minSize: 2 };
}

export function mapType(key: CelType, value: CelType): CelType {
  return { kind: "map", name: "map", params: [key, value], minSize: 2 };
}

export function typeOf(type: CelType): CelType {
  return { kind: "type", name: "type", params: [type] };
}

export function typeParam(name: string): CelType {
  return { kind: "typeParam", name, params: none };
}

export function opaqueType(name: string, ...params: CelType[]): CelType {
  return { kind: "opaque", name, params };
}

export function optionalType(value: CelType): CelType {
  return opaqueType("optional_type", value);
}

/** A struct of a name with the fields that expressions may select; field names as expressions write them. */
export function structType(name: string, fields: Readonly<Record<string, CelType>>): CelType {
  const entries = Object.entries(fields).map(([field, type]) => [field, { jsonName: field, type }] as const);
  return { kind: "struct", name, params: none, fields: new Map(entries), minSize: 2 };
}

/** The same type with an upper bound on its elements, characters or entries. */
export function withMaxElements(type: CelType, maxElements: number): CelType {
  return { ...type, maxElements };
}

export function isDyn(type: CelType): boolean {
  return type.kind === "dyn" || type.kind === "any";
}

export function isOptional(type: CelType): boolean {
  return type.kind === "opaque" && type.name === "optional_type";
}

/** The types are the same, whatever their annotations are. */
export function sameType(a: CelType, b: CelType): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind || a.name !== b.name || a.params.length !== b.params.length) return false;
  return a.params.every((param, index) => {
    const other = b.params[index];
    return other !== undefined && sameType(param, other);
  });
}

const messageNames: Partial<Record<CelKind, string>> = {
  any: "any",
  duration: "duration",
  timestamp: "timestamp",
  error: "!error!",
  null_type: "null",
};

/** The type as compile messages print it: `list(string)`, `timestamp`, `null`. */
export function formatType(type: CelType): string {
  const special = messageNames[type.kind];
  if (special !== undefined) return special;
  if (type.kind === "opaque" && type.name === "function")
    return formatSignature(type.params.slice(1), false, type.params[0]);
  if (type.params.length === 0) return type.name;
  return `${type.name}(${type.params.map(formatType).join(", ")})`;
}

/** Argument types as compile messages print them: `(int, string)`, or `string.(int)` for a method. */
export function formatSignature(args: readonly CelType[], isMethod: boolean, result?: CelType): string {
  const [receiver, ...rest] = args;
  const head = isMethod && receiver !== undefined ? `${formatType(receiver)}.` : "";
  const params = isMethod ? rest : args;
  const tail = result === undefined ? "" : ` -> ${formatType(result)}`;
  return `${head}(${params.map(formatType).join(", ")})${tail}`;
}

/** The type as the language itself would write it: `google.protobuf.Timestamp`, `list(int)`. */
export function typeName(type: CelType): string {
  if (type.params.length === 0) return type.name;
  return `${type.name}(${type.params.map(typeName).join(", ")})`;
}
