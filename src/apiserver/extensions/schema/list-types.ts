import { duplicate, type FieldError, invalid } from "../../../apimachinery/field-error.ts";
import { isObject } from "../../../apimachinery/json.ts";
import { childPath, indexPath, keyPath } from "./path.ts";
import type { SchemaNode } from "./schema-node.ts";

/** Lists that are sets have no item twice, and lists that are maps no key (mirrors apiserver/schema/listtype). */
export function listTypeErrors(value: unknown, schema: SchemaNode, path = ""): FieldError[] {
  const errors: FieldError[] = [];
  visit(value, schema, path, errors);
  return errors;
}

function visit(value: unknown, schema: SchemaNode | undefined, path: string, errors: FieldError[]): void {
  if (schema === undefined || !schema.traits.hasListTypes) return;
  if (Array.isArray(value)) {
    const items = value as unknown[];
    if (schema.listType === "set") {
      for (const index of repeated(items)) errors.push(duplicate(indexPath(path, index), items[index]));
    } else if (schema.listType === "map") errors.push(...mapErrors(items, schema.mapKeys, path));
    for (const [index, item] of items.entries()) visit(item, schema.items, indexPath(path, index), errors);
    return;
  }
  if (!isObject(value)) return;
  for (const key of Object.keys(value)) {
    const field = schema.field(key);
    if (schema.values !== undefined) visit(value[key], schema.values, keyPath(path, key), errors);
    if (field !== undefined) visit(value[key], field, childPath(path, key), errors);
  }
}

function mapErrors(items: readonly unknown[], keys: readonly string[], path: string): FieldError[] {
  const wrong = items.findIndex((item) => item !== null && !isObject(item));
  if (wrong >= 0) {
    const why = "must be an object for an array of list-type map";
    return [invalid(indexPath(path, wrong), items[wrong], why)];
  }
  const identities = items.map((item) => identityOf(item, keys));
  return repeated(identities).map((index) => duplicate(indexPath(path, index), identities[index]));
}

/** The keys that an item has. */
function identityOf(item: unknown, keys: readonly string[]): Record<string, unknown> {
  const identity: Record<string, unknown> = {};
  for (const key of keys) if (isObject(item) && item[key] !== undefined) identity[key] = item[key];
  return identity;
}

/** The index of the second of each group of equal items. */
function repeated(items: readonly unknown[]): number[] {
  if (items.length <= 1) return [];
  const times = new Map<string, number>();
  const found: number[] = [];
  for (const [index, item] of items.entries()) {
    const text = canonical(item);
    const before = times.get(text) ?? 0;
    if (before === 1) found.push(index);
    times.set(text, before + 1);
  }
  return found;
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value ?? null);
  const members = Object.keys(value).sort();
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}
