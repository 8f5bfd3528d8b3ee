import { goValue } from "../go-value.ts";
import { isObject } from "../json.ts";
import { goSprintf, goTypeName } from "./go-format.ts";

/** A function of a template. What it throws becomes `error calling NAME: …`. */
export type TemplateFunction = (...values: readonly unknown[]) => unknown;

/** What Go's templates hold to be true. */
export function isTruthy(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isObject(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

const text = (value: unknown): string => (value === undefined || value === null ? "<nil>" : goValue(value));

/** As fmt.Sprint: a blank between two values of which neither is a string. */
function print(values: readonly unknown[]): string {
  return values.reduce<string>((line, value, index) => {
    const blank = index > 0 && typeof value !== "string" && typeof values[index - 1] !== "string";
    return `${line}${blank ? " " : ""}${text(value)}`;
  }, "");
}

function index(value: unknown, ...keys: readonly unknown[]): unknown {
  if (value === undefined || value === null) throw new Error("index of untyped nil");
  let found: unknown = value;
  for (const key of keys) {
    if (Array.isArray(found) || typeof found === "string") {
      if (typeof key !== "number") throw new Error(`cannot index slice/array with type ${goTypeName(key)}`);
      if (key < 0 || key >= found.length) throw new Error(`index out of range: ${key}`);
      found = typeof found === "string" ? found.codePointAt(key) : (found as unknown[])[key];
    } else if (isObject(found)) {
      if (typeof key !== "string") {
        throw new Error(`value has type ${goTypeName(key)}; should be string`);
      }
      found = found[key];
    } else if (found === undefined || found === null) throw new Error("index of nil pointer");
    else throw new Error(`can't index item of type ${goTypeName(found)}`);
  }
  return found;
}

function slice(value: unknown, from: unknown = 0, to?: unknown): unknown {
  if (typeof value !== "string" && !Array.isArray(value)) {
    throw new Error(`can't slice item of type ${goTypeName(value)}`);
  }
  const end = Number(to ?? value.length);
  for (const bound of [Number(from), end]) {
    if (bound < 0 || bound > value.length) throw new Error(`index out of range: ${bound}`);
  }
  if (Number(from) > end) throw new Error(`invalid slice index: ${Number(from)} > ${end}`);
  return value.slice(Number(from), end);
}

function length(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (isObject(value)) return Object.keys(value).length;
  if (value === undefined || value === null) throw new Error("len of nil pointer");
  throw new Error(`len of type ${goTypeName(value)}`);
}

function equal(first: unknown, ...others: readonly unknown[]): boolean {
  if (others.length === 0) throw new Error("missing argument for comparison");
  return others.some((other) => same(first, other));
}

function same(a: unknown, b: unknown): boolean {
  const [left, right] = [a ?? null, b ?? null];
  if (left === null || right === null) return left === right;
  if (typeof left === "object" || typeof right === "object") {
    throw new Error(`non-comparable type ${text(left)}: ${goTypeName(left)}`);
  }
  if (typeof left !== typeof right) throw new Error("incompatible types for comparison");
  return left === right;
}

function less(a: unknown, b: unknown): boolean {
  if (typeof a !== typeof b) throw new Error("incompatible types for comparison");
  if (typeof a === "number" && typeof b === "number") return a < b;
  if (typeof a === "string" && typeof b === "string") return a < b;
  throw new Error("invalid type for comparison");
}

const entities: Readonly<Record<string, string>> = {
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\0": "�",
};

const scriptEscapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "'": "\\'",
  '"': '\\"',
  "<": "\\u003C",
  ">": "\\u003E",
  "&": "\\u0026",
  "=": "\\u003D",
  "\n": "\\u000A",
  "\t": "\\u0009",
  "\r": "\\u000D",
};

/** What Go has built in, and what kubectl adds. `and` and `or` are no functions: they look at no more than they need. */
export const templateFunctions: Readonly<Record<string, TemplateFunction>> = {
  not: (value) => !isTruthy(value),
  eq: equal,
  ne: (a, b) => !same(a, b),
  lt: less,
  le: (a, b) => less(a, b) || same(a, b),
  gt: (a, b) => !less(a, b) && !same(a, b),
  ge: (a, b) => !less(a, b),
  index,
  slice,
  len: length,
  print: (...values) => print(values),
  println: (...values) => `${values.map(text).join(" ")}\n`,
  printf: (format, ...values) => {
    if (typeof format !== "string") {
      throw new Error(`wrong type for value; expected string; got ${goTypeName(format)}`);
    }
    return goSprintf(format, values);
  },
  html: (...values) => print(values).replaceAll(/["'&<>\0]/g, (letter) => entities[letter] ?? letter),
  js: (...values) =>
    print(values).replaceAll(/[\\'"<>&=\n\t\r]/g, (letter) => scriptEscapes[letter] ?? letter),
  urlquery: (...values) => encodeURIComponent(print(values)).replaceAll("%20", "+"),
  call: () => {
    throw new Error("call of nil");
  },
  exists: (value, ...keys) => {
    try {
      return keys.length > 0 && (index(value, ...keys) ?? undefined) !== undefined;
    } catch {
      return false;
    }
  },
  base64decode: (value) => Buffer.from(String(value), "base64").toString(),
};
