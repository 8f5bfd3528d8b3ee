import { duplicate, forbidden, invalid, notSupported, required } from "../../apimachinery/field-error.ts";
import { dns1123LabelErrors, dns1123SubdomainErrors } from "../../apimachinery/names.ts";
import type {
  ExemptPriorityLevelConfiguration,
  FlowSchema,
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  QueuingConfiguration,
  ResourcePolicyRule,
  ServiceAccountSubject,
  Subject,
} from "../types/flowcontrol-v1.ts";
import { checkName, type Errors, isEmpty, list, namespaceName, oneOf, text } from "./basics.ts";

/** Flow schemas and priority levels (mirrors pkg/apis/flowcontrol/validation). */
const precedenceMax = 10_000;

export function checkFlowSchema({ metadata, spec }: FlowSchema, errors: Errors): void {
  const { matchingPrecedence = 0, distinguisherMethod, priorityLevelConfiguration } = spec;
  const refuse = (detail: string): void => {
    errors.push(invalid("spec.matchingPrecedence", matchingPrecedence, detail));
  };
  if (matchingPrecedence <= 0) refuse("must be a positive value");
  if (matchingPrecedence > precedenceMax) refuse(`must not be greater than ${precedenceMax}`);
  if (matchingPrecedence === 1 && metadata.name !== "exempt") {
    refuse("only the schema named 'exempt' may have matchingPrecedence 1");
  }
  if (distinguisherMethod !== undefined && !distinguishers.includes(distinguisherMethod.type)) {
    errors.push(notSupported("spec.distinguisherMethod.type", distinguisherMethod, distinguishers));
  }
  const name = text(priorityLevelConfiguration?.name);
  const path = "spec.priorityLevelConfiguration.name";
  if (name === "") errors.push(required(path, "must reference a priority level"));
  else checkName(name, dns1123SubdomainErrors, path, errors);
  list(spec.rules).forEach((rule, index) => {
    checkRule(rule, `spec.rules[${index}]`, errors);
  });
}

const distinguishers = ["ByNamespace", "ByUser"];

function checkRule(
  { subjects, resourceRules, nonResourceRules }: PolicyRulesWithSubjects,
  path: string,
  errors: Errors,
): void {
  if (list(subjects).length === 0) {
    errors.push(required(`${path}.subjects`, "subjects must contain at least one value"));
  }
  list(subjects).forEach((subject, index) => {
    checkSubject(subject, `${path}.subjects[${index}]`, errors);
  });
  if (list(resourceRules).length + list(nonResourceRules).length === 0) {
    const detail = "at least one of resourceRules and nonResourceRules has to be non-empty";
    errors.push(required(path, detail));
  }
  list(resourceRules).forEach((rule, index) => {
    checkResourceRule(rule, `${path}.resourceRules[${index}]`, errors);
  });
  list(nonResourceRules).forEach((rule, index) => {
    checkNonResourceRule(rule, `${path}.nonResourceRules[${index}]`, errors);
  });
}

/** The member that belongs to each kind, in the order in which those of the other kinds are refused. */
const members = [
  ["serviceAccount", "ServiceAccount"],
  ["user", "User"],
  ["group", "Group"],
] as const;

function checkSubject(subject: Subject, path: string, errors: Errors): void {
  const own = members.find(([, kind]) => kind === subject.kind);
  if (own === undefined) {
    const kinds = ["Group", "ServiceAccount", "User"];
    errors.push(notSupported(`${path}.kind`, text(subject.kind), kinds));
    return;
  }
  const [field, kind] = own;
  const value = subject[field];
  if (value === undefined) {
    errors.push(required(`${path}.${field}`, `${field} is required when subject kind is '${kind}'`));
  } else if (field === "serviceAccount") checkServiceAccount(subject.serviceAccount, path, errors);
  else if (isEmpty(value.name)) errors.push(required(`${path}.${field}.name`));
  for (const [other, otherKind] of members) {
    if (other === field || subject[other] === undefined) continue;
    const detail = `${other} is forbidden when subject kind is not '${otherKind}'`;
    errors.push(forbidden(`${path}.${other}`, detail));
  }
}

function checkServiceAccount(account: ServiceAccountSubject | undefined, path: string, errors: Errors): void {
  const where = `${path}.serviceAccount`;
  const name = text(account?.name);
  if (name === "") errors.push(required(`${where}.name`));
  else if (name !== "*") checkName(name, dns1123SubdomainErrors, `${where}.name`, errors);
  const namespace = text(account?.namespace);
  if (namespace === "") {
    errors.push(required(`${where}.namespace`, "must specify namespace for service account"));
  } else checkName(namespace, namespaceName, `${where}.namespace`, errors);
}

const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];

/** True when the list is there and does not say "everything": then each member counts. */
function isExplicit(values: readonly string[], what: string, path: string, errors: Errors): boolean {
  if (!values.includes("*")) return true;
  if (values.length > 1) {
    errors.push(invalid(path, values, `if '*' is present, must not specify other ${what}`));
  }
  return false;
}

function checkVerbs(given: readonly string[] | undefined, path: string, errors: Errors): void {
  const values = list(given);
  if (values.length === 0) errors.push(required(path, "verbs must contain at least one value"));
  else if (isExplicit(values, "verbs", path, errors) && !values.every((verb) => verbs.includes(verb))) {
    errors.push(notSupported(path, values, verbs));
  }
}

function checkResourceRule(rule: ResourcePolicyRule, path: string, errors: Errors): void {
  checkVerbs(rule.verbs, `${path}.verbs`, errors);
  for (const [field, one, many] of [
    ["apiGroups", "api group", "api groups"],
    ["resources", "resource", "resources"],
  ] as const) {
    const values = list(rule[field]);
    if (values.length === 0) {
      errors.push(required(`${path}.${field}`, `resource rules must supply at least one ${one}`));
    } else isExplicit(values, many, `${path}.${field}`, errors);
  }
  const where = `${path}.namespaces`;
  const namespaces = list(rule.namespaces);
  if (namespaces.length === 0 && rule.clusterScope !== true) {
    const detail = "resource rules that are not cluster scoped must supply at least one namespace";
    errors.push(required(where, detail));
  } else if (isExplicit(namespaces, "namespaces", where, errors)) {
    namespaces.forEach((namespace, index) => {
      for (const message of dns1123LabelErrors(namespace)) {
        const detail = `each member of this list must be '*' or a DNS-1123 label; ${message}`;
        errors.push(invalid(`${where}[${index}]`, namespace, detail));
      }
    });
  }
}

function checkNonResourceRule(rule: NonResourcePolicyRule, path: string, errors: Errors): void {
  checkVerbs(rule.verbs, `${path}.verbs`, errors);
  const where = `${path}.nonResourceURLs`;
  const urls = list(rule.nonResourceURLs);
  if (urls.length === 0) errors.push(required(where, "nonResourceURLs must contain at least one value"));
  else if (isExplicit(urls, "non-resource URLs", where, errors)) {
    urls.forEach((url, index) => {
      const detail = urlError(url);
      if (detail !== undefined) errors.push(invalid(`${where}[${index}]`, url, detail));
    });
  }
}

function urlError(url: string): string | undefined {
  if (url === "") return "must not be empty";
  if (url === "/") return undefined;
  if (!url.startsWith("/")) return "must start with slash";
  if (url.includes(" ")) return "must not contain white-space";
  if (url.includes("//")) return "must not contain double slash";
  const stars = url.split("*").length - 1;
  const isGood = stars === 0 || (stars === 1 && url.endsWith("/*"));
  return isGood ? undefined : "wildcard can only do suffix matching";
}

interface WithConditions {
  readonly status?:
    | { readonly conditions?: readonly { readonly type?: string | undefined }[] | undefined }
    | undefined;
}

/** The status of either kind. */
export function checkFlowStatus({ status }: WithConditions, _old: unknown, errors: Errors): void {
  const seen = new Set<string>();
  list(status?.conditions).forEach((condition, index) => {
    const path = `status.conditions[${index}].type`;
    const type = text(condition.type);
    if (seen.has(type)) errors.push(duplicate(path, type));
    seen.add(type);
    if (type === "") errors.push(required(path));
  });
}

/** What a v1beta3 object carries to say that its 0 shares are meant; it ends with the conversion to v1. */
const zeroSharesAnnotation = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares";

export function checkPriorityLevel({ metadata, spec }: PriorityLevelConfiguration, errors: Errors): void {
  if (metadata.annotations?.[zeroSharesAnnotation] !== undefined) {
    const detail = `annotation '${zeroSharesAnnotation}' is forbidden`;
    errors.push(forbidden("metadata.annotations", detail));
  }
  const { type, limited, exempt } = spec;
  if ((metadata.name === "exempt") !== (type === "Exempt")) {
    const detail = "must be 'Exempt' if and only if `name` is 'exempt'";
    errors.push(invalid("spec.type", text(type), detail));
  }
  if (type === "Exempt") {
    if (limited !== undefined) {
      errors.push(forbidden("spec.limited", "must be nil if the type is not Limited"));
    }
    if (exempt !== undefined) checkShares(exempt, "spec.exempt", errors);
  } else if (type === "Limited") {
    if (exempt !== undefined) {
      errors.push(forbidden("spec.exempt", "must be nil if the type is Limited"));
    }
    if (limited === undefined) {
      errors.push(required("spec.limited", "must not be empty when type is Limited"));
    } else checkLimited(limited, errors);
  } else oneOf(type, ["Exempt", "Limited"], "spec.type", errors);
}

function checkLimited(limited: LimitedPriorityLevelConfiguration, errors: Errors): void {
  checkNominalShares(limited, "spec.limited", errors);
  checkResponse(limited.limitResponse, "spec.limited.limitResponse", errors);
  checkLendable(limited, "spec.limited", errors);
  const borrowing = limited.borrowingLimitPercent;
  if (borrowing !== undefined && borrowing < 0) {
    const detail = "if specified, must be a non-negative integer";
    errors.push(invalid("spec.limited.borrowingLimitPercent", borrowing, detail));
  }
}

function checkShares(shares: ExemptPriorityLevelConfiguration, path: string, errors: Errors): void {
  checkNominalShares(shares, path, errors);
  checkLendable(shares, path, errors);
}

function checkNominalShares(
  { nominalConcurrencyShares: shares = 0 }: ExemptPriorityLevelConfiguration,
  path: string,
  errors: Errors,
): void {
  if (shares >= 0) return;
  errors.push(invalid(`${path}.nominalConcurrencyShares`, shares, "must be a non-negative integer"));
}

function checkLendable(
  { lendablePercent = 0 }: ExemptPriorityLevelConfiguration,
  path: string,
  errors: Errors,
): void {
  if (lendablePercent >= 0 && lendablePercent <= 100) return;
  errors.push(invalid(`${path}.lendablePercent`, lendablePercent, "must be between 0 and 100, inclusive"));
}

function checkResponse(response: LimitResponse | undefined, path: string, errors: Errors): void {
  const type = text(response?.type);
  const queuing = response?.queuing;
  if (type === "Reject") {
    if (queuing === undefined) return;
    errors.push(forbidden(`${path}.queuing`, "must be nil if limited.limitResponse.type is not Limited"));
  } else if (type === "Queue") {
    if (queuing === undefined) {
      const detail = "must not be empty if limited.limitResponse.type is Limited";
      errors.push(required(`${path}.queuing`, detail));
    } else checkQueuing(queuing, `${path}.queuing`, errors);
  } else errors.push(notSupported(`${path}.type`, type, ["Queue", "Reject"]));
}

const queuesMax = 10_000_000;
/** Bits of the hash by which a hand of queues is dealt. */
const hashBitsMax = 60;

function checkQueuing(
  { queueLengthLimit = 0, queues = 0, handSize = 0 }: QueuingConfiguration,
  path: string,
  errors: Errors,
): void {
  const refuse = (field: string, value: number, detail: string): void => {
    errors.push(invalid(`${path}.${field}`, value, detail));
  };
  if (queueLengthLimit <= 0) refuse("queueLengthLimit", queueLengthLimit, "must be positive");
  if (queues <= 0) refuse("queues", queues, "must be positive");
  else if (queues > queuesMax) refuse("queues", queues, `must not be greater than ${queuesMax}`);
  if (handSize <= 0) refuse("handSize", handSize, "must be positive");
  else if (handSize > queues) {
    refuse("handSize", handSize, `should not be greater than queues (${queues})`);
  } else if (Math.ceil(Math.log2(queues) * handSize) > hashBitsMax) {
    const detail = `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${hashBitsMax}`;
    refuse("handSize", handSize, detail);
  }
}
