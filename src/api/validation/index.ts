import type { FieldError } from "../../apimachinery/field-error.ts";
import type { GroupVersionKind } from "../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";

/** Errors of the object alone. Never throws for bad input. */
export function validateCreate(kind: GroupVersionKind, object: UnstructuredObject): FieldError[] {
  void kind;
  const { name, generateName } = object.metadata;
  if ((name ?? "") !== "" || (generateName ?? "") !== "") return [];
  return [{ type: "FieldValueRequired", path: "metadata.name", detail: "name or generateName is required" }];
}

/** Errors of the change, immutable fields among them. `subresource` is `""` or `status`. */
export function validateUpdate(
  kind: GroupVersionKind,
  object: UnstructuredObject,
  old: UnstructuredObject,
  subresource: string,
): FieldError[] {
  void kind;
  void subresource;
  const immutable = (["name", "namespace", "uid", "creationTimestamp"] as const).filter(
    (field) => object.metadata[field] !== old.metadata[field],
  );
  return immutable.map((field) => ({
    type: "FieldValueInvalid" as const,
    path: `metadata.${field}`,
    value: object.metadata[field],
    detail: "field is immutable",
  }));
}

/** Texts for Warning headers: deprecated fields, questionable values. */
export function warningsFor(
  kind: GroupVersionKind,
  object: UnstructuredObject,
  old: UnstructuredObject | undefined,
): string[] {
  void kind;
  void object;
  void old;
  return [];
}
