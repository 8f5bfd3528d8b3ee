import type { ClusterRole, Role } from "../../api/types/rbac-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { EscalationGuard } from "../authorization/escalation.ts";
import type { Binding } from "../authorization/rbac-index.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";

const resources = new Set(["roles", "clusterroles", "rolebindings", "clusterrolebindings"]);

/**
 * Asks the escalation guard about every role and binding that is written. Kubernetes does so in the storage of these
 * resources; here it is a validating plugin, because the question goes to the authorizer and must see the final object.
 */
export class RbacEscalation implements AdmissionPlugin {
  readonly name = "RBACEscalation";
  readonly #guard: EscalationGuard;

  constructor(guard: EscalationGuard) {
    this.#guard = guard;
  }

  handles({ operation, resource, subresource }: AdmissionAttributes): boolean {
    return (
      resource.group === "rbac.authorization.k8s.io" &&
      resources.has(resource.resource) &&
      subresource === "" &&
      (operation === "CREATE" || operation === "UPDATE")
    );
  }

  async validate({ object, oldObject, resource, user, operation, name }: AdmissionAttributes): Promise<void> {
    if (object === undefined) return;
    if (oldObject !== undefined && onlyCollectionFieldsDiffer(object, oldObject)) return;
    if (resource.resource.endsWith("bindings")) {
      await this.#guard.checkBinding(user, object as unknown as Binding);
    } else {
      const urlName = operation === "UPDATE" ? name : "";
      await this.#guard.checkRole(
        user,
        object as unknown as Role | ClusterRole,
        oldObject as unknown as Role | ClusterRole | undefined,
        urlName,
      );
    }
  }
}

/** The garbage collector may take finalizers and owners away from whatever it is collecting. */
export function onlyCollectionFieldsDiffer(object: UnstructuredObject, old: UnstructuredObject): boolean {
  return deepEqual(withoutCollectionFields(object), withoutCollectionFields(old));
}

const withoutCollectionFields = (object: UnstructuredObject): UnstructuredObject => ({
  ...object,
  metadata: {
    ...object.metadata,
    ownerReferences: undefined,
    finalizers: undefined,
    managedFields: undefined,
    resourceVersion: undefined,
    generation: undefined,
  },
});
