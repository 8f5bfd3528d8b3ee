import { unsupportedField } from "../../api/fields.ts";
import type { ResourceInfo, Scheme } from "../../api/scheme.ts";
import { parseFieldSelector } from "../../apimachinery/fields.ts";
import { parseLabelSelector } from "../../apimachinery/labels.ts";
import { newBadRequest } from "../../apimachinery/status.ts";
import { type FieldRequirement, Selection } from "../cache/selection.ts";

/** Which objects a list, a watch or a deletecollection is about. Throws 400 for selectors that cannot be read. */
export function selectionOf(
  scheme: Scheme,
  served: ResourceInfo,
  namespace: string,
  query: URLSearchParams,
  name = "",
): Selection {
  const labels = parseLabelSelector(query.get("labelSelector") ?? "");
  const fields = parseFieldSelector(query.get("fieldSelector") ?? "").requirements.map((requirement) =>
    readable(scheme, served, requirement),
  );
  if (name !== "" && fields.length === 0) {
    fields.push({ field: "metadata.name", operator: "=", value: name });
  } else if (name !== "" && !fields.some((field) => isName(field, name))) {
    throw newBadRequest("fieldSelector metadata.name doesn't match requested name");
  }
  return new Selection(namespace, labels, fields);
}

const isName = ({ field, operator, value }: FieldRequirement, name: string): boolean =>
  field === "metadata.name" && operator === "=" && value === name;

function readable(
  scheme: Scheme,
  served: ResourceInfo,
  { field, operator, value }: FieldRequirement,
): FieldRequirement {
  if (field === "metadata.name") return { field, operator, value };
  // Those of custom resources know what their definition offers, and the namespace is not of it.
  const isNamespace = field === "metadata.namespace";
  if (isNamespace && served.custom !== undefined && served.namespaced) return { field, operator, value };
  const read = scheme.selectableField(served, field);
  if (read === undefined) {
    const isCustom = served.custom !== undefined;
    throw newBadRequest(isCustom ? `field label not supported: ${field}` : unsupportedField(served, field));
  }
  if (isNamespace) return { field, operator, value };
  // What a custom object has is what its schema makes of what is stored.
  if (served.custom !== undefined) {
    return { field, operator, value, readState: (state) => read(state.inVersion(served, scheme).object) };
  }
  // Objects are selected in the version they are stored in, fields are named in the one that is served.
  const isSame = served.storage.version === served.version && served.storage.group === served.group;
  return { field, operator, value, read: isSame ? read : (object) => read(scheme.convert(object, served)) };
}

/** Whether fields can be looked at only when others have converted the objects. */
export const isAskedOfConverted = ({ custom }: ResourceInfo, query: URLSearchParams): boolean =>
  custom?.reader.convert !== undefined && (query.get("fieldSelector") ?? "") !== "";
