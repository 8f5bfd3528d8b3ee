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
  authorize({ user }: AuthorizationAttributes): AuthorizationDecision {
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

  authorize(attributes: AuthorizationAttributes): AuthorizationDecision | Promise<AuthorizationDecision> {
    return this.#ask(0, attributes, []);
  }

  /** Asks from the authorizer of the index on. `reasons` are those of the ones before. */
  #ask(
    first: number,
    attributes: AuthorizationAttributes,
    reasons: string[],
  ): AuthorizationDecision | Promise<AuthorizationDecision> {
    for (let index = first; index < this.#authorizers.length; index++) {
      const answer = this.#authorizers[index]?.authorize(attributes);
      if (answer instanceof Promise) {
        return answer.then((late) =>
          decides(late, reasons) ? late : this.#ask(index + 1, attributes, reasons),
        );
      }
      if (answer !== undefined && decides(answer, reasons)) return answer;
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

/** Notes the reason of an answer that leaves the decision to others. */
function decides({ decision, reason }: AuthorizationDecision, reasons: string[]): boolean {
  if (decision !== "noOpinion") return true;
  if (reason !== "") reasons.push(reason);
  return false;
}
