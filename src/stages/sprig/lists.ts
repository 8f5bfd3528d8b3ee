import type { TemplateFunction } from "../../apimachinery/go-template/functions.ts";
import { isObject } from "../../apimachinery/json.ts";
import { dict, isEmpty, isSame, list, number, text } from "./values.ts";

type Dict = Record<string, unknown>;

function newDict(...parts: readonly unknown[]): Dict {
  const entries: [string, unknown][] = [];
  for (let at = 0; at < parts.length; at += 2) entries.push([text(parts[at]), parts[at + 1] ?? ""]);
  return Object.fromEntries(entries);
}

/** Of the same key the first counts, or the last; dictionaries are gone into. */
function merged(all: readonly unknown[], lastCounts: boolean): Dict {
  const ordered = lastCounts ? all : all.toReversed();
  const result: Dict = {};
  for (const one of ordered)
    for (const [key, value] of Object.entries(dict(one))) {
      const before = result[key];
      result[key] =
        isObject(before) && isObject(value)
          ? merged([before, value], true)
          : isEmpty(value) && !isEmpty(before)
            ? before
            : value;
    }
  return result;
}

const unique = (values: readonly unknown[]): unknown[] =>
  values.filter((value, at) => values.findIndex((other) => isSame(other, value)) === at);

/** `dig "a" "b" otherwise object`. */
function dig(...parts: readonly unknown[]): unknown {
  const [otherwise, object] = parts.slice(-2);
  let found: unknown = object;
  for (const key of parts.slice(0, -2)) found = dict(found)[text(key)];
  return found ?? otherwise;
}

const where = (object: unknown, holds: (key: string) => boolean): Dict =>
  Object.fromEntries(Object.entries(dict(object)).filter(([key]) => holds(key)));

export const listFunctions: Readonly<Record<string, TemplateFunction>> = {
  list: (...values) => values,
  tuple: (...values) => values,
  first: (values) => list(values)[0],
  last: (values) => list(values).at(-1),
  rest: (values) => list(values).slice(1),
  initial: (values) => list(values).slice(0, -1),
  append: (values, value) => [...list(values), value],
  push: (values, value) => [...list(values), value],
  prepend: (values, value) => [value, ...list(values)],
  concat: (...values) => values.flatMap(list),
  reverse: (values) => list(values).toReversed(),
  uniq: (values) => unique(list(values)),
  without: (values, ...gone) => list(values).filter((value) => !gone.some((one) => isSame(one, value))),
  compact: (values) => list(values).filter((value) => !isEmpty(value)),
  has: (value, values) => list(values).some((one) => isSame(one, value)),
  slice: (values, from, to) => list(values).slice(number(from), to === undefined ? undefined : number(to)),
  chunk: (size, values) => {
    const [all, count] = [list(values), Math.max(1, number(size))];
    return Array.from({ length: Math.ceil(all.length / count) }, (_, at) =>
      all.slice(at * count, (at + 1) * count),
    );
  },
  dict: newDict,
  get: (object, key) => dict(object)[text(key)] ?? "",
  set: (object, key, value) => {
    if (isObject(object)) object[text(key)] = value;
    return object;
  },
  unset: (object, key) => {
    if (isObject(object)) delete object[text(key)];
    return object;
  },
  hasKey: (object, key) => Object.hasOwn(dict(object), text(key)),
  keys: (...objects) => objects.flatMap((object) => Object.keys(dict(object))),
  values: (object) => Object.values(dict(object)),
  pick: (object, ...keys) => where(object, (key) => keys.includes(key)),
  omit: (object, ...keys) => where(object, (key) => !keys.includes(key)),
  pluck: (key, ...objects) =>
    objects
      .filter((object) => Object.hasOwn(dict(object), text(key)))
      .map((object) => dict(object)[text(key)]),
  merge: (...objects) => merged(objects, false),
  mergeOverwrite: (...objects) => merged(objects, true),
  deepCopy: (value) => structuredClone(value),
  dig,
};
