/** Finds the way about JSON text that is not decoded: the bytes are looked at once, and nothing is made of them. */

/** The offset behind the brace that closes the JSON object whose text begins, after its brace, at `start`. */
export function endOfObject(json: Uint8Array, start: number): number {
  let depth = 1;
  let at = start;
  for (; depth > 0 && at < json.length; at++) {
    const byte = json[at];
    if (byte === quote) at = endOfString(json, at);
    else if (byte === openBrace || byte === openBracket) depth++;
    else if (byte === closeBrace || byte === closeBracket) depth--;
  }
  return at;
}

/** The offset of the quote that closes the string which opens at `start`. */
function endOfString(json: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== quote) at += json[at] === backslash ? 2 : 1;
  return at;
}

const [quote, backslash] = [0x22, 0x5c];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];
