import { isObject } from "../json.ts";
import type { UnstructuredObject } from "../object.ts";
import type { Schema, SchemaSet } from "../schema.ts";
import { type MergeType, memberType, mergeTypeOf, shapeOf } from "./merge-type.ts";
import { mergeTyped } from "./merge-typed.ts";
import { joinTypedErrors, typedErrors } from "./validate-typed.ts";

/**
 * Merges a configuration into an object without regard to who owns what: how mutating policies change objects. The result
 * may share parts with both. Throws where the configuration does not fit the schema, and where it says something about a part
 * that would be replaced as a whole: what it leaves out there would be lost. Mirrors admission/plugin/policy/mutating/patch.
 */
export function mergeConfiguration(options: {
  readonly object: UnstructuredObject;
  readonly configuration: unknown;
  readonly schema: Schema | undefined;
  readonly schemas: SchemaSet;
}): UnstructuredObject {
  const { object, configuration, schema, schemas } = options;
  const type = mergeTypeOf(schemas, schema);
  const errors = typedErrors(configuration, type);
  if (errors.length > 0)
    throw new Error(`failed to convert patch object to typed object: ${joinTypedErrors(errors)}`);
  const atomic = [...atomicParts(configuration, type, "")];
  if (atomic.length > 0) {
    const parts = atomic.join(", ");
    throw new Error(`invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${parts}`);
  }
  return mergeTyped(object, configuration, type) as UnstructuredObject;
}

function* atomicParts(value: unknown, type: MergeType, path: string): Generator<string> {
  const shape = shapeOf(type, value);
  if (shape.kind === "map" && isObject(value)) {
    if (shape.isAtomic) yield path;
    for (const [key, member] of Object.entries(value)) {
      const memberOf = memberType(shape, key);
      if (memberOf !== undefined) yield* atomicParts(member, memberOf, `${path}.${key}`);
    }
  }
  if (shape.kind === "list" && Array.isArray(value)) {
    if (shape.relationship === "atomic") yield path;
    for (const [index, item] of value.entries()) yield* atomicParts(item, shape.item(), `${path}[${index}]`);
  }
}
