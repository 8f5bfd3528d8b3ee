import { CelDouble, type CelValue, intValue, maxUint, uintValue } from "../values.ts";

/** A number as written, with its sign; undefined when it does not fit. */
export function intLiteral(text: string, negative: boolean): number | bigint | undefined {
  const value = BigInt(text);
  return intValue(negative ? -value : value);
}

/** An unsigned number as written, with its `u`. */
export function uintLiteral(text: string): CelValue | undefined {
  const value = BigInt(text.slice(0, -1));
  return value > maxUint ? undefined : uintValue(value);
}

export function doubleLiteral(text: string, negative: boolean): CelDouble | undefined {
  const value = Number(text);
  return Number.isFinite(value) ? new CelDouble(negative ? -value : value) : undefined;
}

const simpleEscapes: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** The text between the quotes, and whether it is raw. */
function content(token: string): { text: string; raw: boolean } {
  const raw = /^[rR]/u.test(token);
  const quoted = raw ? token.slice(1) : token;
  const triple = quoted.length >= 6 && (quoted.startsWith('"""') || quoted.startsWith("'''"));
  return { text: triple ? quoted.slice(3, -3) : quoted.slice(1, -1), raw };
}

const escapes = /\\(?:([xX])([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([\s\S]))/gu;

/** The value of a string token; an Error with cel-go's wording when an escape names no character. */
export function stringLiteral(token: string): string | Error {
  const { text, raw } = content(token);
  if (raw || !text.includes("\\")) return text;
  let bad = false;
  const value = text.replaceAll(escapes, (_, _x, hex, short, long, octal, other) => {
    const digits: string | undefined = hex ?? short ?? long;
    if (digits !== undefined || octal !== undefined) {
      const code = digits === undefined ? Number.parseInt(octal, 8) : Number.parseInt(digits, 16);
      if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        bad = true;
        return "";
      }
      return String.fromCodePoint(code);
    }
    return simpleEscapes[other] ?? other;
  });
  return bad ? new Error("invalid unicode code point") : value;
}

/** The value of a bytes token, which begins with `b`. */
export function bytesLiteral(token: string): Uint8Array | Error {
  const { text, raw } = content(token.slice(1));
  if (raw || !text.includes("\\")) return Buffer.from(text, "utf8");
  const bytes: number[] = [];
  let at = 0;
  for (const match of text.matchAll(escapes)) {
    const [whole, , hex, short, long, octal, other] = match;
    bytes.push(...Buffer.from(text.slice(at, match.index), "utf8"));
    if (short !== undefined || long !== undefined) return new Error("unable to unescape string");
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (octal !== undefined) bytes.push(Number.parseInt(octal, 8) & 0xff);
    else bytes.push(...Buffer.from(simpleEscapes[other ?? ""] ?? other ?? "", "utf8"));
    at = match.index + whole.length;
  }
  bytes.push(...Buffer.from(text.slice(at), "utf8"));
  return Uint8Array.from(bytes);
}
