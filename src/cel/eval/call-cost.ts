import { CelList, CelMap, CelOpaque, type CelValue, listItems } from "../values.ts";
import { costSize } from "./equality.ts";

/**
 * What a call costs when it is evaluated: cel-go's costs of standard functions, the extensions' own, and the costs of
 * k8s.io/apiserver/pkg/cel/library/cost.go, found by the function's name as there.
 */
export type CallCost = (args: readonly CelValue[], result: CelValue) => number;

/** A tenth per character or byte that is looked at. */
export const traversal = 0.1;
/** A quarter per character of a regular expression: its parts are about four characters long. */
export const regexTraversal = 0.25;
export const listCost = 10;
export const mapCost = 30;
export const structCost = 40;

const one: CallCost = () => 1;

function size(args: readonly CelValue[], index: number): number {
  const value = args[index];
  return value === undefined ? 1 : costSize(value);
}

/** The first argument's size times a factor. */
function scan(factor: number): CallCost {
  return (args) => Math.ceil(size(args, 0) * factor);
}

const regexScan: CallCost = (args) =>
  Math.ceil((1 + size(args, 0)) * traversal) * Math.ceil(size(args, 1) * regexTraversal);

const smaller: CallCost = (args) => Math.ceil(Math.min(size(args, 0), size(args, 1)) * traversal);

const both: CallCost = (args) => Math.ceil((size(args, 0) + size(args, 1)) * traversal);

/** By overload: standard functions. */
const byOverload: Readonly<Record<string, CallCost>> = {
  starts_with_string: scan(traversal),
  ends_with_string: scan(traversal),
  string_to_bytes: scan(traversal),
  bytes_to_string: scan(traversal),
  strings_quote: scan(traversal),
  string_format: scan(traversal),
  in_list: (args) => size(args, 1),
  equals: smaller,
  not_equals: smaller,
  add_string: both,
  add_bytes: both,
  matches_string: regexScan,
  contains_string: (args) => Math.ceil(size(args, 0) * traversal) * Math.ceil(size(args, 1) * traversal),
  ...Object.fromEntries(
    ["less", "greater", "less_equals", "greater_equals"].flatMap((name) => [
      [`${name}_string`, smaller],
      [`${name}_bytes`, smaller],
    ]),
  ),
};

const product =
  (factor: number): CallCost =>
  (args) =>
    1 + Math.floor(size(args, 0) * size(args, 1) * factor);

const sortKinds = [
  "int",
  "uint",
  "double",
  "bool",
  "google.protobuf.Duration",
  "google.protobuf.Timestamp",
  "string",
  "bytes",
];

/** By overload: extensions that track their own costs; these come before all others. */
const byExtension: Readonly<Record<string, CallCost>> = {
  list_sets_contains_list: product(1),
  list_sets_intersects_list: product(1),
  list_sets_equivalent_list: product(2),
  list_slice: (_, result) => listCost + 1 + costSize(result),
  list_flatten: (args) => listCost + 1 + size(args, 0),
  list_flatten_int: ([list = null, depth]) =>
    listCost + 1 + costSize(list) * (typeof depth === "number" ? depth : 1),
  lists_range: (_, result) => listCost + 1 + costSize(result),
  list_reverse: (_, result) => listCost + 1 + costSize(result),
  list_distinct: (args) => sortCost(args[0] ?? null),
  ...Object.fromEntries(
    sortKinds.flatMap((kind): [string, CallCost][] => [
      [`list_${kind}_sort`, (args) => sortCost(args[0] ?? null)],
      [`list_${kind}_sortByAssociatedKeys`, (args) => sortCost(args[1] ?? null)],
    ]),
  ),
};

/** Sorting and comparing all with all. */
function sortCost(list: CelValue): number {
  const length = costSize(list);
  const first = list instanceof CelList && list.size > 0 ? list.at(0) : null;
  const isText = typeof first === "string" || first instanceof Uint8Array;
  return Math.floor(length * length * (isText ? 2 + traversal : 2)) + 1 + listCost;
}

const selectorCost: CallCost = (args) => {
  const length = size(args, 1);
  return (
    listCost + Math.ceil(length * traversal) + Math.ceil(Math.ceil(length * 0.5) * (listCost + structCost))
  );
};

function cidrCost(parses: boolean, extra: boolean): CallCost {
  return (args) => {
    const length = size(args, 0);
    const masked = extra ? Math.ceil(length * traversal) + 1 : 0;
    return Math.ceil(2 * length * traversal) + masked + (parses ? Math.ceil(size(args, 1) * traversal) : 0);
  };
}

const names = (text: string): readonly string[] => text.split(" ");

function named(functions: string, cost: CallCost): Record<string, CallCost> {
  return Object.fromEntries(names(functions).map((name) => [name, cost]));
}

/** By function: Kubernetes' libraries. */
const byFunction: Readonly<Record<string, CallCost>> = {
  ...named("check", () => 350_000),
  ...named("serviceAccount path group resource subresource namespace name allowed reason error errored", one),
  ...named("fieldSelector labelSelector", selectorCost),
  ...named("isSorted sum max min indexOf lastIndexOf", (args) => traversalCost(args[0] ?? null)),
  ...named("url lowerAscii upperAscii substring trim jsonpatch.escapeKey", scan(traversal)),
  ...named("replace split", scan(2 * traversal)),
  ...named("join", (_, result) => Math.ceil(costSize(result) * 2 * traversal)),
  ...named("find findAll", regexScan),
  ...named("cidr isIP isCIDR ip quantity isQuantity semver isSemver", scan(traversal)),
  ...named("ip.isCanonical", scan(2 * traversal)),
  ...named(
    "masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast",
    one,
  ),
  ...named(
    "isGlobalUnicast format.named sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan",
    one,
  ),
  ...named(
    "compareTo add sub major minor patch getScheme getHostname getHost getPort getEscapedPath getQuery",
    one,
  ),
};

/** Accessors of the cheap kinds, where the function's name alone would say otherwise. */
const exceptions: Readonly<Record<string, CallCost>> = {
  cidr_ip: one,
  cidr_contains_ip_string: cidrCost(true, false),
  cidr_contains_ip_ip: cidrCost(false, false),
  cidr_contains_cidr_string: cidrCost(true, true),
  cidr_contains_cidr: cidrCost(false, true),
};

/** What walking through a value as a tree costs. */
function traversalCost(value: CelValue): number {
  if (typeof value === "string") return Math.trunc(Buffer.byteLength(value) * traversal);
  if (value instanceof Uint8Array) return Math.trunc(value.length * traversal);
  if (value instanceof CelList)
    return listItems(value).reduce<number>((sum, item) => sum + traversalCost(item), 0);
  if (value instanceof CelMap) {
    return value
      .keys()
      .reduce<number>((sum, key) => sum + traversalCost(key) + traversalCost(value.find(key) ?? null), 0);
  }
  return 1;
}

/** The cost of calls of a function whose overload is known (or empty: it is found at run time). */
export function callCost(name: string, overload: string): CallCost {
  const extension = byExtension[overload];
  if (extension !== undefined) return extension;
  if (name === "_==_") return (args, result) => (isOpaque(args[0]) ? 1 : smaller(args, result));
  if (name === "validate") return validateCost;
  const exception = exceptions[overload];
  if (exception !== undefined) return exception;
  if (name === "containsIP") return cidrCost(false, false);
  if (name === "containsCIDR") return cidrCost(false, true);
  return byFunction[name] ?? byOverload[overload] ?? one;
}

function isOpaque(value: CelValue | undefined): boolean {
  return value instanceof CelOpaque;
}

/** A named format stands for a regular expression of a known length. */
const validateCost: CallCost = (args) => {
  const [format] = args;
  if (!(format instanceof CelOpaque)) return 1;
  const regex = format.field("@maxRegexSize");
  if (typeof regex !== "number") return 1;
  return Math.ceil((1 + size(args, 1)) * traversal) * Math.ceil(regex * regexTraversal);
};
