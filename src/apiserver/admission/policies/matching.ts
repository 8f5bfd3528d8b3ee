import type { MatchResources, NamedRuleWithOperations } from "../../../api/types/admissionregistration-v1.ts";
import { selectorFromLabelSelector } from "../../../apimachinery/labels.ts";
import { newNotFound } from "../../../apimachinery/status.ts";
import type { ObjectReader } from "../../object-reader.ts";
import type { AdmissionAttributes } from "../admission.ts";
import {
  equivalentInvocation,
  type Invocation,
  namespaceMatches,
  objectMatches,
} from "../webhooks/matching.ts";
import { ruleMatches } from "../webhooks/rules.ts";
import type { Versions } from "../webhooks/versions.ts";
import { Compiled } from "./policy-source.ts";

/** Read once for each policy and binding: both are frozen, and every write is held against them. */
const selectorsOf = new Compiled(({ namespaceSelector = {}, objectSelector = {} }: MatchResources) => ({
  namespaces: selectorFromLabelSelector(namespaceSelector),
  objects: selectorFromLabelSelector(objectSelector),
}));

/**
 * In which version a policy or a binding is concerned with the request; undefined when it is not. Throws 404 when a selector
 * needs the labels of a namespace that is not there. Mirrors policy/matching.
 */
export function matchOf(
  resources: MatchResources,
  attributes: AdmissionAttributes,
  reader: ObjectReader,
  versions: Versions,
): Invocation | undefined {
  const { matchPolicy = "Equivalent" } = resources;
  const selectors = selectorsOf.of(resources);
  const namespaces = namespaceMatches(selectors.namespaces, attributes, reader);
  if (namespaces === "no" || !objectMatches(selectors.objects, attributes)) return undefined;
  const excluded = rulesMatch(resources.excludeResourceRules ?? [], matchPolicy, attributes, versions);
  if (excluded !== undefined) return undefined;
  const rules = resources.resourceRules ?? [];
  const found =
    rules.length === 0
      ? { resource: attributes.resource, kind: attributes.kind }
      : rulesMatch(rules, matchPolicy, attributes, versions);
  if (found !== undefined && namespaces === "unknown")
    throw newNotFound({ group: "", resource: "namespaces" }, attributes.namespace);
  return found;
}

function rulesMatch(
  rules: readonly NamedRuleWithOperations[],
  matchPolicy: string,
  attributes: AdmissionAttributes,
  versions: Versions,
): Invocation | undefined {
  const { resource, kind, name } = attributes;
  const named = rules.filter(
    ({ resourceNames = [] }) => resourceNames.length === 0 || resourceNames.includes(name),
  );
  if (named.some((rule) => ruleMatches(rule, attributes, resource))) return { resource, kind };
  if (matchPolicy !== "Equivalent" || named.length === 0) return undefined;
  return equivalentInvocation(named, attributes, versions);
}
