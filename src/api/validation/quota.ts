import { duplicate, forbidden, invalid, required } from "../../apimachinery/field-error.ts";
import { qualifiedNameErrors } from "../../apimachinery/names.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { LimitRange, LimitRangeItem, ResourceQuota, ResourceQuotaSpec } from "../types/core-v1.ts";
import { checkName, type Errors, entries, immutableMessage, list, quantity, size } from "./basics.ts";
import {
  checkContainerResourceName,
  checkQuotaResourceName,
  checkResourceName,
  checkResourceValue,
  isOvercommitAllowed,
  isStandardQuotaResource,
} from "./pod/resources.ts";

/** ResourceQuotas and LimitRanges. */
const podScopes = new Set(["Terminating", "NotTerminating", "NotBestEffort"]);
const scopes = new Set([
  "Terminating",
  "NotTerminating",
  "BestEffort",
  "NotBestEffort",
  "PriorityClass",
  "CrossNamespacePodAffinity",
  "VolumeAttributesClass",
]);
const podResources = new Set([
  "cpu",
  "memory",
  "requests.cpu",
  "requests.memory",
  "limits.cpu",
  "limits.memory",
  "pods",
]);

export function checkResourceQuota({ spec, status }: ResourceQuota, errors: Errors): void {
  checkQuotaSpec(spec, errors);
  checkAmounts(status?.hard, "status.hard", errors);
  checkAmounts(status?.used, "status.used", errors);
}

function checkAmounts(
  amounts: Readonly<Record<string, string>> | undefined,
  path: string,
  errors: Errors,
): void {
  for (const [name, raw] of entries(amounts)) {
    checkQuotaResourceName(name, `${path}[${name}]`, errors);
    checkResourceValue(name, quantity(raw), `${path}[${name}]`, errors);
  }
}

function checkQuotaSpec(spec: ResourceQuotaSpec, errors: Errors): void {
  checkAmounts(spec.hard, "spec.hard", errors);
  const names = Object.keys(spec.hard ?? {}).sort();
  for (const scope of list(spec.scopes)) {
    checkScope(scope, names, "spec.scopes", spec.scopes, spec.scopes, errors);
  }
  checkConflicts(list(spec.scopes), "spec.scopes", spec, errors);
  checkScopeSelector(spec, names, errors);
}

function checkScope(
  scope: string,
  names: readonly string[],
  path: string,
  shown: unknown,
  applied: unknown,
  errors: Errors,
): void {
  if (!scopes.has(scope)) errors.push(invalid(path, shown, "unsupported scope"));
  for (const name of names) {
    if (!isStandardQuotaResource(name) || isScopeOf(scope, name)) continue;
    const where = path.replace(/\.scopeName$/, "");
    errors.push(invalid(where, applied, "unsupported scope applied to resource"));
  }
}

function isScopeOf(scope: string, resource: string): boolean {
  if (podScopes.has(scope) || scope === "PriorityClass") return podResources.has(resource);
  if (scope === "BestEffort") return resource === "pods";
  if (scope === "VolumeAttributesClass") {
    return resource === "persistentvolumeclaims" || resource === "requests.storage";
  }
  return true;
}

function checkConflicts(
  found: readonly string[],
  path: string,
  { scopes: shown }: ResourceQuotaSpec,
  errors: Errors,
): void {
  for (const scope of ["BestEffort", "Terminating"]) {
    if (!found.includes(scope) || !found.includes(`Not${scope}`)) continue;
    errors.push(invalid(path, shown, "conflicting scopes"));
  }
}

function checkScopeSelector(spec: ResourceQuotaSpec, names: readonly string[], errors: Errors): void {
  const { scopeSelector } = spec;
  if (scopeSelector === undefined) return;
  const path = "spec.scopeSelector.matchExpressions";
  const found: string[] = [];
  for (const { scopeName, operator, values } of list(scopeSelector.matchExpressions)) {
    checkScope(scopeName, names, `${path}.scopeName`, scopeName, scopeSelector, errors);
    const isPlain =
      scopes.has(scopeName) && scopeName !== "PriorityClass" && scopeName !== "VolumeAttributesClass";
    if (isPlain && operator !== "Exists") {
      const detail =
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
      errors.push(invalid(`${path}.operator`, operator, detail));
    }
    if (operator === "In" || operator === "NotIn") {
      if (list(values).length === 0) {
        const detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
        errors.push(required(`${path}.values`, detail));
      }
    } else if (operator === "Exists" || operator === "DoesNotExist") {
      if (list(values).length > 0) {
        const detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
        errors.push(invalid(`${path}.values`, values, detail));
      }
    } else errors.push(invalid(`${path}.operator`, operator, "not a valid selector operator"));
    found.push(scopeName);
  }
  checkConflicts(found, path, spec, errors);
}

export function checkResourceQuotaUpdate({ spec }: ResourceQuota, old: ResourceQuota, errors: Errors): void {
  checkQuotaSpec(spec, errors);
  const before = new Set(old.spec.scopes);
  const now = new Set(spec.scopes);
  if (before.size === now.size && [...now].every((scope) => before.has(scope))) return;
  errors.push(invalid("spec.scopes", spec.scopes, immutableMessage));
}

export function checkResourceQuotaStatus({ status }: ResourceQuota, _old: unknown, errors: Errors): void {
  checkAmounts(status?.hard, "status.hard", errors);
  checkAmounts(status?.used, "status.used", errors);
}

const limitTypes = new Set(["Pod", "Container", "PersistentVolumeClaim"]);
const one = new Quantity(1_000_000_000n, "DecimalSI");

export function checkLimitRange({ spec }: LimitRange, errors: Errors): void {
  const seen = new Set<string>();
  list(spec.limits).forEach((limit, index) => {
    const path = `spec.limits[${index}]`;
    checkLimitType(limit.type, `${path}.type`, errors);
    if (seen.has(limit.type)) errors.push(duplicate(`${path}.type`, limit.type));
    seen.add(limit.type);
    checkLimit(limit, path, errors);
  });
}

function checkLimitType(type: string, path: string, errors: Errors): void {
  const before = errors.length;
  checkName(type, qualifiedNameErrors, path, errors);
  if (errors.length > before || type.includes("/") || limitTypes.has(type)) return;
  errors.push(invalid(path, type, "must be a standard limit type or fully qualified"));
}

const amountFields = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] as const;

function checkLimit(limit: LimitRangeItem, path: string, errors: Errors): void {
  const isPod = limit.type === "Pod";
  const checkLimitName = isPod || limit.type === "Container" ? checkContainerResourceName : checkResourceName;
  const names = new Set<string>();
  for (const field of amountFields) {
    const isDefault = field === "default" || field === "defaultRequest";
    if (isPod && isDefault) {
      if (size(limit[field]) === 0) continue;
      errors.push(forbidden(`${path}.${field}`, "may not be specified when `type` is 'Pod'"));
      continue;
    }
    if (field === "maxLimitRequestRatio") checkStorage(limit, path, errors);
    for (const [name] of entries(limit[field])) {
      checkLimitName(name, `${path}.${field}[${name}]`, errors);
      names.add(name);
    }
  }
  for (const name of names) checkLimitValues(limit, name, isPod, path, errors);
}

function checkStorage({ type, min, max }: LimitRangeItem, path: string, errors: Errors): void {
  if (type !== "PersistentVolumeClaim") return;
  if (min?.["storage"] !== undefined || max?.["storage"] !== undefined) return;
  const detail = "either minimum or maximum storage value is required, but neither was provided";
  errors.push(required(`${path}.limits`, detail));
}

function checkLimitValues(
  limit: LimitRangeItem,
  name: string,
  isPod: boolean,
  path: string,
  errors: Errors,
): void {
  const amount = (field: (typeof amountFields)[number]): Quantity | undefined => {
    const raw = limit[field]?.[name];
    return raw === undefined ? undefined : quantity(raw);
  };
  const min = amount("min");
  const max = amount("max");
  const value = isPod ? undefined : amount("default");
  const request = isPod ? undefined : amount("defaultRequest");
  const exceeds = (
    low: Quantity | undefined,
    high: Quantity | undefined,
    words: readonly [string, string],
    field: string,
    shown: Quantity | undefined,
  ): void => {
    if (low === undefined || high === undefined || low.compare(high) <= 0) return;
    const detail = `${words[0]} value ${low.toString()} is greater than ${words[1]} value ${high.toString()}`;
    errors.push(invalid(`${path}.${field}[${name}]`, shown?.toString(), detail));
  };
  exceeds(min, max, ["min", "max"], "min", min);
  exceeds(min, request, ["min", "default request"], "defaultRequest", request);
  exceeds(request, max, ["default request", "max"], "defaultRequest", request);
  exceeds(request, value, ["default request", "default limit"], "defaultRequest", request);
  exceeds(min, value, ["min", "default"], "default", min);
  exceeds(value, max, ["default", "max"], "default", max);
  const ratio = amount("maxLimitRequestRatio");
  if (ratio !== undefined) checkRatio(ratio, min, max, `${path}.maxLimitRequestRatio[${name}]`, errors);
  if (isOvercommitAllowed(name) || value === undefined || request === undefined) return;
  if (value.compare(request) === 0) return;
  const detail = `default value ${value.toString()} must equal to defaultRequest value ${request.toString()} in ${name}`;
  errors.push(invalid(`${path}.defaultRequest[${name}]`, request.toString(), detail));
}

function checkRatio(
  ratio: Quantity,
  min: Quantity | undefined,
  max: Quantity | undefined,
  path: string,
  errors: Errors,
): void {
  if (ratio.compare(one) < 0) {
    errors.push(invalid(path, ratio.toString(), `ratio ${ratio.toString()} is less than 1`));
  }
  if (min === undefined || max === undefined) return;
  const widest = max.toNumber() / min.toNumber();
  if (ratio.toNumber() <= widest) return;
  const detail = `ratio ${ratio.toString()} is greater than max/min = ${widest.toFixed(6)}`;
  errors.push(invalid(path, ratio.toString(), detail));
}
