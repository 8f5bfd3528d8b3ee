import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from "../../api/types/rbac-v1.ts";
import type { GroupResource } from "../../apimachinery/gvk.ts";
import { type KubernetesObject, keyOf } from "../../apimachinery/object.ts";
import { serviceAccountUserName } from "../authentication/users.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { UserInfo } from "../request-context.ts";

const group = "rbac.authorization.k8s.io";
export const rbacResources = {
  roles: { group, resource: "roles" },
  roleBindings: { group, resource: "rolebindings" },
  clusterRoles: { group, resource: "clusterroles" },
  clusterRoleBindings: { group, resource: "clusterrolebindings" },
} as const satisfies Record<string, GroupResource>;

export type Binding = RoleBinding | ClusterRoleBinding;

/** A binding that applies to a user, with the subject by which it does. */
export interface AppliedBinding {
  readonly binding: Binding;
  readonly subject: Subject;
}

/**
 * Bindings by subject: a decision looks at the bindings of the user's name and groups only, however many there are.
 * Built when first asked and kept up with each change; roles are read from the cache when they are needed.
 */
export class RbacIndex {
  readonly #reader: ObjectReader;
  /** Namespace ("" for cluster-wide) → subject → binding key → binding. Absent until first used. */
  #bindings: Map<string, Map<string, Map<string, AppliedBinding>>> | undefined;

  constructor(reader: ObjectReader) {
    this.#reader = reader;
    for (const resource of [rbacResources.roleBindings, rbacResources.clusterRoleBindings]) {
      reader.onChange(resource, (object, old) => this.#change(object, old));
    }
  }

  /** Cluster-wide bindings of the user first, then those of the namespace. */
  *bindingsFor(user: UserInfo, namespace: string): Iterable<AppliedBinding> {
    const index = this.#built();
    for (const scope of namespace === "" ? [""] : ["", namespace]) {
      const bySubject = index.get(scope);
      if (bySubject === undefined) continue;
      const seen = new Set<Binding>();
      for (const subject of subjectsOf(user)) {
        for (const applied of bySubject.get(subject)?.values() ?? []) {
          if (seen.has(applied.binding)) continue;
          seen.add(applied.binding);
          yield applied;
        }
      }
    }
  }

  /** The rules of the role that a binding in the namespace refers to; undefined when there is no such role. */
  rulesOf(roleRef: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    if (roleRef.kind === "ClusterRole") {
      const role = this.#reader.get<ClusterRole>(rbacResources.clusterRoles, "", roleRef.name);
      return role === undefined ? undefined : (role.rules ?? []);
    }
    const role = this.#reader.get<Role>(rbacResources.roles, namespace, roleRef.name);
    return role === undefined ? undefined : (role.rules ?? []);
  }

  #built(): Map<string, Map<string, Map<string, AppliedBinding>>> {
    if (this.#bindings !== undefined) return this.#bindings;
    this.#bindings = new Map();
    for (const binding of this.#reader.list<Binding>(rbacResources.clusterRoleBindings)) this.#add(binding);
    for (const binding of this.#reader.list<Binding>(rbacResources.roleBindings)) this.#add(binding);
    return this.#bindings;
  }

  #change(object: KubernetesObject | undefined, old: KubernetesObject | undefined): void {
    if (this.#bindings === undefined) return;
    if (old !== undefined) this.#remove(old as Binding);
    if (object !== undefined) this.#add(object as Binding);
  }

  #add(binding: Binding): void {
    const scope = binding.metadata.namespace ?? "";
    const bySubject = getOrMake<Map<string, AppliedBinding>>(this.#bindings ?? new Map(), scope);
    for (const subject of binding.subjects ?? []) {
      const key = subjectKey(subject, scope);
      if (key === undefined) continue;
      const byKey = getOrMake<AppliedBinding>(bySubject, key);
      // The first subject that applies is the one that reasons name.
      if (byKey.get(keyOf(binding))?.binding !== binding) byKey.set(keyOf(binding), { binding, subject });
    }
  }

  #remove(binding: Binding): void {
    const scope = binding.metadata.namespace ?? "";
    const bySubject = this.#bindings?.get(scope);
    for (const subject of binding.subjects ?? []) {
      const key = subjectKey(subject, scope) ?? "";
      const byKey = bySubject?.get(key);
      byKey?.delete(keyOf(binding));
      if (byKey?.size === 0) bySubject?.delete(key);
    }
    if (bySubject?.size === 0) this.#bindings?.delete(scope);
  }
}

function getOrMake<V>(map: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let found = map.get(key);
  if (found === undefined) map.set(key, (found = new Map<string, V>()));
  return found;
}

function subjectsOf(user: UserInfo): string[] {
  return [`User ${user.name}`, ...user.groups.map((name) => `Group ${name}`)];
}

/** A service account without a namespace is one of the binding's own namespace. */
function subjectKey({ kind, name, namespace }: Subject, bindingNamespace: string): string | undefined {
  if (kind === "User" || kind === "Group") return `${kind} ${name}`;
  const accountNamespace = namespace === undefined || namespace === "" ? bindingNamespace : namespace;
  if (kind !== "ServiceAccount" || accountNamespace === "") return undefined;
  return `User ${serviceAccountUserName(accountNamespace, name)}`;
}
