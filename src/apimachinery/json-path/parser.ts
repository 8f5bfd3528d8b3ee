/** A path that cannot be read, or that does not fit the value. */
export class JsonPathError extends Error {
  override readonly name = "JsonPathError";
}

/** One step of a path, or one part of a template. */
export type JsonPathNode =
  | { readonly type: "text" | "literal"; readonly value: unknown }
  | { readonly type: "root" | "current" | "wildcard" | "recursive" }
  | { readonly type: "field"; readonly name: string }
  | {
      readonly type: "array";
      readonly single: boolean;
      readonly start?: number;
      readonly end?: number;
      readonly step?: number;
    }
  | { readonly type: "union"; readonly paths: readonly (readonly JsonPathNode[])[] }
  | { readonly type: "filter"; readonly filter: Filter }
  | { readonly type: "action"; readonly path: readonly JsonPathNode[] }
  | {
      readonly type: "range";
      readonly path: readonly JsonPathNode[];
      readonly body: readonly JsonPathNode[];
    };

export type Operand =
  | { readonly type: "literal"; readonly value: unknown }
  | { readonly type: "path"; readonly path: readonly JsonPathNode[] };

export interface Filter {
  readonly left: Operand;
  readonly operator: "exists" | "==" | "!=" | "<" | "<=" | ">" | ">=";
  readonly right?: Operand;
}

type RangeNode = { type: "range"; path: readonly JsonPathNode[]; body: JsonPathNode[] };

/** Takes a template apart. Throws JsonPathError with the template and what is wrong. */
export function parseJsonPath(template: string): JsonPathNode[] {
  try {
    return parseTemplate(template);
  } catch (error) {
    if (!(error instanceof JsonPathError)) throw error;
    throw new JsonPathError(`error parsing jsonpath ${template}, ${error.message}`, { cause: error });
  }
}

function parseTemplate(template: string): JsonPathNode[] {
  const top: JsonPathNode[] = [];
  const open: RangeNode[] = [];
  const add = (node: JsonPathNode): void => void (open.at(-1)?.body ?? top).push(node);
  let at = 0;
  while (at < template.length) {
    const brace = template.indexOf("{", at);
    if (brace !== at) {
      const end = brace < 0 ? template.length : brace;
      add({ type: "text", value: template.slice(at, end) });
      at = end;
      continue;
    }
    const end = endOfAction(template, at + 1);
    const inside = template.slice(at + 1, end).trim();
    at = end + 1;
    if (inside === "end") {
      if (open.pop() === undefined) throw new JsonPathError("not in range, nothing to end");
    } else if (/^range(?:\s|$)/.test(inside)) {
      const range: RangeNode = { type: "range", path: new PathParser(inside.slice(5)).all(), body: [] };
      add(range);
      open.push(range);
    } else if (inside !== "") add({ type: "action", path: new PathParser(inside).all() });
  }
  if (open.length > 0) throw new JsonPathError("unexpected EOF, missing {end}");
  return top;
}

/** Where the brace closes; one inside of quotes does not count. */
function endOfAction(template: string, start: number): number {
  let quote: string | undefined;
  for (let at = start; at < template.length; at++) {
    const c = template[at];
    if (c === "\\") at++;
    else if (quote !== undefined) {
      if (c === quote) quote = undefined;
    } else if (c === '"' || c === "'") quote = c;
    else if (c === "}") return at;
  }
  throw new JsonPathError("unclosed action");
}

class PathParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  all(): JsonPathNode[] {
    const nodes: JsonPathNode[] = [];
    for (;;) {
      this.#spaces();
      if (this.#at >= this.#text.length) return nodes;
      nodes.push(this.#next(nodes.length === 0));
    }
  }

  #next(isFirst: boolean): JsonPathNode {
    const rest = this.#text.slice(this.#at);
    const c = rest[0] ?? "";
    if (c === "$") return this.#take(1, { type: "root" });
    if (c === "@") return this.#take(1, { type: "current" });
    if (rest.startsWith(".."))
      return this.#take(rest[2] === "[" || rest[2] === "*" ? 2 : 1, { type: "recursive" });
    if (c === ".") return this.#afterDot();
    if (c === "[") return this.#bracket();
    if (c === '"' || c === "'") return { type: "literal", value: this.#quoted() };
    if (c === "*") return this.#take(1, { type: "wildcard" });
    const number = /^-?\d+(?:\.\d+)?(?![\w])/.exec(rest)?.[0];
    if (number !== undefined) return this.#take(number.length, { type: "literal", value: Number(number) });
    if (/[A-Za-z_]/.test(c)) {
      const word = /^[A-Za-z_][\w-]*/.exec(rest)?.[0] ?? c;
      if (word === "true" || word === "false")
        return this.#take(word.length, { type: "literal", value: word === "true" });
      // A first word without its dot is a field in relaxed paths, and a mistake elsewhere.
      if (!isFirst) return this.#take(word.length, { type: "field", name: word });
      throw new JsonPathError(`unrecognized identifier ${word}`);
    }
    throw new JsonPathError(
      `unrecognized character in action: U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")} '${c}'`,
    );
  }

  #afterDot(): JsonPathNode {
    this.#at++;
    const rest = this.#text.slice(this.#at);
    if (rest.startsWith("*")) return this.#take(1, { type: "wildcard" });
    if (rest.startsWith("[")) return this.#bracket();
    let name = "";
    while (this.#at < this.#text.length) {
      const c = this.#text[this.#at] ?? "";
      if (c === "\\") {
        name += this.#text[this.#at + 1] ?? "";
        this.#at += 2;
        continue;
      }
      if (/[\s.[\],)(=!<>|&@$"'}{]/.test(c)) break;
      name += c;
      this.#at++;
    }
    return name === "" ? { type: "current" } : { type: "field", name };
  }

  #bracket(): JsonPathNode {
    const inside = this.#untilBracket();
    if (inside === "*") return { type: "wildcard" };
    const filter = /^\?\((.*)\)$/s.exec(inside)?.[1];
    if (filter !== undefined) return { type: "filter", filter: parseFilter(filter) };
    const parts = splitOutsideQuotes(inside, ",");
    if (parts.length > 1) {
      return { type: "union", paths: parts.map((part) => new PathParser(`[${part.trim()}]`).all()) };
    }
    if (/^'.*'$/s.test(inside)) {
      return { type: "field", name: inside.slice(1, -1).replaceAll(/\\(.)/g, "$1") };
    }
    const match = /^(-?\d*)(?:(:)(-?\d*))?(?:(:)(-?\d*))?$/.exec(inside.replaceAll(/\s/g, ""));
    if (match === null || inside === "") throw new JsonPathError(`invalid array index ${inside}`);
    const number = (text: string | undefined): number | undefined =>
      text === undefined || text === "" ? undefined : Number(text);
    const [start, end, step] = [number(match[1]), number(match[3]), number(match[5])];
    return {
      type: "array",
      single: match[2] === undefined,
      ...(start === undefined ? {} : { start }),
      ...(end === undefined ? {} : { end }),
      ...(step === undefined ? {} : { step }),
    };
  }

  /** What stands between this bracket and the one that closes it. */
  #untilBracket(): string {
    let depth = 0;
    let quote: string | undefined;
    const start = this.#at + 1;
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text[this.#at];
      if (c === "\\") this.#at++;
      else if (quote !== undefined) {
        if (c === quote) quote = undefined;
      } else if (c === "'" || c === '"') quote = c;
      else if (c === "[") depth++;
      else if (c === "]" && --depth === 0) return this.#text.slice(start, this.#at++).trim();
    }
    throw new JsonPathError("unterminated array");
  }

  #quoted(): string {
    const quote = this.#text[this.#at];
    let value = "";
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const c = this.#text[this.#at] ?? "";
      if (c === quote) {
        this.#at++;
        return value;
      }
      if (c === "\\") value += unescape(this.#text[++this.#at] ?? "");
      else value += c;
    }
    throw new JsonPathError("unterminated quoted string");
  }

  #take(length: number, node: JsonPathNode): JsonPathNode {
    this.#at += length;
    return node;
  }

  #spaces(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }
}

function unescape(c: string): string {
  const known: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };
  return known[c] ?? c;
}

function parseFilter(text: string): Filter {
  const operator = findOperator(text);
  if (operator === undefined) return { left: parseOperand(text), operator: "exists" };
  return {
    left: parseOperand(text.slice(0, operator.at)),
    operator: operator.text,
    right: parseOperand(text.slice(operator.at + operator.text.length)),
  };
}

function findOperator(text: string): { at: number; text: "==" | "!=" | "<" | "<=" | ">" | ">=" } | undefined {
  const outside = splitOutsideQuotes(text, "");
  for (const at of outside.keys()) {
    if (outside[at] === undefined || outside[at] === "") continue;
    const pair = text.slice(at, at + 2);
    if (pair === "==" || pair === "!=" || pair === "<=" || pair === ">=") return { at, text: pair };
    const single = text[at];
    if (single === "<" || single === ">") return { at, text: single };
  }
  return undefined;
}

function parseOperand(text: string): Operand {
  const nodes = new PathParser(text.trim()).all();
  const [first] = nodes;
  if (nodes.length === 1 && first?.type === "literal") return { type: "literal", value: first.value };
  return { type: "path", path: nodes };
}

/** Pieces between separators that stand outside of quotes; with no separator, each character, those in quotes empty. */
function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let quote: string | undefined;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const c = text[at] ?? "";
    const wasQuoted = quote !== undefined;
    if (quote !== undefined) {
      if (c === "\\") {
        if (separator === "") parts.push("", "");
        at++;
        continue;
      }
      if (c === quote) quote = undefined;
    } else if (c === "'" || c === '"') quote = c;
    if (separator === "") parts.push(wasQuoted || quote !== undefined ? "" : c);
    else if (c === separator && !wasQuoted && quote === undefined) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  if (separator !== "") parts.push(text.slice(start));
  return parts;
}
