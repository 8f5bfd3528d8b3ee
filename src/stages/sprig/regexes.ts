import { RE2JS } from "re2js";
import type { TemplateFunction } from "../../apimachinery/go-template/functions.ts";
import { number, text } from "./values.ts";

/** Regular expressions of Go, as sprig gives them to templates. */
function found(pattern: unknown, value: unknown): string[] {
  const matcher = RE2JS.compile(text(pattern)).matcher(text(value));
  const all: string[] = [];
  while (matcher.find()) all.push(matcher.group() ?? "");
  return all;
}

/** `${1}` and `$1` stand for what a group matched. */
function replaced(pattern: unknown, value: unknown, by: (groups: readonly string[]) => string): string {
  const matcher = RE2JS.compile(text(pattern)).matcher(text(value));
  const [whole, parts] = [text(value), [] as string[]];
  let from = 0;
  while (matcher.find()) {
    const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, at) => matcher.group(at) ?? "");
    parts.push(whole.slice(from, matcher.start()), by(groups));
    from = matcher.end();
  }
  return parts.join("") + whole.slice(from);
}

const matches: TemplateFunction = (pattern, value) => found(pattern, value).length > 0;
const replaceAll: TemplateFunction = (pattern, value, by) =>
  replaced(pattern, value, (groups) =>
    text(by).replaceAll(
      /\$(?:\{(\d+)\}|(\d+))/g,
      (_, braced?: string, bare?: string) => groups[Number(braced ?? bare)] ?? "",
    ),
  );
const replaceLiteral: TemplateFunction = (pattern, value, by) => replaced(pattern, value, () => text(by));
const split: TemplateFunction = (pattern, value, count) => {
  const parts = RE2JS.compile(text(pattern)).split(text(value), -1);
  const most = number(count);
  if (most === 0) return [];
  return parts.length <= most || most < 0 ? parts : RE2JS.compile(text(pattern)).split(text(value), most);
};

export const regexFunctions: Readonly<Record<string, TemplateFunction>> = {
  regexMatch: matches,
  mustRegexMatch: matches,
  regexFind: (pattern, value) => found(pattern, value)[0] ?? "",
  regexFindAll: (pattern, value, count) =>
    number(count) < 0 ? found(pattern, value) : found(pattern, value).slice(0, number(count)),
  regexReplaceAll: replaceAll,
  mustRegexReplaceAll: replaceAll,
  regexReplaceAllLiteral: replaceLiteral,
  regexSplit: split,
  regexQuoteMeta: (value) => RE2JS.quote(text(value)),
};
