import { listCost, regexTraversal, structCost, traversal } from "../eval/call-cost.ts";
import type { Expr } from "../parser/ast.ts";
import { type CelType, sameType } from "../types.ts";
import { type Bounds, either, fixed, plus, scaled, times, unbounded, unknownSize } from "./size.ts";

/** An expression as estimators see it. */
export interface EstimatedNode {
  readonly path: readonly string[];
  readonly type: CelType;
  readonly expr: Expr | undefined;
  /** Known bounds of its size. */
  readonly size: Bounds | undefined;
}

export interface CallEstimate {
  readonly cost: Bounds;
  readonly size?: Bounds;
}

interface Sizes {
  /** Bounds of a node's size: its own, or those of the schema. */
  sizeOf(node: EstimatedNode): Bounds;
}

interface Call {
  readonly overload: string;
  readonly target: EstimatedNode | undefined;
  readonly args: readonly EstimatedNode[];
  readonly sizes: Sizes;
}

type Estimate = (call: Call) => CallEstimate | undefined;

/**
 * What a call can cost by itself, without its arguments; undefined: one, or what the caller knows of operators. First
 * the extensions of cel-go, then k8s.io/apiserver/pkg/cel/library/cost.go, then cel-go's standard functions.
 */
export function estimateCall(
  name: string,
  overload: string,
  target: EstimatedNode | undefined,
  args: readonly EstimatedNode[],
  sizes: Sizes,
): CallEstimate | undefined {
  const call: Call = { overload, target, args, sizes };
  return (
    (Object.hasOwn(extensions, overload) ? extensions[overload]?.(call) : undefined) ??
    sortEstimate(call) ??
    (Object.hasOwn(kubernetes, name) ? kubernetes[name]?.(call) : undefined) ??
    (Object.hasOwn(standard, overload) ? standard[overload]?.(call) : undefined)
  );
}

const one: Estimate = () => ({ cost: fixed(1) });
const known = ({ size }: EstimatedNode): Bounds => size ?? unknownSize;

// -- extensions of cel-go ----------------------------------------------------------------------------------------

function allocating(factor: number, size: Bounds): CallEstimate {
  return { cost: plus(scaled(size, factor), fixed(1 + listCost)), size };
}

/** The value of a literal int; of anything else the given one. */
function literalInt(node: EstimatedNode | undefined, otherwise: number): number {
  if (node?.expr?.kind !== "literal") return otherwise;
  const { value } = node.expr;
  if (typeof value !== "number" && typeof value !== "bigint") return otherwise;
  return Math.max(0, Number(value));
}

const setsProduct =
  (factor: number): Estimate =>
  ({ args: [a, b], sizes }) =>
    a && b && { cost: plus(scaled(times(sizes.sizeOf(a), sizes.sizeOf(b)), factor), fixed(1)) };

const onTarget =
  (of: (size: Bounds, call: Call) => CallEstimate | undefined): Estimate =>
  (call) =>
    call.target && of(call.sizes.sizeOf(call.target), call);

/** An unsigned difference wraps around below zero. */
function distance(from: number, to: number): number {
  return to >= from ? to - from : unbounded + to - from;
}

const extensions: Readonly<Record<string, Estimate>> = {
  list_sets_contains_list: setsProduct(1),
  list_sets_intersects_list: setsProduct(1),
  list_sets_equivalent_list: setsProduct(2),
  list_slice: onTarget((size, { args: [start, end] }) =>
    allocating(1, fixed(distance(literalInt(start, 0), literalInt(end, size.max)))),
  ),
  list_flatten: onTarget((size) => allocating(1, size)),
  list_flatten_int: onTarget((size, { args: [depth] }) => allocating(literalInt(depth, unbounded), size)),
  lists_range: ({ args: [length] }) => allocating(1, fixed(literalInt(length, unbounded))),
  list_reverse: onTarget((size) => allocating(1, size)),
  list_distinct: onTarget((size) => allocating(2, times(size, size))),
};

const sortOverload = /^list_(.+)_sort(ByAssociatedKeys)?$/u;

function sortEstimate({ overload, target, args: [keys], sizes }: Call): CallEstimate | undefined {
  const match = sortOverload.exec(overload);
  const sorted = match?.[2] === undefined ? target : keys;
  if (match === null || sorted === undefined) return undefined;
  const size = sizes.sizeOf(sorted);
  return allocating(match[1] === "string" || match[1] === "bytes" ? 2 + traversal : 2, times(size, size));
}

// -- Kubernetes ----------------------------------------------------------------------------------------------------

const scanFirst =
  (factor: number, keepsSize: boolean): Estimate =>
  ({ args: [first], sizes }) => {
    if (first === undefined) return undefined;
    const size = sizes.sizeOf(first);
    return keepsSize ? { cost: scaled(size, factor), size } : { cost: scaled(size, factor) };
  };

const scanTarget: Estimate = onTarget((size) => ({ cost: scaled(size, traversal), size }));

/** Every element is looked at once; texts character by character. */
const eachElement: Estimate = ({ target, sizes }) => {
  if (target === undefined) return undefined;
  const size = sizes.sizeOf(target);
  const element = elementOf(target);
  if (element === undefined) return { cost: scaled(size, traversal) };
  const isText = element.type.kind === "string" || element.type.kind === "bytes";
  const each = isText ? plus(fixed(1), scaled(sizes.sizeOf(element), traversal)) : fixed(1);
  return { cost: times(size, each) };
};

function elementOf({ type, path }: EstimatedNode): EstimatedNode | undefined {
  const [element] = type.params;
  if (element === undefined) return undefined;
  return {
    type: element,
    path: path.length === 0 ? [] : [...path, "@items"],
    expr: undefined,
    size: undefined,
  };
}

const selector: Estimate = ({ args: [text], sizes }) => {
  if (text === undefined) return undefined;
  const length = sizes.sizeOf(text);
  const requirements = scaled(scaled(length, 0.5), listCost + structCost);
  return { cost: plus(fixed(listCost), scaled(length, traversal), requirements) };
};

const replace: Estimate = ({ target, args: [old, by], sizes }) => {
  if (target === undefined || old === undefined || by === undefined) return undefined;
  const size = sizes.sizeOf(target);
  const from = sizes.sizeOf(old);
  const to = sizes.sizeOf(by);
  const longest = replaced(size.max, from.min, to.max <= from.min);
  const shortest = replaced(size.min, from.max, from.max <= to.min);
  const count = { min: shortest.count, max: longest.count };
  const kept = { min: shortest.kept, max: longest.kept };
  return { cost: scaled(size, 2 * traversal), size: plus(times(count, to), kept) };
};

/** How often something of a length is replaced in a text, and how much of the text stays. */
function replaced(size: number, length: number, never: boolean): { count: number; kept: number } {
  // Nothing is found before every character and at the end.
  if (length === 0) return { count: size < unbounded ? size + 1 : size, kept: size };
  if (never) return { count: 0, kept: size };
  return { count: Math.ceil(size / length), kept: 0 };
}

const split: Estimate = onTarget((size, { args: [, limit] }) => {
  const literal = limit?.expr?.kind === "literal" ? limit.expr.value : undefined;
  // A negative limit is none, and as an unsigned number the largest.
  const max = typeof literal === "number" ? (literal < 0 ? unbounded : literal) : size.max;
  return { cost: scaled(size, 2 * traversal), size: { min: 0, max } };
});

const join: Estimate = ({ target, args: [separator], sizes }) => {
  if (target === undefined) return undefined;
  const count = sizes.sizeOf(target);
  const element = elementOf(target);
  let size = element === undefined ? fixed(0) : times(count, sizes.sizeOf(element));
  if (separator !== undefined) {
    const gaps = { min: Math.max(0, count.min - 1), max: Math.max(0, count.max - 1) };
    size = plus(size, times(sizes.sizeOf(separator), gaps));
  }
  return { cost: scaled(size, traversal), size };
};

const find: Estimate = onTarget((size, { args: [pattern], sizes }) => {
  if (pattern === undefined) return undefined;
  const text = scaled(plus(size, fixed(1)), traversal);
  const cost = times(text, scaled(sizes.sizeOf(pattern), regexTraversal));
  return { cost, size: { min: 0, max: size.max } };
});

/** An address has 4 or 16 bytes. */
const address: Bounds = { min: 4, max: 16 };

const containsAddress =
  (extra: Bounds, parsing: string): Estimate =>
  ({ overload, args: [other], sizes }) => {
    if (other === undefined) return undefined;
    const compared = scaled(plus(address, address), traversal);
    const parsed = overload === parsing ? scaled(sizes.sizeOf(other), traversal) : fixed(0);
    return { cost: plus(compared, extra, parsed) };
  };

const maxNameRegex = 128;
const maxFormat = 64;

const cheapTypes = new Set([
  "net.IP",
  "net.CIDR",
  "kubernetes.Quantity",
  "kubernetes.Semver",
  "kubernetes.authorization.Authorizer",
  "kubernetes.authorization.PathCheck",
  "kubernetes.authorization.GroupCheck",
  "kubernetes.authorization.ResourceCheck",
  "kubernetes.authorization.Decision",
]);

const equality: Estimate = ({ args: [a, b] }) => {
  if (a === undefined || b === undefined || !sameType(a.type, b.type)) return undefined;
  if (cheapTypes.has(a.type.name)) return { cost: fixed(1) };
  if (a.type.name === "kubernetes.NamedFormat")
    return { cost: scaled({ min: 1, max: maxFormat }, traversal) };
  if (a.type.name !== "kubernetes.URL") return undefined;
  return { cost: scaled({ min: 1, max: b.size === undefined ? 1 : either(b.size, b.size).max }, traversal) };
};

function named(names: string, estimate: Estimate): Record<string, Estimate> {
  return Object.fromEntries(names.split(" ").map((name) => [name, estimate]));
}

const kubernetes: Readonly<Record<string, Estimate>> = {
  ...named("check", () => ({ cost: fixed(350_000) })),
  ...named("serviceAccount path group resource subresource namespace name allowed reason error errored", one),
  ...named("fieldSelector labelSelector", selector),
  ...named("isSorted sum max min indexOf lastIndexOf", eachElement),
  ...named("url jsonpatch.escapeKey", scanFirst(traversal, true)),
  ...named("lowerAscii upperAscii substring trim", scanTarget),
  replace,
  split,
  join,
  ...named("find findAll", find),
  ...named("cidr isIP isCIDR quantity isQuantity semver isSemver", scanFirst(traversal, false)),
  ip: (call) => (call.overload === "cidr_ip" ? one(call) : scanFirst(traversal, false)(call)),
  "ip.isCanonical": scanFirst(2 * traversal, false),
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
  containsIP: containsAddress(fixed(0), "cidr_contains_ip_string"),
  containsCIDR: containsAddress(plus(scaled(address, traversal), fixed(1)), "cidr_contains_cidr_string"),
  validate: ({ args: [text], sizes }) =>
    text && { cost: scaled(scaled(sizes.sizeOf(text), traversal), maxNameRegex * regexTraversal) },
  "_==_": equality,
};

// -- standard functions --------------------------------------------------------------------------------------------

const comparison: Estimate = ({ args: [a, b] }) => {
  if (a === undefined || b === undefined) return undefined;
  const max = Math.min(known(a).max, known(b).max);
  return { cost: scaled({ min: max > 0 ? 1 : 0, max }, traversal) };
};

const scanArgument: Estimate = ({ args: [text] }) => text && { cost: scaled(known(text), traversal) };

/** Converting changes how many characters a text has: a character has up to four bytes. */
const converting =
  (size: (of: Bounds) => Bounds): Estimate =>
  ({ args: [text] }) =>
    text && { cost: scaled(known(text), traversal), size: size(known(text)) };

const textual = ["less", "greater", "less_equals", "greater_equals"].flatMap((name) => [
  `${name}_string`,
  `${name}_bytes`,
]);

const standard: Readonly<Record<string, Estimate>> = {
  string_format: ({ target }) => target && { cost: scaled(known(target), traversal) },
  string_to_bytes: converting(({ min, max }) => ({ min, max: Math.min(max * 4, unbounded) })),
  bytes_to_string: converting(({ min, max }) => ({ min: Math.floor(min / 4), max })),
  strings_quote: converting(({ min, max }) => ({ min: min + 2, max: Math.min(max * 2 + 2, unbounded) })),
  starts_with_string: scanArgument,
  ends_with_string: scanArgument,
  in_list: ({ args: [, list] }) => list && { cost: known(list) },
  matches_string: ({ target, args: [pattern] }) => {
    if (target === undefined || pattern === undefined) return undefined;
    const text = scaled(plus(known(target), fixed(1)), traversal);
    return { cost: times(text, scaled(known(pattern), regexTraversal)) };
  },
  contains_string: ({ target, args: [part] }) =>
    target && part && { cost: times(scaled(known(target), traversal), scaled(known(part), traversal)) },
  ...Object.fromEntries(["equals", "not_equals", ...textual].map((overload) => [overload, comparison])),
};
