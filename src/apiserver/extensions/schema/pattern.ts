import { RE2JS, RE2JSException } from "re2js";
import { KeptByText } from "../../../apimachinery/kept-by-text.ts";

/** Patterns of schemas have the syntax of Go, and run in linear time whatever they are and whatever they are given. */
export interface Pattern {
  test(text: string): boolean;
}

/** Many schemas use the same few patterns. Compiled they take some hundred bytes for each character. */
const kept = new KeptByText<Pattern>({ entriesMax: 1_000, lengthMax: 100_000 });

/** Throws with Go's words for what is wrong. */
export function compilePattern(source: string): Pattern {
  const known = kept.get(source);
  if (known !== undefined) return known;
  const pattern = RE2JS.compile(source);
  const compiled = { test: (text: string): boolean => pattern.matcher(text).find() };
  kept.set(source, compiled);
  return compiled;
}

/** What is wrong with the pattern, as Go tells it; undefined when it is right. */
export function patternError(source: string): string | undefined {
  try {
    compilePattern(source);
    return undefined;
  } catch (error) {
    return error instanceof RE2JSException || error instanceof Error ? error.message : String(error);
  }
}
