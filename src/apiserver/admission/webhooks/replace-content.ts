import { deepCopy } from "../../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";
import { newBadRequest } from "../../../apimachinery/status.ts";
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
  if (attributes.operation === "UPDATE" && source.metadata.name !== target.metadata.name)
    throw newBadRequest(
      `the name of the object (${source.metadata.name}) does not match the name on the URL (${target.metadata.name})`,
    );
  // What a cache shares may be among it.
  const own = deepCopy(source);
  if (namespace !== "") own.metadata.namespace = namespace;
  for (const field of Object.keys(target)) delete target[field];
  Object.assign(target, own);
}
