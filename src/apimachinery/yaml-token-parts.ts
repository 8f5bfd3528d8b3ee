import type { YamlCursor } from "./yaml-cursor.ts";

/** The parts of tokens, which the cursor is led over; what they say is nobody's concern here. */

const escapes = new Map([
  ["x", 2],
  ["u", 4],
  ["U", 8],
]);

/** The two numbers of a directive. */
export function versionOf(at: YamlCursor): string {
  const digits = (): string => {
    const found = at.eat(/\d*/y);
    if (found === "") at.fail("did not find expected version number");
    return found;
  };
  const major = digits();
  if (at.eat(/\./y) === "") at.fail("did not find expected digit or '.' character");
  return `${major}.${digits()}`;
}

/** Blanks, a comment and the end of the line. */
export function endLine(at: YamlCursor): void {
  at.eat(/[ \t]*(?:#[^\n\r\x85\u2028\u2029]*)?/y);
  if (!at.isAtEnd && !at.eatBreak()) at.fail("did not find expected comment or line break");
}

/** `!`, `!!` or `!name!`; what begins like the last and does not end so is part of a name. */
export function handleOf(at: YamlCursor): string {
  if (at.here(/!/y) === undefined) at.fail("did not find expected '!'");
  return at.eat(/![\w-]*!?/y);
}

/** The characters of a tag; empty where there is none. */
export function uriOf(at: YamlCursor): string {
  const start = at.index;
  while (at.eat(/[\w\-;/?:@&=+$,.!~*'()[\]]+|%[\dA-Fa-f]{2}/y) !== "");
  if (at.here(/%/y) !== undefined) at.fail("did not find URI escaped octet");
  return at.text.slice(start, at.index);
}

/** A text behind `|` or `>`; `outer` is how far the collection around it is indented. */
export function skipBlockScalar(at: YamlCursor, outer: number): void {
  const header = at.eat(/[|>](?:[+-][1-9]?|[1-9][+-]?)?/y);
  if (at.here(/0/y) !== undefined && !/\d/.test(header)) at.fail("found an indentation indicator equal to 0");
  endLine(at);
  const given = Number(/\d/.exec(header)?.[0] ?? 0);
  let indent = given === 0 ? 0 : Math.max(outer, 0) + given;
  indent = blockIndentation(at, outer, indent);
  while (at.column === indent && !at.isAtEnd) {
    at.eat(/[^\n\r\x85\u2028\u2029]*/y);
    at.eatBreak();
    blockIndentation(at, outer, indent);
  }
}

/** Skips blanks and empty lines before a line of a block scalar; the first of them tells how far it is indented. */
function blockIndentation(at: YamlCursor, outer: number, indent: number): number {
  let widest = 0;
  do {
    at.eat(indent === 0 ? / */y : new RegExp(` {0,${Math.max(indent - at.column, 0)}}`, "y"));
    widest = Math.max(widest, at.column);
    if ((indent === 0 || at.column < indent) && at.text[at.index] === "\t")
      at.fail("found a tab character where an indentation space is expected");
  } while (at.eatBreak());
  return indent === 0 ? Math.max(widest, outer + 1, 1) : indent;
}

/** A text in quotes, of whatever many lines. */
export function skipQuoted(at: YamlCursor, quote: "'" | '"'): boolean {
  at.index++;
  for (;;) {
    if (at.isAtDocumentMark) at.fail("found unexpected document indicator");
    if (at.isAtEnd) at.fail("found unexpected end of stream");
    if (quote === '"') eatDoubleQuoted(at);
    else while (at.eat(/[^'\n\r\x85\u2028\u2029]+|''/y) !== "");
    if (at.text[at.index] === quote) break;
    at.eatBreak();
  }
  at.index++;
  return false;
}

function eatDoubleQuoted(at: YamlCursor): void {
  for (;;) {
    at.eat(/[^"\\\n\r\x85\u2028\u2029]*/y);
    if (at.text[at.index] !== "\\") return;
    if (at.here(/\\[\n\r\x85\u2028\u2029]/y) !== undefined) {
      at.index++;
      return;
    }
    const escape = at.here(/\\[0abt\tnvfre "'\\N_LPxuU]/y)?.[1];
    if (escape === undefined) at.fail("found unknown escape character");
    at.index += 2;
    eatCode(at, escapes.get(escape ?? "") ?? 0);
  }
}

function eatCode(at: YamlCursor, length: number): void {
  if (length === 0) return;
  const digits = at.text.slice(at.index, at.index + length);
  if (digits.length < length || !/^[\dA-Fa-f]+$/.test(digits))
    at.fail("did not find expected hexdecimal number");
  const code = Number.parseInt(digits, 16);
  if ((code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
    at.fail("found invalid Unicode character escape code");
  at.index += length;
}

/** A text without quotes; true where it ends in a line break. */
export function skipPlain(at: YamlCursor, indent: number, isFlow: boolean): boolean {
  const word = isFlow
    ? /[^ \t\n\r\x85\u2028\u2029:,?[\]{}]+|:(?![ \t\n\r\x85\u2028\u2029]|$)/y
    : /[^ \t\n\r\x85\u2028\u2029:]+|:(?![ \t\n\r\x85\u2028\u2029]|$)/y;
  let isNewLine = false;
  for (;;) {
    if (at.isAtDocumentMark) break;
    if (at.text[at.index] === "#") break;
    while (at.eat(word) !== "") isNewLine = false;
    if (at.here(/[ \t\n\r\x85\u2028\u2029]/y) === undefined) break;
    isNewLine = eatSpace(at, isNewLine, indent);
    if (!isFlow && at.column < indent) break;
  }
  return isNewLine;
}

/** Blanks and breaks within a plain scalar; true when there was a break. */
function eatSpace(at: YamlCursor, isNewLine: boolean, indent: number): boolean {
  let hasBreak = isNewLine;
  for (;;) {
    if (hasBreak && at.column < indent && at.text[at.index] === "\t")
      at.fail("found a tab character that violates indentation");
    if (at.eat(/[ \t]/y) !== "") continue;
    if (!at.eatBreak()) return hasBreak;
    hasBreak = true;
  }
}
