import { RE2JS, RE2JSException } from "re2js";

/** Patterns of schemas have the syntax of Go, and run in linear time whatever they are and whatever they are given. */
export interface Pattern {
  test(text: string): boolean;
}

/** Many schemas use the same few patterns; beyond this number the oldest are made anew. */
const maxKept = 1_000;
const kept = new Map<string, Pattern>();

/** Throws with Go's words for what is wrong. */
export function compilePattern(source: string): Pattern {
  const known = kept.get(source);
  if (known !== undefined) return known;
  const pattern = RE2JS.compile(source);
  const compiled = { test: (text: string): boolean => pattern.matcher(text).find() };
  if (kept.size >= maxKept)
    for (const oldest of kept.keys()) {
      kept.delete(oldest);
      break;
    }
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
