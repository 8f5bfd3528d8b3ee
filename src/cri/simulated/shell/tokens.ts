/** What a shell script is made of, before it means anything. Words keep their quotes: they are expanded when they are used. */
export type Token =
  | { readonly type: "word"; readonly text: string }
  /** `;`, `&&`, `||`, `|`, `&`, `(`, `)`, or the end of a line. */
  | { readonly type: "operator"; readonly text: string }
  /** `2>`, `>>`, `<`: the word after it is where to. */
  | { readonly type: "redirect"; readonly from: string; readonly text: string };

/** A script that says more than can be pretended. */
export class BeyondPretending extends Error {
  override readonly name = "BeyondPretending";
}

const blank = /[ \t\r]+|\\\n/y;
const comment = /#[^\n]*/y;
const redirect = /(\d*)(>>|>&|<&|>\||>|<)|&(>>|>)/y;
const operator = /&&|\|\||[;&|()\n]/y;

/** Throws BeyondPretending for what is not closed, and for documents in place (`<<`). */
export function tokensOf(script: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (expression: RegExp): RegExpExecArray | undefined => {
    expression.lastIndex = at;
    const match = expression.exec(script);
    if (match !== null) at += match[0].length;
    return match ?? undefined;
  };
  while (at < script.length) {
    if (script.startsWith("<<", at) || script.startsWith(";;", at))
      throw new BeyondPretending(script.slice(at));
    if (take(blank) !== undefined || take(comment) !== undefined) continue;
    const [, from, to, both] = take(redirect) ?? [];
    if (to !== undefined || both !== undefined) {
      tokens.push({
        type: "redirect",
        from: both === undefined ? (from ?? "") : "&",
        text: to ?? both ?? "",
      });
      continue;
    }
    const [found] = take(operator) ?? [];
    if (found !== undefined) {
      tokens.push({ type: "operator", text: found });
      continue;
    }
    const end = endOfWord(script, at);
    tokens.push({ type: "word", text: script.slice(at, end) });
    at = end;
  }
  return tokens;
}

function endOfWord(script: string, start: number): number {
  let at = start;
  while (at < script.length && !/[\s;&|()<>]/.test(script[at] ?? "")) at = endOfPart(script, at);
  if (at === start) throw new BeyondPretending(script.slice(start));
  return at;
}

/** The end of a character, or of what is quoted or put in there. */
export function endOfPart(script: string, at: number): number {
  const rest = script.slice(at, at + 2);
  if (rest[0] === "\\") return at + 2;
  if (rest[0] === "'") return after(script.indexOf("'", at + 1), script);
  if (rest[0] === "`") return after(script.indexOf("`", at + 1), script);
  if (rest === "$(") return endOfNested(script, at + 2, ")");
  if (rest === "${") return endOfNested(script, at + 2, "}");
  return rest[0] === '"' ? endOfNested(script, at + 1, '"') : at + 1;
}

function endOfNested(script: string, start: number, closing: string): number {
  let depth = 0;
  for (let at = start; at < script.length; ) {
    const character = script[at];
    if (character === closing && depth === 0) return at + 1;
    if (closing === ")" && character === "(") depth++;
    if (closing === ")" && character === ")") depth--;
    // A quote means itself between double quotes.
    at = closing === '"' && (character === "'" || character === '"') ? at + 1 : endOfPart(script, at);
  }
  throw new BeyondPretending(script.slice(start));
}

function after(found: number, script: string): number {
  if (found < 0) throw new BeyondPretending(script);
  return found + 1;
}
