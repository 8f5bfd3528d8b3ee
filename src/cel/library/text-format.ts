import { toText } from "../eval/convert.ts";
import { runtimeTypeName } from "../eval/runtime-type.ts";
import { printDuration, printTimestamp } from "../eval/time.ts";
import { work, workOnText } from "../eval/work.ts";
import { typeName } from "../types.ts";
import {
  CelDouble,
  CelDuration,
  CelErr,
  CelList,
  CelMap,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  isInt,
  listItems,
} from "../values.ts";

/**
 * `"…%s…".format([…])` as cel-go's string extension has it (version 2: numbers in the manner of English, with commas and
 * `× 10ⁿ`). One reader of the clauses serves the evaluation and the check of constant formats.
 */
export interface ClauseHandler {
  /** The text of an argument, or what is wrong with it. */
  apply(clause: Clause, index: number): string | FormatProblem;
  readonly count: number;
  /** The check of constants finds a lone percent sign before it counts the arguments. */
  readonly endFirst?: boolean;
}

export interface Clause {
  readonly letter: string;
  readonly precision: number | undefined;
}

/** What is wrong; `at` is anything that the handler wants to know again. */
export class FormatProblem {
  readonly message: string;
  readonly at: unknown;

  constructor(message: string, at?: unknown) {
    this.message = message;
    this.at = at;
  }
}

/** Most digits after the point: Go refuses no precision, but nobody may ask for a million digits. */
const maxPrecision = 1000;

/** Replaces the clauses of a format. */
export function applyFormat(format: string, handler: ClauseHandler): string | FormatProblem {
  let built = "";
  let next = 0;
  for (let at = 0; at < format.length; at++) {
    if (format[at] !== "%") {
      built += format[at];
      continue;
    }
    if (format[at + 1] === "%") {
      built += "%";
      at++;
      continue;
    }
    const atEnd = at + 1 >= format.length;
    if (next >= handler.count && !(atEnd && handler.endFirst === true)) {
      return new FormatProblem(`index ${next} out of range`);
    }
    if (atEnd) return new FormatProblem("unexpected end of string");
    const clause = readClause(format, at + 1);
    if (clause instanceof FormatProblem) return clause;
    const text = handler.apply(clause, next++);
    if (text instanceof FormatProblem)
      return new FormatProblem(`error during formatting: ${text.message}`, text.at);
    workOnText(text.length);
    built += text;
    at = clause.end - 1;
  }
  return built;
}

function readClause(format: string, start: number): (Clause & { end: number }) | FormatProblem {
  const bad = (why: string) => new FormatProblem(`could not parse formatting clause: ${why}`);
  const match = /^(?:\.(\d*))?/u.exec(format.slice(start));
  const digits = match?.[1];
  const end = start + (match?.[0].length ?? 0);
  const letter = format[end];
  if (digits !== undefined && letter === undefined) {
    return bad("error while parsing precision: could not find end of precision specifier");
  }
  if (digits === "") {
    const why = 'error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax';
    return bad(`error while parsing precision: ${why}`);
  }
  if (letter === undefined || !"sdfebxXo".includes(letter)) {
    const point = String.fromCodePoint(format.codePointAt(end) ?? 0);
    return bad(`unrecognized formatting clause "${point}"`);
  }
  const precision = digits === undefined ? undefined : Math.min(Number(digits), maxPrecision);
  return { letter, precision, end: end + 1 };
}

/** What each clause takes, for its message. */
export const clauseProblems: Readonly<Record<string, string>> = {
  s: "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps",
  d: "decimal clause can only be used on integers",
  f: "fixed-point clause can only be used on doubles",
  e: "scientific clause can only be used on doubles",
  b: "only integers and bools can be formatted as binary",
  x: "only integers, byte buffers, and strings can be formatted as hex",
  X: "only integers, byte buffers, and strings can be formatted as hex",
  o: "octal clause can only be used on integers",
};

export function formatText(format: string, args: CelList): CelValue {
  const text = applyFormat(format, {
    count: args.size,
    apply: (clause, index) => clauseText(clause, args.at(index)),
  });
  return text instanceof FormatProblem ? new CelErr(text.message) : text;
}

function refused(letter: string, value: CelValue): FormatProblem {
  return new FormatProblem(`${clauseProblems[letter]}, was given ${runtimeTypeName(value)}`);
}

function clauseText({ letter, precision = 6 }: Clause, value: CelValue): string | FormatProblem {
  if (value instanceof CelErr) return new FormatProblem(value.message);
  const integer = isInt(value) ? BigInt(value) : value instanceof CelUint ? BigInt(value.value) : undefined;
  switch (letter) {
    case "s":
      return plainText(value) ?? refused(letter, value);
    case "d":
      return integer?.toString() ?? refused(letter, value);
    case "o":
      return integer?.toString(8) ?? refused(letter, value);
    case "b":
      if (typeof value === "boolean") return value ? "1" : "0";
      return integer?.toString(2) ?? refused(letter, value);
    case "f":
    case "e":
      return realText(letter, precision, value);
    default: {
      const text = integer?.toString(16) ?? bytesHex(value);
      if (text === undefined) return refused(letter, value);
      return letter === "X" ? text.toUpperCase() : text;
    }
  }
}

function bytesHex(value: CelValue): string | undefined {
  if (typeof value === "string") return Buffer.from(value, "utf8").toString("hex");
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : undefined;
}

function realText(letter: string, precision: number, value: CelValue): string | FormatProblem {
  const named: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity, "-Infinity": -Infinity };
  const real =
    value instanceof CelDouble ? value.value : typeof value === "string" ? named[value] : undefined;
  if (real === undefined) return refused(letter, value);
  if (letter === "f") return fixed(real, precision);
  // What is written as the precision is taken for a width; there are always six digits.
  const text = scientific(real);
  return " ".repeat(Math.max(0, precision - Array.from(text).length)) + text;
}

/** With commas between thousands. */
function fixed(value: number, precision: number): string {
  if (!Number.isFinite(value)) return infinite(value);
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const [whole = "0", fraction] = exactDecimal(Math.abs(value), precision).split(".");
  const grouped = whole.replaceAll(/\B(?=(?:\d{3})+$)/gu, ",");
  return `${sign}${grouped}${fraction === undefined ? "" : `.${fraction}`}`;
}

/** All digits of a double, rounded half to even at the precision: toFixed gives up beyond 10^21 and 100 digits. */
function exactDecimal(value: number, precision: number): string {
  if (value < 1e21 && precision <= 100) return halfToEven(value, precision);
  const whole = BigInt(Math.trunc(value)).toString();
  return precision === 0
    ? whole
    : `${whole}.${(value % 1).toFixed(Math.min(100, precision)).slice(2).padEnd(precision, "0")}`;
}

/** As many as toFixed gives. A tie between two neighbours shows within them. */
const mostDigits = 100;

/** toFixed takes the larger of two that are equally near; Go the even one. */
function halfToEven(value: number, precision: number): string {
  const rounded = value.toFixed(precision);
  const exact = value.toFixed(mostDigits);
  const cut = exact.length - (mostDigits - precision);
  if (!/^50*$/u.test(exact.slice(cut))) return rounded;
  const lower = exact.slice(0, cut).replace(/\.$/u, "");
  return /[02468]$/u.test(lower) ? lower : rounded;
}

const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";

function scientific(value: number): string {
  if (!Number.isFinite(value)) return infinite(value);
  const [digits = "0", exponent = "0"] = value.toExponential(6).split("e");
  const power = String(Math.abs(Number(exponent))).padStart(2, "0");
  const raised = Array.from(power, (digit) => superscripts[Number(digit)] ?? "").join("");
  return `${digits}×10${Number(exponent) < 0 ? "⁻" : ""}${raised}`;
}

function infinite(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "∞" : "-∞";
}

/** `%s` of a value; undefined for values that have no text. */
function plainText(value: CelValue): string | undefined {
  if (value === null) return "null";
  if (value instanceof CelList || value instanceof CelMap) return nestedText(value);
  const text = toText(value);
  return typeof text === "string" ? text : undefined;
}

/** A value inside a list or map: as the language itself would write it. */
function nestedText(value: CelValue): string | undefined {
  if (typeof value === "string") return goQuote(value);
  if (value instanceof Uint8Array) return `b${goQuote(Buffer.from(value).toString("utf8"))}`;
  if (value instanceof CelTimestamp) return `timestamp(${goQuote(printTimestamp(value))})`;
  if (value instanceof CelDuration) return `duration(${goQuote(printDuration(value))})`;
  if (value instanceof CelDouble) return doubleText(value.value);
  if (value instanceof CelList) return listText(value);
  if (value instanceof CelMap) return mapText(value);
  if (value instanceof CelTypeValue) return typeName(value.type);
  return plainText(value);
}

function doubleText(value: number): string {
  if (Number.isNaN(value)) return '"NaN"';
  if (!Number.isFinite(value)) return value > 0 ? '"+Inf"' : '"-Inf"';
  return exactDecimal(Math.abs(value), 6).replace(/^/u, value < 0 ? "-" : "");
}

function listText(list: CelList): string | undefined {
  work(list.size);
  const texts = listItems(list).map(nestedText);
  return texts.includes(undefined) ? undefined : `[${texts.join(", ")}]`;
}

function mapText(map: CelMap): string | undefined {
  const pairs: (readonly [string, string])[] = [];
  work(map.size);
  for (const key of map.keys()) {
    const shown = key instanceof CelDouble ? undefined : nestedText(key);
    const value = nestedText(map.find(key) ?? null);
    if (shown === undefined || value === undefined) return undefined;
    pairs.push([shown, value]);
  }
  const sorted = pairs.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${sorted.map(([key, value]) => `${key}:${value}`).join(", ")}}`;
}

/** As Go's `%q` quotes. */
export function goQuote(text: string): string {
  workOnText(text.length);
  if (!unusual.test(text)) return `"${text}"`;
  work(text.length);
  const escaped = Array.from(text, (point) => {
    const known = goEscapes[point];
    if (known !== undefined) return known;
    const code = point.codePointAt(0) ?? 0;
    if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, "0")}`;
    if (code > 0x7f && !/[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(point)) {
      return code > 0xffff
        ? `\\U${code.toString(16).padStart(8, "0")}`
        : `\\u${code.toString(16).padStart(4, "0")}`;
    }
    return point;
  });
  return `"${escaped.join("")}"`;
}

/** What Go writes otherwise, and what has to be looked at more closely. */
const unusual = /[^ !#-[\]-~]/;

const goEscapes: Readonly<Record<string, string>> = {
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
