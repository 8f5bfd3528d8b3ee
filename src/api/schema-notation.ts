import type { Schema } from "../apimachinery/schema.ts";

/**
 * The notation of the generated table of schemas. A type is a text, so that hundreds of types cost one string until
 * they are used:
 *
 *   s   i/int32   n   b   o        string, integer, number, boolean, object, with a format
 *   @core.v1.Pod                   another type; `io.k8s.api.` is left out where it leads the name
 *   []T   [map k=port,protocol p=merge g=port]T    a list: its list type, map keys, patch strategy and merge key
 *   {}T   {m=atomic}T              a map by string, and its map type
 *   (p=retainKeys)T                the same options on another type
 *   T=''                           a default, as JSON with single quotes, which need no escapes in the table
 *
 * Structs are `{p: fields, q: required, m: map type}`.
 */
export type CompactType = string | CompactStruct;

export interface CompactStruct {
  readonly p?: Readonly<Record<string, CompactType>>;
  readonly q?: readonly string[];
  readonly m?: NonNullable<Schema["mapType"]>;
  /** Holds anything. */
  readonly x?: 1;
  /** Schemas with neither a type nor fields: their text. */
  readonly t?: string;
  readonly i?: 1;
}

const letters = { string: "s", integer: "i", number: "n", boolean: "b", object: "o", array: "a" } as const;
const types: Readonly<Record<string, NonNullable<Schema["type"]>>> = {
  s: "string",
  i: "integer",
  n: "number",
  b: "boolean",
  o: "object",
};
const apiPrefix = "io.k8s.api.";
const metaPrefix = "io.k8s.apimachinery.pkg.apis.";

function shortenRef(ref: string): string {
  if (ref.startsWith(apiPrefix)) return ref.slice(apiPrefix.length);
  return ref.startsWith(metaPrefix) ? `~${ref.slice(metaPrefix.length)}` : `!${ref}`;
}

function expandRef(short: string): string {
  if (short.startsWith("!")) return short.slice(1);
  return short.startsWith("~") ? metaPrefix + short.slice(1) : apiPrefix + short;
}

/** Writes a schema in the notation. */
export function compactType(schema: Schema): CompactType {
  if (schema.preserveUnknownFields === true) {
    return { x: 1, ...(schema.type === undefined ? {} : { t: letters[schema.type] }) };
  }
  if (schema.intOrString === true) return { i: 1 };
  if (schema.properties !== undefined || (schema.type === "object" && schema.values === undefined)) {
    return compactStruct(schema);
  }
  return compactText(schema);
}

function compactStruct({ properties, required, mapType }: Schema): CompactStruct {
  return {
    ...(properties !== undefined && {
      p: Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, compactText(value)])),
    }),
    ...(required !== undefined && { q: required }),
    ...(mapType !== undefined && { m: mapType }),
  };
}

function compactText(schema: Schema): string {
  const suffix =
    schema.default === undefined ? "" : `=${JSON.stringify(schema.default).replaceAll('"', "'")}`;
  return compactBase(schema) + suffix;
}

function compactBase(schema: Schema): string {
  const options = compactOptions(schema);
  if (schema.type === "array") return `[${options}]${compactText(schema.items ?? {})}`;
  if (schema.values !== undefined) return `{${options}}${compactText(schema.values)}`;
  const prefix = options === "" ? "" : `(${options})`;
  if (schema.ref !== undefined) return `${prefix}@${shortenRef(schema.ref)}`;
  if (schema.type === undefined) return `${prefix}u`;
  return `${prefix}${letters[schema.type]}${schema.format === undefined ? "" : `/${schema.format}`}`;
}

function compactOptions(schema: Schema): string {
  return [
    schema.listType,
    schema.listMapKeys && `k=${schema.listMapKeys.join(",")}`,
    schema.mapType && `m=${schema.mapType}`,
    schema.patchStrategy && `p=${schema.patchStrategy}`,
    schema.patchMergeKey && `g=${schema.patchMergeKey}`,
  ]
    .filter((option) => option !== undefined)
    .join(" ");
}

/** Reads what `compactType` wrote. */
export function expandType(compact: CompactType): Schema {
  if (typeof compact === "string") return expandText(compact);
  if (compact.i === 1) return { format: "int-or-string", intOrString: true };
  if (compact.x === 1) {
    return {
      ...(compact.t !== undefined && { type: types[compact.t] ?? "object" }),
      preserveUnknownFields: true,
    };
  }
  const schema: Mutable<Schema> = { type: "object" };
  if (compact.p !== undefined) {
    const properties: Record<string, Schema> = {};
    for (const name of Object.keys(compact.p)) properties[name] = expandType(compact.p[name] ?? "u");
    schema.properties = properties;
  }
  if (compact.q !== undefined) schema.required = compact.q;
  if (compact.m !== undefined) schema.mapType = compact.m;
  return schema;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function expandText(text: string): Schema {
  const schema: Mutable<Schema> = {};
  let rest = text;
  const open = text[0];
  if (open === "[" || open === "{" || open === "(") {
    const close = text.indexOf(closing[open]);
    expandOptions(schema, text.slice(1, close));
    rest = text.slice(close + 1);
  }
  if (open === "[") return { type: "array", ...schema, items: expandText(rest) };
  if (open === "{") return { type: "object", ...schema, values: expandText(rest) };
  const equals = rest.indexOf("=");
  if (equals >= 0) {
    schema.default = JSON.parse(rest.slice(equals + 1).replaceAll("'", '"'));
    rest = rest.slice(0, equals);
  }
  if (rest[0] === "@") {
    schema.ref = expandRef(rest.slice(1));
    return schema;
  }
  const type = types[rest[0] ?? ""];
  if (type !== undefined) schema.type = type;
  if (rest[1] === "/") schema.format = rest.slice(2);
  return schema;
}

const closing = { "[": "]", "{": "}", "(": ")" } as const;

function expandOptions(schema: Mutable<Schema>, options: string): void {
  if (options === "") return;
  for (const option of options.split(" ")) {
    const value = option.slice(2);
    if (option.startsWith("k=")) schema.listMapKeys = value.split(",");
    else if (option.startsWith("m=")) schema.mapType = value === "atomic" ? "atomic" : "granular";
    else if (option.startsWith("p=")) schema.patchStrategy = value;
    else if (option.startsWith("g=")) schema.patchMergeKey = value;
    else if (option === "atomic" || option === "set" || option === "map") schema.listType = option;
  }
}
