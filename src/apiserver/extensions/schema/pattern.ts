import { RE2JS, RE2JSException } from "re2js";
import { isLongSearch } from "../../../apimachinery/search/search.ts";
import { searchElsewhere } from "../../../apimachinery/search/search-threads.ts";

/** Patterns of schemas have the syntax of Go, and run in linear time whatever they are and whatever they are given. */
export interface Pattern {
  test(text: string): boolean;
  /** Whether others should not have to wait for the test. */
  isLong(text: string): boolean;
  /** The same as `test`, in another thread. */
  testElsewhere(text: string): Promise<boolean>;
}

/**
 * How large the programs are that are kept, in instructions: one takes up to a kilobyte. Patterns of people have some dozen, so
 * that hundreds of them are kept; `{1,1000}` has a thousand, and few of those are.
 */
const maxInstructions = 20_000;
/** Those used last come last. */
const kept = new Map<string, { readonly pattern: Pattern; readonly size: number }>();
let instructions = 0;

/** Throws with Go's words for what is wrong. */
export function compilePattern(source: string): Pattern {
  const known = kept.get(source);
  if (known !== undefined) {
    kept.delete(source);
    kept.set(source, known);
    return known.pattern;
  }
  const compiled = RE2JS.compile(source);
  const pattern = rememberingLast(source, compiled);
  keep(source, pattern, compiled.programSize());
  return pattern;
}

/** Alternatives of a schema ask the same of one text over and over, and a long one takes milliseconds each time. */
function rememberingLast(source: string, compiled: RE2JS): Pattern {
  // Not `test`, whose automaton takes megabytes for each pattern, and pays for itself in long texts only.
  const find = (text: string): boolean => compiled.matcher(text).find();
  const known = (text: string): boolean | undefined =>
    last?.pattern === pattern && last.text === text ? last.result : undefined;
  const remember = (text: string, result: boolean): boolean => {
    last = { pattern, text, result };
    return result;
  };
  const pattern: Pattern = {
    test(text) {
      if (text.length < longText) return find(text);
      return known(text) ?? remember(text, find(text));
    },
    isLong: (text) => isLongSearch(compiled, text.length) && known(text) === undefined,
    testElsewhere: (text) =>
      searchElsewhere({ pattern: source, text }).then((found) => remember(text, found === true)),
  };
  return pattern;
}

const longText = 256;
/** One for all patterns: the text may be large. */
let last: { readonly pattern: Pattern; readonly text: string; readonly result: boolean } | undefined;

function keep(source: string, pattern: Pattern, size: number): void {
  kept.set(source, { pattern, size });
  instructions += size;
  for (const [oldest, { size: freed }] of kept) {
    if (instructions <= maxInstructions || kept.size === 1) return;
    kept.delete(oldest);
    instructions -= freed;
  }
}

/** Patterns that were found right: a definition is looked at more than once, and the same ones are in many. */
const right = new Set<string>();
/** As much as one definition can have. */
const maxCharacters = 3_000_000;
let characters = 0;

/** What is wrong with the pattern, as Go tells it; undefined when it is right. */
export function patternError(source: string): string | undefined {
  if (right.has(source)) return undefined;
  try {
    compilePattern(source);
    if (characters >= maxCharacters) {
      right.clear();
      characters = 0;
    }
    right.add(source);
    characters += source.length;
    return undefined;
  } catch (error) {
    return error instanceof RE2JSException || error instanceof Error ? error.message : String(error);
  }
}
