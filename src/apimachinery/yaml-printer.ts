import { isObject } from "./json.ts";
import { parseYamlFloat, parseYamlInteger, yamlBooleans, yamlNotFinite, yamlNulls } from "./yaml-scalars.ts";

/**
 * Prints a JSON value as `kubectl -o yaml` does: keys sorted, lists not indented below their key, strings quoted only
 * where they would be read as something else. The rules are those of the emitter in go.yaml.in/yaml/v2.
 */
export function printYaml(value: unknown): string {
  const lines = new Printer();
  lines.root(value);
  return lines.text();
}

/** Where a long line breaks, at the next space. */
const bestWidth = 80;

class Printer {
  readonly #parts: string[] = [];

  text(): string {
    return this.#parts.join("");
  }

  root(value: unknown): void {
    if (isFilledList(value)) this.#list(value, 0, false);
    else if (isFilledMap(value)) this.#map(value, 0, false);
    else this.#parts.push(`${this.#scalar(value, 0, 0)}\n`);
  }

  /** `startsInline`: the first member follows a dash on the same line. */
  #map(map: Record<string, unknown>, indent: number, startsInline: boolean): void {
    let inline = startsInline;
    for (const key of Object.keys(map).sort(compareKeys)) {
      const value = map[key];
      if (value === undefined) continue;
      const name = printKey(key);
      this.#parts.push(inline ? name : `${" ".repeat(indent)}${name}`, ":");
      inline = false;
      if (isFilledMap(value)) {
        this.#parts.push("\n");
        this.#map(value, indent + 2, false);
      } else if (isFilledList(value)) {
        this.#parts.push("\n");
        this.#list(value, indent, false);
      } else {
        this.#parts.push(` ${this.#scalar(value, indent + 2, indent + name.length + 2)}\n`);
      }
    }
  }

  #list(list: readonly unknown[], indent: number, startsInline: boolean): void {
    let inline = startsInline;
    for (const item of list) {
      this.#parts.push(inline ? "- " : `${" ".repeat(indent)}- `);
      inline = false;
      if (isFilledMap(item)) this.#map(item, indent + 2, true);
      else if (isFilledList(item)) this.#list(item, indent + 2, true);
      else this.#parts.push(`${this.#scalar(item, indent + 2, indent + 2)}\n`);
    }
  }

  /** `column` is where the scalar starts, `indent` where its further lines do. */
  #scalar(value: unknown, indent: number, column: number): string {
    if (typeof value === "string") return printString(value, indent, column);
    if (typeof value === "number") return printNumber(value);
    if (typeof value === "bigint") return String(value);
    if (Array.isArray(value)) return "[]";
    return isObject(value) ? "{}" : JSON.stringify(value ?? null);
  }
}

const isFilledList = (value: unknown): value is unknown[] => Array.isArray(value) && value.length > 0;
const isFilledMap = (value: unknown): value is Record<string, unknown> =>
  isObject(value) && Object.values(value).some((member) => member !== undefined);

/** Runs of digits compare as numbers and letters come after everything else, as go-yaml sorts keys. */
function compareKeys(a: string, b: string): number {
  const left = Array.from(a);
  const right = Array.from(b);
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const x = left[index] ?? "";
    const y = right[index] ?? "";
    if (x === y) continue;
    const xIsLetter = /\p{L}/u.test(x);
    const yIsLetter = /\p{L}/u.test(y);
    if (xIsLetter !== yIsLetter) return xIsLetter ? 1 : -1;
    if (xIsLetter) return x < y ? -1 : 1;
    return compareDigits(left, right, index) ?? (x < y ? -1 : 1);
  }
  return left.length - right.length;
}

/** Compares the numbers that start at the index; undefined when there are none or they are equal. */
function compareDigits(left: readonly string[], right: readonly string[], index: number): number | undefined {
  const number = (text: readonly string[]): { digits: number; value: number } => {
    let end = index;
    while (/[0-9]/.test(text[end] ?? "")) end++;
    return { digits: end - index, value: Number(text.slice(index, end).join("")) };
  };
  const a = number(left);
  const b = number(right);
  if (a.digits === 0 && b.digits === 0) return undefined;
  if (a.value !== b.value) return a.value - b.value;
  return a.digits === b.digits ? undefined : a.digits - b.digits;
}

function printNumber(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  const text = String(value);
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? text : text.replace(/e([+-])(\d)$/, "e$10$2");
}

const timestamp =
  /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)?$/;
const base60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;

/** True when a reader would take the plain text for a string. */
function readsAsString(text: string): boolean {
  if (
    yamlNulls.has(text) ||
    yamlBooleans.has(text) ||
    yamlNotFinite.has(text) ||
    text === "<<" ||
    text === "="
  )
    return false;
  if (!/^[-+.0-9]/.test(text)) return true;
  return (
    parseYamlInteger(text) === undefined &&
    parseYamlFloat(text) === undefined &&
    !timestamp.test(text) &&
    !base60.test(text)
  );
}

interface Analysis {
  readonly plain: boolean;
  readonly singleQuoted: boolean;
  readonly block: boolean;
}

const special = /[^\n\x20-\x7e\x85\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u;
const lineBreak = /[\n\r\u0085\u2028\u2029]/;
const startIndicator = /^(?:[#,[\]{}&*!|>'"%@`]|[?:](?:\s|$)|-(?:\s|$)|---|\.\.\.)/;
const innerIndicator = /:(?:[\s\0]|$)|[\s\0]#/;

function analyze(text: string): Analysis {
  const isSpecial = special.test(text);
  const spaceThenBreak = / [\n\r\u0085\u2028\u2029]/.test(text);
  const breakThenSpace = /[\n\r\u0085\u2028\u2029] /.test(text);
  const unusual = isSpecial || spaceThenBreak;
  const edges = /^[ \n\r\u0085\u2028\u2029]|[ \n\r\u0085\u2028\u2029]$/.test(text);
  const indicators = startIndicator.test(text) || innerIndicator.test(text);
  return {
    plain: !unusual && !breakThenSpace && !edges && !indicators && !lineBreak.test(text),
    singleQuoted: !unusual && !breakThenSpace,
    block: !unusual && !text.endsWith(" "),
  };
}

function printString(text: string, indent: number, column: number): string {
  const allowed = analyze(text);
  if (text.includes("\n")) {
    return allowed.block ? literalBlock(text, indent) : doubleQuoted(text, indent, column);
  }
  if (!readsAsString(text)) return doubleQuoted(text, indent, column);
  if (allowed.plain) return fold(text, indent, column);
  if (allowed.singleQuoted) return `'${fold(text.replaceAll("'", "''"), indent, column + 1)}'`;
  return doubleQuoted(text, indent, column);
}

function printKey(key: string): string {
  const allowed = analyze(key);
  const never = Number.NEGATIVE_INFINITY;
  if (key.includes("\n") || !readsAsString(key)) return doubleQuoted(key, 0, never);
  if (allowed.plain) return key;
  return allowed.singleQuoted ? `'${key.replaceAll("'", "''")}'` : doubleQuoted(key, 0, never);
}

function literalBlock(text: string, indent: number): string {
  const hint = /^[ \n]/.test(text) ? "2" : "";
  const chomping = !text.endsWith("\n") ? "-" : text === "\n" || text.endsWith("\n\n") ? "+" : "";
  const lines = text.endsWith("\n") ? text.slice(0, -1).split("\n") : text.split("\n");
  const margin = " ".repeat(indent);
  return [`|${hint}${chomping}`, ...lines.map((line) => (line === "" ? "" : margin + line))].join("\n");
}

/** Breaks at single spaces beyond the best width. */
function fold(text: string, indent: number, column: number): string {
  if (column + text.length <= bestWidth || !text.includes(" ")) return text;
  let result = "";
  let position = column;
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index);
    const single = character === " " && text[index - 1] !== " " && text[index + 1] !== " ";
    if (single && position > bestWidth && index > 0 && index < text.length - 1) {
      result += `\n${" ".repeat(indent)}`;
      position = indent;
    } else {
      result += character;
      position++;
    }
  }
  return result;
}

const escapes: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\x07": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\x1b": "\\e",
  '"': '\\"',
  "\\": "\\\\",
  "\x85": "\\N",
  "\u00a0": "\\_",
  "\u2028": "\\L",
  "\u2029": "\\P",
};

function doubleQuoted(text: string, indent: number, column: number): string {
  let result = '"';
  let position = column + 1;
  let afterSpace = false;
  const characters = Array.from(text);
  for (const [index, character] of characters.entries()) {
    const isInner = index > 0 && index < characters.length - 1;
    if (character === " " && isInner && !afterSpace && position > bestWidth) {
      const opening = characters[index + 1] === " " ? "\\" : "";
      result += `\n${" ".repeat(indent)}${opening}`;
      position = indent + opening.length;
      afterSpace = true;
      continue;
    }
    const printed = escapeCharacter(character);
    result += printed;
    position += printed.length;
    afterSpace = character === " ";
  }
  return `${result}"`;
}

function escapeCharacter(character: string): string {
  const escape = escapes[character];
  if (escape !== undefined && character !== "\u00a0") return escape;
  if (character !== "\n" && !special.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code <= 0xff) return `\\x${code.toString(16).toUpperCase().padStart(2, "0")}`;
  if (code <= 0xffff) return `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`;
  return `\\U${code.toString(16).toUpperCase().padStart(8, "0")}`;
}
