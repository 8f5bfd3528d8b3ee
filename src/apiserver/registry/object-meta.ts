import { type FieldError, invalid, required } from "../../apimachinery/field-error.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";

/**
 * The part of metadata validation that concerns the server itself; names, labels and the rest are the kind's own
 * (`Scheme.validateCreate`).
 */
export function validateMetadata(object: UnstructuredObject): FieldError[] {
  const { name = "", generateName = "" } = object.metadata;
  const errors: FieldError[] = [];
  if (name === "" && generateName === "") {
    errors.push(required("metadata.name", "name or generateName is required"));
  }
  // A name becomes part of a path and of a key: these three can be neither.
  if (name === "." || name === "..") errors.push(invalid("metadata.name", name, `may not be '${name}'`));
  else if (/[/%]/.test(name)) {
    const found = name.includes("/") ? "/" : "%";
    errors.push(invalid("metadata.name", name, `may not contain '${found}'`));
  }
  return errors;
}
