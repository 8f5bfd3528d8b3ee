import { createHash } from "node:crypto";
import type { TemplateFunction } from "../../apimachinery/go-template/functions.ts";
import { list, number, sorted, text } from "./values.ts";

const words = (value: unknown): string[] => text(value).match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) ?? [];
const upperFirst = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1);
const indent = (depth: unknown, value: unknown): string => {
  const pad = " ".repeat(number(depth));
  return pad + text(value).replaceAll("\n", `\n${pad}`);
};
const hash =
  (algorithm: string): TemplateFunction =>
  (value) =>
    createHash(algorithm).update(text(value)).digest("hex");

/** Without those letters at its beginning. */
function trimmedLeft(value: unknown, letters: unknown): string {
  const all = Array.from(text(value));
  const kept = all.findIndex((letter) => !text(letters).includes(letter));
  return kept < 0 ? "" : all.slice(kept).join("");
}

function trimmedRight(value: unknown, letters: unknown): string {
  const all = Array.from(text(value));
  return all.slice(0, all.findLastIndex((letter) => !text(letters).includes(letter)) + 1).join("");
}

const trimmed: TemplateFunction = (letters, value) => trimmedRight(trimmedLeft(value, letters), letters);

function trunc(length: unknown, value: unknown): string {
  const count = number(length);
  return count < 0 ? text(value).slice(count) : text(value).slice(0, count);
}

export const stringFunctions: Readonly<Record<string, TemplateFunction>> = {
  toString: text,
  toStrings: (values) => list(values).map(text),
  quote: (...values) => values.map((value) => JSON.stringify(text(value))).join(" "),
  squote: (...values) => values.map((value) => `'${text(value)}'`).join(" "),
  cat: (...values) => values.map(text).join(" "),
  upper: (value) => text(value).toUpperCase(),
  lower: (value) => text(value).toLowerCase(),
  title: (value) => text(value).replaceAll(/(^|\s)(\S)/g, (all) => all.toUpperCase()),
  untitle: (value) => text(value).replaceAll(/(^|\s)(\S)/g, (all) => all.toLowerCase()),
  camelcase: (value) =>
    words(value)
      .map((word) => upperFirst(word.toLowerCase()))
      .join(""),
  snakecase: (value) => words(value).join("_").toLowerCase(),
  kebabcase: (value) => words(value).join("-").toLowerCase(),
  initials: (value) =>
    text(value)
      .split(/\s+/)
      .map((word) => word.slice(0, 1))
      .join(""),
  nospace: (value) => text(value).replaceAll(/\s/g, ""),
  trim: (value) => text(value).trim(),
  trimAll: trimmed,
  trimall: trimmed,
  trimLeft: (letters, value) => trimmedLeft(value, letters),
  trimRight: (letters, value) => trimmedRight(value, letters),
  trimPrefix: (prefix, value) =>
    text(value).startsWith(text(prefix)) ? text(value).slice(text(prefix).length) : text(value),
  trimSuffix: (suffix, value) =>
    text(value).endsWith(text(suffix))
      ? text(value).slice(0, text(value).length - text(suffix).length)
      : text(value),
  trunc,
  substr: (from, to, value) =>
    text(value).slice(Math.max(0, number(from)), number(to) < 0 ? undefined : number(to)),
  abbrev: (width, value) =>
    text(value).length <= number(width) ? text(value) : `${text(value).slice(0, number(width) - 3)}...`,
  repeat: (count, value) => text(value).repeat(number(count)),
  replace: (from, to, value) => text(value).replaceAll(text(from), () => text(to)),
  contains: (part, value) => text(value).includes(text(part)),
  hasPrefix: (prefix, value) => text(value).startsWith(text(prefix)),
  hasSuffix: (suffix, value) => text(value).endsWith(text(suffix)),
  plural: (one, many, count) => (number(count) === 1 ? text(one) : text(many)),
  indent,
  nindent: (depth, value) => `\n${indent(depth, value)}`,
  splitList: (by, value) => text(value).split(text(by)),
  split: (by, value) =>
    Object.fromEntries(
      text(value)
        .split(text(by))
        .map((part, at) => [`_${at}`, part]),
    ),
  join: (by, values) => (Array.isArray(values) ? values.map(text).join(text(by)) : text(values)),
  sortAlpha: (values) => list(values).map(text).toSorted(),
  toJson: (value) => JSON.stringify(sorted(value)),
  toRawJson: (value) => JSON.stringify(sorted(value)),
  toPrettyJson: (value) => JSON.stringify(sorted(value), undefined, 2),
  fromJson: (value) => JSON.parse(text(value)) as unknown,
  b64enc: (value) => Buffer.from(text(value)).toString("base64"),
  b64dec: (value) => Buffer.from(text(value), "base64").toString(),
  sha1sum: hash("sha1"),
  sha256sum: hash("sha256"),
  sha512sum: hash("sha512"),
  base: (path) => text(path).split("/").at(-1) ?? "",
  dir: (path) => text(path).split("/").slice(0, -1).join("/"),
};
