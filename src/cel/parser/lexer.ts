import type { Issues } from "../source.ts";

/** Kinds of tokens, in the order in which messages list what was expected. */
export const tokenKinds = [
  "<EOF>",
  "==",
  "!=",
  "in",
  "<",
  "<=",
  ">=",
  ">",
  "&&",
  "||",
  "[",
  "]",
  "{",
  "}",
  "(",
  ")",
  ".",
  ",",
  "-",
  "!",
  "?",
  ":",
  "+",
  "*",
  "/",
  "%",
  "true",
  "false",
  "null",
  "NUM_FLOAT",
  "NUM_INT",
  "NUM_UINT",
  "STRING",
  "BYTES",
  "IDENTIFIER",
  "ESC_IDENTIFIER",
] as const;

export type TokenKind = (typeof tokenKinds)[number];

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly offset: number;
}

const escape = String.raw`\\(?:[abfnrtv"'\\?\x60]|[0-3][0-7][0-7]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})`;
const quoted = [
  String.raw`"""(?:${escape}|[^\\])*?"""`,
  String.raw`'''(?:${escape}|[^\\])*?'''`,
  String.raw`"(?:${escape}|[^\\"\n\r])*"`,
  String.raw`'(?:${escape}|[^\\'\n\r])*'`,
  String.raw`[rR]"""[\s\S]*?"""`,
  String.raw`[rR]'''[\s\S]*?'''`,
  String.raw`[rR]"[^"\n\r]*"`,
  String.raw`[rR]'[^'\n\r]*'`,
].join("|");

/** The first that matches is also the longest, by the order of the alternatives. */
const pattern = new RegExp(
  [
    String.raw`(?<space>[\t \r\n\f]+|\/\/[^\n]*)`,
    `(?<BYTES>[bB](?:${quoted}))`,
    `(?<STRING>${quoted})`,
    String.raw`(?<NUM_FLOAT>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)`,
    String.raw`(?<NUM_UINT>0x[0-9a-fA-F]+[uU]|\d+[uU])`,
    String.raw`(?<NUM_INT>0x[0-9a-fA-F]+|\d+)`,
    "(?<IDENTIFIER>[A-Za-z_][A-Za-z0-9_]*)",
    "(?<ESC_IDENTIFIER>`[A-Za-z0-9_.\\-/ ]+`)",
    String.raw`(?<operator>==|!=|<=|>=|&&|\|\||[<>[\]{}().,\-!?:+*/%])`,
  ].join("|"),
  "uy",
);

const keywords = new Set<string>(["in", "true", "false", "null"]);
const kindsByText = new Map<string, TokenKind>(tokenKinds.map((kind) => [kind, kind]));

/** The tokens of an expression, the last is `<EOF>`. What is no token is reported and left out. */
export function tokenize(text: string, issues: Issues): Token[] {
  const tokens: Token[] = [];
  let offset = 0;
  while (offset < text.length) {
    pattern.lastIndex = offset;
    const match = pattern.exec(text);
    if (match === null) {
      const end = endOfError(text, offset);
      issues.add(offset, `Syntax error: token recognition error at: '${printable(text.slice(offset, end))}'`);
      offset = end;
      continue;
    }
    const token = match[0];
    const kind = kindOf(token, match.groups ?? {});
    if (kind !== undefined) tokens.push({ kind, text: token, offset });
    offset += token.length;
  }
  tokens.push({ kind: "<EOF>", text: "<EOF>", offset: text.length });
  return tokens;
}

function kindOf(text: string, groups: Record<string, string | undefined>): TokenKind | undefined {
  if (groups["space"] !== undefined) return undefined;
  if (groups["operator"] !== undefined || keywords.has(text)) return kindsByText.get(text);
  for (const kind of [
    "IDENTIFIER",
    "STRING",
    "NUM_INT",
    "NUM_FLOAT",
    "NUM_UINT",
    "BYTES",
    "ESC_IDENTIFIER",
  ] as const) {
    if (groups[kind] !== undefined) return kind;
  }
  return undefined;
}

/** A token that begins well is skipped up to and including the character that spoils it. */
function endOfError(text: string, offset: number): number {
  const begun = /^(?:[bB]?[rR]?(?:"|')|`[A-Za-z0-9_.\-/ ]*|&|\||=)/u.exec(text.slice(offset));
  if (begun === null) return offset + String.fromCodePoint(text.codePointAt(offset) ?? 0).length;
  let end = offset + begun[0].length;
  if (/["']$/u.test(begun[0])) end = endOfBadString(text, end, begun[0]);
  if (end >= text.length) return text.length;
  return end + String.fromCodePoint(text.codePointAt(end) ?? 0).length;
}

/** Where a string that is not closed, or holds a bad escape, stops being one. */
function endOfBadString(text: string, start: number, opening: string): number {
  const quote = opening.at(-1) ?? '"';
  const raw = /[rR]/u.test(opening);
  const triple = text.startsWith(quote + quote, start);
  let at = triple ? start + 2 : start;
  const good = new RegExp(escape, "uy");
  while (at < text.length) {
    const char = text[at] ?? "";
    if (!triple && (char === "\n" || char === "\r" || char === quote)) return at;
    if (char === "\\" && !raw) {
      good.lastIndex = at;
      if (!good.test(text)) return endOfBadEscape(text, at);
      at = good.lastIndex;
    } else {
      at++;
    }
  }
  return at;
}

/** Escapes fail at the first character that does not belong: after `\x4` at what should be the second digit. */
function endOfBadEscape(text: string, at: number): number {
  const partial = /\\(?:[xX][0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|[0-3][0-7]?)?/uy;
  partial.lastIndex = at;
  return partial.test(text) ? partial.lastIndex : at + 1;
}

/** Text as messages show it. */
export function printable(text: string): string {
  return text.replaceAll("\n", "\\n").replaceAll("\t", "\\t").replaceAll("\r", "\\r");
}
