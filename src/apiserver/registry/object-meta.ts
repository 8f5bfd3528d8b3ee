import { type FieldError, invalid, required } from "../../apimachinery/field-error.ts";
import { pathSegmentErrors } from "../../apimachinery/names.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";

/**
 * The part of metadata validation that concerns the server itself; names, labels and the rest are the kind's own
 * (`Scheme.validateCreate`).
 */
export function validateMetadata(object: UnstructuredObject): FieldError[] {
  const { name = "", generateName = "" } = object.metadata;
  const errors: FieldError[] = [];
  // A name becomes part of a path and of a key: these three can be neither.
  for (const [field, value] of [
    ["generateName", generateName],
    ["name", name],
  ] as const) {
    for (const why of pathSegmentErrors(value)) errors.push(invalid(`metadata.${field}`, value, why));
  }
  if (name === "") errors.push(required("metadata.name", "name or generateName is required"));
  return errors;
}
