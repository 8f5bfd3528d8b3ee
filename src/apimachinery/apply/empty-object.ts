import { omitsEmpty, printedWhenAbsent } from "../go-fields.ts";
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
  const isGoType = Object.values(resolved.properties ?? {}).some(
    (property) => isEmptyMap(property.default) || property.ref?.startsWith("io.k8s.api.") === true,
  );
  for (const [name, property] of Object.entries(resolved.properties ?? {})) {
    if (isEmptyMap(property.default)) empty[name] = build(schemas, property, property.ref ?? "", depth + 1);
    else if (isZeroScalar(property.default)) empty[name] = property.default;
    else if (isGoType || depth > 0) {
      const printed = printedWhenAbsent(struct, name);
      if (printed === "zero" && resolveSchema(schemas, property)?.properties !== undefined)
        empty[name] = build(schemas, property, property.ref ?? "", depth + 1);
      else if (printed !== undefined) empty[name] = null;
      else if (resolved.required?.includes(name) === true && !isLeftOut(struct, name)) empty[name] = null;
    }
  }
  return empty;
}

/** Few required fields go without an empty value all the same. */
const isLeftOut = (struct: string, name: string): boolean =>
  omitsEmpty(struct, name, { isRequired: true, isScalar: false });

const isEmptyMap = (value: unknown): boolean => isObject(value) && Object.keys(value).length === 0;
const isZeroScalar = (value: unknown): boolean => value === "" || value === 0 || value === false;
