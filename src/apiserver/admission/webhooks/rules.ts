import type { RuleWithOperations } from "../../../api/types/admissionregistration-v1.ts";
import type { GroupVersionResource } from "../../../apimachinery/gvk.ts";
import type { AdmissionAttributes } from "../admission.ts";

type Operation = Pick<AdmissionAttributes, "operation" | "subresource" | "namespace">;

/** Whether the rule is about this operation on this resource; `*` in any of its lists means all. */
export function ruleMatches(
  rule: RuleWithOperations,
  operation: Operation,
  resource: GroupVersionResource,
): boolean {
  return (
    scopeMatches(rule.scope ?? "*", operation, resource) &&
    names(rule.operations, operation.operation) &&
    names(rule.apiGroups, resource.group) &&
    names(rule.apiVersions, resource.version) &&
    (rule.resources ?? []).some((pattern) =>
      resourceMatches(pattern, resource.resource, operation.subresource),
    )
  );
}

const names = (list: readonly string[] | undefined, wanted: string): boolean =>
  list?.some((each) => each === "*" || each === wanted) === true;

/** `pods`, `pods/*`, `*` + `/status`, `*` + `/*`; a pattern without a slash leaves subresources alone. */
function resourceMatches(pattern: string, resource: string, subresource: string): boolean {
  const slash = pattern.indexOf("/");
  const main = slash < 0 ? pattern : pattern.slice(0, slash);
  const sub = slash < 0 ? "" : pattern.slice(slash + 1);
  return (main === "*" || main === resource) && (sub === "*" || sub === subresource);
}

/** Namespaces themselves are of the cluster, although requests about one carry its name. */
function scopeMatches(
  scope: string,
  { namespace }: Operation,
  { group, resource }: GroupVersionResource,
): boolean {
  if (scope === "*" || scope === "") return true;
  const isNamespaced = namespace !== "" && !(group === "" && resource === "namespaces");
  return scope === (isNamespaced ? "Namespaced" : "Cluster");
}

const configurationKinds = new Set([
  "validatingwebhookconfigurations",
  "mutatingwebhookconfigurations",
  "validatingadmissionpolicies",
  "validatingadmissionpolicybindings",
  "mutatingadmissionpolicies",
  "mutatingadmissionpolicybindings",
]);

/** What configures admission is never subject to it: nobody could mend a configuration that refuses its own repair. */
export function isExempt({ resource }: AdmissionAttributes): boolean {
  return resource.group === "admissionregistration.k8s.io" && configurationKinds.has(resource.resource);
}
