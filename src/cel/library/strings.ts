import { showKey } from "../eval/select.ts";
import { ArrayList, CelErr, CelList, type CelValue, isInt, listItems } from "../values.ts";
import {
  type FunctionDeclaration,
  type Implementation,
  noSuchOverload,
  onText,
  Signatures,
} from "./declare.ts";
import { formatText } from "./text-format.ts";

/** The string extensions of cel-go, version 2. Positions count code points. */
const s = new Signatures();

const outOfRange = (index: CelValue): CelErr => new CelErr(`index out of range: ${showKey(index)}`);

const charAt: Implementation = (text, index = null) => {
  if (typeof text !== "string" || !isInt(index)) return noSuchOverload;
  const points = Array.from(text);
  if (index < 0 || index > points.length) return outOfRange(index);
  return points[Number(index)] ?? "";
};

const indexOf: Implementation = (text, part, offset = 0) => {
  if (typeof text !== "string" || typeof part !== "string" || !isInt(offset)) return noSuchOverload;
  if (part === "") return offset;
  if (offset < 0) return outOfRange(offset);
  const points = Array.from(text);
  if (offset >= points.length) return -1;
  return find(points, Array.from(part), Number(offset), 1);
};

const lastIndexOf: Implementation = (text, part, offset) => {
  if (typeof text !== "string" || typeof part !== "string") return noSuchOverload;
  const points = Array.from(text);
  if (part === "") return offset ?? points.length;
  const wanted = Array.from(part);
  if (offset === undefined) return find(points, wanted, points.length - wanted.length, -1);
  if (!isInt(offset)) return noSuchOverload;
  if (offset < 0) return outOfRange(offset);
  if (offset >= points.length) return -1;
  return find(points, wanted, Math.min(Number(offset), points.length - wanted.length), -1);
};

/** The first place, going up or down from one, where the points stand. */
function find(points: readonly string[], wanted: readonly string[], from: number, step: 1 | -1): number {
  const last = points.length - wanted.length;
  for (let at = from; at >= 0 && at <= last; at += step) {
    if (wanted.every((point, index) => points[at + index] === point)) return at;
  }
  return -1;
}

const replace: Implementation = (text, old, by, count = -1) => {
  if (typeof text !== "string" || typeof old !== "string" || typeof by !== "string" || !isInt(count)) {
    return noSuchOverload;
  }
  if (count < 0) return old === "" ? interleave(text, by, Infinity) : text.split(old).join(by);
  if (old === "") return interleave(text, by, Number(count));
  let result = "";
  let at = 0;
  for (let left = Number(count); left > 0; left--) {
    const found = text.indexOf(old, at);
    if (found < 0) break;
    result += text.slice(at, found) + by;
    at = found + old.length;
  }
  return result + text.slice(at);
};

/** Replacing nothing puts the text before every character and at the end. */
function interleave(text: string, by: string, count: number): string {
  let left = count;
  let result = "";
  for (const point of text) {
    if (left-- > 0) result += by;
    result += point;
  }
  return left > 0 ? result + by : result;
}

const split: Implementation = (text, separator, count = -1) => {
  if (typeof text !== "string" || typeof separator !== "string" || !isInt(count)) return noSuchOverload;
  if (count === 0) return new ArrayList([]);
  const parts = separator === "" ? Array.from(text) : text.split(separator);
  if (count < 0 || parts.length <= count) return new ArrayList(parts);
  const most = Number(count);
  return new ArrayList([...parts.slice(0, most - 1), parts.slice(most - 1).join(separator)]);
};

const substring: Implementation = (text, start = null, end) => {
  if (typeof text !== "string" || !isInt(start)) return noSuchOverload;
  const points = Array.from(text);
  if (end === undefined) {
    return start < 0 || start > points.length ? outOfRange(start) : points.slice(Number(start)).join("");
  }
  if (!isInt(end)) return noSuchOverload;
  if (start > end) return new CelErr(`invalid substring range. start: ${start}, end: ${end}`);
  if (start < 0 || start > points.length) return outOfRange(start);
  if (end < 0 || end > points.length) return outOfRange(end);
  return points.slice(Number(start), Number(end)).join("");
};

const join: Implementation = (list, separator = "") => {
  if (!(list instanceof CelList) || typeof separator !== "string") return noSuchOverload;
  const texts: string[] = [];
  for (const item of listItems(list)) {
    if (typeof item !== "string") return new CelErr(`join: invalid input: ${showKey(item)}`);
    texts.push(item);
  }
  return texts.join(separator);
};

const special: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};

const format: Implementation = (text, args) => {
  if (typeof text !== "string" || !(args instanceof CelList)) return noSuchOverload;
  return formatText(text, args);
};

/** Without `format`, `join` and `strings.quote`, which came later. */
export const stringFunctions: readonly FunctionDeclaration[] = [
  s.fn("charAt", { "string_char_at_int: string.(int) -> string": charAt }),
  s.fn("indexOf", {
    "string_index_of_string: string.(string) -> int": indexOf,
    "string_index_of_string_int: string.(string, int) -> int": indexOf,
  }),
  s.fn("lastIndexOf", {
    "string_last_index_of_string: string.(string) -> int": lastIndexOf,
    "string_last_index_of_string_int: string.(string, int) -> int": lastIndexOf,
  }),
  s.fn("lowerAscii", {
    "string_lower_ascii: string.() -> string": onText((text) =>
      text.replaceAll(/[A-Z]+/gu, (letters) => letters.toLowerCase()),
    ),
  }),
  s.fn("upperAscii", {
    "string_upper_ascii: string.() -> string": onText((text) =>
      text.replaceAll(/[a-z]+/gu, (letters) => letters.toUpperCase()),
    ),
  }),
  s.fn("replace", {
    "string_replace_string_string: string.(string, string) -> string": replace,
    "string_replace_string_string_int: string.(string, string, int) -> string": replace,
  }),
  s.fn("split", {
    "string_split_string: string.(string) -> list<string>": split,
    "string_split_string_int: string.(string, int) -> list<string>": split,
  }),
  s.fn("substring", {
    "string_substring_int: string.(int) -> string": substring,
    "string_substring_int_int: string.(int, int) -> string": substring,
  }),
  // What Go calls space, besides what JavaScript trims: U+0085, but not U+FEFF.
  s.fn("trim", {
    "string_trim: string.() -> string": onText((text) =>
      text.replaceAll(/^[\s\u0085]+|[\s\u0085]+$/gu, trimmed),
    ),
  }),
  s.fn("join", {
    "list_join: list<string>.() -> string": join,
    "list_join_string: list<string>.(string) -> string": join,
  }),
];

/** Go takes no byte order mark for space. */
function trimmed(space: string): string {
  return space.includes("\uFEFF")
    ? space.slice(space.indexOf("\uFEFF"), space.lastIndexOf("\uFEFF") + 1)
    : "";
}

export const laterStringFunctions: readonly FunctionDeclaration[] = [
  s.fn("format", { "string_format: string.(list<dyn>) -> string": format }),
  s.fn("strings.quote", {
    "strings_quote: (string) -> string": onText(
      (text) => `"${Array.from(text.toWellFormed(), (point) => special[point] ?? point).join("")}"`,
    ),
  }),
];

/** Of a later version than Kubernetes has. */
export const reverseText: FunctionDeclaration = s.fn("reverse", {
  "string_reverse: string.() -> string": onText((text) => Array.from(text).reverse().join("")),
});
