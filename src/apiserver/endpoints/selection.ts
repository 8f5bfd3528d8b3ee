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
  if (field === "metadata.name" || field === "metadata.namespace") return { field, operator, value };
  const read = scheme.selectableField(served, field);
  if (read === undefined) throw newBadRequest(unsupported(served, field));
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

/** Kinds with selectable fields of their own word it differently from the rest. */
const withOwnFields = new Set([
  "Pod",
  "Node",
  "Namespace",
  "Secret",
  "Service",
  "Event",
  "ReplicationController",
]);

function unsupported(served: ResourceInfo, field: string): string {
  if (served.custom !== undefined) return `field label not supported: ${field}`;
  if (served.kind === "Job") return `field label ${JSON.stringify(field)} not supported for Job`;
  if (withOwnFields.has(served.kind)) return `field label not supported: ${field}`;
  return `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`;
}
