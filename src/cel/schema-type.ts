import { escapeField } from "./escaping.ts";
import {
  boolType,
  bytesType,
  type CelField,
  type CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  stringType,
  timestampType,
} from "./types.ts";

/** The part of an OpenAPI schema (v3, or a structural one) that expressions see. */
export interface CelSchema {
  readonly type?: string | undefined;
  readonly format?: string | undefined;
  readonly properties?: Readonly<Record<string, CelSchema>> | undefined;
  readonly additionalProperties?: boolean | CelSchema | undefined;
  readonly items?: CelSchema | undefined;
  readonly required?: readonly string[] | undefined;
  readonly enum?: readonly unknown[] | undefined;
  readonly default?: unknown;
  readonly nullable?: boolean | undefined;
  readonly maxLength?: number | undefined;
  readonly maxItems?: number | undefined;
  readonly maxProperties?: number | undefined;
  readonly "x-kubernetes-int-or-string"?: boolean | undefined;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean | undefined;
  readonly "x-kubernetes-embedded-resource"?: boolean | undefined;
  readonly "x-kubernetes-list-type"?: string | undefined;
  readonly "x-kubernetes-list-map-keys"?: readonly string[] | undefined;
}

interface TypeFromSchemaOptions {
  /** The schema is that of a resource: apiVersion, kind, metadata.name and metadata.generateName are always there. */
  readonly isResourceRoot?: boolean;
  /** The name of the type; objects below are `name.field`, elements `name.@idx`, values `name.@elem`. */
  readonly name?: string;
}

/** The largest request that is accepted: bounds what no schema bounds. */
const maxRequestSize = 3 * 1024 * 1024;

/**
 * The type of data of a schema; undefined when expressions cannot see it (no structure, or lists and maps of what has
 * none). Mirrors SchemaDeclType of k8s.io/apiserver/pkg/cel/common.
 */
export function typeFromSchema(schema: CelSchema, options: TypeFromSchemaOptions = {}): CelType | undefined {
  const type = build(schema, options.isResourceRoot ?? false);
  return type === undefined || options.name === undefined ? type : named(type, options.name);
}

function build(schema: CelSchema, isResourceRoot: boolean): CelType | undefined {
  if (schema["x-kubernetes-int-or-string"] === true) {
    const maxElements = schema.maxLength === undefined ? maxRequestSize - 2 : characters(schema.maxLength);
    return annotated({ ...dynType, reading: "int-or-string", maxElements }, schema);
  }
  const visible = isResourceRoot ? withMeta(schema) : schema;
  switch (visible.type) {
    case "array":
      return arrayType(visible);
    case "object":
      return objectType(visible);
    case "string":
      return annotated(textType(visible), schema);
    case "boolean":
      return annotated(boolType, schema);
    case "number":
      return annotated(doubleType, schema);
    case "integer":
      return annotated(intType, schema);
    default:
      return undefined;
  }
}

function annotated(type: CelType, schema: CelSchema): CelType {
  return schema.nullable === true ? { ...type, nullable: true } : type;
}

function isEmbedded(schema: CelSchema): boolean {
  return schema["x-kubernetes-embedded-resource"] === true;
}

function arrayType(schema: CelSchema): CelType | undefined {
  const items = schema.items;
  const element = items && build(items, isEmbedded(items));
  if (element === undefined) return undefined;
  const fitting = Math.floor((maxRequestSize - 2) / ((element.minSize ?? 0) + 1));
  const maxElements = schema.maxItems === undefined ? fitting : Math.max(0, schema.maxItems);
  const kind = schema["x-kubernetes-list-type"];
  return annotated(
    {
      ...listType(element),
      maxElements,
      ...(kind === "set" || kind === "map" ? { listType: kind } : {}),
      ...(kind === "map" ? { listMapKeys: schema["x-kubernetes-list-map-keys"] ?? [] } : {}),
    },
    schema,
  );
}

function objectType(schema: CelSchema): CelType | undefined {
  const values = schema.additionalProperties;
  if (typeof values === "object") {
    const value = build(values, isEmbedded(values));
    if (value === undefined) return undefined;
    const fitting = Math.floor((maxRequestSize - 2) / ((value.minSize ?? 0) + 6));
    const maxElements = schema.maxProperties === undefined ? fitting : Math.max(0, schema.maxProperties);
    return annotated({ ...mapType(stringType, value), maxElements }, schema);
  }
  const fields = new Map<string, CelField>();
  let minSize = 2;
  for (const [jsonName, property] of Object.entries(schema.properties ?? {})) {
    const type = build(property, isEmbedded(property));
    if (type === undefined) continue;
    const name = escapeField(jsonName);
    if (name !== undefined) fields.set(name, { jsonName, type });
    if (schema.required?.includes(jsonName) === true && property.default === undefined) {
      minSize += Buffer.byteLength(jsonName) + (type.minSize ?? 0) + 4;
    }
  }
  return annotated({ kind: "struct", name: "object", params: [], fields, minSize }, schema);
}

function textType(schema: CelSchema): CelType {
  switch (schema.format) {
    case "byte":
      return { ...bytesType, maxElements: Math.max(0, schema.maxLength ?? maxRequestSize - 2) };
    case "duration":
      return { ...durationType, maxElements: 32 };
    case "date":
      return { ...timestampType, reading: "date", maxElements: 12, minSize: 12 };
    case "date-time":
      return { ...timestampType, reading: "date-time", maxElements: 32, minSize: 21 };
    default:
      return { ...stringType, maxElements: maxCharacters(schema) };
  }
}

function maxCharacters(schema: CelSchema): number {
  if (schema.maxLength !== undefined) return characters(schema.maxLength);
  if ((schema.enum?.length ?? 0) === 0) return maxRequestSize - 2;
  const texts = (schema.enum ?? []).filter((value) => typeof value === "string");
  return Math.max(0, ...texts.map((text) => Buffer.byteLength(text)));
}

/** A character takes up to four bytes, and bytes are what requests are measured in. */
function characters(maxLength: number): number {
  return Math.max(0, maxLength) * 4;
}

const text: CelSchema = { type: "string" };

function withMeta(schema: CelSchema): CelSchema {
  const { properties = {} } = schema;
  const meta = properties["metadata"];
  const named =
    meta?.properties?.["name"]?.type === "string" && meta.properties["generateName"]?.type === "string";
  if (properties["kind"]?.type === "string" && properties["apiVersion"]?.type === "string" && named)
    return schema;
  const metadata: CelSchema = { type: "object", properties: { name: text, generateName: text } };
  return { ...schema, properties: { ...properties, kind: text, apiVersion: text, metadata } };
}

/** Objects get the name of the place where they are declared: messages and `type()` show it. */
function named(type: CelType, name: string): CelType {
  if (type.kind === "struct" && type.fields !== undefined) {
    const own = type.name === "object" ? name : type.name;
    const fields = new Map<string, CelField>();
    for (const [field, { jsonName, type: fieldType }] of type.fields) {
      fields.set(field, { jsonName, type: named(fieldType, `${own}.${field}`) });
    }
    return { ...type, name: own, fields };
  }
  const [first, second] = type.params;
  if (type.kind === "list" && first !== undefined) return { ...type, params: [named(first, `${name}.@idx`)] };
  if (type.kind === "map" && first !== undefined && second !== undefined) {
    return { ...type, params: [first, named(second, `${name}.@elem`)] };
  }
  return type;
}
