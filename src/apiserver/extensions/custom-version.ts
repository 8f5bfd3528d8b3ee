import type { ResourceInfo, StoredReader, TablePrinter } from "../../api/scheme.ts";
import type { DecodedObject } from "../../apimachinery/decode.ts";
import type { FieldError } from "../../apimachinery/field-error.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { Schema } from "../../apimachinery/schema.ts";

/** What a scheme asks of one version of a custom resource; see the members of `Scheme` of the same names. */
export interface CustomVersion {
  readonly reader: StoredReader;
  /** The schema as patches and server-side apply see it; undefined when the definition has none. */
  readonly schema: Schema | undefined;
  readonly printer: TablePrinter;
  decode(value: unknown): DecodedObject;
  /** See `CustomTraits.admitted`. */
  admitted(object: UnstructuredObject): UnstructuredObject;
  applyDefaults(object: UnstructuredObject): void;
  /** See `Scheme.prepareValidation`. */
  prepareValidation(
    object: UnstructuredObject,
    old: UnstructuredObject | undefined,
  ): Promise<void> | undefined;
  validateCreate(object: UnstructuredObject): FieldError[];
  validateUpdate(object: UnstructuredObject, old: UnstructuredObject, subresource: string): FieldError[];
  /** See `Scheme.takeForgiven`. */
  takeForgiven(): string[];
  warnings(object: UnstructuredObject, old: UnstructuredObject | undefined): string[];
  /** The object in the version in which it is stored. */
  toStorage(object: UnstructuredObject): UnstructuredObject | Promise<UnstructuredObject>;
  selectableField(field: string): ((object: UnstructuredObject) => string) | undefined;
}

/** A resource in one version. What it does is made when it is first asked for. */
export interface CustomResource {
  readonly info: ResourceInfo;
  /** Listed in discovery and documents; versions that are only stored are not. */
  version(): CustomVersion;
}
