import { duplicate, invalid, notSupported, required, tooMany } from "../../../apimachinery/field-error.ts";
import { pathSegmentErrors } from "../../../apimachinery/names.ts";
import type {
  MatchCondition,
  MatchResources,
  NamedRuleWithOperations,
  RuleWithOperations,
} from "../../types/admissionregistration-v1.ts";
import { checkName, checkQualifiedName, type Errors, isEmpty, list, optionalOneOf, text } from "../basics.ts";
import { checkLabelSelector } from "../label-selector.ts";

/** Which requests webhooks and policies are asked about. */
const operations = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const scopes = ["*", "Cluster", "Namespaced"];
const conditionsMax = 64;
export const failurePolicies = ["Fail", "Ignore"];
export const matchPolicies = ["Equivalent", "Exact"];

export function checkRule(rule: RuleWithOperations, path: string, errors: Errors): void {
  const ops = list(rule.operations);
  if (ops.length === 0) errors.push(required(`${path}.operations`));
  checkAlone(ops, "operations", `${path}.operations`, errors);
  ops.forEach((operation, index) => {
    if (operations.includes(operation)) return;
    errors.push(notSupported(`${path}.operations[${index}]`, operation, operations));
  });
  if (list(rule.apiGroups).length === 0) errors.push(required(`${path}.apiGroups`));
  checkAlone(list(rule.apiGroups), "API groups", `${path}.apiGroups`, errors);
  const versions = list(rule.apiVersions);
  if (versions.length === 0) errors.push(required(`${path}.apiVersions`));
  checkAlone(versions, "API versions", `${path}.apiVersions`, errors);
  versions.forEach((version, index) => {
    if (version === "") errors.push(required(`${path}.apiVersions[${index}]`));
  });
  checkResources(list(rule.resources), `${path}.resources`, errors);
  optionalOneOf(rule.scope, scopes, `${path}.scope`, errors);
}

/** "*" stands for all, so nothing else is to stand beside it. */
function checkAlone(values: readonly string[], what: string, path: string, errors: Errors): void {
  if (values.length < 2 || !values.includes("*")) return;
  errors.push(invalid(path, values, `if '*' is present, must not specify other ${what}`));
}

function checkResources(resources: readonly string[], path: string, errors: Errors): void {
  if (resources.length === 0) errors.push(required(path));
  const allOf = new Set<string>();
  const ofAll = new Set<string>();
  let isLastPlain = false;
  resources.forEach((given, index) => {
    const where = `${path}[${index}]`;
    if (given === "") {
      errors.push(required(where));
      return;
    }
    const slash = given.indexOf("/");
    if (slash < 0) {
      // What counts is the last one without a subresource.
      isLastPlain = given !== "*";
      return;
    }
    const [resource, subresource] = [given.slice(0, slash), given.slice(slash + 1)];
    const refuse = (wide: string): void => {
      errors.push(invalid(where, given, `if '${wide}' is present, must not specify ${given}`));
    };
    if (allOf.has(resource)) refuse(`${resource}/*`);
    if (ofAll.has(subresource)) refuse(`*/${subresource}`);
    if (subresource === "*") allOf.add(resource);
    if (resource === "*") ofAll.add(subresource);
  });
  if (resources.length > 1 && resources.includes("*/*")) {
    errors.push(invalid(path, resources, "if '*/*' is present, must not specify other resources"));
  }
  if (!resources.includes("*") || !isLastPlain) return;
  const detail = "if '*' is present, must not specify other resources without subresources";
  errors.push(invalid(path, resources, detail));
}

function checkNamedRule(rule: NamedRuleWithOperations, path: string, errors: Errors): void {
  const names = list(rule.resourceNames);
  names.forEach((name, index) => {
    const where = `${path}.resourceNames[${index}]`;
    checkName(name, pathSegmentErrors, where, errors);
    if (names.indexOf(name) < index) errors.push(duplicate(where, name));
  });
  checkRule(rule, path, errors);
}

export function checkMatchResources(match: MatchResources | undefined, path: string, errors: Errors): void {
  if (match === undefined) return;
  if (match.matchPolicy === undefined) errors.push(required(`${path}.matchPolicy`));
  optionalOneOf(match.matchPolicy, matchPolicies, `${path}.matchPolicy`, errors);
  for (const field of ["namespaceSelector", "objectSelector"] as const) {
    if (match[field] === undefined) errors.push(required(`${path}.${field}`));
    checkLabelSelector(match[field], `${path}.${field}`, errors);
  }
  for (const field of ["resourceRules", "excludeResourceRules"] as const) {
    list(match[field]).forEach((rule, index) => {
      checkNamedRule(rule, `${path}.${field}[${index}]`, errors);
    });
  }
}

const mutatingOperations = ["*", "CONNECT", "CREATE", "UPDATE"];

/** What is deleted is not changed any more. */
export function checkMutatingOperations(
  match: MatchResources | undefined,
  path: string,
  errors: Errors,
): void {
  for (const { operations: ops } of list(match?.resourceRules)) {
    for (const operation of list(ops)) {
      if (mutatingOperations.includes(operation)) continue;
      errors.push(notSupported(`${path}.resourceRules.operations`, operation, mutatingOperations));
    }
  }
}

export function checkMatchConditions(
  given: readonly MatchCondition[] | undefined,
  path: string,
  errors: Errors,
): void {
  const conditions = list(given);
  if (conditions.length > conditionsMax) errors.push(tooMany(path, conditions.length, conditionsMax));
  const seen = new Set<string>();
  conditions.forEach(({ name, expression }, index) => {
    const where = `${path}[${index}]`;
    if (text(expression).trim() === "") errors.push(required(`${where}.expression`));
    if (isEmpty(name)) {
      errors.push(required(`${where}.name`));
      return;
    }
    checkQualifiedName(name, `${where}.name`, errors);
    if (seen.has(name)) errors.push(duplicate(`${where}.name`, name));
    seen.add(name);
  });
}
