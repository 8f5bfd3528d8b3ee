import type { SchemaSet } from "../../apimachinery/schema.ts";
import type { ResourceInfo } from "../scheme.ts";
import type { Prebuilt } from "./prebuilt.ts";

/**
 * What OpenAPI documents are made of: the resources that are served and their schemas. Custom resources are added by
 * adding theirs; the source is then a new one, because documents are cached by it.
 */
export interface OpenApiSource {
  readonly resources: readonly ResourceInfo[];
  readonly schemas: SchemaSet;
  /** The definitions of custom types, which are written as they were given; undefined for all others. */
  custom?(resource: ResourceInfo, version: 2 | 3): JsonDocument;
  /** Resolves when `custom` can be asked of the resource without holding anybody up; undefined when it can at once. */
  customReady?(resource: ResourceInfo): Promise<void> | undefined;
  /** Prose, where it is at hand; see `loadDescriptions`. Schemas that carry descriptions of their own need none. */
  readonly descriptions?: Descriptions;
  /** What was written already, where it is at hand. */
  readonly prebuilt?: Prebuilt;
  /** `info.version` of the documents: `v1.36.0`. */
  readonly version: string;
}

/** Type name → its description under "", and those of its fields under their names. */
export type Descriptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Facts of built-in types that only OpenAPI shows. */
export interface OpenApiFacts {
  /** Type name → `group/version/Kind`, or `many` for kinds that all groups share. */
  readonly kinds: Readonly<Record<string, string>>;
  readonly unions: Readonly<Record<string, readonly unknown[]>>;
  /** `apiVersion`s that the shared kinds belong to. */
  readonly groupVersions: readonly string[];
}

export interface JsonDocument {
  [key: string]: unknown;
}
