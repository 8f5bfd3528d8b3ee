import { add, divide, modulo, multiply, negate, subtract } from "../eval/arithmetic.ts";
import {
  toBool,
  toBytes,
  toDouble,
  toDuration,
  toInt,
  toText,
  toTimestamp,
  toType,
  toUint,
} from "../eval/convert.ts";
import { compare, costSize, equals } from "../eval/equality.ts";
import { showKey } from "../eval/select.ts";
import { partsIn } from "../eval/time.ts";
import {
  CelDuration,
  CelErr,
  CelList,
  CelMap,
  CelOpaque,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  type CelValue,
  HashMap,
} from "../values.ts";
import {
  type FunctionDeclaration,
  type Implementation,
  noSuchOverload,
  onTexts,
  Signatures,
} from "./declare.ts";
import { matches } from "./regex.ts";

/** The standard functions and operators of the language. Identifiers of overloads are cel-go's: costs go by them. */
const s = new Signatures();

function ordering(name: string, holds: (order: number) => boolean): Implementation {
  return (a = null, b = null) => {
    if (!isOrdered(a)) return new CelErr(`no such overload: ${name}`);
    const order = compare(a, b);
    return typeof order === "number" ? holds(order) : order;
  };
}

/** Values of kinds that have an order at all. */
function isOrdered(value: CelValue): boolean {
  if (value === null || value instanceof CelList || value instanceof CelMap || value instanceof CelOpaque)
    return false;
  return !(value instanceof CelOptional || value instanceof CelTypeValue);
}

/** The overloads of a comparison: within a type, and between numbers of different types. */
function comparison(name: string, prefix: string, holds: (order: number) => boolean): FunctionDeclaration {
  const pairs = [
    ["bool", "bool", "bool"],
    ["int64", "int", "int"],
    ["int64_double", "int", "double"],
    ["int64_uint64", "int", "uint"],
    ["uint64", "uint", "uint"],
    ["uint64_double", "uint", "double"],
    ["uint64_int64", "uint", "int"],
    ["double", "double", "double"],
    ["double_int64", "double", "int"],
    ["double_uint64", "double", "uint"],
    ["string", "string", "string"],
    ["bytes", "bytes", "bytes"],
    ["timestamp", "timestamp", "timestamp"],
    ["duration", "duration", "duration"],
  ];
  return s.one(
    name,
    ordering(name, holds),
    ...pairs.map(([id, a, b]) => `${prefix}_${id}: (${a}, ${b}) -> bool`),
  );
}

const size: Implementation = (value = null) => {
  if (typeof value === "string" || value instanceof Uint8Array) return costSize(value);
  if (value instanceof CelList || value instanceof CelMap) return value.size;
  // Moments and durations answer calls themselves, and name no function in their error.
  if (value instanceof CelTimestamp || value instanceof CelDuration) return noSuchOverload;
  return new CelErr("no such overload: size");
};

const contains: Implementation = (member = null, container = null) => {
  if (container instanceof CelMap) return container.find(member) !== undefined;
  if (!(container instanceof CelList)) return new CelErr("no such overload");
  let failed: CelErr | undefined;
  for (let index = 0; index < container.size; index++) {
    const same = equals(container.at(index), member);
    if (same === true) return true;
    if (same !== false) failed ??= same;
  }
  return failed ?? false;
};

const identity: Implementation = (value = null) => value;

function conversion(name: string, to: Implementation, overloads: readonly string[]): FunctionDeclaration {
  return s.fn(name, Object.fromEntries(overloads.map((overload) => [overload, to])));
}

/** A part of a moment, in UTC or the zone given; of durations the whole hours, minutes … of it. */
function timePart(
  name: string,
  id: string,
  part: (date: Date) => number,
  whole?: string,
  nanos?: bigint,
): FunctionDeclaration {
  // One identifier lacks a word in cel-go, and costs know it by that.
  const zoned = name === "getSeconds" ? `${id}_tz` : `${id}_with_tz`;
  const ofTimestamp: Implementation = (timestamp, zone) => {
    if (!(timestamp instanceof CelTimestamp)) return noSuchOverload;
    if (zone !== undefined && typeof zone !== "string") return noSuchOverload;
    const date = partsIn(timestamp, zone);
    return date instanceof CelErr ? date : part(date);
  };
  const milliseconds: Implementation = (timestamp, zone) => {
    const checked = ofTimestamp(...(zone === undefined ? [timestamp ?? null] : [timestamp ?? null, zone]));
    return typeof checked === "number" && timestamp instanceof CelTimestamp
      ? Math.floor(timestamp.nanos / 1_000_000)
      : checked;
  };
  const implementation = name === "getMilliseconds" ? milliseconds : ofTimestamp;
  return s.fn(name, {
    [`${id}: timestamp.() -> int`]: implementation,
    [`${zoned}: timestamp.(string) -> int`]: implementation,
    ...(whole === undefined || nanos === undefined
      ? {}
      : {
          [`${whole}: duration.() -> int`]: (duration: CelValue) =>
            duration instanceof CelDuration ? Number(duration.nanos / nanos) : noSuchOverload,
        }),
  });
}

function dayOfYear(date: Date): number {
  const start = new Date(0);
  start.setUTCFullYear(date.getUTCFullYear(), 0, 1);
  return Math.floor((date.getTime() - start.getTime()) / 86_400_000);
}

/** `&&`, `||`, `?:`, `==`, `!=` and indexing are planned, not called: they have no implementation here. */
const planned: FunctionDeclaration[] = [
  s.fn("_?_:_", { "conditional: (bool, A, A) -> A": undefined }),
  s.fn("_&&_", { "logical_and: (bool, bool) -> bool": undefined }),
  s.fn("_||_", { "logical_or: (bool, bool) -> bool": undefined }),
  s.fn("@not_strictly_false", { "not_strictly_false: (bool) -> bool": undefined }),
  s.fn("_==_", { "equals: (A, A) -> bool": undefined }),
  s.fn("_!=_", { "not_equals: (A, A) -> bool": undefined }),
  s.fn("_[_]", { "index_list: (list<A>, int) -> A": undefined, "index_map: (map<A, B>, A) -> B": undefined }),
];

export const standardFunctions: readonly FunctionDeclaration[] = [
  ...planned,
  s.one("!_", negateBool, "logical_not: (bool) -> bool"),
  s.one(
    "_+_",
    (a = null, b = null) => add(a, b),
    "add_bytes: (bytes, bytes) -> bytes",
    "add_double: (double, double) -> double",
    "add_duration_duration: (duration, duration) -> duration",
    "add_duration_timestamp: (duration, timestamp) -> timestamp",
    "add_timestamp_duration: (timestamp, duration) -> timestamp",
    "add_int64: (int, int) -> int",
    "add_list: (list<A>, list<A>) -> list<A>",
    "add_string: (string, string) -> string",
    "add_uint64: (uint, uint) -> uint",
  ),
  s.one(
    "_/_",
    (a = null, b = null) => divide(a, b),
    "divide_double: (double, double) -> double",
    "divide_int64: (int, int) -> int",
    "divide_uint64: (uint, uint) -> uint",
  ),
  s.one(
    "_%_",
    (a = null, b = null) => modulo(a, b),
    "modulo_int64: (int, int) -> int",
    "modulo_uint64: (uint, uint) -> uint",
  ),
  s.one(
    "_*_",
    (a = null, b = null) => multiply(a, b),
    "multiply_double: (double, double) -> double",
    "multiply_int64: (int, int) -> int",
    "multiply_uint64: (uint, uint) -> uint",
  ),
  s.one("-_", (a = null) => negate(a), "negate_double: (double) -> double", "negate_int64: (int) -> int"),
  s.one(
    "_-_",
    (a = null, b = null) => subtract(a, b),
    "subtract_double: (double, double) -> double",
    "subtract_duration_duration: (duration, duration) -> duration",
    "subtract_int64: (int, int) -> int",
    "subtract_timestamp_duration: (timestamp, duration) -> timestamp",
    "subtract_timestamp_timestamp: (timestamp, timestamp) -> duration",
    "subtract_uint64: (uint, uint) -> uint",
  ),
  comparison("_<_", "less", (order) => order < 0),
  comparison("_<=_", "less_equals", (order) => order <= 0),
  comparison("_>_", "greater", (order) => order > 0),
  comparison("_>=_", "greater_equals", (order) => order >= 0),
  s.one("@in", contains, "in_list: (A, list<A>) -> bool", "in_map: (A, map<A, B>) -> bool"),
  s.one(
    "size",
    size,
    "size_bytes: (bytes) -> int",
    "bytes_size: bytes.() -> int",
    "size_list: (list<A>) -> int",
    "list_size: list<A>.() -> int",
    "size_map: (map<A, B>) -> int",
    "map_size: map<A, B>.() -> int",
    "size_string: (string) -> int",
    "string_size: string.() -> int",
  ),
  s.one("type", (value = null) => toType(value), "type: (A) -> type<A>"),
  conversion("bool", (value = null) => toBool(value), [
    "bool_to_bool: (bool) -> bool",
    "string_to_bool: (string) -> bool",
  ]),
  conversion("bytes", (value = null) => toBytes(value), [
    "bytes_to_bytes: (bytes) -> bytes",
    "string_to_bytes: (string) -> bytes",
  ]),
  conversion("double", (value = null) => toDouble(value), [
    "double_to_double: (double) -> double",
    "int64_to_double: (int) -> double",
    "string_to_double: (string) -> double",
    "uint64_to_double: (uint) -> double",
  ]),
  conversion("duration", (value = null) => toDuration(value), [
    "duration_to_duration: (duration) -> duration",
    "int64_to_duration: (int) -> duration",
    "string_to_duration: (string) -> duration",
  ]),
  s.fn("dyn", { "to_dyn: (A) -> dyn": identity }),
  conversion("int", (value = null) => toInt(value), [
    "int64_to_int64: (int) -> int",
    "double_to_int64: (double) -> int",
    "duration_to_int64: (duration) -> int",
    "string_to_int64: (string) -> int",
    "timestamp_to_int64: (timestamp) -> int",
    "uint64_to_int64: (uint) -> int",
  ]),
  conversion("string", (value = null) => toText(value), [
    "string_to_string: (string) -> string",
    "bool_to_string: (bool) -> string",
    "bytes_to_string: (bytes) -> string",
    "double_to_string: (double) -> string",
    "duration_to_string: (duration) -> string",
    "int64_to_string: (int) -> string",
    "timestamp_to_string: (timestamp) -> string",
    "uint64_to_string: (uint) -> string",
  ]),
  conversion("timestamp", (value = null) => toTimestamp(value), [
    "timestamp_to_timestamp: (timestamp) -> timestamp",
    "int64_to_timestamp: (int) -> timestamp",
    "string_to_timestamp: (string) -> timestamp",
  ]),
  conversion("uint", (value = null) => toUint(value), [
    "uint64_to_uint64: (uint) -> uint",
    "double_to_uint64: (double) -> uint",
    "int64_to_uint64: (int) -> uint",
    "string_to_uint64: (string) -> uint",
  ]),
  s.one(
    "contains",
    onTexts((text, part) => text.includes(part)),
    "contains_string: string.(string) -> bool",
  ),
  s.one(
    "endsWith",
    onTexts((text, end) => text.endsWith(end)),
    "ends_with_string: string.(string) -> bool",
  ),
  s.one(
    "startsWith",
    onTexts((text, start) => text.startsWith(start)),
    "starts_with_string: string.(string) -> bool",
  ),
  s.one(
    "matches",
    onTexts(matches),
    "matches: (string, string) -> bool",
    "matches_string: string.(string) -> bool",
  ),
  timePart("getFullYear", "timestamp_to_year", (date) => date.getUTCFullYear()),
  timePart("getMonth", "timestamp_to_month", (date) => date.getUTCMonth()),
  timePart("getDayOfYear", "timestamp_to_day_of_year", dayOfYear),
  timePart("getDayOfMonth", "timestamp_to_day_of_month", (date) => date.getUTCDate() - 1),
  timePart("getDate", "timestamp_to_day_of_month_1_based", (date) => date.getUTCDate()),
  timePart("getDayOfWeek", "timestamp_to_day_of_week", (date) => date.getUTCDay()),
  timePart(
    "getHours",
    "timestamp_to_hours",
    (date) => date.getUTCHours(),
    "duration_to_hours",
    3_600_000_000_000n,
  ),
  timePart(
    "getMinutes",
    "timestamp_to_minutes",
    (date) => date.getUTCMinutes(),
    "duration_to_minutes",
    60_000_000_000n,
  ),
  timePart(
    "getSeconds",
    "timestamp_to_seconds",
    (date) => date.getUTCSeconds(),
    "duration_to_seconds",
    1_000_000_000n,
  ),
  timePart("getMilliseconds", "timestamp_to_milliseconds", () => 0, "duration_to_milliseconds", 1_000_000n),
];

function negateBool(value?: CelValue): CelValue {
  return typeof value === "boolean" ? !value : noSuchOverload;
}

/** What the macros that make maps call: an entry, or all entries of another map; a key must be new. */
export const mapInsert: FunctionDeclaration = s.fn("cel.@mapInsert", {
  "@mapInsert_map_key_value: (map<K, V>, K, V) -> map<K, V>": (map, key = null, value = null) =>
    map instanceof CelMap ? insert(map, [[key, value]]) : noSuchOverload,
  "@mapInsert_map_map: (map<K, V>, map<K, V>) -> map<K, V>": (map, other) =>
    map instanceof CelMap && other instanceof CelMap
      ? insert(
          map,
          other.keys().map((key) => [key, other.find(key) ?? null]),
        )
      : noSuchOverload,
});

/** The accumulator is nobody else's, so it grows in place. */
function insert(map: CelMap, entries: readonly (readonly [CelValue, CelValue])[]): CelValue {
  const into =
    map instanceof HashMap ? map : HashMap.of(map.keys().map((key) => [key, map.find(key) ?? null]));
  for (const [key, value] of entries) {
    if (into.find(key) !== undefined) return new CelErr(`insert failed: key ${showKey(key)} already exists`);
    into.set(key, value);
  }
  return into;
}
