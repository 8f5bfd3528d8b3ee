import type { PolicyRule, Role, RoleBinding } from "../../api/types/rbac-v1.ts";
import type { Describer } from "./context.ts";
import { goList } from "./description.ts";

export const describeRole: Describer = (d, object) => {
  const { metadata, rules } = object as unknown as Role;
  d.field("Name", metadata.name)
    .labels("Labels", metadata.labels)
    .annotations("Annotations", metadata.annotations);
  d.line(0, "PolicyRule:").row(1, "Resources", "Non-Resource URLs", "Resource Names", "Verbs");
  d.row(1, "---------", "-----------------", "--------------", "-----");
  for (const row of ruleRows(rules ?? [])) d.row(1, ...row);
};

/**
 * One row for each resource, with all verbs that any rule allows on it, and for each verb on a URL. (As kubectl's BreakdownRule and CompactRules.)
 */
export function ruleRows(rules: readonly PolicyRule[]): string[][] {
  const single = rules.flatMap(simpleRules);
  const compact = new Map<string, SimpleRule>();
  for (const [index, rule] of single.entries()) {
    const { verbs, ...rest } = rule;
    // Rules are put together only where they concern one resource; those about URLs stay apart.
    const key = rule.urls.length > 0 ? String(index) : JSON.stringify(rest);
    const known = compact.get(key);
    compact.set(key, known === undefined ? rule : { ...known, verbs: [...known.verbs, ...verbs] });
  }
  return [...compact.values()]
    .toSorted((a, b) => compareTexts(sortText(a), sortText(b)))
    .map(({ resource, urls, names, verbs }) => [resource, goList(urls), goList(names), goList(verbs)]);
}

interface SimpleRule {
  readonly resource: string;
  readonly urls: readonly string[];
  readonly names: readonly string[];
  readonly verbs: readonly string[];
  readonly sortKey: string;
}

function simpleRules({
  apiGroups = [],
  resources = [],
  resourceNames = [],
  verbs,
  nonResourceURLs = [],
}: PolicyRule): SimpleRule[] {
  const rules: SimpleRule[] = [];
  for (const group of apiGroups) {
    for (const resource of resources) {
      for (const verb of verbs) {
        const base = { resource: inGroup(resource, group), urls: [], verbs: [verb] };
        const names = resourceNames.length === 0 ? [[]] : resourceNames.map((name) => [name]);
        for (const own of names) {
          rules.push({ ...base, names: own, sortKey: sortKey({ group, resource, name: own[0] }) });
        }
      }
    }
  }
  for (const url of nonResourceURLs) {
    for (const verb of verbs)
      rules.push({ resource: "", urls: [url], names: [], verbs: [verb], sortKey: sortKey({ url }) });
  }
  return rules;
}

/** kubectl sorts by the text of the rule as Go prints it, which begins with the verbs. */
const sortText = ({ verbs, sortKey }: SimpleRule): string => `Verbs:${goList(verbs)},${sortKey}`;

function sortKey({
  group,
  resource,
  name,
  url,
}: {
  group?: string;
  resource?: string;
  name?: string | undefined;
  url?: string;
}): string {
  const list = (value: string | undefined): string => `[${value ?? ""}]`;
  return `APIGroups:${list(group)},Resources:${list(resource)},ResourceNames:${list(name)},NonResourceURLs:${list(url)}`;
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** `deployments.apps/scale`. */
function inGroup(resource: string, group: string): string {
  const [name = "", ...rest] = resource.split("/");
  const subresource = rest.length === 0 ? "" : `/${rest.join("/")}`;
  return `${name}${group === "" ? "" : `.${group}`}${subresource}`;
}

export const describeRoleBinding: Describer = (d, object) => {
  const { metadata, roleRef, subjects = [] } = object as unknown as RoleBinding;
  d.field("Name", metadata.name)
    .labels("Labels", metadata.labels)
    .annotations("Annotations", metadata.annotations);
  d.line(0, "Role:").field("Kind", roleRef.kind, 1).field("Name", roleRef.name, 1);
  d.line(0, "Subjects:").row(1, "Kind", "Name", "Namespace").row(1, "----", "----", "---------");
  for (const { kind, name, namespace } of subjects) d.row(1, kind, name, namespace);
};
