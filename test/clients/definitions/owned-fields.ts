import { isObject } from "../../../src/apimachinery/json.ts";
import type { Schema } from "./packs.ts";

/** FieldsV1, as managedFields have it. */
export interface Fields {
  [name: string]: Fields;
}

/**
 * The fields that whoever applies the value owns, by the schema: what managedFields of a server-side apply must be. Written
 * from the documentation of server-side apply, apart from the server's own machinery.
 */
export function ownedFields(schema: Schema, value: unknown): Fields {
  if (isObject(value) && schema["x-kubernetes-map-type"] !== "atomic") return ownedOfObject(schema, value);
  if (Array.isArray(value)) return ownedOfList(schema, value);
  return {};
}

function ownedOfObject(schema: Schema, value: Record<string, unknown>): Fields {
  const owned: Fields = {};
  for (const [name, member] of Object.entries(value)) {
    const known = schema.properties?.[name];
    const { additionalProperties } = schema;
    const values = typeof additionalProperties === "object" ? additionalProperties : {};
    const below = ownedFields(known ?? values, member);
    // Keys of a map are owned themselves, fields of a type through what is in them.
    const isOwnItself = known === undefined && Object.keys(below).length > 0;
    owned[`f:${name}`] = isOwnItself ? { ".": {}, ...below } : below;
  }
  return owned;
}

function ownedOfList(schema: Schema, value: readonly unknown[]): Fields {
  const { "x-kubernetes-list-type": type = "atomic", "x-kubernetes-list-map-keys": keys = [] } = schema;
  if (type === "atomic") return {};
  const entries = value.map((item): [string, Fields] => {
    if (type === "set") return [`v:${JSON.stringify(item)}`, {}];
    const members = isObject(item) ? item : {};
    const named = [...keys].toSorted().map((key) => [key, members[key] ?? defaultOf(schema, key)]);
    const below = ownedFields(schema.items ?? {}, item);
    return [`k:${JSON.stringify(Object.fromEntries(named))}`, { ".": {}, ...below }];
  });
  return Object.fromEntries(entries);
}

function defaultOf({ items }: Schema, key: string): unknown {
  const property = items?.properties?.[key] as { default?: unknown } | undefined;
  return property?.default;
}
