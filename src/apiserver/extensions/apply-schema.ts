import type { JSONSchemaProps } from "../../api/types/apiextensions-v1.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import { type SchemaNode, schemaOf } from "./schema/schema-node.ts";

const metadata: Schema = { ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" };
const text: Schema = { type: "string" };
const metaFields = { apiVersion: text, kind: text, metadata };

/** The schema of objects as server-side apply sees it. Fields are looked at when they are asked for. */
export function applySchemaOf(root: SchemaNode | undefined): Schema {
  return nodeSchema(root?.props ?? { type: "object", "x-kubernetes-preserve-unknown-fields": true }, true);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function nodeSchema(props: JSONSchemaProps, isRoot = false): Schema {
  const schema: Mutable<Schema> = {};
  const type = jsonTypes[props.type ?? ""];
  if (type !== undefined) schema.type = type;
  if (props["x-kubernetes-int-or-string"] === true) schema.intOrString = true;
  if (props["x-kubernetes-preserve-unknown-fields"] === true) schema.preserveUnknownFields = true;
  // Only keys of lists are asked for theirs; a default that is an object says nothing here.
  if (props.default !== null && typeof props.default !== "object") schema.default = props.default;
  addListType(schema, props);
  const items = schemaOf(props.items);
  if (items !== undefined) schema.items = nodeSchema(items);
  const values = schemaOf(props.additionalProperties);
  if (values !== undefined) schema.values = nodeSchema(values);
  else if (props.additionalProperties === true) schema.values = {};
  const isResource = isRoot || props["x-kubernetes-embedded-resource"] === true;
  if (!isResource && props.properties === undefined) return schema;
  let properties: Readonly<Record<string, Schema>> | undefined;
  return Object.defineProperty(schema, "properties", {
    enumerable: true,
    get(): Readonly<Record<string, Schema>> {
      properties ??= { ...propertiesOf(props), ...(isResource ? metaFields : {}) };
      return properties;
    },
  });
}

const jsonTypes: Readonly<Record<string, NonNullable<Schema["type"]>>> = {
  object: "object",
  array: "array",
  string: "string",
  integer: "integer",
  number: "number",
  boolean: "boolean",
};

function addListType(schema: Mutable<Schema>, props: JSONSchemaProps): void {
  const listType = props["x-kubernetes-list-type"];
  if (listType === "atomic" || listType === "set" || listType === "map") schema.listType = listType;
  const keys = props["x-kubernetes-list-map-keys"];
  if (keys !== undefined) schema.listMapKeys = keys;
  const mapType = props["x-kubernetes-map-type"];
  if (mapType === "atomic" || mapType === "granular") schema.mapType = mapType;
}

function propertiesOf({ properties = {} }: JSONSchemaProps): Record<string, Schema> {
  const found: Record<string, Schema> = {};
  for (const name of Object.keys(properties)) found[name] = nodeSchema(properties[name] ?? {});
  return found;
}
