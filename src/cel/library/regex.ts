import { createRequire } from "node:module";
import type { RE2JS } from "re2js";
import { KeptByText } from "../../apimachinery/kept-by-text.ts";
import { type Found, isLongSearch, search } from "../../apimachinery/search/search.ts";
import { foundElsewhere } from "../eval/work.ts";
import { CelErr, type CelValue } from "../values.ts";

/**
 * Regular expressions of RE2: linear in the length of the text, whatever the pattern. The library is loaded when the
 * first expression that needs it is compiled.
 */
type Library = typeof import("re2js");
let library: Library | undefined;

function re2(): Library {
  library ??= createRequire(import.meta.url)("re2js") as Library;
  return library;
}

/** Patterns that were compiled; those that come from data must not fill the memory. */
const compiled = new KeptByText<RE2JS | CelErr>({ entriesMax: 500, lengthMax: 100_000 });

export function compileRegex(pattern: string): RE2JS | CelErr {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const made = make(pattern);
  compiled.set(pattern, made);
  return made;
}

function make(pattern: string): RE2JS | CelErr {
  try {
    return re2().RE2JS.compile(pattern);
  } catch (error) {
    return new CelErr(error instanceof Error ? error.message : String(error));
  }
}

/** Looks for a compiled pattern in a text; a long search is made elsewhere, where the evaluation can wait for it. */
export function find(regex: RE2JS, text: string, pattern: string, limit?: number): Found {
  const elsewhere = isLongSearch(regex, text.length) ? foundElsewhere({ pattern, text, limit }) : undefined;
  return elsewhere ?? search(regex, text, limit);
}

/** Whether the pattern is found somewhere in the text. */
export function matches(text: string, pattern: string): CelValue {
  const regex = compileRegex(pattern);
  return regex instanceof CelErr ? regex : find(regex, text, pattern) === true;
}
