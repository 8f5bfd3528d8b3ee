import type { Scheme } from "../../../api/scheme.ts";
import type {
  MutatingAdmissionPolicy,
  ValidatingAdmissionPolicy,
} from "../../../api/types/admissionregistration-v1.ts";
import type { Authorizer } from "../../authorization/authorizer.ts";
import type { ObjectReader } from "../../object-reader.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../admission.ts";
import type { ConditionMetrics } from "../condition-metrics.ts";
import { lazyMutatingPlugin, lazyValidatingPlugin } from "../lazy-plugin.ts";
import { isExempt } from "../webhooks/rules.ts";
import type { Versions } from "../webhooks/versions.ts";
import type { Measuring } from "./policy-metrics.ts";
import { BoundPolicies } from "./policy-source.ts";

export interface AdmissionPolicyOptions extends Measuring {
  readonly reader: ObjectReader;
  readonly scheme: Scheme;
  readonly authorizer: Authorizer;
  readonly conditionMetrics: ConditionMetrics;
}

export interface PolicyDependencies extends AdmissionPolicyOptions {
  readonly versions: Versions;
}

/** The two plugins that evaluate policies. The expression language is loaded when the first policy is in force. */
export function admissionPolicies(options: AdmissionPolicyOptions): {
  readonly mutating: AdmissionPlugin;
  readonly validating: AdmissionPlugin;
} {
  const mutating = new BoundPolicies<MutatingAdmissionPolicy>(options.reader, {
    policies: "mutatingadmissionpolicies",
    bindings: "mutatingadmissionpolicybindings",
  });
  const validating = new BoundPolicies<ValidatingAdmissionPolicy>(options.reader, {
    policies: "validatingadmissionpolicies",
    bindings: "validatingadmissionpolicybindings",
  });
  const load = () => import("./policy-plugins.ts");
  const handles = (policies: { all(): readonly unknown[] }) => (attributes: AdmissionAttributes) =>
    policies.all().length > 0 && !isExempt(attributes);
  return {
    mutating: lazyMutatingPlugin({
      name: "MutatingAdmissionPolicy",
      handles: handles(mutating),
      load: async () => (await load()).mutatingPolicies(options, mutating),
    }),
    validating: lazyValidatingPlugin({
      name: "ValidatingAdmissionPolicy",
      handles: handles(validating),
      load: async () => (await load()).validatingPolicies(options, validating),
    }),
  };
}
