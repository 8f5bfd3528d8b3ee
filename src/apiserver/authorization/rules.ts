import type { PolicyRule } from "../../api/types/rbac-v1.ts";
import type { AuthorizationAttributes } from "./authorizer.ts";

/** Whether one of the rules allows the request (plugin/pkg/auth/authorizer/rbac and apis/rbac/v1 helpers). */
export function rulesAllow(attributes: AuthorizationAttributes, rules: readonly PolicyRule[]): boolean {
  return rules.some((rule) => ruleAllows(attributes, rule));
}

export function ruleAllows(attributes: AuthorizationAttributes, rule: PolicyRule): boolean {
  if (!verbMatches(rule, attributes.verb)) return false;
  if (!attributes.isResourceRequest) return urlMatches(rule, attributes.path);
  return (
    groupMatches(rule, attributes.group) &&
    resourceMatches(rule, attributes.resource, attributes.subresource) &&
    nameMatches(rule, attributes.name)
  );
}

const hasOrAll = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes("*") || list.includes(value));

const verbMatches = (rule: PolicyRule, verb: string): boolean => hasOrAll(rule.verbs, verb);
const groupMatches = (rule: PolicyRule, group: string): boolean => hasOrAll(rule.apiGroups, group);

/** `pods`, `pods/log`, every resource by `*`, one subresource of every resource by a star before the slash. */
function resourceMatches({ resources }: PolicyRule, resource: string, subresource: string): boolean {
  if (subresource === "") return hasOrAll(resources, resource);
  return (
    hasOrAll(resources, `${resource}/${subresource}`) || resources?.includes(`*/${subresource}`) === true
  );
}

/** No names means every name; with names, requests that name nothing (list, create) are not allowed. */
function nameMatches({ resourceNames }: PolicyRule, name: string): boolean {
  return resourceNames === undefined || resourceNames.length === 0 || resourceNames.includes(name);
}

function urlMatches({ nonResourceURLs }: PolicyRule, path: string): boolean {
  return nonResourceURLs?.some((url) => urlCovers(url, path)) === true;
}

/** A trailing star matches every path with what stands before it. */
function urlCovers(pattern: string, path: string): boolean {
  if (pattern === "*" || pattern === path) return true;
  return pattern.endsWith("*") && path.startsWith(pattern.replace(/\*+$/, ""));
}

/**
 * The part of `wanted` that `held` does not include, in rules of one verb, group, resource and name each. Empty: who
 * holds the one may grant the other. Mirrors k8s.io/component-helpers/auth/rbac/validation.Covers.
 */
export function missingRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(breakDown).filter((rule) => !held.some((holder) => covers(holder, rule)));
}

function breakDown(rule: PolicyRule): PolicyRule[] {
  const parts: PolicyRule[] = [];
  for (const group of rule.apiGroups ?? []) {
    for (const resource of rule.resources ?? []) {
      for (const verb of rule.verbs) {
        const part: PolicyRule = { apiGroups: [group], resources: [resource], verbs: [verb] };
        const names = rule.resourceNames ?? [];
        if (names.length === 0) parts.push(part);
        else parts.push(...names.map((name) => ({ ...part, resourceNames: [name] })));
      }
    }
  }
  for (const url of rule.nonResourceURLs ?? []) {
    parts.push(...rule.verbs.map((verb) => ({ nonResourceURLs: [url], verbs: [verb] })));
  }
  return parts;
}

function covers(holder: PolicyRule, part: PolicyRule): boolean {
  const names = part.resourceNames ?? [];
  const heldNames = holder.resourceNames ?? [];
  return (
    part.verbs.every((verb) => verbMatches(holder, verb)) &&
    (part.apiGroups ?? []).every((group) => groupMatches(holder, group)) &&
    (part.resources ?? []).every((resource) => resourceCovers(holder.resources ?? [], resource)) &&
    (part.nonResourceURLs ?? []).every((url) =>
      (holder.nonResourceURLs ?? []).some((held) => urlCovers(held, url)),
    ) &&
    (names.length === 0
      ? heldNames.length === 0
      : heldNames.length === 0 || names.every((name) => heldNames.includes(name)))
  );
}

function resourceCovers(held: readonly string[], resource: string): boolean {
  if (hasOrAll(held, resource)) return true;
  const slash = resource.indexOf("/");
  return slash >= 0 && held.includes(`*${resource.slice(slash)}`);
}

/** Joins the verbs of rules for the same group, resource and name: what a message shows. */
export function compactRules(rules: readonly PolicyRule[]): PolicyRule[] {
  const merged = new Map<string, PolicyRule>();
  const others: PolicyRule[] = [];
  for (const rule of rules) {
    const simple =
      rule.apiGroups?.length === 1 &&
      rule.resources?.length === 1 &&
      (rule.nonResourceURLs ?? []).length === 0;
    if (!simple || (rule.resourceNames ?? []).length > 1) {
      others.push(rule);
      continue;
    }
    const key = JSON.stringify([rule.apiGroups, rule.resources, rule.resourceNames ?? null]);
    const known = merged.get(key);
    merged.set(key, { ...rule, verbs: [...new Set([...(known?.verbs ?? []), ...rule.verbs])] });
  }
  return [...merged.values(), ...others];
}

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`, as Go prints it. */
export function describeRule(rule: PolicyRule): string {
  const parts: [string, readonly string[] | undefined][] = [
    ["APIGroups", rule.apiGroups],
    ["Resources", rule.resources],
    ["NonResourceURLs", rule.nonResourceURLs],
    ["ResourceNames", rule.resourceNames],
    ["Verbs", rule.verbs],
  ];
  const shown = parts
    .filter(([, values]) => (values ?? []).length > 0)
    .map(([label, values]) => `${label}:${quoteList(values ?? [])}`);
  return `{${shown.join(", ")}}`;
}

/** `["a" "b"]`: a Go string slice printed with %q. */
export const quoteList = (values: readonly string[]): string =>
  `[${values.map((value) => JSON.stringify(value)).join(" ")}]`;
