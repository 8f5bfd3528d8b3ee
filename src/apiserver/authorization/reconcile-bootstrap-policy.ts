import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from "../../api/types/rbac-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { isAlreadyExists } from "../../apimachinery/status.ts";
import type { Client, ResourceReference } from "../../client/client.ts";
import type { ObjectReader } from "../object-reader.ts";
import { bootstrapPolicy } from "./bootstrap-policy.ts";
import { missingRules } from "./rules.ts";

const reference = (resource: string, kind: string, namespaced: boolean) => ({
  group: "rbac.authorization.k8s.io",
  version: "v1",
  resource,
  kind,
  namespaced,
});
const clusterRoles: ResourceReference<ClusterRole> = reference("clusterroles", "ClusterRole", false);
const clusterRoleBindings: ResourceReference<ClusterRoleBinding> = reference(
  "clusterrolebindings",
  "ClusterRoleBinding",
  false,
);
const roles: ResourceReference<Role> = reference("roles", "Role", true);
const roleBindings: ResourceReference<RoleBinding> = reference("rolebindings", "RoleBinding", true);

const autoUpdate = "rbac.authorization.kubernetes.io/autoupdate";

/**
 * Creates the roles and bindings that are missing and adds rules and subjects that existing ones lack; what people
 * added stays, and objects with `autoupdate: "false"` are left alone. Existing objects are read from the cache, so a
 * cluster that has everything costs no request. Needs the namespaces kube-system and kube-public, and a client that
 * may do everything. Resolves with the number of writes.
 */
export async function reconcileBootstrapPolicy(client: Client, reader: ObjectReader): Promise<number> {
  const policy = bootstrapPolicy();
  const writes = [
    ...policy.clusterRoles.map((role) => ensure(client, reader, clusterRoles, role, reconciledRole)),
    ...policy.roles.map((role) => ensure(client, reader, roles, role, reconciledRole)),
    ...policy.clusterRoleBindings.map((binding) =>
      ensure(client, reader, clusterRoleBindings, binding, reconciledBinding),
    ),
    ...policy.roleBindings.map((binding) => ensure(client, reader, roleBindings, binding, reconciledBinding)),
  ];
  const done = await Promise.all(writes);
  return done.filter(Boolean).length;
}

type Rbac = ClusterRole | Role | ClusterRoleBinding | RoleBinding;

async function ensure<T extends Rbac>(
  client: Client,
  reader: ObjectReader,
  resource: ResourceReference<T>,
  expected: T,
  reconcile: (existing: T, expected: T) => T | "recreate",
): Promise<boolean> {
  const { name = "", namespace } = expected.metadata;
  const existing = reader.get<T>(resource, namespace ?? "", name);
  const objects = client.resource(resource);
  if (existing === undefined) {
    try {
      await objects.create(expected, { namespace });
      return true;
    } catch (error) {
      // Another server of the same cluster was faster.
      if (isAlreadyExists(error)) return false;
      throw error;
    }
  }
  if (existing.metadata.annotations?.[autoUpdate] === "false") return false;
  const wanted = reconcile(existing, expected);
  if (wanted === "recreate") {
    await objects.delete(name, { namespace });
    await objects.create(expected, { namespace });
    return true;
  }
  if (deepEqual(wanted, existing)) return false;
  await objects.update(wanted, { namespace });
  return true;
}

function withDefaults<T extends Rbac>(existing: T, { metadata }: T): T {
  return {
    ...existing,
    metadata: {
      ...existing.metadata,
      labels: { ...metadata.labels, ...existing.metadata.labels },
      annotations: { ...metadata.annotations, ...existing.metadata.annotations },
    },
  };
}

/** The rules of an aggregated role are its controller's; here only its selectors are looked after. */
export function reconciledRole<T extends ClusterRole | Role>(existing: T, expected: T): T {
  const result = withDefaults(existing, expected);
  if ("aggregationRule" in expected && expected.aggregationRule !== undefined) {
    const current =
      "aggregationRule" in existing ? (existing.aggregationRule?.clusterRoleSelectors ?? []) : [];
    const missing = (expected.aggregationRule.clusterRoleSelectors ?? []).filter(
      (selector) => !current.some((known) => deepEqual(known, selector)),
    );
    if (missing.length === 0) return result;
    return { ...result, aggregationRule: { clusterRoleSelectors: [...current, ...missing] } };
  }
  const missing = missingRules(existing.rules ?? [], expected.rules ?? []);
  return missing.length === 0 ? result : { ...result, rules: [...(existing.rules ?? []), ...missing] };
}

/** A reference to another role cannot be changed: such a binding is made anew. */
export function reconciledBinding<T extends ClusterRoleBinding | RoleBinding>(
  existing: T,
  expected: T,
): T | "recreate" {
  if (!deepEqual(existing.roleRef, expected.roleRef)) return "recreate";
  const subjects = existing.subjects ?? [];
  const missing = (expected.subjects ?? []).filter(
    (subject) => !subjects.some((known) => deepEqual(known, subject)),
  );
  const result = withDefaults(existing, expected);
  return missing.length === 0 ? result : { ...result, subjects: [...subjects, ...missing] };
}
