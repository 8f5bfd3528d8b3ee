import { nameIsDnsSubdomain } from "../../api/validation/basics.ts";
import {
  type FieldError,
  FieldPath,
  invalid,
  notSupported,
  required,
} from "../../apimachinery/field-error.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import {
  type ConfigurationKind,
  objectProperties,
  readConfiguration,
  textListSchema,
  textSchema,
  throwFieldErrors,
} from "../configuration.ts";
import type { RequestInfo, UserInfo } from "../request-context.ts";

/** How much of a request is recorded, from nothing to both bodies. */
export const auditLevels = ["None", "Metadata", "Request", "RequestResponse"] as const;
export type AuditLevel = (typeof auditLevels)[number];

/** When in the life of a request an event is written. */
export const auditStages = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"] as const;
export type AuditStage = (typeof auditStages)[number];

/** What the policy wants of one request. */
export interface AuditDecision {
  readonly level: AuditLevel;
  readonly omitStages: ReadonlySet<AuditStage>;
  readonly omitManagedFields: boolean;
}

interface PolicyFile {
  readonly rules?: readonly Rule[];
  readonly omitStages?: readonly string[];
  readonly omitManagedFields?: boolean;
}

interface Rule {
  readonly level?: string;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly GroupResources[];
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly string[];
  readonly omitManagedFields?: boolean;
}

interface GroupResources {
  readonly group?: string;
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

const object = (properties: Record<string, Schema>): Schema => ({ type: "object", properties });
const flag: Schema = { type: "boolean" };
const policyKind: ConfigurationKind = {
  kind: "Policy",
  apiVersions: ["audit.k8s.io/v1"],
  schemaName: "v1.Policy",
  schemas: new Map([
    [
      "v1.Policy",
      object({
        ...objectProperties,
        rules: { type: "array", items: { ref: "v1.PolicyRule" } },
        omitStages: textListSchema,
        omitManagedFields: flag,
      }),
    ],
    [
      "v1.PolicyRule",
      object({
        level: textSchema,
        users: textListSchema,
        userGroups: textListSchema,
        verbs: textListSchema,
        resources: { type: "array", items: { ref: "v1.GroupResources" } },
        namespaces: textListSchema,
        nonResourceURLs: textListSchema,
        omitStages: textListSchema,
        omitManagedFields: flag,
      }),
    ],
    [
      "v1.GroupResources",
      object({ group: textSchema, resources: textListSchema, resourceNames: textListSchema }),
    ],
  ]),
};

/**
 * Who is recorded, and how much: the first rule that matches decides, and what no rule matches is not recorded. Mirrors
 * k8s.io/apiserver/pkg/audit/policy.
 */
export class AuditPolicy {
  readonly #rules: readonly { readonly rule: Rule; readonly decision: AuditDecision }[];

  private constructor({ rules = [], omitStages = [], omitManagedFields = false }: PolicyFile) {
    this.#rules = rules.map((rule) => ({
      rule,
      decision: {
        level: auditLevels.find((level) => level === rule.level) ?? "None",
        omitStages: new Set(
          auditStages.filter((stage) => omitStages.includes(stage) || rule.omitStages?.includes(stage)),
        ),
        omitManagedFields: rule.omitManagedFields ?? omitManagedFields,
      },
    }));
  }

  /** Reads a policy file. Throws an Error that names the place of a mistake. */
  static parse(text: string): AuditPolicy {
    const file = readConfiguration(text, policyKind) as PolicyFile;
    throwFieldErrors(
      (file.rules ?? []).flatMap((rule, index) => ruleErrors(rule, new FieldPath("rules").index(index))),
    );
    if ((file.rules ?? []).length === 0) throw new Error("loaded illegal policy with 0 rules");
    return new AuditPolicy(file);
  }

  /** `user` is undefined when nobody could be authenticated. */
  decide(user: UserInfo | undefined, info: RequestInfo): AuditDecision {
    for (const { rule, decision } of this.#rules) if (matches(rule, user, info)) return decision;
    return nothing;
  }
}

const nothing: AuditDecision = { level: "None", omitStages: new Set(), omitManagedFields: false };

/** An empty list says nothing. */
const saysNothing = (list: readonly string[] | undefined): list is undefined =>
  list === undefined || list.length === 0;

function matches(rule: Rule, user: UserInfo | undefined, info: RequestInfo): boolean {
  const { users, userGroups, verbs, namespaces, resources = [], nonResourceURLs } = rule;
  if (!saysNothing(users) && (user === undefined || !users.includes(user.name))) return false;
  if (!saysNothing(userGroups) && !(user?.groups.some((group) => userGroups.includes(group)) ?? false))
    return false;
  if (!saysNothing(verbs) && !verbs.includes(info.verb)) return false;
  if (!saysNothing(namespaces) || resources.length > 0) {
    if (!info.isResourceRequest) return false;
    if (!saysNothing(namespaces) && !namespaces.includes(info.namespace)) return false;
    return resources.length === 0 || resources.some((each) => matchesResource(each, info));
  }
  if (saysNothing(nonResourceURLs)) return true;
  return !info.isResourceRequest && nonResourceURLs.some((pattern) => matchesPath(pattern, info.path));
}

function matchesPath(pattern: string, path: string): boolean {
  if (pattern === "*" || pattern === path) return true;
  return pattern.endsWith("*") && path.startsWith(pattern.replace(/\*+$/, ""));
}

function matchesResource(
  { group = "", resources = [], resourceNames }: GroupResources,
  info: RequestInfo,
): boolean {
  if (group !== info.group) return false;
  if (resources.length === 0) return true;
  if (!saysNothing(resourceNames) && !resourceNames.includes(info.name)) return false;
  const { resource, subresource } = info;
  const full = subresource === "" ? resource : `${resource}/${subresource}`;
  return resources.some(
    (each) =>
      each === "*" ||
      each === full ||
      each === `${resource}/*` ||
      (subresource !== "" && each === `*/${subresource}`),
  );
}

function ruleErrors(rule: Rule, path: FieldPath): FieldError[] {
  const { level = "", resources = [], namespaces = [], nonResourceURLs = [], omitStages = [] } = rule;
  const errors: FieldError[] = [];
  if (level === "") errors.push(required(path.child("level")));
  else if (!auditLevels.some((known) => known === level))
    errors.push(notSupported(path.child("level"), level, auditLevels));
  const urls = path.child("nonResourceURLs");
  for (const [index, url] of nonResourceURLs.entries()) errors.push(...urlErrors(url, urls.index(index)));
  for (const each of resources) errors.push(...resourceErrors(each, path.child("resources")));
  for (const [index, stage] of omitStages.entries()) {
    if (auditStages.some((known) => known === stage)) continue;
    const why = `allowed stages are ${auditStages.join(",")}`;
    errors.push(invalid(path.child("omitStages").index(index), stage, why));
  }
  if (nonResourceURLs.length > 0 && (resources.length > 0 || namespaces.length > 0)) {
    const why = "rules cannot apply to both regular resources and non-resource URLs";
    errors.push(invalid(urls, nonResourceURLs, why));
  }
  return errors;
}

function urlErrors(url: string, path: FieldPath): FieldError[] {
  if (url === "*") return [];
  const errors: FieldError[] = [];
  if (!url.startsWith("/"))
    errors.push(invalid(path, url, "non-resource URL rules must begin with a '/' character"));
  if (url.slice(0, -1).includes("*")) {
    errors.push(invalid(path, url, "non-resource URL wildcards '*' must be the final character of the rule"));
  }
  return errors;
}

function resourceErrors(
  { group = "", resources = [], resourceNames = [] }: GroupResources,
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  const faults = group === "" ? [] : nameIsDnsSubdomain(group, false);
  if (faults.length > 0) errors.push(invalid(path.child("group"), group, faults.join(",")));
  if (resourceNames.length > 0 && resources.length === 0) {
    const why = "using resourceNames requires at least one resource";
    errors.push(invalid(path.child("resourceNames"), resourceNames, why));
  }
  return errors;
}
