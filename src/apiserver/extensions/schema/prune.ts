import { isObject } from "../../../apimachinery/json.ts";
import type { SchemaNode } from "./schema-node.ts";

/** What every object says of itself without its schema having to. */
const metaFields = new Set(["apiVersion", "kind", "metadata"]);

/** Where something stands, as messages about unknown fields show it: `spec.items[0].name`. */
export type Place = readonly (string | number)[];

export function formatPlace(place: Place): string {
  let text = "";
  for (const step of place) {
    if (typeof step === "number") text += `[${step}]`;
    else text += text === "" ? step : `.${step}`;
  }
  return text;
}

/**
 * Cuts off, in place, what the schema does not know, and notes where. Metadata of resources is left alone (mirrors
 * k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning).
 */
export function prune(value: unknown, schema: SchemaNode | undefined, unknown: string[] = []): void {
  visit(value, schema, [], unknown);
}

function visit(
  value: unknown,
  schema: SchemaNode | undefined,
  place: (string | number)[],
  unknown: string[],
): void {
  if (typeof value !== "object" || value === null) return;
  const keepsUnknown = schema?.preservesUnknown === true;
  if (Array.isArray(value)) {
    // What is in a list whose own schema keeps what it does not know is kept by the same word.
    for (const [index, item] of (value as unknown[]).entries()) {
      place.push(index);
      if (keepsUnknown) keep(item, schema.items, place, unknown);
      else visit(item, schema?.items, place, unknown);
      place.pop();
    }
    return;
  }
  if (!isObject(value)) return;
  for (const key of Object.keys(value)) {
    if (schema?.isEmbedded === true && metaFields.has(key)) continue;
    const member = schema?.field(key);
    if (member !== undefined || schema?.allowsKeys === true) {
      place.push(key);
      visit(value[key], member ?? schema?.values, place, unknown);
      place.pop();
    } else if (!keepsUnknown) {
      if (!metaFields.has(key) || place.length > 0) unknown.push(formatPlace([...place, key]));
      delete value[key];
    }
  }
}

/** Below a node that keeps what it does not know: only what is declared is looked at. */
function keep(
  value: unknown,
  schema: SchemaNode | undefined,
  place: (string | number)[],
  unknown: string[],
): void {
  if (schema === undefined || typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const [index, item] of (value as unknown[]).entries()) {
      place.push(index);
      keep(item, schema.items, place, unknown);
      place.pop();
    }
    return;
  }
  if (!isObject(value)) return;
  for (const key of Object.keys(value)) {
    if (schema.isEmbedded && metaFields.has(key)) continue;
    const member = schema.field(key);
    if (member === undefined && !schema.allowsKeys) continue;
    place.push(key);
    visit(value[key], member ?? schema.values, place, unknown);
    place.pop();
  }
}
