import { deepCopy, isObject, setOwn } from "../../../apimachinery/json.ts";
import type { SchemaNode } from "./schema-node.ts";

/**
 * Fills in defaults, in place. A null where the schema allows none counts as absent (mirrors
 * k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting).
 */
export function applyDefaults(value: unknown, schema: SchemaNode | undefined): void {
  if (schema === undefined || !schema.traits.hasDefaults) return;
  if (Array.isArray(value)) {
    const items = value as unknown[];
    for (const [index, item] of items.entries()) {
      if (isForbiddenNull(item, schema.items)) items[index] = deepCopy(schema.items?.default ?? null);
      applyDefaults(items[index], schema.items);
    }
    return;
  }
  if (!isObject(value)) return;
  for (const name of schema.fieldNames) {
    const field = schema.field(name);
    if (field?.default === undefined) continue;
    if (!Object.hasOwn(value, name) || isForbiddenNull(value[name], field)) {
      setOwn(value, name, deepCopy(field.default));
    }
  }
  for (const key of Object.keys(value)) {
    const field = schema.field(key);
    if (field === undefined && isForbiddenNull(value[key], schema.values)) {
      setOwn(value, key, deepCopy(schema.values?.default ?? null));
    }
    applyDefaults(value[key], field ?? schema.values);
  }
}

/** Takes off, in place, nulls that stand where none may and where no default follows. */
export function dropForbiddenNulls(value: unknown, schema: SchemaNode | undefined): void {
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) dropForbiddenNulls(item, schema?.items);
    return;
  }
  if (!isObject(value)) return;
  for (const key of Object.keys(value)) {
    const member = schema?.member(key);
    if (isForbiddenNull(value[key], member) && member?.default === undefined) delete value[key];
    else dropForbiddenNulls(value[key], member);
  }
}

const isForbiddenNull = (value: unknown, schema: SchemaNode | undefined): boolean =>
  value === null && schema !== undefined && !schema.isNullable;
