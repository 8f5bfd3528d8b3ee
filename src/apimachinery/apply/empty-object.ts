import { printedWhenAbsent } from "../go-fields.ts";
import { isObject } from "../json.ts";
import { resolveSchema, type Schema, type SchemaSet } from "../schema.ts";

/**
 * The object before its creation, as Go prints an empty struct: structs are there although nobody set them, and lists
 * and maps that are not optional are null. Comparing with it, a field that the type always has is not "added" itself;
 * only what is in it is owned.
 */
export function emptyObjectOf(
  schemas: SchemaSet,
  schema: Schema | undefined,
  kind: string,
): Record<string, unknown> {
  if (schema === undefined) return {};
  let cache = caches.get(schemas);
  if (cache === undefined) {
    cache = new WeakMap();
    caches.set(schemas, cache);
  }
  let empty = cache.get(schema);
  if (empty === undefined) {
    empty = build(schemas, schema, `io.k8s.${kind}`, 0);
    cache.set(schema, empty);
  }
  return empty;
}

const caches = new WeakMap<SchemaSet, WeakMap<Schema, Record<string, unknown>>>();

/** No struct holds itself by value; the bound only guards against tables that say so. */
const maxDepth = 16;

function build(schemas: SchemaSet, schema: Schema, struct: string, depth: number): Record<string, unknown> {
  const resolved = resolveSchema(schemas, schema);
  const empty: Record<string, unknown> = {};
  if (depth > maxDepth || resolved === undefined) return empty;
  const isGoType = Object.values(resolved.properties ?? {}).some((property) => isEmptyMap(property.default));
  for (const [name, property] of Object.entries(resolved.properties ?? {})) {
    if (isEmptyMap(property.default)) empty[name] = build(schemas, property, property.ref ?? "", depth + 1);
    else if (isZeroScalar(property.default)) empty[name] = property.default;
    else if ((isGoType || depth > 0) && printedWhenAbsent(struct, name) !== undefined) empty[name] = null;
    else if ((isGoType || depth > 0) && resolved.required?.includes(name) === true) empty[name] = null;
  }
  return empty;
}

const isEmptyMap = (value: unknown): boolean => isObject(value) && Object.keys(value).length === 0;
const isZeroScalar = (value: unknown): boolean => value === "" || value === 0 || value === false;
