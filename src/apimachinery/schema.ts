/**
 * One description of a type serves defaulting, validation, pruning, patches, server-side apply, protobuf, OpenAPI
 * and explain, for built-in kinds (api/) and custom ones alike. Fields are the structural part of OpenAPI v3 and the
 * `x-kubernetes-` extensions, by their short names.
 */
export interface Schema {
  /** The name of another schema in the same `SchemaSet`; all other fields but `default` are then absent. */
  readonly ref?: string;
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  /** `int32`, `int64`, `byte`, `date-time`, `int-or-string`, `quantity`, … */
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  /** The values of a map. */
  readonly values?: Schema;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly description?: string;
  readonly listType?: "atomic" | "set" | "map";
  readonly listMapKeys?: readonly string[];
  readonly mapType?: "atomic" | "granular";
  /** Strategic merge patch: `merge`, `replace`, `retainKeys`, or `merge,retainKeys`. */
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
  readonly preserveUnknownFields?: boolean;
  readonly embeddedResource?: boolean;
  readonly intOrString?: boolean;
}

/** Looks schemas up by name: `io.k8s.api.core.v1.Pod`. */
export interface SchemaSet {
  get(name: string): Schema | undefined;
}

/** Follows `ref` until a schema with structure is reached. */
export function resolveSchema(schemas: SchemaSet, schema: Schema | undefined): Schema | undefined {
  let current = schema;
  for (let hops = 0; current?.ref !== undefined && hops < 8; hops++) current = schemas.get(current.ref);
  return current;
}
