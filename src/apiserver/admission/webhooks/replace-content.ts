import { type FieldError, invalid, required } from "../../../apimachinery/field-error.ts";
import { deepCopy } from "../../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";
import { newBadRequest, newInvalid } from "../../../apimachinery/status.ts";
import type { AdmissionAttributes } from "../admission.ts";

/** The caller keeps its object: only what is in it is exchanged. */
export function replaceContent(
  target: UnstructuredObject,
  source: UnstructuredObject,
  attributes: AdmissionAttributes,
): void {
  const { namespace = "" } = target.metadata;
  const given = source.metadata.namespace ?? "";
  if (given !== "" && given !== namespace)
    throw newBadRequest(
      "the namespace of the provided object does not match the namespace sent on the request",
    );
  const name = source.metadata.name ?? "";
  if (attributes.operation === "UPDATE" && name !== target.metadata.name)
    throw newInvalid(attributes.kind, name, renamed(name));
  // What a cache shares may be among it.
  const own = deepCopy(source);
  if (namespace !== "") own.metadata.namespace = namespace;
  for (const field of Object.keys(target)) delete target[field];
  Object.assign(target, own);
}

/** Nobody is given another name, nor none. */
const renamed = (name: string): FieldError[] => [
  ...(name === "" ? [required("metadata.name", "name or generateName is required")] : []),
  invalid("metadata.name", name, "field is immutable"),
];
