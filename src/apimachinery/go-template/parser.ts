/** Parses Go's templates (text/template): what stands between `{{` and `}}` becomes a tree, the rest is text. */

export type TemplateNode =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipe: Pipe }
  | {
      readonly kind: "if" | "with" | "range";
      readonly pipe: Pipe;
      readonly body: readonly TemplateNode[];
      readonly otherwise: readonly TemplateNode[];
    }
  | {
      readonly kind: "template";
      readonly name: string;
      readonly pipe: Pipe | undefined;
      readonly place: string;
    }
  | { readonly kind: "break" | "continue" };

export interface Pipe {
  /** Variables that take the result. */
  readonly variables: readonly string[];
  /** `=` instead of `:=`. */
  readonly assigns: boolean;
  readonly commands: readonly (readonly Operand[])[];
  /** As it was written, for error messages. */
  readonly text: string;
}

/** A value, and the fields that are taken of it. */
export interface Operand {
  readonly base:
    | { readonly kind: "dot" | "nil" }
    | { readonly kind: "variable" | "function"; readonly name: string }
    | { readonly kind: "literal"; readonly value: unknown }
    | { readonly kind: "pipe"; readonly pipe: Pipe };
  readonly fields: readonly string[];
  readonly text: string;
  /** `LINE:COLUMN`. */
  readonly place: string;
}

export interface ParsedTemplate {
  readonly body: readonly TemplateNode[];
  readonly named: ReadonlyMap<string, readonly TemplateNode[]>;
}

/** Throws Error in the words of Go, with the line. */
export function parseGoTemplate(
  text: string,
  name: string,
  isFunction: (name: string) => boolean,
): ParsedTemplate {
  return new Parser(text, name, isFunction).parse();
}

interface Token {
  readonly text: string;
  readonly place: string;
  readonly spaceBefore: boolean;
}

/** A piece of text, or the tokens of one action. */
interface Piece {
  readonly text?: string;
  readonly tokens: readonly Token[];
  readonly line: number;
  readonly source: string;
}

const tokenPattern =
  /\s*(?:("(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)+')|([+-]?(?:0[xX][\da-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?))|(\$[\p{L}\d_]*)|(\.[\p{L}_][\p{L}\d_]*)|(:=)|([\p{L}_][\p{L}\d_]*)|([.=|(),]))/uy;

class Parser {
  readonly #name: string;
  readonly #isFunction: (name: string) => boolean;
  readonly #pieces: readonly Piece[];
  readonly #named = new Map<string, readonly TemplateNode[]>();
  #at = 0;
  /** Variables that are known here; those of a block are dropped at its end. */
  #variables: string[] = ["$"];
  #loops = 0;
  #line = 1;

  constructor(text: string, name: string, isFunction: (name: string) => boolean) {
    this.#name = name;
    this.#isFunction = isFunction;
    this.#pieces = this.#cut(text);
  }

  parse(): ParsedTemplate {
    const { nodes, end } = this.#block();
    if (end !== undefined) this.#fail(`unexpected {{${end}}}`);
    return { body: nodes, named: this.#named };
  }

  #fail(why: string): never {
    throw new Error(`template: ${this.#name}:${this.#line}: ${why}`);
  }

  #cut(text: string): Piece[] {
    const pieces: Piece[] = [];
    let at = 0;
    let trimNext = false;
    const addText = (raw: string): void => {
      const shown = trimNext ? raw.replace(/^[ \t\r\n]+/, "") : raw;
      if (shown !== "") pieces.push({ text: shown, tokens: [], line: this.#line, source: "" });
      this.#line += raw.split("\n").length - 1;
    };
    for (;;) {
      const open = text.indexOf("{{", at);
      if (open < 0) break;
      const trimBefore = /^\{\{-[ \t\r\n]/.test(text.slice(open, open + 4));
      const before = text.slice(at, open);
      addText(trimBefore ? before.replace(/[ \t\r\n]+$/, "") : before);
      if (trimBefore) this.#line += before.split("\n").length - before.trimEnd().split("\n").length;
      const inside = open + (trimBefore ? 3 : 2);
      const comment = /^\s*\/\*[\s\S]*?\*\/(\s-)?\}\}/.exec(text.slice(inside));
      if (comment !== null) {
        at = inside + comment[0].length;
        trimNext = comment[1] !== undefined;
        this.#line += comment[0].split("\n").length - 1;
        continue;
      }
      const { tokens, end, trims } = this.#tokens(text, inside);
      pieces.push({ tokens, line: this.#line, source: text.slice(inside, end).trim() });
      this.#line += text.slice(inside, end).split("\n").length - 1;
      at = text.indexOf("}}", end) + 2;
      trimNext = trims;
    }
    addText(text.slice(at));
    this.#line = 1;
    return pieces;
  }

  #tokens(text: string, start: number): { tokens: Token[]; end: number; trims: boolean } {
    const tokens: Token[] = [];
    let at = start;
    for (;;) {
      const closing = /^(?:\s+(-)|\s*)\}\}/.exec(text.slice(at));
      if (closing !== null) return { tokens, end: at, trims: closing[1] !== undefined };
      tokenPattern.lastIndex = at;
      const match = tokenPattern.exec(text);
      if (match === null) {
        const rest = text.slice(at).trimStart();
        if (rest === "") this.#fail("unclosed action");
        if (rest.startsWith('"')) this.#fail("unterminated quoted string");
        const character = rest.codePointAt(0) ?? 0;
        const code = `U+${character.toString(16).toUpperCase().padStart(4, "0")}`;
        this.#fail(`unrecognized character in action: ${code} '${rest.charAt(0)}'`);
      }
      const token = match[0].trimStart();
      at = tokenPattern.lastIndex;
      const place = placeIn(text, at - token.length);
      tokens.push({ text: token, place, spaceBefore: token.length < match[0].length });
    }
  }

  /** Nodes up to the `end` or `else` that closes them. */
  #block(): { nodes: TemplateNode[]; end: string | undefined; rest: readonly Token[] } {
    const nodes: TemplateNode[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at];
      if (piece === undefined) return { nodes, end: undefined, rest: [] };
      this.#at++;
      this.#line = piece.line;
      if (piece.text !== undefined) {
        nodes.push({ kind: "text", text: piece.text });
        continue;
      }
      const [first, ...rest] = piece.tokens;
      if (first === undefined) this.#fail("missing value for command");
      if (first.text === "end" || first.text === "else") return { nodes, end: first.text, rest };
      const node = this.#statement(first.text, piece);
      if (node !== undefined) nodes.push(node);
    }
  }

  #statement(word: string, piece: Piece): TemplateNode | undefined {
    const rest = piece.tokens.slice(1);
    switch (word) {
      case "if":
      case "with":
      case "range":
        return this.#control(word, rest, piece.source.slice(word.length).trim());
      case "break":
      case "continue":
        if (this.#loops === 0) this.#fail(`{{${word}}} outside {{range}}`);
        return { kind: word };
      case "define":
        this.#define(this.#string(rest[0]));
        return undefined;
      case "block": {
        const name = this.#string(rest[0]);
        const pipe = this.#pipe(rest.slice(1), "block clause", piece.source);
        this.#define(name);
        return { kind: "template", name, pipe, place: rest[0]?.place ?? "" };
      }
      case "template": {
        const name = this.#string(rest[0]);
        const pipe = rest.length > 1 ? this.#pipe(rest.slice(1), "template clause", piece.source) : undefined;
        return { kind: "template", name, pipe, place: rest[0]?.place ?? "" };
      }
      default:
        return { kind: "action", pipe: this.#pipe(piece.tokens, "command", piece.source) };
    }
  }

  #define(name: string): void {
    const outer = this.#variables;
    this.#variables = ["$"];
    const { nodes, end } = this.#block();
    if (end === undefined) this.#fail("unexpected EOF");
    this.#variables = outer;
    this.#named.set(name, nodes);
  }

  #string(token: Token | undefined): string {
    const value = token === undefined ? undefined : unquote(token.text);
    return value ?? this.#fail(`unexpected ${JSON.stringify(token?.text ?? "EOF")} in template clause`);
  }

  #control(kind: "if" | "with" | "range", tokens: readonly Token[], source: string): TemplateNode {
    const outer = [...this.#variables];
    const pipe = this.#pipe(tokens, kind, source, kind === "range");
    if (kind === "range") this.#loops++;
    const body = this.#block();
    if (kind === "range") this.#loops--;
    if (body.end === undefined) this.#fail("unexpected EOF");
    let otherwise: readonly TemplateNode[] = [];
    if (body.end === "else") {
      const [next, ...rest] = body.rest;
      if (next !== undefined && (next.text === "if" || next.text === "with") && kind !== "range") {
        otherwise = [this.#control(next.text, rest, rest.map(({ text }) => text).join(" "))];
      } else {
        const last = this.#block();
        if (last.end === undefined) this.#fail("unexpected EOF");
        if (last.end === "else") this.#fail("expected end; found {{else}}");
        otherwise = last.nodes;
      }
    }
    this.#variables = outer;
    return { kind, pipe, body: body.nodes, otherwise };
  }

  #pipe(tokens: readonly Token[], context: string, source: string, twoVariables = false): Pipe {
    let rest = tokens;
    const variables: string[] = [];
    let assigns = false;
    const operator = rest.findIndex(({ text }) => text === ":=" || text === "=");
    const isDeclaration = operator > 0 && rest.slice(0, operator).every(({ text }) => /^(?:\$|,)/.test(text));
    if (isDeclaration) {
      assigns = rest[operator]?.text === "=";
      variables.push(
        ...rest
          .slice(0, operator)
          .filter(({ text }) => text !== ",")
          .map(({ text }) => text),
      );
      if (variables.length > (twoVariables ? 2 : 1)) this.#fail(`too many declarations in ${context}`);
      rest = rest.slice(operator + 1);
    }
    const commands: Operand[][] = [[]];
    const cursor = { tokens: rest, at: 0 };
    while (cursor.at < cursor.tokens.length) {
      const token = cursor.tokens[cursor.at];
      if (token?.text === "|") {
        if (commands.at(-1)?.length === 0) this.#fail(`missing value for ${context}`);
        commands.push([]);
        cursor.at++;
        continue;
      }
      commands.at(-1)?.push(this.#operand(cursor, context));
    }
    if (commands.at(-1)?.length === 0) this.#fail(`missing value for ${context}`);
    this.#checkPipe(commands);
    for (const name of variables) {
      if (assigns && !this.#variables.includes(name))
        this.#fail(`undefined variable ${JSON.stringify(name)}`);
      if (!assigns) this.#variables.push(name);
    }
    return { variables, assigns, commands, text: source };
  }

  /** Only what can be called may stand behind a pipe. */
  #checkPipe(commands: readonly (readonly Operand[])[]): void {
    for (const [first] of commands.slice(1)) {
      const kind = first?.base.kind;
      if (kind === "literal" || kind === "nil" || (kind === "dot" && first?.fields.length === 0)) {
        this.#fail(`non executable command in pipeline stage 2`);
      }
    }
  }

  #operand(cursor: { readonly tokens: readonly Token[]; at: number }, context: string): Operand {
    const token = cursor.tokens[cursor.at++];
    const word = token?.text ?? "";
    let place = token?.place ?? "";
    const fields: string[] = [];
    let base: Operand["base"];
    let text = word;
    if (word === "(") {
      const start = cursor.at;
      let depth = 1;
      while (depth > 0) {
        const next = cursor.tokens[cursor.at++];
        if (next === undefined) this.#fail("unclosed left paren");
        if (next.text === "(") depth++;
        if (next.text === ")") depth--;
      }
      const inner = cursor.tokens.slice(start, cursor.at - 1);
      text = inner.map(({ text: part, spaceBefore }) => (spaceBefore ? ` ${part}` : part)).join("");
      base = { kind: "pipe", pipe: this.#pipe(inner, "parenthesized pipeline", text) };
      text = `(${text})`;
    } else if (word === ".") base = { kind: "dot" };
    else if (/^\.[\p{L}_]/u.test(word)) {
      base = { kind: "dot" };
      fields.push(word.slice(1));
    } else if (word.startsWith("$")) {
      if (!this.#variables.includes(word)) this.#fail(`undefined variable ${JSON.stringify(word)}`);
      base = { kind: "variable", name: word };
    } else if (word === "nil") base = { kind: "nil" };
    else if (word === "true" || word === "false") base = { kind: "literal", value: word === "true" };
    else if (/^["`']|^[+-]?\d/.test(word)) base = { kind: "literal", value: this.#literal(word) };
    else if (/^[\p{L}_]/u.test(word)) {
      if (!this.#isFunction(word)) this.#fail(`function ${JSON.stringify(word)} not defined`);
      base = { kind: "function", name: word };
    } else this.#fail(`unexpected ${JSON.stringify(word)} in ${context}`);
    for (;;) {
      const next = cursor.tokens[cursor.at];
      if (next === undefined || next.spaceBefore || !/^\.[\p{L}_]/u.test(next.text)) break;
      // Go points at the first field that is taken of what stood before.
      if (text === word) place = next.place;
      fields.push(next.text.slice(1));
      text += next.text;
      cursor.at++;
    }
    return { base, fields, text, place };
  }

  #literal(word: string): unknown {
    if (word.startsWith("'")) {
      const inner = unquote(
        `"${word.slice(1, -1).replaceAll('"', String.raw`\"`).replaceAll(String.raw`\'`, "'")}"`,
      );
      return inner?.codePointAt(0) ?? 0;
    }
    const text = unquote(word);
    if (text !== undefined) return text;
    return Number(word);
  }
}

/** `LINE:COLUMN`, columns from 0 on, as Go tells them. */
function placeIn(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  return `${before.length}:${Buffer.byteLength(before.at(-1) ?? "")}`;
}

const escapes: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** The text of a quoted word; undefined when it is none. */
function unquote(word: string): string | undefined {
  if (word.startsWith("`")) return word.slice(1, -1);
  if (!word.startsWith('"')) return undefined;
  return word
    .slice(1, -1)
    .replaceAll(
      /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})|(.))/g,
      (_, hex?: string, u4?: string, u8?: string, octal?: string, letter = "") => {
        const code = hex ?? u4 ?? u8;
        if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
        if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
        return escapes[letter] ?? letter;
      },
    );
}
