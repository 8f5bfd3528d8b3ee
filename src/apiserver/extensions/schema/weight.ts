import type { JSONSchemaProps } from "../../../api/types/apiextensions-v1.ts";
import { isObject } from "../../../apimachinery/json.ts";

const manyValues = 500;
const manyPatterns = 100;

/** Whether an object has so many values in it that to hold it against a schema takes a while. */
export const isLarge = (object: unknown): boolean => valuesIn(object, manyValues) >= manyValues;

/** Whether a schema has so many patterns that to compile them takes a while. */
export const hasManyPatterns = (schema: JSONSchemaProps): boolean =>
  patternsIn(schema, manyPatterns) >= manyPatterns;

/** Counts no further than the limit. */
function valuesIn(value: unknown, limit: number): number {
  // A long text is worth many values: it may be held against a pattern.
  if (typeof value === "string") return 1 + (value.length >> 7);
  if (typeof value !== "object" || value === null) return 1;
  let count = 1;
  for (const key in value) {
    count += valuesIn((value as Record<string, unknown>)[key], limit - count);
    if (count >= limit) break;
  }
  return count;
}

function patternsIn(schema: JSONSchemaProps, limit: number): number {
  let count = (schema.pattern ?? "") === "" ? 0 : 1;
  const add = (below: unknown): void => {
    if (count < limit && isObject(below)) count += patternsIn(below, limit - count);
  };
  for (const name in schema.properties) add(schema.properties[name]);
  for (const below of [schema.items, schema.additionalProperties, schema.not]) add(below);
  for (const below of [schema.allOf, schema.anyOf, schema.oneOf]) below?.forEach(add);
  return count;
}
