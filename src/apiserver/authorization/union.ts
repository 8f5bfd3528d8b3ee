import { groups } from "../authentication/users.ts";
import type { UserInfo } from "../request-context.ts";
import type {
  AuthorizationAttributes,
  AuthorizationDecision,
  Authorizer,
  SubjectRules,
} from "./authorizer.ts";

/** Members of system:masters may do everything: no lost binding locks the owner of a cluster out. */
export class MastersAuthorizer implements Authorizer {
  async authorize({ user }: AuthorizationAttributes): Promise<AuthorizationDecision> {
    return { decision: user.groups.includes(groups.masters) ? "allow" : "noOpinion", reason: "" };
  }

  async rulesFor(): Promise<SubjectRules> {
    return noRules;
  }
}

export const noRules: SubjectRules = { resourceRules: [], nonResourceRules: [], incomplete: false };

/** Asks in order; the first that allows or denies decides, and rules are those of all. */
export class AuthorizerUnion implements Authorizer {
  readonly #authorizers: readonly Authorizer[];

  constructor(authorizers: readonly Authorizer[]) {
    this.#authorizers = authorizers;
  }

  async authorize(attributes: AuthorizationAttributes): Promise<AuthorizationDecision> {
    const reasons: string[] = [];
    for (const authorizer of this.#authorizers) {
      const answer = await authorizer.authorize(attributes);
      if (answer.decision !== "noOpinion") return answer;
      if (answer.reason !== "") reasons.push(answer.reason);
    }
    return { decision: "noOpinion", reason: reasons.join("\n") };
  }

  async rulesFor(user: UserInfo, namespace: string): Promise<SubjectRules> {
    const all = await Promise.all(
      this.#authorizers.map((authorizer) => authorizer.rulesFor(user, namespace)),
    );
    return {
      resourceRules: all.flatMap((rules) => rules.resourceRules),
      nonResourceRules: all.flatMap((rules) => rules.nonResourceRules),
      incomplete: all.some((rules) => rules.incomplete),
    };
  }
}
