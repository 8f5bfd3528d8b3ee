import { add } from "../eval/arithmetic.ts";
import { compare, equals } from "../eval/equality.ts";
import { runtimeType } from "../eval/runtime-type.ts";
import { work } from "../eval/work.ts";
import { macroKey } from "../parser/macro-key.ts";
import { type Macro, sortByMacro } from "../parser/macros.ts";
import {
  ArrayList,
  CelDouble,
  CelDuration,
  CelErr,
  CelList,
  CelUint,
  type CelValue,
  isInt,
  listItems,
} from "../values.ts";
import { type FunctionDeclaration, type Implementation, noSuchOverload, Signatures } from "./declare.ts";

/** Kubernetes' functions of lists (isSorted, sum, min …), the sets of cel-go and its list extensions, version 3. */
const s = new Signatures();

const onList =
  (of: (list: CelList, ...rest: CelValue[]) => CelValue): Implementation =>
  (list, ...rest) =>
    list instanceof CelList ? of(list, ...rest) : noSuchOverload;

const comparable = ["int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes"];
/** The extension calls its overloads by the full names of the types. */
const fullNames: Readonly<Record<string, string>> = {
  duration: "google.protobuf.Duration",
  timestamp: "google.protobuf.Timestamp",
};

function forEach(
  types: readonly string[],
  signature: (type: string) => string,
  implementation: (type: string) => Implementation,
): Record<string, Implementation> {
  return Object.fromEntries(types.map((type) => [signature(type), implementation(type)]));
}

const isSorted = onList((list) => {
  const items = listItems(list);
  for (const [index, item] of items.entries()) {
    if (index === 0) continue;
    const order = compare(items[index - 1] ?? null, item);
    if (order === 1) return false;
  }
  return true;
});

const zeros: Readonly<Record<string, CelValue>> = {
  int: 0,
  uint: new CelUint(0),
  double: new CelDouble(0),
  duration: new CelDuration(0n),
};

const sum = (type: string): Implementation =>
  onList((list) => {
    let total: CelValue = zeros[type] ?? 0;
    for (const item of listItems(list)) {
      total = add(total, item);
      if (total instanceof CelErr) return total;
    }
    return total;
  });

const extreme = (name: string, preferred: number): Implementation =>
  onList((list) => {
    let best: CelValue | undefined;
    for (const item of listItems(list)) {
      if (best === undefined || compare(best, item) === preferred) best = item;
    }
    return best === undefined ? new CelErr(`${name} called on empty list`) : best;
  });

const position = (from: "start" | "end"): Implementation =>
  onList((list, item = null) => {
    const found = (index: number) => equals(list.at(index), item) === true;
    for (let offset = 0; offset < list.size; offset++) {
      const index = from === "start" ? offset : list.size - 1 - offset;
      if (found(index)) return index;
    }
    return -1;
  });

export const listFunctions: readonly FunctionDeclaration[] = [
  s.fn(
    "isSorted",
    forEach(
      comparable,
      (type) => `list_${type}_is_sorted_bool: list<${type}>.() -> bool`,
      () => isSorted,
    ),
  ),
  s.fn(
    "sum",
    forEach(Object.keys(zeros), (type) => `list_${type}_sum_${type}: list<${type}>.() -> ${type}`, sum),
  ),
  s.fn(
    "max",
    forEach(
      comparable,
      (type) => `list_${type}_max_${type}: list<${type}>.() -> ${type}`,
      () => extreme("max", -1),
    ),
  ),
  s.fn(
    "min",
    forEach(
      comparable,
      (type) => `list_${type}_min_${type}: list<${type}>.() -> ${type}`,
      () => extreme("min", 1),
    ),
  ),
  s.fn("indexOf", { "list_a_index_of_int: list<A>.(A) -> int": position("start") }),
  s.fn("lastIndexOf", { "list_a_last_index_of_int: list<A>.(A) -> int": position("end") }),
];

// -- sets ----------------------------------------------------------------------------------------------------------

function holds(list: CelList, item: CelValue): boolean {
  for (let index = 0; index < list.size; index++) if (equals(list.at(index), item) === true) return true;
  return false;
}

const containsAll = (list: CelList, other: CelList): boolean =>
  listItems(other).every((item) => holds(list, item));

const onLists =
  (of: (a: CelList, b: CelList) => CelValue): Implementation =>
  (a, b) =>
    a instanceof CelList && b instanceof CelList ? of(a, b) : noSuchOverload;

export const setFunctions: readonly FunctionDeclaration[] = [
  s.fn("sets.contains", { "list_sets_contains_list: (list<T>, list<T>) -> bool": onLists(containsAll) }),
  s.fn("sets.equivalent", {
    "list_sets_equivalent_list: (list<T>, list<T>) -> bool": onLists(
      (a, b) => containsAll(a, b) && containsAll(b, a),
    ),
  }),
  s.fn("sets.intersects", {
    "list_sets_intersects_list: (list<T>, list<T>) -> bool": onLists((a, b) =>
      listItems(a).some((item) => holds(b, item)),
    ),
  }),
];

// -- extensions ----------------------------------------------------------------------------------------------------

/** The numbers below one, made when they are asked for: a long range costs nothing before its cost is counted. */
class RangeList extends CelList {
  readonly size: number;

  constructor(size: number) {
    super();
    this.size = size;
  }

  at(index: number): CelValue {
    return index;
  }
}

const slice = onList((list, start = null, end = null) => {
  if (!isInt(start) || !isInt(end)) return noSuchOverload;
  const call = `cannot slice(${start}, ${end})`;
  if (start < 0 || end < 0) return new CelErr(`${call}, negative indexes not supported`);
  if (start > end) return new CelErr(`${call}, start index must be less than or equal to end index`);
  if (list.size < end) return new CelErr(`${call}, list is length ${list.size}`);
  work(list.size);
  return new ArrayList(listItems(list).slice(Number(start), Number(end)));
});

/** Elements of JSON become values when they are first read. */
const unitsPerElement = 8;

function flat(list: CelList, depth: number, into: CelValue[]): void {
  work(list.size * unitsPerElement);
  for (const item of listItems(list)) {
    if (item instanceof CelList && depth > 0) flat(item, depth - 1, into);
    else into.push(item);
  }
}

const flatten = onList((list, depth = 1) => {
  if (!isInt(depth)) return noSuchOverload;
  if (depth < 0) return new CelErr("level must be non-negative");
  const items: CelValue[] = [];
  flat(list, Number(depth), items);
  return new ArrayList(items);
});

function sortBy(list: CelList, keys: CelList): CelValue {
  if (list.size !== keys.size) {
    const sizes = `${list.size} and ${keys.size} elements respectively`;
    const what = "expected a list of the same size as the associated keys list";
    return new CelErr(`@sortByAssociatedKeys() ${what}, but got ${sizes}`);
  }
  if (list.size === 0) return list;
  const sortKeys = listItems(keys);
  const first = sortKeys[0] ?? null;
  if (first === null || first instanceof CelList) return new CelErr("list elements must be comparable");
  const type = runtimeType(first);
  if (list.size > 1 && sortKeys.some((key) => runtimeType(key) !== type)) {
    return new CelErr("list elements must have the same type");
  }
  const items = listItems(list);
  const order = sortKeys.map((_, index) => index);
  order.sort((a, b) => {
    const compared = compare(sortKeys[a] ?? null, sortKeys[b] ?? null);
    return typeof compared === "number" ? compared : 0;
  });
  return new ArrayList(order.map((index) => items[index] ?? null));
}

const distinct = onList((list) => {
  const unique: CelValue[] = [];
  for (const item of listItems(list)) {
    if (!unique.some((known) => equals(item, known) === true)) unique.push(item);
  }
  return new ArrayList(unique);
});

const full = (type: string): string => fullNames[type] ?? type;

export const listExtensions: readonly FunctionDeclaration[] = [
  s.fn("slice", { "list_slice: list<T>.(int, int) -> list<T>": slice }),
  s.fn("flatten", {
    "list_flatten: list<list<T>>.() -> list<T>": flatten,
    "list_flatten_int: list<dyn>.(int) -> list<dyn>": flatten,
  }),
  s.one(
    "sort",
    onList((list) => sortBy(list, list)),
    ...comparable.map((type) => `list_${full(type)}_sort: list<${type}>.() -> list<${type}>`),
  ),
  s.one(
    "@sortByAssociatedKeys",
    onLists(sortBy),
    ...comparable.map(
      (type) => `list_${full(type)}_sortByAssociatedKeys: list<T>.(list<${type}>) -> list<T>`,
    ),
  ),
  s.fn("lists.range", {
    "lists_range: (int) -> list<int>": (size) =>
      isInt(size ?? null) ? new RangeList(Math.max(0, Number(size))) : noSuchOverload,
  }),
  s.fn("reverse", {
    "list_reverse: list<T>.() -> list<T>": onList((list) => new ArrayList(listItems(list).toReversed())),
  }),
  s.fn("distinct", { "list_distinct: list<T>.() -> list<T>": distinct }),
];

export const listMacros: ReadonlyMap<string, Macro> = new Map([[macroKey("sortBy", 2, true), sortByMacro]]);
