import type { Namespace } from "../../api/types/core-v1.ts";
import { newNotFound } from "../../apimachinery/status.ts";
import type { AdmissionAttributes, AdmissionDependencies, AdmissionPlugin } from "./admission.ts";
import { refuse } from "./attributes.ts";

const namespaces = { group: "", resource: "namespaces" };
const immortal = new Set(["default", "kube-system", "kube-public"]);

/**
 * Nothing is written to a namespace that does not exist, nothing is created in one that is being deleted, and the
 * namespaces of the system are never deleted. Mirrors apiserver/pkg/admission/plugin/namespace/lifecycle.
 */
export class NamespaceLifecycle implements AdmissionPlugin {
  readonly name = "NamespaceLifecycle";
  readonly #reader: AdmissionDependencies["reader"];

  constructor({ reader }: AdmissionDependencies) {
    this.#reader = reader;
  }

  handles({ operation }: AdmissionAttributes): boolean {
    return operation !== "CONNECT";
  }

  admit(attributes: AdmissionAttributes): void {
    const { operation } = attributes;
    if (isNamespace(attributes)) {
      if (operation === "DELETE" && immortal.has(attributes.name)) {
        throw refuse(attributes, "this namespace may not be deleted");
      }
      return;
    }
    if (operation !== "DELETE" && !isAccessReview(attributes)) this.#checkNamespace(attributes);
  }

  /** Webhooks may have taken their time: what is created after the namespace was found to be empty would stay for good. */
  confirm(attributes: AdmissionAttributes): void {
    if (attributes.operation === "CREATE" && !isNamespace(attributes)) this.#checkNamespace(attributes);
  }

  #checkNamespace(attributes: AdmissionAttributes): void {
    const { operation, namespace } = attributes;
    if (namespace === "") return;
    const found = this.#reader.get<Namespace>(namespaces, "", namespace);
    if (found === undefined) throw newNotFound(namespaces, namespace);
    if (operation === "CREATE" && isTerminating(found)) throw terminating(attributes);
  }
}

const isNamespace = ({ resource }: AdmissionAttributes): boolean =>
  resource.group === "" && resource.resource === "namespaces";

/** To say whether the namespace exists would tell more than the review itself. */
const isAccessReview = ({ resource }: AdmissionAttributes): boolean =>
  resource.group === "authorization.k8s.io" && resource.resource === "localsubjectaccessreviews";

const isTerminating = ({ status, metadata }: Namespace): boolean =>
  status?.phase === "Terminating" || metadata.deletionTimestamp !== undefined;

function terminating(attributes: AdmissionAttributes): Error {
  const { namespace } = attributes;
  const error = refuse(
    attributes,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
  const cause = {
    reason: "NamespaceTerminating",
    message: `namespace ${namespace} is being terminated`,
    field: "metadata.namespace",
  };
  error.status.details = { ...error.status.details, causes: [cause] };
  return error;
}
