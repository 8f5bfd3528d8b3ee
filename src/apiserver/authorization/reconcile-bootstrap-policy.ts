import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from "../../api/types/rbac-v1.ts";
import { deepCopy, deepEqual } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { isAlreadyExists } from "../../apimachinery/status.ts";
import type { ResourceReference } from "../../client/client.ts";
import { systemContext } from "../authentication/system-context.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { ResourceStores } from "../registry/strategy.ts";
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

/** How roles and bindings are written. */
interface PolicyWrites {
  create<T extends Rbac>(resource: ResourceReference<T>, object: T): Promise<unknown>;
  update<T extends Rbac>(resource: ResourceReference<T>, object: T): Promise<unknown>;
  delete<T extends Rbac>(resource: ResourceReference<T>, object: T): Promise<unknown>;
}

type Rbac = ClusterRole | Role | ClusterRoleBinding | RoleBinding;

/**
 * Creates the roles and bindings that are missing and adds rules and subjects that existing ones lack; what people
 * added stays, and objects with `autoupdate: "false"` are left alone. Existing objects are read from the cache, so a
 * cluster that has everything costs no request. They go straight into the server's stores: that takes half the time of
 * requests, and no namespace need be there yet. Resolves with the number of writes.
 */
export function reconcileBootstrapPolicyInStores(
  stores: ResourceStores,
  reader: ObjectReader,
): Promise<number> {
  const at = ({ group, resource }: ResourceReference, { metadata }: Rbac) =>
    [group, resource, metadata.namespace ?? "", metadata.name ?? ""] as const;
  return reconcile(
    {
      create(resource, object) {
        const [group, plural, namespace] = at(resource, object);
        const context = systemContext("create", resource, object.metadata);
        return stores.create(context, group, plural, namespace, object as unknown as UnstructuredObject);
      },
      update(resource, object) {
        const context = systemContext("update", resource, object.metadata);
        return stores.update(
          context,
          ...at(resource, object),
          "",
          () => deepCopy(object) as unknown as UnstructuredObject,
        );
      },
      delete: (resource, object) =>
        stores.delete(systemContext("delete", resource, object.metadata), ...at(resource, object), undefined),
    },
    reader,
  );
}

async function reconcile(writes: PolicyWrites, reader: ObjectReader): Promise<number> {
  const policy = bootstrapPolicy();
  const done = await Promise.all([
    ...policy.clusterRoles.map((role) => ensure(writes, reader, clusterRoles, role, reconciledRole)),
    ...policy.roles.map((role) => ensure(writes, reader, roles, role, reconciledRole)),
    ...policy.clusterRoleBindings.map((binding) =>
      ensure(writes, reader, clusterRoleBindings, binding, reconciledBinding),
    ),
    ...policy.roleBindings.map((binding) => ensure(writes, reader, roleBindings, binding, reconciledBinding)),
  ]);
  return done.filter(Boolean).length;
}

async function ensure<T extends Rbac>(
  writes: PolicyWrites,
  reader: ObjectReader,
  resource: ResourceReference<T>,
  expected: T,
  reconciled: (existing: T, expected: T) => T | "recreate",
): Promise<boolean> {
  const { name = "", namespace } = expected.metadata;
  const existing = reader.get<T>(resource, namespace ?? "", name);
  if (existing === undefined) {
    try {
      await writes.create(resource, expected);
      return true;
    } catch (error) {
      // Another server of the same cluster was faster.
      if (isAlreadyExists(error)) return false;
      throw error;
    }
  }
  if (existing.metadata.annotations?.[autoUpdate] === "false") return false;
  const wanted = reconciled(existing, expected);
  if (wanted === "recreate") {
    await writes.delete(resource, expected);
    await writes.create(resource, expected);
    return true;
  }
  if (deepEqual(wanted, existing)) return false;
  await writes.update(resource, wanted);
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
  if (deepEqual(existing.rules ?? [], expected.rules ?? [])) return result;
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
