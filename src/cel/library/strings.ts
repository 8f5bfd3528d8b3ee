import { showKey } from "../eval/select.ts";
import { work, workOnText } from "../eval/work.ts";
import { ArrayList, CelErr, CelList, type CelValue, isInt, listItems } from "../values.ts";
import { charactersOf } from "./characters.ts";
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
  const characters = charactersOf(text);
  if (index < 0 || index > characters.length) return outOfRange(index);
  return characters.at(Number(index));
};

const indexOf: Implementation = (text, part, offset = 0) => {
  if (typeof text !== "string" || typeof part !== "string" || !isInt(offset)) return noSuchOverload;
  if (part === "") return offset;
  if (offset < 0) return outOfRange(offset);
  const characters = charactersOf(text);
  return offset >= characters.length ? -1 : characters.indexOf(part, Number(offset));
};

const lastIndexOf: Implementation = (text, part, offset) => {
  if (typeof text !== "string" || typeof part !== "string") return noSuchOverload;
  const characters = charactersOf(text);
  if (part === "") return offset ?? characters.length;
  const last = characters.length - charactersOf(part).length;
  if (offset === undefined) return characters.lastIndexOf(part, last);
  if (!isInt(offset)) return noSuchOverload;
  if (offset < 0) return outOfRange(offset);
  if (offset >= characters.length) return -1;
  return characters.lastIndexOf(part, Math.min(Number(offset), last));
};

const replace: Implementation = (text, old, by, count = -1) => {
  if (typeof text !== "string" || typeof old !== "string" || typeof by !== "string" || !isInt(count)) {
    return noSuchOverload;
  }
  if (count < 0) return old === "" ? interleave(text, by, Infinity) : joined(text.split(old), by);
  if (old === "") return interleave(text, by, Number(count));
  let result = "";
  let at = 0;
  for (let left = Number(count); left > 0; left--) {
    const found = text.indexOf(old, at);
    if (found < 0) break;
    workOnText(found - at + by.length);
    result += text.slice(at, found) + by;
    at = found + old.length;
  }
  return result + text.slice(at);
};

/** Replacing nothing puts the text before every character and at the end. */
function interleave(text: string, by: string, count: number): string {
  let left = count;
  let result = "";
  work(text.length);
  for (const point of text) {
    if (left-- > 0) {
      workOnText(by.length);
      result += by;
    }
    result += point;
  }
  return left > 0 ? result + by : result;
}

const split: Implementation = (text, separator, count = -1) => {
  if (typeof text !== "string" || typeof separator !== "string" || !isInt(count)) return noSuchOverload;
  if (count === 0) return new ArrayList([]);
  workOnText(text.length);
  const parts = separator === "" ? Array.from(text) : text.split(separator);
  work(parts.length);
  if (count < 0 || parts.length <= count) return new ArrayList(parts);
  const most = Number(count);
  return new ArrayList([...parts.slice(0, most - 1), parts.slice(most - 1).join(separator)]);
};

const substring: Implementation = (text, start = null, end) => {
  if (typeof text !== "string" || !isInt(start)) return noSuchOverload;
  const characters = charactersOf(text);
  const { length } = characters;
  if (end === undefined) {
    return start < 0 || start > length ? outOfRange(start) : characters.slice(Number(start));
  }
  if (!isInt(end)) return noSuchOverload;
  if (start > end) return new CelErr(`invalid substring range. start: ${start}, end: ${end}`);
  if (start < 0 || start > length) return outOfRange(start);
  if (end < 0 || end > length) return outOfRange(end);
  return characters.slice(Number(start), Number(end));
};

const join: Implementation = (list, separator = "") => {
  if (!(list instanceof CelList) || typeof separator !== "string") return noSuchOverload;
  const texts: string[] = [];
  for (const item of listItems(list)) {
    if (typeof item !== "string") return new CelErr(`join: invalid input: ${showKey(item)}`);
    texts.push(item);
  }
  return joined(texts, separator);
};

/** Each piece is small, and few of them may stand for all: what they make together may be large. */
function joined(texts: readonly string[], separator: string): string {
  work(texts.length);
  let length = separator.length * Math.max(0, texts.length - 1);
  for (const text of texts) length += text.length;
  workOnText(length);
  return texts.join(separator);
}

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
  "string_reverse: string.() -> string": onText((text) => {
    work(text.length);
    return Array.from(text).reverse().join("");
  }),
});
