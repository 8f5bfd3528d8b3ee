import type { ValidatingAdmissionPolicy } from "../../api/types/admissionregistration-v1.ts";
import { isConflict, isNotFound, StatusError } from "../../apimachinery/status.ts";
import { systemContext } from "../../apiserver/authentication/system-context.ts";
import type { RegistryDependencies, ResourceExtension } from "../../apiserver/registry/strategy.ts";

const resource = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  resource: "validatingadmissionpolicies",
};

/** Policies say in their status which of their expressions cannot be right for the kinds that they are about. */
export const validatingPoliciesExtension: ResourceExtension = {
  group: resource.group,
  resource: resource.resource,
  setup(dependencies) {
    dependencies.reader.onChange(resource, (object) => {
      const policy = object as ValidatingAdmissionPolicy | undefined;
      if (policy === undefined || isChecked(policy)) return;
      // Nobody waits for it; a status that could not be written is written with the policy's next change.
      void check(policy, dependencies).catch(() => undefined);
    });
    return {};
  },
};

const isChecked = ({ metadata, status }: ValidatingAdmissionPolicy): boolean =>
  status?.observedGeneration === metadata.generation;

async function check(
  policy: ValidatingAdmissionPolicy,
  { stores, scheme }: RegistryDependencies,
): Promise<void> {
  const { typeCheckPolicy } = await import("../../apiserver/admission/policies/type-checking.ts");
  const expressionWarnings = typeCheckPolicy(policy, scheme);
  const typeChecking = expressionWarnings.length === 0 ? {} : { expressionWarnings };
  const { name = "", generation, uid } = policy.metadata;
  const context = systemContext("update", resource, policy.metadata, "status");
  try {
    await stores.update(context, resource.group, resource.resource, "", name, "status", (current) => {
      if (current.metadata.uid !== uid || current.metadata.generation !== generation) return current;
      const status = {
        ...(current["status"] as object | undefined),
        observedGeneration: generation,
        typeChecking,
      };
      return { ...current, status };
    });
  } catch (error) {
    const isGone = error instanceof StatusError && (isNotFound(error) || isConflict(error));
    if (!isGone) throw error;
  }
}
