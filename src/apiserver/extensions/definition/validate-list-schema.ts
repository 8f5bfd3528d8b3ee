import type { JSONSchemaProps } from "../../../api/types/apiextensions-v1.ts";
import { type FieldError, forbidden, invalid, required } from "../../../apimachinery/field-error.ts";
import { schemaOf } from "../schema/schema-node.ts";

/** Items of sets are compared as a whole. */
export function setErrors(schema: JSONSchemaProps, path: string): FieldError[] {
  const items = schemaOf(schema.items);
  const why = "must be atomic as item of a list with x-kubernetes-list-type=set";
  if (items?.type === "array" && (items["x-kubernetes-list-type"] ?? "atomic") !== "atomic") {
    const where = `${path}.items.x-kubernetes-list-type`;
    return [invalid(where, items["x-kubernetes-list-type"], why)];
  }
  if (items?.type === "object" && items["x-kubernetes-map-type"] !== "atomic") {
    return [invalid(`${path}.items.x-kubernetes-map-type`, items["x-kubernetes-list-type"] ?? null, why)];
  }
  return [];
}

/** Items of maps are objects that have their keys. */
export function mapErrors(schema: JSONSchemaProps, keys: readonly string[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const keysPath = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length === 0) {
    errors.push(required(keysPath, "must not be empty if x-kubernetes-list-type is map"));
  }
  const items = schemaOf(schema.items);
  if (schema.items === undefined) {
    errors.push(required(`${path}.items`, "must have a schema if x-kubernetes-list-type is map"));
  } else if (items === undefined) {
    const why = "must only have a single schema if x-kubernetes-list-type is map";
    errors.push(invalid(`${path}.items`, schema.items, why));
  } else if (items.type !== "object") {
    const why = "must be object if parent array's x-kubernetes-list-type is map";
    errors.push(invalid(`${path}.items.type`, items.type ?? "", why));
  } else {
    const seen = new Set<string>();
    for (const key of keys) {
      const property = items.properties?.[key];
      if (property === undefined) {
        errors.push(invalid(keysPath, keys, "entries must all be names of item properties"));
      } else if (property.type === "array" || property.type === "object") {
        const why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
        errors.push(invalid(`${path}.items.properties[${key}].type`, items.type, why));
      }
      if (seen.has(key)) errors.push(invalid(keysPath, keys, "must not contain duplicate entries"));
      seen.add(key);
    }
  }
  return errors;
}

/** Items of sets and maps, and the keys of the latter, are always there. */
export function keyErrors(schema: JSONSchemaProps, path: string): FieldError[] {
  const listType = schema["x-kubernetes-list-type"];
  const items = schemaOf(schema.items);
  if (items === undefined || (listType !== "set" && listType !== "map")) return [];
  const errors: FieldError[] = [];
  if (items.nullable === true) {
    errors.push(
      forbidden(`${path}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`),
    );
  }
  if (listType === "set") return errors;
  for (const key of schema["x-kubernetes-list-map-keys"] ?? []) {
    const property = items.properties?.[key];
    if (property === undefined) continue;
    const where = `${path}.items.properties[${key}]`;
    if (items.required?.includes(key) !== true && (property.default ?? undefined) === undefined) {
      const why =
        "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
      errors.push(required(`${where}.default`, why));
    }
    if (property.nullable === true) {
      const why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
      errors.push(forbidden(`${where}.nullable`, why));
    }
  }
  return errors;
}

/** Whether there is a set whose items are compared part by part. */
export const hasPlainSet = (schema: JSONSchemaProps): boolean =>
  schema["x-kubernetes-list-type"] === "set" && setErrors(schema, "").length > 0;
