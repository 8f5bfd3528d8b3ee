import { arithmetic } from "./arithmetic.ts";
import { endOfPart } from "./tokens.ts";

/** What words are made with. */
export interface Expansion {
  /** A variable, or `?`, `#` and the like; undefined when it is not set. */
  variable(name: string): string | undefined;
  /** What the commands in `$(…)` print. */
  substitute(script: string): string;
}

/** The fields that a word becomes: none, for a variable that is empty; several, for one with blanks. */
export function expandWord(word: string, expansion: Expansion): string[] {
  const fields: string[] = [];
  let field = "";
  let isField = false;
  for (let at = 0; at < word.length; ) {
    const end = endOfPart(word, at);
    const part = word.slice(at, end);
    at = part.startsWith("$") ? endOfVariable(word, at) : end;
    const whole = word.slice(end - part.length, at);
    if (/^['"\\]/.test(part)) {
      field += unquoted(part, expansion);
      isField = true;
      continue;
    }
    if (!/^[$`]/.test(part)) {
      field += part;
      isField = true;
      continue;
    }
    const [first = "", ...others] = put(whole, expansion).split(/[ \t\n]+/);
    field += first;
    isField ||= first !== "";
    for (const other of others) {
      if (isField) fields.push(field);
      field = other;
      isField = other !== "";
    }
  }
  return isField ? [...fields, field] : fields;
}

/** As one text, where no fields are made: in assignments and between double quotes. */
export function expandText(text: string, expansion: Expansion): string {
  let result = "";
  for (let at = 0; at < text.length; ) {
    const isVariable = text[at] === "$";
    const end = isVariable ? endOfVariable(text, at) : endOfPart(text, at);
    const part = text.slice(at, end);
    result += /^['"\\]/.test(part) ? unquoted(part, expansion) : put(part, expansion);
    at = end;
  }
  return result;
}

function unquoted(part: string, expansion: Expansion): string {
  const inner = part.slice(1, -1);
  if (part.startsWith("'")) return inner;
  if (part.startsWith("\\")) return part[1] === "\n" ? "" : part.slice(1);
  let result = "";
  for (let at = 0; at < inner.length; ) {
    if (inner[at] === "\\" && /["$`\\\n]/.test(inner[at + 1] ?? "")) {
      result += inner[at + 1] === "\n" ? "" : inner[at + 1];
      at += 2;
    } else {
      const isPart = inner[at] === "$" || inner[at] === "`";
      const end = !isPart ? at + 1 : inner[at] === "$" ? endOfVariable(inner, at) : endOfPart(inner, at);
      result += put(inner.slice(at, end), expansion);
      at = end;
    }
  }
  return result;
}

function endOfVariable(text: string, at: number): number {
  if (text[at + 1] === "(" || text[at + 1] === "{") return endOfPart(text, at);
  const [found = "$"] = /^\$(\w+|[?#@*$!-])/.exec(text.slice(at)) ?? [];
  return at + found.length;
}

/** What stands in place of `$NAME`, `${NAME:-default}`, `$((1 + 1))` and `$(command)`; anything else means itself. */
function put(part: string, expansion: Expansion): string {
  if (part.startsWith("$((")) return arithmetic(part.slice(3, -2), (name) => expansion.variable(name));
  if (part.startsWith("$(")) return expansion.substitute(part.slice(2, -1)).replace(/\n+$/, "");
  if (part.startsWith("`")) return expansion.substitute(part.slice(1, -1)).replace(/\n+$/, "");
  const [, name, operator, otherwise = ""] = /^\$\{(\w+|[?#@*$!-])(:?[-=])?([^]*)\}$/.exec(part) ?? [];
  if (name !== undefined) {
    const value = expansion.variable(name);
    const isThere = value !== undefined && (value !== "" || operator?.startsWith(":") !== true);
    if (isThere) return value;
    return operator === undefined ? "" : expandText(otherwise, expansion);
  }
  return part.startsWith("$") && part.length > 1 ? (expansion.variable(part.slice(1)) ?? "") : part;
}
