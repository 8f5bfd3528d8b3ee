import type { PolicyRule, RoleRef, Subject } from "../../api/types/rbac-v1.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { UserInfo } from "../request-context.ts";
import type {
  AuthorizationAttributes,
  AuthorizationDecision,
  Authorizer,
  SubjectRules,
} from "./authorizer.ts";
import { type AppliedBinding, type Binding, RbacIndex } from "./rbac-index.ts";
import { ruleAllows } from "./rules.ts";

/** Role-based access: allows what a rule of a role allows that is bound to the user or one of the groups. */
export class RbacAuthorizer implements Authorizer {
  readonly index: RbacIndex;

  constructor(reader: ObjectReader) {
    this.index = new RbacIndex(reader);
  }

  async authorize(attributes: AuthorizationAttributes): Promise<AuthorizationDecision> {
    const missing: string[] = [];
    for (const applied of this.index.bindingsFor(attributes.user, attributes.namespace)) {
      const rules = this.#rulesOf(applied.binding, missing);
      if (rules.some((rule) => ruleAllows(attributes, rule))) {
        return { decision: "allow", reason: `RBAC: allowed by ${describe(applied)}` };
      }
    }
    return { decision: "noOpinion", reason: missing.length === 0 ? "" : `RBAC: ${aggregate(missing)}` };
  }

  async rulesFor(user: UserInfo, namespace: string): Promise<SubjectRules> {
    const { rules, incomplete } = this.policyRulesFor(user, namespace);
    return {
      resourceRules: rules
        .filter((rule) => (rule.resources ?? []).length > 0)
        .map(({ verbs, apiGroups, resources, resourceNames }) => ({
          verbs,
          ...(apiGroups === undefined ? {} : { apiGroups }),
          ...(resources === undefined ? {} : { resources }),
          ...(resourceNames === undefined ? {} : { resourceNames }),
        })),
      nonResourceRules: rules
        .filter((rule) => (rule.nonResourceURLs ?? []).length > 0)
        .map(({ verbs, nonResourceURLs = [] }) => ({ verbs, nonResourceURLs })),
      incomplete,
    };
  }

  /** All rules that apply to the user in the namespace; incomplete when a bound role does not exist. */
  policyRulesFor(user: UserInfo, namespace: string): { rules: PolicyRule[]; incomplete: boolean } {
    const missing: string[] = [];
    const rules: PolicyRule[] = [];
    for (const { binding } of this.index.bindingsFor(user, namespace))
      rules.push(...this.#rulesOf(binding, missing));
    return { rules, incomplete: missing.length > 0 };
  }

  #rulesOf(binding: Binding, missing: string[]): readonly PolicyRule[] {
    const rules = this.index.rulesOf(binding.roleRef, binding.metadata.namespace ?? "");
    if (rules === undefined) missing.push(notFound(binding.roleRef));
    return rules ?? [];
  }
}

const notFound = ({ kind, name }: RoleRef): string =>
  `${kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`;

function aggregate(texts: readonly string[]): string {
  const distinct = [...new Set(texts)];
  return distinct.length === 1 ? (distinct[0] ?? "") : `[${distinct.join(", ")}]`;
}

/** `RoleBinding "name/namespace" of Role "x" to User "y"`: Kubernetes puts the name first. */
function describe({ binding, subject }: AppliedBinding): string {
  const { name = "", namespace } = binding.metadata;
  const shown = namespace === undefined ? name : `${name}/${namespace}`;
  const role = `${binding.roleRef.kind} ${JSON.stringify(binding.roleRef.name)}`;
  return `${binding.kind} ${JSON.stringify(shown)} of ${role} to ${describeSubject(subject, namespace ?? "")}`;
}

function describeSubject({ kind, name, namespace }: Subject, bindingNamespace: string): string {
  if (kind !== "ServiceAccount") return `${kind} ${JSON.stringify(name)}`;
  return `${kind} ${JSON.stringify(`${name}/${namespace === undefined || namespace === "" ? bindingNamespace : namespace}`)}`;
}
