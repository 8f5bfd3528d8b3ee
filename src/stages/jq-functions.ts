import { RE2JS } from "re2js";
import { isObject } from "../apimachinery/json.ts";

/** What a part of a query finds in its input. Throws JqMisfit. */
export type Filter = (input: unknown) => unknown[];

/** The input is not what the query takes. */
export class JqMisfit extends Error {
  override readonly name = "JqMisfit";
}

export const constant =
  (value: unknown): Filter =>
  () => [value];

/** Finds nothing where the other does not fit. */
export const quietly =
  (filter: Filter): Filter =>
  (input) => {
    try {
      return filter(input);
    } catch (error) {
      if (error instanceof JqMisfit) return [];
      throw error;
    }
  };

export const isTrue = (value: unknown): boolean => value !== null && value !== undefined && value !== false;

export function member(of: Filter, keys: Filter): Filter {
  return (input) =>
    of(input).flatMap((value) =>
      keys(input).map((key) => {
        if (value === null || value === undefined) return null;
        if (Array.isArray(value) && typeof key === "number") return (value as unknown[]).at(key) ?? null;
        if (isObject(value) && typeof key === "string") return value[key] ?? null;
        throw new JqMisfit();
      }),
    );
}

export function elements(value: unknown): unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  if (isObject(value)) return Object.values(value);
  throw new JqMisfit();
}

export function numberOf(value: unknown): number {
  if (typeof value === "number") return value;
  throw new JqMisfit();
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  throw new JqMisfit();
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
const less = (a: unknown, b: unknown): boolean =>
  typeof a === "string" && typeof b === "string" ? a < b : numberOf(a) < numberOf(b);

export const comparisons: Readonly<Record<string, (a: unknown, b: unknown) => boolean>> = {
  "==": same,
  "!=": (a, b) => !same(a, b),
  "<": less,
  "<=": (a, b) => !less(b, a),
  ">": (a, b) => less(b, a),
  ">=": (a, b) => !less(a, b),
};

function sum(a: unknown, b: unknown): unknown {
  if (a === null || a === undefined) return b;
  if (b === null || b === undefined) return a;
  if (typeof a === "string" && typeof b === "string") return a + b;
  if (Array.isArray(a) && Array.isArray(b)) return [...(a as unknown[]), ...(b as unknown[])];
  if (isObject(a) && isObject(b)) return { ...a, ...b };
  return numberOf(a) + numberOf(b);
}

function difference(a: unknown, b: unknown): unknown {
  if (!Array.isArray(a) || !Array.isArray(b)) return numberOf(a) - numberOf(b);
  return elements(a).filter((value) => !elements(b).some((other) => same(value, other)));
}

function quotient(a: unknown, b: unknown): number {
  if (b === 0) throw new JqMisfit();
  return numberOf(a) / numberOf(b);
}

export const combinations: Readonly<Record<string, (a: unknown, b: unknown) => unknown>> = {
  "+": sum,
  "-": difference,
  "*": (a, b) => numberOf(a) * numberOf(b),
  "/": quotient,
  "%": (a, b) => Math.trunc(numberOf(a)) - Math.trunc(quotient(a, b)) * Math.trunc(numberOf(b)),
};

/** Whether one holds the other: a text a part, a list like elements, an object like fields. */
function contains(a: unknown, b: unknown): boolean {
  if (typeof a === "string" && typeof b === "string") return a.includes(b);
  if (Array.isArray(a) && Array.isArray(b))
    return elements(b).every((wanted) =>
      elements(a).some((value) => typeof value === typeof wanted && contains(value, wanted)),
    );
  if (isObject(a) && isObject(b))
    return Object.entries(b).every(([key, wanted]) => Object.hasOwn(a, key) && contains(a[key], wanted));
  return same(a, b);
}

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

export const functions: Readonly<Record<string, Filter>> = {
  not: (input) => [!isTrue(input)],
  empty: () => [],
  length: (input) => {
    if (input === null || input === undefined) return [0];
    if (typeof input === "number") return [Math.abs(input)];
    return [typeof input === "string" ? Array.from(input).length : elements(input).length];
  },
  type: (input) => [typeOf(input)],
  values: (input) => (input === null || input === undefined ? [] : [input]),
  add: (input) => [elements(input).reduce<unknown>(sum, null)],
  floor: (input) => [Math.floor(numberOf(input))],
  keys: (input) => {
    if (!isObject(input)) throw new JqMisfit();
    return [Object.keys(input).toSorted()];
  },
  to_entries: (input) => {
    if (!isObject(input)) throw new JqMisfit();
    return [Object.entries(input).map(([key, value]) => ({ key, value }))];
  },
  first: (input) => elements(input).slice(0, 1),
  last: (input) => elements(input).slice(-1),
  any: (input) => [elements(input).some(isTrue)],
  all: (input) => [elements(input).every(isTrue)],
  ascii_downcase: (input) => [textOf(input).replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())],
  ascii_upcase: (input) => [textOf(input).replaceAll(/[a-z]/g, (letter) => letter.toUpperCase())],
  tostring: (input) => [typeof input === "string" ? input : JSON.stringify(input ?? null)],
  tonumber: (input) => {
    const value = typeof input === "string" && input.trim() !== "" ? Number(input) : input;
    if (typeof value !== "number" || Number.isNaN(value)) throw new JqMisfit();
    return [value];
  },
};

/** Of the input and each result of a filter over it. */
const withEach =
  (make: (input: unknown, value: unknown) => unknown) =>
  (filter: Filter = constant(null)): Filter =>
  (input) =>
    filter(input).map((value) => make(input, value));

function found(input: unknown, pattern: unknown): boolean {
  try {
    return RE2JS.compile(textOf(pattern)).matcher(textOf(input)).find();
  } catch (error) {
    throw error instanceof JqMisfit ? error : new JqMisfit(undefined, { cause: error });
  }
}

export const withFilters: Readonly<Record<string, (...filters: readonly Filter[]) => Filter>> = {
  select:
    (filter = constant(null)) =>
    (input) =>
      filter(input).flatMap((value) => (isTrue(value) ? [input] : [])),
  map:
    (filter = constant(null)) =>
    (input) => [elements(input).flatMap(filter)],
  any:
    (filter = constant(null)) =>
    (input) => [elements(input).flatMap(filter).some(isTrue)],
  all:
    (filter = constant(null)) =>
    (input) => [elements(input).flatMap(filter).every(isTrue)],
  first:
    (filter = constant(null)) =>
    (input) =>
      filter(input).slice(0, 1),
  has: withEach((input, key) => isObject(input) && typeof key === "string" && Object.hasOwn(input, key)),
  contains: withEach(contains),
  inside: withEach((input, whole) => contains(whole, input)),
  startswith: withEach((input, prefix) => textOf(input).startsWith(textOf(prefix))),
  endswith: withEach((input, suffix) => textOf(input).endsWith(textOf(suffix))),
  ltrimstr: withEach((input, prefix) =>
    typeof input === "string" && typeof prefix === "string" && input.startsWith(prefix)
      ? input.slice(prefix.length)
      : input,
  ),
  split: withEach((input, by) => textOf(input).split(textOf(by))),
  join: withEach((input, by) =>
    elements(input)
      .map((value) => (value === null ? "" : typeof value === "string" ? value : JSON.stringify(value)))
      .join(textOf(by)),
  ),
  test: withEach(found),
};
