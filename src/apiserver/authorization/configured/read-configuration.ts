import { decodeObject, newStrictDecodingError } from "../../../apimachinery/decode.ts";
import {
  duplicate,
  type FieldError,
  type FieldPath,
  formatFieldError,
  invalid,
  notSupported,
  path,
  required,
  tooMany,
} from "../../../apimachinery/field-error.ts";
import { isObject } from "../../../apimachinery/json.ts";
import { dns1123SubdomainErrors } from "../../../apimachinery/names.ts";
import { duplicateYamlKey, parseYaml } from "../../../apimachinery/yaml.ts";
import type { CelProgram } from "../../../cel/index.ts";
import {
  configurationSchema,
  type RawAuthorizer,
  type RawConfiguration,
  type RawWebhook,
} from "./configuration.ts";
import { compileCondition } from "./match-conditions.ts";
import { durationMs, validateWebhook } from "./validate-webhook.ts";

/** Who decides, in this order. */
export type AuthorizerSetting =
  | { readonly type: "AlwaysAllow" | "AlwaysDeny" | "Node" | "RBAC" }
  | { readonly type: "Webhook"; readonly webhook: WebhookSetting };

export interface WebhookSetting {
  readonly name: string;
  readonly version: "v1" | "v1beta1";
  readonly timeoutMs: number;
  readonly authorizedTtlMs: number;
  readonly unauthorizedTtlMs: number;
  readonly failurePolicy: "NoOpinion" | "Deny";
  readonly kubeConfigFile: string;
  readonly conditions: readonly CelProgram[];
}

const group = "apiserver.config.k8s.io";
const versions = ["v1", "v1beta1", "v1alpha1"];
const kind = "AuthorizationConfiguration";
const types = ["ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"];
/** Without them this cluster's own node and controllers may do nothing. */
const needed = ["Node", "RBAC"] as const;

/**
 * Reads a file of `--authorization-config`, strictly: a key that nobody knows is a mistake. Throws an Error that names each
 * place, in the words of k8s.io/apiserver/pkg/apis/apiserver/validation.
 */
export function readConfiguration(text: string): AuthorizerSetting[] {
  const { authorizers = [] } = decode(text);
  const errors = authorizerErrors(authorizers).map((error) => formatFieldError(error));
  if (errors.length === 0) errors.push(...nameErrors(authorizers));
  if (errors.length > 0) throw new Error(errors.length === 1 ? errors[0] : `[${errors.join(", ")}]`);
  const missing = needed.filter((type) => !authorizers.some((authorizer) => authorizer.type === type));
  if (missing.length > 0) throw new Error(`missing required types: [${missing.join(" ")}]`);
  return authorizers.map(settingOf);
}

function decode(text: string): RawConfiguration {
  const value = parseYaml(text);
  if (!isObject(value)) throw new Error(`it must be an object of kind ${kind}`);
  const { apiVersion = "", kind: given = "" } = value;
  if (given !== kind || !versions.some((version) => apiVersion === `${group}/${version}`)) {
    throw new Error(
      `no kind ${JSON.stringify(given)} is registered for version ${JSON.stringify(apiVersion)}: expected ${kind} of ${group}/v1`,
    );
  }
  const noSchemas = { get: () => undefined };
  const { object, unknownFields } = decodeObject(noSchemas, configurationSchema, value);
  const twice = duplicateYamlKey(text);
  const mistakes = [...(twice === undefined ? [] : [twice]), ...unknownFields];
  if (mistakes.length > 0) throw newStrictDecodingError(value, mistakes);
  return object;
}

function authorizerErrors(authorizers: readonly RawAuthorizer[]): FieldError[] {
  const root = path("authorizers");
  if (authorizers.length === 0) return [required(root, "at least one authorization mode must be defined")];
  const seenTypes = new Set<string>();
  const seenNames = new Set<string>();
  return authorizers.flatMap(({ type = "", name = "", webhook }, index) => {
    const where = root.index(index);
    if (type === "") return [required(where.child("type"), "")];
    if (!types.includes(type)) return [notSupported(where.child("type"), type, types)];
    if (seenTypes.has(type) && type !== "Webhook") return [duplicate(where.child("type"), type)];
    seenTypes.add(type);
    const errors = errorsOfName(name, seenNames, where.child("name"));
    seenNames.add(name);
    if (type === "Webhook") {
      if (webhook === undefined) errors.push(required(where.child("webhook"), "required when type=Webhook"));
      else errors.push(...validateWebhook(webhook, where), ...conditionErrors(webhook, where));
    } else if (webhook !== undefined) {
      errors.push(invalid(where.child("webhook"), "non-null", "may only be specified when type=Webhook"));
    }
    return errors;
  });
}

function errorsOfName(name: string, seen: ReadonlySet<string>, where: FieldPath): FieldError[] {
  if (name === "") return [required(where, "")];
  if (seen.has(name)) return [duplicate(where, name)];
  const errors = dns1123SubdomainErrors(name);
  return errors.length === 0
    ? []
    : [invalid(where, name, `authorizer name is invalid: ${errors.join(", ")}`)];
}

function conditionErrors({ matchConditions = [] }: RawWebhook, at: FieldPath): FieldError[] {
  const root = at.child("matchConditions");
  if (matchConditions.length > 64) return [tooMany(root, matchConditions.length, 64)];
  const seen = new Set<string>();
  return matchConditions.flatMap(({ expression = "" }, index) => {
    const where = root.index(index).child("expression");
    if (expression.trim() === "") return [required(where, "")];
    if (seen.has(expression)) return [duplicate(where, expression)];
    seen.add(expression);
    const program = compileCondition(expression);
    return typeof program === "string" ? [invalid(where, expression, program)] : [];
  });
}

/** Those that are built in have one name each, and ABAC is not among them here. */
function nameErrors(authorizers: readonly RawAuthorizer[]): string[] {
  return authorizers.flatMap(({ type = "", name = "" }) => {
    if (type === "Webhook") return [];
    if (type === "ABAC") return ["authorizers of type ABAC are not supported: use RBAC"];
    const expected = type.toLowerCase();
    return name === expected ? [] : [`expected name ${expected} for authorizer ${type} instead of ${name}`];
  });
}

/** Validation has seen that everything which is required is there. */
function settingOf({ type, name = "", webhook = {} }: RawAuthorizer): AuthorizerSetting {
  if (type !== "Webhook") return { type: type as "Node" };
  const { cacheAuthorizedRequests = true, cacheUnauthorizedRequests = true } = webhook;
  const ttl = (cached: boolean, text: string | undefined, otherwise: number): number =>
    cached ? (durationMs(text) ?? otherwise) : 0;
  return {
    type,
    webhook: {
      name,
      version: webhook.subjectAccessReviewVersion === "v1beta1" ? "v1beta1" : "v1",
      timeoutMs: durationMs(webhook.timeout) ?? 0,
      authorizedTtlMs: ttl(cacheAuthorizedRequests, webhook.authorizedTTL, 300_000),
      unauthorizedTtlMs: ttl(cacheUnauthorizedRequests, webhook.unauthorizedTTL, 30_000),
      failurePolicy: webhook.failurePolicy === "Deny" ? "Deny" : "NoOpinion",
      kubeConfigFile: webhook.connectionInfo?.kubeConfigFile ?? "",
      conditions: (webhook.matchConditions ?? [])
        .map(({ expression = "" }) => compileCondition(expression))
        .filter((program) => typeof program !== "string"),
    },
  };
}
