import type { RE2JS } from "re2js";

/** A pattern of RE2 to be looked for in a text. */
export interface Search {
  readonly pattern: string;
  readonly text: string;
  /** How many places are wanted. Without it, only whether there is one. */
  readonly limit?: number | undefined;
}

/** Whether the pattern is there, or what it matches. */
export type Found = boolean | readonly string[];

/** What an engine looks at in some milliseconds: characters, each with every instruction of the program in the worst case. */
const stepsAtOnce = 500_000;

/** Whether others should not have to wait for the search: it takes linear time, which a text of a megabyte makes seconds. */
export const isLongSearch = (regex: RE2JS, textLength: number): boolean =>
  textLength > 4096 && textLength * regex.programSize() > stepsAtOnce;

/** Looks for the pattern in one go. Like Go, an empty match directly after a match does not count. */
export function search(regex: RE2JS, text: string, limit: number | undefined): Found {
  if (limit === undefined) return regex.test(text);
  const found: string[] = [];
  const matcher = regex.matcher(text);
  let last = -1;
  while (found.length < limit && matcher.find()) {
    const isEmpty = matcher.start() === matcher.end();
    if (!isEmpty || matcher.start() !== last) found.push(matcher.group() ?? "");
    last = matcher.end();
  }
  return found;
}
