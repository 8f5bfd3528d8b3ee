import type { UserInfo } from "../request-context.ts";

/** May this user do this? Authorizers are asked in order; the first that does not answer `noOpinion` decides. */
export interface Authorizer {
  /** At once where nobody need be asked. */
  authorize(attributes: AuthorizationAttributes): AuthorizationDecision | Promise<AuthorizationDecision>;
  /** The rules that apply to the user in the namespace, for SelfSubjectRulesReview. */
  rulesFor(user: UserInfo, namespace: string): Promise<SubjectRules>;
}

export interface AuthorizationAttributes {
  readonly user: UserInfo;
  readonly verb: string;
  readonly isResourceRequest: boolean;
  readonly namespace: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** For requests that name no resource. */
  readonly path: string;
  /** The field selector of a list, watch or deletecollection: nodes may list pods only with `spec.nodeName=` theirs. */
  readonly fieldSelector?: readonly FieldRequirement[];
}

export interface FieldRequirement {
  readonly field: string;
  readonly operator: "=" | "!=";
  readonly value: string;
}

export interface AuthorizationDecision {
  readonly decision: "allow" | "deny" | "noOpinion";
  readonly reason: string;
}

export interface SubjectRules {
  readonly resourceRules: readonly {
    verbs: string[];
    apiGroups?: string[];
    resources?: string[];
    resourceNames?: string[];
  }[];
  readonly nonResourceRules: readonly { verbs: string[]; nonResourceURLs?: string[] }[];
  readonly incomplete: boolean;
}
