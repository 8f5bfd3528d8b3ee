import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from "../../api/types/flowcontrol-v1.ts";
import { KeptByText } from "../../apimachinery/kept-by-text.ts";
import { serviceAccountUserName } from "../authentication/users.ts";
import type { RequestInfo, UserInfo } from "../request-context.ts";

/** The rules of a schema whose subjects are the user. */
interface Candidate<T> {
  readonly value: T;
  readonly rules: readonly PolicyRulesWithSubjects[];
  /** Most schemas take everything that their subjects ask: nothing of the request need be looked at. */
  readonly takesAll: boolean;
}

/**
 * Finds the schema of a request: the first by precedence, then by name, with a rule that matches. What a user can match
 * at all is found once per user, so that most requests are one lookup. Mirrors flowcontrol/rule.go.
 */
export class FlowSchemaMatcher<T> {
  readonly #schemas: readonly { readonly schema: FlowSchema; readonly value: T }[];
  /** By name and groups: authenticators make a user anew for each request. */
  readonly #byUser = new KeptByText<readonly Candidate<T>[]>(userBounds);
  #lastUser: UserInfo | undefined;
  #lastCandidates: readonly Candidate<T>[] = [];

  constructor(schemas: readonly { readonly schema: FlowSchema; readonly value: T }[]) {
    this.#schemas = schemas.toSorted(
      ({ schema: a }, { schema: b }) => precedence(a) - precedence(b) || (nameOf(a) < nameOf(b) ? -1 : 1),
    );
  }

  /** Undefined when no rule matches; what is to catch all may itself have been narrowed. */
  match(user: UserInfo, info: RequestInfo): T | undefined {
    for (const { value, rules, takesAll } of this.#candidates(user)) {
      if (takesAll || rules.some((rule) => ruleMatches(rule, info))) return value;
    }
    return undefined;
  }

  /** All requests of a connection have one user. */
  #candidates(user: UserInfo): readonly Candidate<T>[] {
    if (user !== this.#lastUser) {
      this.#lastCandidates = this.#candidatesOf(user);
      this.#lastUser = user;
    }
    return this.#lastCandidates;
  }

  #candidatesOf(user: UserInfo): readonly Candidate<T>[] {
    const key = user.groups.length === 0 ? user.name : `${user.name}\0${user.groups.join("\0")}`;
    let candidates = this.#byUser.get(key);
    if (candidates === undefined) {
      candidates = this.#schemas.flatMap(({ schema, value }) => {
        const rules = (schema.spec.rules ?? []).filter(({ subjects }) =>
          subjects.some((subject) => subjectMatches(subject, user)),
        );
        return rules.length === 0 ? [] : [{ value, rules, takesAll: rules.some(takesEverything) }];
      });
      this.#byUser.set(key, candidates);
    }
    return candidates;
  }
}

/** Names and groups may come from clients, by impersonation. */
const userBounds = { entriesMax: 10_000, lengthMax: 2_000_000 };

const precedence = ({ spec }: FlowSchema): number => spec.matchingPrecedence ?? 1000;
const nameOf = ({ metadata }: FlowSchema): string => metadata.name ?? "";

const has = (list: readonly string[], value: string): boolean => list.includes("*") || list.includes(value);

function takesEverything({ resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects): boolean {
  return (
    nonResourceRules.some(
      ({ verbs, nonResourceURLs }) => verbs.includes("*") && nonResourceURLs.includes("*"),
    ) &&
    resourceRules.some(
      ({ verbs, apiGroups, resources, namespaces = [], clusterScope }) =>
        clusterScope === true &&
        [verbs, apiGroups, resources, namespaces].every((list) => list.includes("*")),
    )
  );
}

function subjectMatches({ kind, user: byUser, group, serviceAccount }: Subject, user: UserInfo): boolean {
  switch (kind) {
    case "User":
      return byUser !== undefined && (byUser.name === "*" || byUser.name === user.name);
    case "Group":
      return group !== undefined && (group.name === "*" || user.groups.includes(group.name));
    case "ServiceAccount":
      if (serviceAccount === undefined) return false;
      if (serviceAccount.name !== "*") {
        return user.name === serviceAccountUserName(serviceAccount.namespace, serviceAccount.name);
      }
      return user.name.startsWith(serviceAccountUserName(serviceAccount.namespace, ""));
    default:
      return false;
  }
}

function ruleMatches(rule: PolicyRulesWithSubjects, info: RequestInfo): boolean {
  return info.isResourceRequest
    ? (rule.resourceRules ?? []).some((each) => resourceMatches(each, info))
    : (rule.nonResourceRules ?? []).some((each) => pathMatches(each, info));
}

function resourceMatches(rule: ResourcePolicyRule, info: RequestInfo): boolean {
  const { verb, group, resource, subresource, namespace } = info;
  if (!has(rule.verbs, verb) || !has(rule.apiGroups, group)) return false;
  if (!has(rule.resources, subresource === "" ? resource : `${resource}/${subresource}`)) return false;
  return namespace === "" ? rule.clusterScope === true : has(rule.namespaces ?? [], namespace);
}

function pathMatches(
  { verbs, nonResourceURLs }: NonResourcePolicyRule,
  { verb, path }: RequestInfo,
): boolean {
  if (!has(verbs, verb)) return false;
  return nonResourceURLs.some(
    (url) => url === "*" || url === path || (url.endsWith("/*") && path.startsWith(url.slice(0, -1))),
  );
}
