import { invalid, notSupported, required } from "../../apimachinery/field-error.ts";
import { dns1123SubdomainErrors, pathSegmentErrors } from "../../apimachinery/names.ts";
import type { ClusterRole, PolicyRule, Role, RoleBinding, RoleRef, Subject } from "../types/rbac-v1.ts";
import { checkName, type Errors, isEmpty, list, same } from "./basics.ts";
import { checkLabelSelector, selectorOf } from "./label-selector.ts";

/** Roles and their bindings (mirrors pkg/apis/rbac/validation). */
const group = "rbac.authorization.k8s.io";

export function checkRole({ rules }: Role, errors: Errors): void {
  list(rules).forEach((rule, index) => {
    checkRule(rule, true, `rules[${index}]`, errors);
  });
}

export function checkClusterRole({ rules, aggregationRule }: ClusterRole, errors: Errors): void {
  list(rules).forEach((rule, index) => {
    checkRule(rule, false, `rules[${index}]`, errors);
  });
  if (aggregationRule === undefined) return;
  const path = "aggregationRule.clusterRoleSelectors";
  const selectors = list(aggregationRule.clusterRoleSelectors);
  if (selectors.length === 0) {
    errors.push(required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil"));
  }
  selectors.forEach((selector, index) => {
    checkLabelSelector(selector, `${path}[${index}]`, errors);
    if (selectorOf(selector) !== undefined) return;
    errors.push(invalid(`${path}[${index}]`, null, "invalid label selector."));
  });
}

function checkRule(rule: PolicyRule, namespaced: boolean, path: string, errors: Errors): void {
  const urls = list(rule.nonResourceURLs);
  const [groups, resources, names] = [list(rule.apiGroups), list(rule.resources), list(rule.resourceNames)];
  if (list(rule.verbs).length === 0) {
    errors.push(required(`${path}.verbs`, "verbs must contain at least one value"));
  }
  if (urls.length > 0) {
    if (namespaced) {
      const detail = "namespaced rules cannot apply to non-resource URLs";
      errors.push(invalid(`${path}.nonResourceURLs`, urls, detail));
    }
    if (groups.length + resources.length + names.length > 0) {
      const detail = "rules cannot apply to both regular resources and non-resource URLs";
      errors.push(invalid(`${path}.nonResourceURLs`, urls, detail));
    }
    return;
  }
  if (groups.length === 0) {
    errors.push(required(`${path}.apiGroups`, "resource rules must supply at least one api group"));
  }
  if (resources.length === 0) {
    errors.push(required(`${path}.resources`, "resource rules must supply at least one resource"));
  }
}

export function checkRoleBinding({ roleRef, subjects }: RoleBinding, errors: Errors): void {
  checkRoleRef(roleRef, ["Role", "ClusterRole"], errors);
  checkSubjects(subjects, true, errors);
}

export function checkClusterRoleBinding(
  { roleRef, subjects }: Pick<RoleBinding, "roleRef" | "subjects">,
  errors: Errors,
): void {
  checkRoleRef(roleRef, ["ClusterRole"], errors);
  checkSubjects(subjects, false, errors);
}

function checkRoleRef(reference: RoleRef | undefined, kinds: readonly string[], errors: Errors): void {
  const { apiGroup, kind = "", name = "" }: Partial<RoleRef> = reference ?? {};
  if (apiGroup !== group) errors.push(notSupported("roleRef.apiGroup", apiGroup ?? "", [group]));
  if (!kinds.includes(kind)) errors.push(notSupported("roleRef.kind", kind, kinds));
  if (isEmpty(name)) errors.push(required("roleRef.name"));
  else checkName(name, pathSegmentErrors, "roleRef.name", errors);
}

/** Accounts without a namespace are those of the binding's own, where it has one. */
function checkSubjects(subjects: readonly Subject[] | undefined, namespaced: boolean, errors: Errors): void {
  list(subjects).forEach((subject, index) => {
    checkSubject(subject, namespaced, `subjects[${index}]`, errors);
  });
}

function checkSubject(
  { kind, name, namespace, apiGroup = "" }: Subject,
  namespaced: boolean,
  path: string,
  errors: Errors,
): void {
  if (isEmpty(name)) errors.push(required(`${path}.name`));
  if (kind === "ServiceAccount") {
    if (!isEmpty(name)) checkName(name, dns1123SubdomainErrors, `${path}.name`, errors);
    if (apiGroup !== "") errors.push(notSupported(`${path}.apiGroup`, apiGroup, [""]));
    if (!namespaced && isEmpty(namespace)) errors.push(required(`${path}.namespace`));
  } else if (kind === "User" || kind === "Group") {
    if (apiGroup !== group) errors.push(notSupported(`${path}.apiGroup`, apiGroup, [group]));
  } else errors.push(notSupported(`${path}.kind`, kind, ["ServiceAccount", "User", "Group"]));
}

/** A binding says what it binds once and for all. */
export function checkRoleRefUpdate(
  now: Pick<RoleBinding, "roleRef">,
  old: Pick<RoleBinding, "roleRef">,
  errors: Errors,
): void {
  if (!same(now.roleRef, old.roleRef)) errors.push(invalid("roleRef", now.roleRef, "cannot change roleRef"));
}
