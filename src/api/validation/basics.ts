import {
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from "../../apimachinery/field-error.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  pathSegmentErrors,
  percentErrors,
  qualifiedNameErrors,
} from "../../apimachinery/names.ts";
import { Quantity, tryParseQuantity } from "../../apimachinery/quantity.ts";

/**
 * What all rules are made of. A rule takes the value, its path as text, and the list that collects the errors: most
 * objects are valid, so nothing but paths is allocated on the way.
 */
export type Errors = FieldError[];

/** A rule of names: messages, none when valid. */
export type NameRule = (name: string) => string[];

/** A rule of object names. `prefix` says that a generated suffix follows, so that a trailing dash is no fault. */
export type ObjectNameRule = (name: string, prefix: boolean) => string[];

const none: readonly never[] = [];

/** A list that may be absent, even where its type says otherwise: Go's decoder leaves what nobody set. */
export function list<T>(value: readonly T[] | undefined): readonly T[] {
  return value ?? none;
}

/** A text that may be absent: Go has no difference between that and the empty one. */
export const text = (value: string | undefined): string => value ?? "";

/** True for a text that is absent, which Go prints as null in a few fields, or empty. */
export const isEmpty = (value: string | null | undefined): boolean => (value ?? "") === "";

/** The entries of a map that may be absent. */
export function entries<T>(map: Readonly<Record<string, T>> | undefined): [string, T][] {
  return map === undefined ? [] : Object.entries(map);
}

export const size = (map: object | undefined): number => (map === undefined ? 0 : Object.keys(map).length);

export const isNegativeMessage = "must be greater than or equal to 0";
export const immutableMessage = "field is immutable";
export const mustBePositive = "must be greater than zero";

export function nonNegative(value: number | undefined, path: string, errors: Errors): void {
  if (value !== undefined && value < 0) errors.push(invalid(path, value, isNegativeMessage));
}

/** Adds what a rule of names says about a value. */
export function checkName(value: string | undefined, rule: NameRule, path: string, errors: Errors): void {
  for (const message of rule(value ?? "")) errors.push(invalid(path, value ?? "", message));
}

export function checkOptionalName(
  value: string | undefined,
  rule: NameRule,
  path: string,
  errors: Errors,
): void {
  if (value !== undefined && value !== "") checkName(value, rule, path, errors);
}

/** One of a few values, which the message lists in this order. */
export function oneOf(
  value: string | undefined,
  supported: readonly string[],
  path: string,
  errors: Errors,
): void {
  if (!supported.includes(value ?? "")) errors.push(notSupported(path, value ?? "", supported));
}

export function optionalOneOf(
  value: string | undefined,
  supported: readonly string[],
  path: string,
  errors: Errors,
): void {
  if (value !== undefined) oneOf(value, supported, path, errors);
}

/** Required, and one of a few values. */
export function requiredOneOf(
  value: string | undefined,
  supported: readonly string[],
  path: string,
  errors: Errors,
): void {
  if (value === undefined || value === "") errors.push(required(path));
  else oneOf(value, supported, path, errors);
}

export function checkRange(
  value: number | undefined,
  low: number,
  high: number,
  path: string,
  errors: Errors,
): void {
  if (value === undefined || (value >= low && value <= high)) return;
  errors.push(invalid(path, value, `must be between ${low} and ${high}, inclusive`));
}

export function immutable(value: unknown, old: unknown, path: string, errors: Errors): void {
  if (!same(value, old)) errors.push(invalid(path, value ?? null, immutableMessage));
}

/** Equality as Go's Semantic.DeepEqual sees it: an empty list, map or text equals an absent one. */
export function same(a: unknown, b: unknown): boolean {
  return a === b || deepEqual(withoutEmpty("", a), withoutEmpty("", b));
}

/** Fields that are maps: empty and absent are one. An empty struct is there, where JSON shows both alike. */
const mapFields = new Set([
  "annotations",
  "binaryData",
  "capacity",
  "data",
  "hard",
  "labels",
  "limits",
  "matchLabels",
  "nodeSelector",
  "options",
  "overhead",
  "parameters",
  "requests",
  "volumeAttributes",
]);

function withoutEmpty(field: string, value: unknown): unknown {
  if (value === null) return undefined;
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) {
    return value.length === 0 ? undefined : value.map((item: unknown) => withoutEmpty("", item) ?? null);
  }
  // An entry of a map is there, however empty.
  if (mapFields.has(field)) return Object.keys(value).length === 0 ? undefined : value;
  const result: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    const kept = withoutEmpty(key, member);
    if (kept !== undefined) result[key] = kept;
  }
  return result;
}

/** A generated suffix will follow: a trailing dash stands for a letter. */
function masked(name: string, prefix: boolean): string {
  return prefix && name.length > 1 && name.endsWith("-") ? `${name.slice(0, -2)}a` : name;
}

export const nameIsDnsSubdomain: ObjectNameRule = (name, prefix) =>
  dns1123SubdomainErrors(masked(name, prefix));
export const nameIsDnsLabel: ObjectNameRule = (name, prefix) => dns1123LabelErrors(masked(name, prefix));
/** As declared rules word it; they leave the prefixes of generated names alone. */
export const nameIsLong: ObjectNameRule = (name, prefix) =>
  prefix ? [] : dns1123SubdomainErrors(name).map((message) => message.replace(/characters$/, "bytes"));
export const nameIsPathSegment: ObjectNameRule = (name) => pathSegmentErrors(name);
export const namespaceName: NameRule = (name) => dns1123LabelErrors(name);

export function checkQualifiedName(value: string | undefined, path: string, errors: Errors): void {
  checkName(value, qualifiedNameErrors, path, errors);
}

export function checkLabel(value: string | undefined, path: string, errors: Errors): void {
  checkName(value, dns1123LabelErrors, path, errors);
}

export function checkSubdomain(value: string | undefined, path: string, errors: Errors): void {
  checkName(value, dns1123SubdomainErrors, path, errors);
}

/** A percentage or a number that is not negative. */
export function nonNegativeOrPercent(value: number | string | undefined, path: string, errors: Errors): void {
  if (typeof value === "number") nonNegative(value, path, errors);
  else if (value !== undefined) checkName(value, percentErrors, path, errors);
}

export function notMoreThan100Percent(
  value: number | string | undefined,
  path: string,
  errors: Errors,
): void {
  const percent = percentOf(value);
  if (percent !== undefined && percent > 100) {
    errors.push(invalid(path, value, "must not be greater than 100%"));
  }
}

const percentPattern = /^([0-9]+)%$/;

function percentOf(value: number | string | undefined): number | undefined {
  const digits = typeof value === "string" ? percentPattern.exec(value)?.[1] : undefined;
  return digits === undefined ? undefined : Number(digits);
}

/** The number of a number or percentage; 0 for what is neither. */
export function numberOrPercent(value: number | string | undefined): number {
  return typeof value === "number" ? value : (percentOf(value) ?? 0);
}

export const zero: Quantity = new Quantity(0n, "DecimalSI");

export function quantity(value: string | undefined): Quantity {
  return tryParseQuantity(value) ?? zero;
}

export function positiveQuantity(value: Quantity, path: string, errors: Errors): void {
  if (value.nanos <= 0n) errors.push(invalid(path, value.toString(), mustBePositive));
}

/** Only the named fields of an object may be set. */
export function onlyFields(
  value: object,
  allowed: ReadonlySet<string>,
  detail: string,
  path: string,
  errors: Errors,
): void {
  for (const [name, member] of Object.entries(value)) {
    if (allowed.has(name) || member === undefined || (Array.isArray(member) && member.length === 0)) continue;
    errors.push(forbidden(`${path}.${name}`, detail));
  }
}
