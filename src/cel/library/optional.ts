import { showKey } from "../eval/select.ts";
import { dynType, optionalType } from "../types.ts";
import {
  ArrayList,
  CelDouble,
  CelDuration,
  CelErr,
  CelList,
  CelMap,
  CelOptional,
  CelTimestamp,
  CelUint,
  type CelValue,
  listItems,
} from "../values.ts";
import { type FunctionDeclaration, type Implementation, noSuchOverload, Signatures } from "./declare.ts";
import { ObjectValue } from "./object.ts";

/** Optionals: `optional.of(x)`, `a.?b.orValue(c)`; `or`, `orValue` and the indexing with `?` are planned, not called. */
const s = new Signatures();

/** The values that `optional.ofNonZeroValue` takes for none. */
function isZero(value: CelValue): boolean {
  if (value === null || value === false || value === "" || value === 0) return true;
  if (value instanceof CelUint) return value.value === 0;
  if (value instanceof CelDouble) return value.value === 0;
  if (value instanceof CelList || value instanceof CelMap) return value.size === 0;
  if (value instanceof Uint8Array) return value.length === 0;
  if (value instanceof CelDuration) return value.nanos === 0n;
  // Go's zero time is the first moment of year 1.
  if (value instanceof CelTimestamp) return value.seconds === -62_135_596_800 && value.nanos === 0;
  if (value instanceof CelOptional) return value.value === undefined || isZero(value.value);
  return value instanceof ObjectValue && value.fields.size === 0;
}

const unwrap: Implementation = (list) => {
  if (!(list instanceof CelList)) return noSuchOverload;
  const values: CelValue[] = [];
  for (const item of listItems(list)) {
    if (!(item instanceof CelOptional)) return new CelErr(`value ${showKey(item)} is not optional`);
    if (item.value !== undefined) values.push(item.value);
  }
  return new ArrayList(values);
};

const end =
  (index: number): Implementation =>
  (list) => {
    if (!(list instanceof CelList)) return noSuchOverload;
    if (list.size === 0) return CelOptional.none;
    return new CelOptional(list.at(index < 0 ? list.size + index : index));
  };

export const optionalFunctions: readonly FunctionDeclaration[] = [
  s.fn("optional.of", { "optional_of: (V) -> optional<V>": (value = null) => new CelOptional(value) }),
  s.fn("optional.ofNonZeroValue", {
    "optional_ofNonZeroValue: (V) -> optional<V>": (value = null) =>
      isZero(value) ? CelOptional.none : new CelOptional(value),
  }),
  s.fn("optional.none", { "optional_none: () -> optional<V>": () => CelOptional.none }),
  s.fn("value", {
    "optional_value: optional<V>.() -> V": (optional) => {
      if (!(optional instanceof CelOptional)) return noSuchOverload;
      return optional.value ?? (optional.value === null ? null : new CelErr("optional.none() dereference"));
    },
  }),
  s.fn("hasValue", {
    "optional_hasValue: optional<V>.() -> bool": (optional) =>
      optional instanceof CelOptional ? optional.value !== undefined : noSuchOverload,
  }),
  s.fn("or", { "optional_or_optional: optional<V>.(optional<V>) -> optional<V>": undefined }),
  s.fn("orValue", { "optional_orValue_value: optional<V>.(V) -> V": undefined }),
  s.fn("_?._", { "select_optional_field: (dyn, string) -> optional<V>": undefined }),
  s.fn("_[?_]", {
    "list_optindex_optional_int: (list<V>, int) -> optional<V>": undefined,
    "optional_list_optindex_optional_int: (optional<list<V>>, int) -> optional<V>": undefined,
    "map_optindex_optional_value: (map<K, V>, K) -> optional<V>": undefined,
    "optional_map_optindex_optional_value: (optional<map<K, V>>, K) -> optional<V>": undefined,
  }),
  s.fn("_[_]", {
    "optional_list_index_int: (optional<list<V>>, int) -> optional<V>": undefined,
    "optional_map_index_value: (optional<map<K, V>>, K) -> optional<V>": undefined,
  }),
  s.fn("last", { "list_last: list<V>.() -> optional<V>": end(-1) }),
  s.fn("first", { "list_first: list<V>.() -> optional<V>": end(0) }),
  s.fn("optional.unwrap", { "optional_unwrap: (list<optional<V>>) -> list<V>": unwrap }),
  s.fn("unwrapOpt", { "optional_unwrapOpt: list<optional<V>>.() -> list<V>": unwrap }),
];

/** The name `optional_type` as a type in expressions. */
export const optionalTypes = [optionalType(dynType)];
