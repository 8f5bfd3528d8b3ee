import type { ClusterRole, PolicyRule, Role, RoleRef } from "../../api/types/rbac-v1.ts";
import { newForbidden, newNotFound } from "../../apimachinery/status.ts";
import { groups } from "../authentication/users.ts";
import type { UserInfo } from "../request-context.ts";
import type { AuthorizationAttributes, Authorizer } from "./authorizer.ts";
import type { RbacAuthorizer } from "./rbac.ts";
import type { Binding } from "./rbac-index.ts";
import { compactRules, describeRule, missingRules, quoteList } from "./rules.ts";

const group = "rbac.authorization.k8s.io";

/**
 * Nobody hands out what they do not have (pkg/registry/rbac): who writes a role must hold its rules or the verb
 * `escalate`, who writes a binding must hold the rules of its role or the verb `bind` on it.
 */
export class EscalationGuard {
  readonly #authorizer: Authorizer;
  readonly #rbac: RbacAuthorizer;

  constructor(authorizer: Authorizer, rbac: RbacAuthorizer) {
    this.#authorizer = authorizer;
    this.#rbac = rbac;
  }

  /** Throws 403 when the user may not write the role. `name` is the one in the URL, empty for a create. */
  async checkRole(
    user: UserInfo,
    role: Role | ClusterRole,
    old: Role | ClusterRole | undefined,
    name: string,
  ): Promise<void> {
    const namespace = role.metadata.namespace ?? "";
    const resource = role.kind === "Role" ? "roles" : "clusterroles";
    if (await this.#mayEscalate(user, resource, namespace, name)) return;
    const objectName = role.metadata.name ?? "";
    this.#confirm(user, namespace, role.rules ?? [], { group, resource }, objectName);
    if (!aggregates(role) && !aggregates(old)) return;
    // Aggregation takes in roles that do not exist yet: only who holds everything may ask for it.
    if (missingRules(this.#rbac.policyRulesFor(user, namespace).rules, everything).length > 0) {
      throw newForbidden(
        { group, resource },
        objectName,
        "must have cluster-admin privileges to use the aggregationRule",
      );
    }
  }

  /** Throws 403 when the user may not write the binding, 404 when its role does not exist and `bind` is not held. */
  async checkBinding(user: UserInfo, binding: Binding): Promise<void> {
    if (user.groups.includes(groups.masters)) return;
    const namespace = binding.metadata.namespace ?? "";
    if (await this.#mayBind(user, binding.roleRef, namespace)) return;
    const rules = this.#rbac.index.rulesOf(binding.roleRef, namespace);
    if (rules === undefined)
      throw newNotFound({ group, resource: resourceOf(binding.roleRef) }, binding.roleRef.name);
    const resource = binding.kind === "RoleBinding" ? "rolebindings" : "clusterrolebindings";
    this.#confirm(user, namespace, rules, { group, resource }, binding.metadata.name ?? "");
  }

  async #mayEscalate(user: UserInfo, resource: string, namespace: string, name: string): Promise<boolean> {
    if (user.groups.includes(groups.masters)) return true;
    return this.#allows({ user, verb: "escalate", group, resource, namespace, name });
  }

  async #mayBind(user: UserInfo, roleRef: RoleRef, namespace: string): Promise<boolean> {
    const { apiGroup = group, name } = roleRef;
    return this.#allows({
      user,
      verb: "bind",
      group: apiGroup,
      resource: resourceOf(roleRef),
      namespace,
      name,
    });
  }

  async #allows(
    wanted: Pick<AuthorizationAttributes, "user" | "verb" | "group" | "resource" | "namespace" | "name">,
  ): Promise<boolean> {
    const attributes = { ...wanted, isResourceRequest: true, version: "*", subresource: "", path: "" };
    return (await this.#authorizer.authorize(attributes)).decision === "allow";
  }

  #confirm(
    user: UserInfo,
    namespace: string,
    rules: readonly PolicyRule[],
    resource: { group: string; resource: string },
    name: string,
  ): void {
    const { rules: held } = this.#rbac.policyRulesFor(user, namespace);
    const missing = missingRules(held, rules);
    if (missing.length === 0) return;
    const shown = [...new Set(compactRules(missing).map(describeRule))].toSorted();
    throw newForbidden(
      resource,
      name,
      `user ${JSON.stringify(user.name)} (groups=${quoteList(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${shown.join("\n")}`,
    );
  }
}

const resourceOf = ({ kind }: RoleRef): string => (kind === "Role" ? "roles" : "clusterroles");

const aggregates = (role: Role | ClusterRole | undefined): boolean =>
  role?.kind === "ClusterRole" && role.aggregationRule !== undefined;

const everything: PolicyRule[] = [
  { apiGroups: ["*"], resources: ["*"], verbs: ["*"] },
  { nonResourceURLs: ["*"], verbs: ["*"] },
];
