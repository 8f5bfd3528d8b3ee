import type {
  MutatingAdmissionPolicy,
  ValidatingAdmissionPolicy,
} from "../../../api/types/admissionregistration-v1.ts";
import { Versions } from "../webhooks/versions.ts";
import type { AdmissionPolicyOptions } from "./index.ts";
import { MutatingPolicies } from "./mutating-plugin.ts";
import { CompiledMutatingPolicy } from "./mutating-policy.ts";
import { type BoundPolicies, Compiled } from "./policy-source.ts";
import { ValidatingPolicies } from "./validating-plugin.ts";
import { CompiledValidatingPolicy } from "./validating-policy.ts";

export function mutatingPolicies(
  options: AdmissionPolicyOptions,
  policies: BoundPolicies<MutatingAdmissionPolicy>,
): MutatingPolicies {
  const dependencies = { ...options, versions: new Versions(options.scheme) };
  return new MutatingPolicies(
    dependencies,
    policies,
    new Compiled((policy) => new CompiledMutatingPolicy(policy)),
  );
}

export function validatingPolicies(
  options: AdmissionPolicyOptions,
  policies: BoundPolicies<ValidatingAdmissionPolicy>,
): ValidatingPolicies {
  const dependencies = { ...options, versions: new Versions(options.scheme) };
  return new ValidatingPolicies(
    dependencies,
    policies,
    new Compiled((policy) => new CompiledValidatingPolicy(policy)),
  );
}
