import type { Namespace } from "../../../api/types/core-v1.ts";
import { newNotFound, type StatusError } from "../../../apimachinery/status.ts";
import type { ObjectReader } from "../../object-reader.ts";
import type { AdmissionAttributes } from "../admission.ts";

/** The namespace of the request is gone: that is the answer, whatever the policies say. */
export class NamespaceGone extends Error {
  readonly status: StatusError;

  constructor(status: StatusError) {
    super(status.message);
    this.status = status;
  }
}

/** What `namespaceObject` is: nothing for objects of the cluster, namespaces among them. Throws NamespaceGone. */
export function requestNamespace(
  { reader }: { readonly reader: ObjectReader },
  { namespace, kind }: AdmissionAttributes,
): Namespace | undefined {
  if (namespace === "" || (kind.group === "" && kind.kind === "Namespace")) return undefined;
  const resource = { group: "", resource: "namespaces" };
  const found = reader.get<Namespace>(resource, "", namespace);
  if (found === undefined) throw new NamespaceGone(newNotFound(resource, namespace));
  return found;
}
