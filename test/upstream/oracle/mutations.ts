import { deepCopy, isObject } from "../../../src/apimachinery/json.ts";
import { resolveSchema, type Schema, type SchemaSet } from "../../../src/apimachinery/schema.ts";

/** A change of one place of an object; `value` undefined takes the place away. */
export interface Mutation {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

export interface MutationLimits {
  /** How many levels are made up below what the object holds. */
  readonly depth: number;
  /** Fields that are left alone, as `spec.template.spec`. */
  readonly skip?: (path: string) => boolean;
}

const long = "x".repeat(300);
const texts = ["", "a", "Bad_Name!", long, "/etc/../x", "example.com/a"];
const quantities = ["1", "0", "-1", "100m", "1Gi", "x"];
const numbers = [0, 1, -1, 70_000, 3_000_000_000];
const intsOrTexts = [0, 1, -1, "50%", "150%", "x", ""];

/** Every change that may tell how the fields of a type are checked: each removed, and set to values good and bad. */
export function* mutations(
  schemas: SchemaSet,
  schemaName: string,
  object: unknown,
  limits: MutationLimits,
): Generator<Mutation> {
  yield* visit(schemas, { ref: schemaName }, object, [], limits.depth, limits);
}

function* visit(
  schemas: SchemaSet,
  reference: Schema,
  value: unknown,
  path: readonly (string | number)[],
  depth: number,
  limits: MutationLimits,
): Generator<Mutation> {
  const schema = resolveSchema(schemas, reference);
  if (schema === undefined || limits.skip?.(path.join(".")) === true) return;
  if (path.length > 0) {
    if (value !== undefined) yield { path, value: undefined };
    for (const other of candidates(schemas, reference, schema)) yield { path, value: other };
  }
  const below = value === undefined ? depth - 1 : depth;
  if (below < 0) return;
  if (schema.properties !== undefined) {
    for (const [name, property] of Object.entries(schema.properties)) {
      if (path.length === 0 && (name === "apiVersion" || name === "kind")) continue;
      const present = isObject(value) ? value[name] : undefined;
      yield* visit(schemas, property, present, [...path, name], below, limits);
    }
  } else if (schema.items !== undefined) {
    const items = Array.isArray(value) ? value : [];
    // The second item of a kind is rarely checked otherwise than the first.
    const count = Math.min(Math.max(items.length, 1), 2);
    for (let index = 0; index < count; index++) {
      yield* visit(schemas, schema.items, items[index], [...path, index], below, limits);
    }
    if (items.length > 0) yield { path: [...path, items.length], value: deepCopy(items[0]) };
  }
}

function candidates(schemas: SchemaSet, reference: Schema, schema: Schema): readonly unknown[] {
  if (schema.format === "quantity" || reference.ref?.endsWith(".Quantity") === true) return quantities;
  if (schema.intOrString === true || schema.format === "int-or-string") return intsOrTexts;
  switch (schema.type) {
    case "string":
      if (schema.format === "date-time") return ["2026-01-01T00:00:00Z", "x"];
      if (schema.format === "micro-time") return ["2026-01-01T00:00:00.000000Z", "x"];
      if (schema.format === "byte") return ["aGk=", "!!"];
      return [...texts, ...(schema.enum ?? [])];
    case "integer":
    case "number":
      return numbers;
    case "boolean":
      return [true, false];
    case "array":
      return schema.items === undefined ? [[]] : [[], [sample(schemas, schema.items, 2)]];
    default:
      if (schema.values === undefined) return [{}];
      if (isQuantity(schemas, schema.values))
        return [{}, { cpu: "1" }, { "a b": "1" }, { memory: "-1" }, { foo: "1" }];
      return typeOf(schemas, schema.values) === "string"
        ? [{}, { a: "b" }, { "a b": "c" }, { a: long }, { "": "" }]
        : [{}, { a: sample(schemas, schema.values, 2) }, { "a b": sample(schemas, schema.values, 2) }];
  }
}

const typeOf = (schemas: SchemaSet, schema: Schema): string | undefined =>
  resolveSchema(schemas, schema)?.type;

const isQuantity = (schemas: SchemaSet, schema: Schema): boolean =>
  schema.ref?.endsWith(".Quantity") === true || resolveSchema(schemas, schema)?.format === "quantity";

/** A plain value of a type: fields that the type requires, and nothing else. */
export function sample(schemas: SchemaSet, reference: Schema, depth: number): unknown {
  const schema = resolveSchema(schemas, reference);
  if (schema === undefined) return {};
  if (isQuantity(schemas, reference)) return "1";
  if (schema.intOrString === true || schema.format === "int-or-string") return 1;
  switch (schema.type) {
    case "string":
      if (schema.format === "date-time") return "2026-01-01T00:00:00Z";
      if (schema.format === "byte") return "aGk=";
      return schema.enum?.[0] ?? "a";
    case "integer":
    case "number":
      return 1;
    case "boolean":
      return true;
    case "array":
      return schema.items === undefined || depth <= 0 ? [] : [sample(schemas, schema.items, depth - 1)];
    default: {
      const made: Record<string, unknown> = {};
      for (const name of schema.required ?? []) {
        const property = schema.properties?.[name];
        if (property !== undefined && depth > 0) made[name] = sample(schemas, property, depth - 1);
      }
      return made;
    }
  }
}

/** A copy of the object with the change made; what lies on the way is made up as its type requires. */
export function mutate(
  schemas: SchemaSet,
  schemaName: string,
  object: Record<string, unknown>,
  { path, value }: Mutation,
): Record<string, unknown> {
  const copy = deepCopy(object);
  let holder: unknown = copy;
  let schema = resolveSchema(schemas, { ref: schemaName });
  for (const [index, step] of path.entries()) {
    const member = typeof step === "number" ? schema?.items : schema?.properties?.[step];
    if (index === path.length - 1) {
      set(holder, step, value);
      break;
    }
    let next = child(holder, step);
    if (next === undefined || next === null) {
      next =
        typeof path[index + 1] === "number" ? [] : member === undefined ? {} : sample(schemas, member, 2);
      set(holder, step, next);
    }
    holder = next;
    schema = resolveSchema(schemas, member);
  }
  return copy;
}

function child(holder: unknown, step: string | number): unknown {
  if (Array.isArray(holder)) return holder[Number(step)];
  return isObject(holder) ? holder[step] : undefined;
}

function set(holder: unknown, step: string | number, value: unknown): void {
  if (Array.isArray(holder)) {
    if (value === undefined) holder.splice(Number(step), 1);
    else holder[Number(step)] = value;
  } else if (isObject(holder)) {
    if (value === undefined) delete holder[step];
    else holder[step] = value;
  }
}
