import { codePoints, Issues, nowhere, type Source } from "../source.ts";
import type { CelValue } from "../values.ts";
import type { Expr, MapEntry, StructField } from "./ast.ts";
import { printable, type Token, type TokenKind, tokenize, tokenKinds } from "./lexer.ts";
import { bytesLiteral, doubleLiteral, intLiteral, stringLiteral, uintLiteral } from "./literals.ts";
import { macroKey } from "./macro-key.ts";
import type { Macro } from "./macros.ts";

/**
 * Recursive descent over the grammar of cel-spec. The messages are those that ANTLR's parser would give for cel-go's
 * grammar: each rule knows what may follow it, recovers there after an error, and reports no second error before a
 * token has been taken again. Macros are expanded as soon as their call has been read.
 */
export interface ParserOptions {
  /** By name, number of arguments and whether it is called on a target: see `macroKey`. */
  readonly macros: ReadonlyMap<string, Macro>;
  /** `a.?b`, `a[?b]`, `[?a]`. */
  readonly optionalSyntax: boolean;
  /** `` a.`b-c` ``. */
  readonly escapedIdentifiers: boolean;
}

/** How deep rules may nest, and how long chains of one level may grow. */
const maxDepth = 250;
const tooDeep = `expression recursion limit exceeded: ${maxDepth}`;
const maxCodePoints = 100_000;
/** Syntax errors after which recovery is given up. */
const maxRecoveries = 30;

const reserved = new Set(
  "as break const continue else false for function if import in let loop package namespace null return true var void while".split(
    " ",
  ),
);

type Rule = "expr" | "relation" | "calc" | "member" | "or" | "and" | "unary" | "primary" | "list";

/** A syntax error on its way to the rule that recovers from it. */
class Mismatch {
  readonly message: string;
  readonly token: Token;

  constructor(message: string, token: Token) {
    this.message = message;
    this.token = token;
  }
}

/** Ends the parsing at once. */
class GiveUp {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

const relations = new Set<TokenKind>(["<", "<=", ">=", ">", "==", "!=", "in"]);
const sums = new Set<TokenKind>(["+", "-"]);
const products = new Set<TokenKind>(["*", "/", "%"]);
const calcs = new Set<TokenKind>(["+", "-", "*", "/", "%"]);
const memberTails = new Set<TokenKind>([".", "["]);
const primaryStarts = new Set<TokenKind>([
  "[",
  "{",
  "(",
  ".",
  "-",
  "true",
  "false",
  "null",
  "NUM_FLOAT",
  "NUM_INT",
  "NUM_UINT",
  "STRING",
  "BYTES",
  "IDENTIFIER",
]);
const exprStarts = new Set<TokenKind>([...primaryStarts, "!"]);
const closers: readonly TokenKind[] = [")", "]", "}", ":", "<EOF>"];
const nothing = new Set<TokenKind>();

export function parse(source: Source, issues: Issues, options: ParserOptions): Expr {
  const size = codePoints(source.text);
  if (size > maxCodePoints) {
    issues.add(nowhere, `expression code point size exceeds limit: size: ${size}, limit ${maxCodePoints}`);
    return { kind: "unspecified", offset: 0 };
  }
  return new Parser(source, issues, options).start();
}

class Parser {
  readonly #issues: Issues;
  readonly #options: ParserOptions;
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  /** What may follow each rule that is being read, outermost first: where recovery may stop. */
  readonly #follow: ReadonlySet<TokenKind>[] = [];
  readonly #depth = new Map<Rule, number>();
  /** After an error and before the next token is taken: nothing is reported. */
  #recovering = false;
  #lastError = -1;
  #recoveries = 0;

  constructor(source: Source, issues: Issues, options: ParserOptions) {
    this.#issues = issues;
    this.#options = options;
    this.#text = source.text;
    this.#tokens = tokenize(source.text, issues);
  }

  start(): Expr {
    // What the visitor finds (reserved words, bad literals, macros) comes after what the grammar refuses; the list of
    // issues is sorted by place, so one pass will do.
    try {
      const expr = this.#rule("expr", new Set<TokenKind>(["<EOF>"]), () => this.#expr());
      try {
        this.#match("<EOF>", nothing);
      } catch (error) {
        this.#recover(error);
      }
      return expr;
    } catch (error) {
      // Who calls may have come far already: less of the stack is left than the limit of depth may take.
      const given = error instanceof RangeError ? new GiveUp(tooDeep) : error;
      if (!(given instanceof GiveUp)) throw given;
      this.#issues.add(nowhere, given.message);
      return { kind: "unspecified", offset: 0 };
    }
  }

  // -- rules ---------------------------------------------------------------------------------------------------

  #expr(): Expr {
    const condition = this.#rule("or", new Set(["?"]), () => this.#or());
    const op = this.#next();
    if (op.kind !== "?") return condition;
    this.#take();
    const yes = this.#rule("or", new Set([":"]), () => this.#or());
    this.#match(":", exprStarts);
    const no = this.#rule("expr", nothing, () => this.#expr());
    return this.#call(op.offset, "_?_:_", undefined, [condition, yes, no]);
  }

  #or(): Expr {
    return this.#logic("||", "_||_", () => this.#rule("and", new Set(["||"]), () => this.#and()));
  }

  #and(): Expr {
    return this.#logic("&&", "_&&_", () => this.#chain("relation", new Set(["&&"]), () => this.#relation()));
  }

  /** Terms of one logical operator become a balanced tree, so that long ones are not deep. */
  #logic(kind: TokenKind, name: string, term: () => Expr): Expr {
    const terms = [term()];
    const operators: number[] = [];
    while (this.#next().kind === kind) {
      operators.push(this.#take().offset);
      terms.push(term());
    }
    const tree = (low: number, high: number): Expr => {
      const middle = (low + high + 1) >> 1;
      const left = middle === low ? this.#term(terms, middle) : tree(low, middle - 1);
      const right = middle === high ? this.#term(terms, middle + 1) : tree(middle + 1, high);
      return { kind: "call", offset: operators[middle] ?? 0, name, target: undefined, args: [left, right] };
    };
    return operators.length === 0 ? this.#term(terms, 0) : tree(0, operators.length - 1);
  }

  #term(terms: readonly Expr[], index: number): Expr {
    return terms[index] ?? { kind: "unspecified", offset: 0 };
  }

  #relation(): Expr {
    let left = this.#chain("calc", relations, () => this.#calc());
    while (relations.has(this.#next().kind)) {
      this.#deepen("relation");
      const op = this.#take();
      const right = this.#chain("calc", relations, () => this.#calc());
      left = this.#call(op.offset, op.kind === "in" ? "@in" : `_${op.kind}_`, undefined, [left, right]);
    }
    return left;
  }

  #calc(): Expr {
    let left = this.#product();
    while (sums.has(this.#next().kind)) {
      this.#deepen("calc");
      const op = this.#take();
      const right = this.#product();
      left = this.#call(op.offset, `_${op.kind}_`, undefined, [left, right]);
    }
    return left;
  }

  #product(): Expr {
    let left = this.#rule("unary", calcs, () => this.#unary());
    while (products.has(this.#next().kind)) {
      this.#deepen("calc");
      const op = this.#take();
      const right = this.#rule("unary", calcs, () => this.#unary());
      left = this.#call(op.offset, `_${op.kind}_`, undefined, [left, right]);
    }
    return left;
  }

  #unary(): Expr {
    this.#sync(exprStarts);
    const first = this.#next();
    if (first.kind === "!" || (first.kind === "-" && !this.#startsNumber())) {
      const after = this.#peek(1);
      if (first.kind === "-" && after.kind !== "-" && !primaryStarts.has(after.kind))
        throw this.#noAlternative(1);
      let count = 0;
      do {
        this.#take();
        count++;
        this.#syncLoop(new Set([...primaryStarts, first.kind]), primaryStarts);
      } while (this.#next().kind === first.kind && !(first.kind === "-" && count === 0));
      const operand = this.#chain("member", nothing, () => this.#member());
      if (count % 2 === 0) return operand;
      return this.#call(first.offset, first.kind === "!" ? "!_" : "-_", undefined, [operand]);
    }
    return this.#chain("member", nothing, () => this.#member());
  }

  /** A minus directly before a number belongs to it. */
  #startsNumber(): boolean {
    const kind = this.#peek(1).kind;
    return kind === "NUM_INT" || kind === "NUM_FLOAT";
  }

  #member(): Expr {
    let expr = this.#rule("primary", memberTails, () => this.#primary());
    while (memberTails.has(this.#next().kind)) {
      this.#deepen("member");
      try {
        expr = this.#next().kind === "[" ? this.#index(expr) : this.#selection(expr);
      } catch (error) {
        // What has been read so far stands.
        this.#recover(error);
        return expr;
      }
    }
    return expr;
  }

  #index(operand: Expr): Expr {
    const op = this.#take();
    this.#sync(new Set([...exprStarts, "?"]));
    const optional = this.#next().kind === "?" ? this.#take() : undefined;
    const index = this.#rule("expr", new Set(["]"]), () => this.#expr());
    this.#match("]", undefined);
    if (optional !== undefined && !this.#options.optionalSyntax)
      return this.#bad(op.offset, "unsupported syntax '[?'");
    return this.#call(op.offset, optional === undefined ? "_[_]" : "_[?_]", undefined, [operand, index]);
  }

  #selection(operand: Expr): Expr {
    const name = this.#peek(1);
    const isName = name.kind === "IDENTIFIER" || name.kind === "ESC_IDENTIFIER";
    if (!isName && name.kind !== "?") throw this.#noAlternative(1);
    const op = this.#take();
    if (name.kind === "IDENTIFIER" && this.#peek(1).kind === "(") {
      this.#take();
      const open = this.#take();
      const args = this.#arguments();
      return this.#call(open.offset, name.text, operand, args);
    }
    const optional = name.kind === "?" ? this.#take() : undefined;
    const field = this.#escapedName();
    if (field === undefined) return { kind: "unspecified", offset: op.offset };
    if (optional === undefined) {
      return { kind: "select", offset: op.offset, operand, field: this.#fieldName(field), testOnly: false };
    }
    if (!this.#options.optionalSyntax) return this.#bad(op.offset, "unsupported syntax '.?'");
    const literal: Expr = { kind: "literal", offset: field.offset, value: this.#fieldName(field) };
    return { kind: "call", offset: op.offset, name: "_?._", target: undefined, args: [operand, literal] };
  }

  #escapedName(): Token | undefined {
    this.#sync(new Set(["IDENTIFIER", "ESC_IDENTIFIER"]));
    const token = this.#next();
    if (token.kind === "IDENTIFIER" || token.kind === "ESC_IDENTIFIER") return this.#take();
    return undefined;
  }

  #fieldName(token: Token): string {
    if (token.kind === "IDENTIFIER") return token.text;
    if (!this.#options.escapedIdentifiers) this.#issues.add(token.offset, "unsupported syntax: '`'");
    return token.text.slice(1, -1);
  }

  #arguments(): Expr[] {
    this.#sync(new Set([...exprStarts, ")"]));
    const args: Expr[] = [];
    if (this.#next().kind !== ")") {
      this.#rule("list", new Set([")"]), () => {
        args.push(this.#rule("expr", new Set([","]), () => this.#expr()));
        while (this.#next().kind === ",") {
          this.#take();
          args.push(this.#rule("expr", new Set([","]), () => this.#expr()));
        }
        return { kind: "unspecified", offset: 0 };
      });
    }
    this.#match(")", undefined);
    return args;
  }

  #primary(): Expr {
    this.#sync(primaryStarts);
    const token = this.#next();
    switch (token.kind) {
      case "(": {
        this.#take();
        const expr = this.#rule("expr", new Set([")"]), () => this.#expr());
        this.#match(")", undefined);
        return expr;
      }
      case "[":
        return this.#list();
      case "{":
        return this.#map();
      case ".":
      case "IDENTIFIER":
        return this.#name();
      default:
        // A minus alone begins no literal.
        if (token.kind === "-" && !this.#startsNumber()) throw this.#noAlternative(1);
        return this.#literal();
    }
  }

  #name(): Expr {
    const dot = this.#next().kind === "." ? this.#next() : undefined;
    const start = dot === undefined ? 0 : 1;
    if (this.#peek(start).kind !== "IDENTIFIER") throw this.#noAlternative(start);
    let ahead = start + 1;
    while (this.#peek(ahead).kind === "." && this.#peek(ahead + 1).kind === "IDENTIFIER") ahead += 2;
    if (this.#peek(ahead).kind === "{") return this.#message(dot, ahead);
    if (dot !== undefined) this.#take();
    const token = this.#take();
    const offset = dot?.offset ?? token.offset;
    const name = dot === undefined ? token.text : `.${token.text}`;
    if (this.#next().kind !== "(") {
      if (reserved.has(token.text)) return this.#bad(offset, `reserved identifier: ${token.text}`);
      return { kind: "ident", offset: token.offset, name };
    }
    const open = this.#take();
    const args = this.#arguments();
    if (reserved.has(token.text)) return this.#bad(offset, `reserved identifier: ${token.text}`);
    return this.#call(open.offset, name, undefined, args);
  }

  /** `Name.Of.Type{field: value}`; `length` tokens are the name. */
  #message(dot: Token | undefined, length: number): Expr {
    let name = "";
    for (let index = 0; index < length; index++) name += this.#take().text;
    const open = this.#take();
    const fields: StructField[] = [];
    this.#sync(new Set(["}", ",", "?", "IDENTIFIER", "ESC_IDENTIFIER"]));
    if (this.#next().kind !== "}" && this.#next().kind !== ",") {
      this.#rule("list", new Set(["}", ","]), () => {
        do {
          if (this.#next().kind === ",") this.#take();
          const field = this.#field();
          if (field !== undefined) fields.push(field);
        } while (this.#next().kind === "," && this.#continues());
        return { kind: "unspecified", offset: 0 };
      });
    }
    this.#close("}");
    return { kind: "struct", offset: open.offset, name: dot === undefined ? name : name, fields };
  }

  #field(): StructField | undefined {
    this.#sync(new Set(["?", "IDENTIFIER", "ESC_IDENTIFIER"]));
    const optional = this.#next().kind === "?" ? this.#take() : undefined;
    const token = this.#escapedName();
    const colon = this.#match(":", exprStarts);
    const value = this.#rule("expr", new Set([","]), () => this.#expr());
    if (token === undefined || colon === undefined) return undefined;
    if (optional !== undefined && !this.#options.optionalSyntax) {
      this.#issues.add(optional.offset, "unsupported syntax '?'");
      return undefined;
    }
    return { offset: colon.offset, name: this.#fieldName(token), value, optional: optional !== undefined };
  }

  #list(): Expr {
    const open = this.#take();
    const elements: Expr[] = [];
    const optionals = new Set<number>();
    this.#sync(new Set([...exprStarts, "?", ",", "]"]));
    if (this.#next().kind !== "]" && this.#next().kind !== ",") {
      this.#rule("list", new Set(["]", ","]), () => {
        do {
          if (this.#next().kind === ",") this.#take();
          if (this.#optionalMark()) optionals.add(elements.length);
          elements.push(this.#rule("expr", new Set([","]), () => this.#expr()));
        } while (this.#next().kind === "," && this.#continues());
        return { kind: "unspecified", offset: 0 };
      });
    }
    this.#close("]");
    return { kind: "list", offset: open.offset, elements, optionals };
  }

  #map(): Expr {
    const open = this.#take();
    const entries: MapEntry[] = [];
    this.#sync(new Set([...exprStarts, "?", ",", "}"]));
    if (this.#next().kind !== "}" && this.#next().kind !== ",") {
      this.#rule("list", new Set(["}", ","]), () => {
        do {
          if (this.#next().kind === ",") this.#take();
          const optional = this.#optionalMark();
          const key = this.#rule("expr", new Set([":"]), () => this.#expr());
          const colon = this.#match(":", exprStarts);
          const value = this.#rule("expr", new Set([","]), () => this.#expr());
          entries.push({ offset: colon?.offset ?? open.offset, key, value, optional });
        } while (this.#next().kind === "," && this.#continues());
        return { kind: "unspecified", offset: 0 };
      });
    }
    this.#close("}");
    return { kind: "map", offset: open.offset, entries };
  }

  /** After a comma: another entry, or the comma was the last. */
  #continues(): boolean {
    const { kind } = this.#peek(1);
    return kind === "?" || kind === "ESC_IDENTIFIER" || exprStarts.has(kind);
  }

  #optionalMark(): boolean {
    this.#sync(new Set([...exprStarts, "?"]));
    if (this.#next().kind !== "?") return false;
    const mark = this.#take();
    if (!this.#options.optionalSyntax) this.#issues.add(mark.offset, "unsupported syntax '?'");
    return this.#options.optionalSyntax;
  }

  /** A comma may stand before the closing bracket. */
  #close(kind: TokenKind): void {
    this.#sync(new Set([kind, ","]));
    if (this.#next().kind === ",") this.#take();
    this.#match(kind, undefined);
  }

  #literal(): Expr {
    const sign = this.#next().kind === "-" ? this.#take() : undefined;
    const token = this.#take();
    const offset = sign?.offset ?? token.offset;
    const value = this.#literalValue(token, sign !== undefined);
    if (value instanceof Error) return this.#bad(offset, value.message);
    return { kind: "literal", offset, value };
  }

  #literalValue(token: Token, negative: boolean): CelValue | Error {
    switch (token.kind) {
      case "true":
        return true;
      case "false":
        return false;
      case "null":
        return null;
      case "NUM_INT":
        return intLiteral(token.text, negative) ?? new Error("invalid int literal");
      case "NUM_UINT":
        return uintLiteral(token.text) ?? new Error("invalid uint literal");
      case "NUM_FLOAT":
        return doubleLiteral(token.text, negative) ?? new Error("invalid double literal");
      case "STRING":
        return stringLiteral(token.text);
      default:
        return bytesLiteral(token.text);
    }
  }

  // -- calls and macros ------------------------------------------------------------------------------------------

  #call(offset: number, name: string, target: Expr | undefined, args: Expr[]): Expr {
    const { macros } = this.#options;
    const onTarget = target !== undefined;
    const macro =
      macros.get(macroKey(name, args.length, onTarget)) ?? macros.get(macroKey(name, "*", onTarget));
    const expanded = macro?.(offset, target, args);
    if (expanded === undefined) return { kind: "call", offset, name, target, args };
    return "message" in expanded ? this.#bad(expanded.offset, expanded.message) : expanded;
  }

  #bad(offset: number, message: string): Expr {
    this.#issues.add(offset, message);
    return { kind: "unspecified", offset };
  }

  // -- tokens ----------------------------------------------------------------------------------------------------

  #next(): Token {
    return this.#peek(0);
  }

  #peek(ahead: number): Token {
    const last = this.#tokens.length - 1;
    return this.#tokens[Math.min(this.#at + ahead, last)] ?? { kind: "<EOF>", text: "<EOF>", offset: 0 };
  }

  #take(): Token {
    const token = this.#next();
    this.#recovering = false;
    this.#lastError = -1;
    if (this.#at < this.#tokens.length - 1) this.#at++;
    return token;
  }

  /** Takes the token or mends: leaves one out, or pretends that a missing one was there. */
  #match(kind: TokenKind, after: ReadonlySet<TokenKind> | undefined): Token | undefined {
    if (this.#next().kind === kind) return this.#take();
    this.#attempt();
    if (this.#deleteToken(new Set([kind]))) return this.#take();
    const next = this.#next();
    const follows = after === undefined ? this.#followsAnywhere(next.kind) : after.has(next.kind);
    if (kind !== "<EOF>" && follows) {
      this.#report(next, `missing '${kind}' at ${quote(next)}`);
      return undefined;
    }
    throw new Mismatch(`mismatched input ${quote(next)} expecting ${expected(new Set([kind]))}`, next);
  }

  /** After a closing bracket comes whatever may follow one of the rules that are open, or an operator. */
  #followsAnywhere(kind: TokenKind): boolean {
    if (memberTails.has(kind)) return true;
    for (const set of this.#follow.toReversed()) {
      if (set.has(kind)) return true;
      // A rule that must be closed lets nothing of the outer ones through.
      if (closers.some((closer) => set.has(closer))) return false;
    }
    return false;
  }

  /** At the start of a choice: a token that cannot begin any of them is left out, or ends the rule. */
  #sync(starts: ReadonlySet<TokenKind>): void {
    if (this.#recovering || starts.has(this.#next().kind)) {
      if (!starts.has(this.#next().kind)) throw new Mismatch("", this.#next());
      return;
    }
    if (this.#deleteToken(starts)) return;
    throw new Mismatch(`mismatched input ${quote(this.#next())} expecting ${expected(starts)}`, this.#next());
  }

  /** Between repetitions: what fits nowhere is skipped. */
  #syncLoop(continues: ReadonlySet<TokenKind>, after: ReadonlySet<TokenKind>): void {
    if (this.#recovering || continues.has(this.#next().kind)) return;
    this.#report(this.#next(), `extraneous input ${quote(this.#next())} expecting ${expected(continues)}`);
    const stops = new Set([...continues, ...after, ...this.#recoverySet()]);
    while (!stops.has(this.#next().kind) && this.#next().kind !== "<EOF>") this.#at++;
  }

  /** True when the token after the next is what was wanted: the next one is reported and left out. */
  #deleteToken(wanted: ReadonlySet<TokenKind>): boolean {
    if (!wanted.has(this.#peek(1).kind) || this.#next().kind === "<EOF>") return false;
    this.#report(this.#next(), `extraneous input ${quote(this.#next())} expecting ${expected(wanted)}`);
    this.#at++;
    this.#recovering = false;
    return true;
  }

  #noAlternative(ahead: number): Mismatch {
    const first = this.#next();
    const last = this.#peek(ahead);
    const end = last.kind === "<EOF>" ? last.offset : last.offset + last.text.length;
    const text = this.#text.slice(first.offset, end);
    const word = /^\.(true|false|null)$/u.exec(text);
    if (word !== null) return new Mismatch(`mismatched input '${word[1]}' expecting IDENTIFIER`, last);
    return new Mismatch(`no viable alternative at input '${printable(text)}'`, last);
  }

  // -- recovery --------------------------------------------------------------------------------------------------

  /** Reads a rule; an error inside is reported, and reading goes on where something may follow. */
  #rule(rule: Rule, follow: ReadonlySet<TokenKind>, read: () => Expr): Expr {
    const offset = this.#next().offset;
    const before = this.#depth.get(rule) ?? 0;
    this.#deepen(rule);
    this.#follow.push(follow);
    try {
      return read();
    } catch (error) {
      this.#recover(error);
      return { kind: "unspecified", offset };
    } finally {
      this.#follow.pop();
      this.#depth.set(rule, before);
    }
  }

  /** A rule whose repetitions count as depth. */
  #chain(rule: Rule, follow: ReadonlySet<TokenKind>, read: () => Expr): Expr {
    return this.#rule(rule, follow, read);
  }

  #deepen(rule: Rule): void {
    const depth = (this.#depth.get(rule) ?? 0) + 1;
    // The first operator of a chain comes with its first operand.
    const allowed = rule === "member" || rule === "calc" || rule === "relation" ? maxDepth + 1 : maxDepth;
    if (depth > allowed) throw new GiveUp(tooDeep);
    this.#depth.set(rule, depth);
  }

  #recover(error: unknown): void {
    if (!(error instanceof Mismatch)) throw error;
    if (error.message !== "") this.#report(error.token, error.message);
    this.#attempt();
    // The same token twice in a row: it is skipped, or this would not end.
    if (this.#lastError === this.#at && this.#next().kind !== "<EOF>") this.#at++;
    this.#lastError = this.#at;
    const stops = this.#recoverySet();
    while (!stops.has(this.#next().kind) && this.#next().kind !== "<EOF>") this.#at++;
  }

  #attempt(): void {
    if (this.#recoveries === maxRecoveries) {
      throw new GiveUp(`error recovery attempt limit exceeded: ${maxRecoveries}`);
    }
    this.#recoveries++;
  }

  #recoverySet(): Set<TokenKind> {
    return new Set(this.#follow.flatMap((set) => [...set]));
  }

  #report(token: Token, message: string): void {
    if (this.#recovering) return;
    this.#recovering = true;
    this.#issues.add(token.offset, `Syntax error: ${message}`);
  }
}

function quote(token: Token): string {
  return `'${printable(token.text)}'`;
}

const order = new Map<TokenKind, number>(tokenKinds.map((kind, index) => [kind, index]));

function expected(kinds: ReadonlySet<TokenKind>): string {
  const sorted = [...kinds].toSorted((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
  const names = sorted.map((kind) => (/^[A-Z_]+$|^<EOF>$/u.test(kind) ? kind : `'${kind}'`));
  return names.length === 1 ? (names[0] ?? "") : `{${names.join(", ")}}`;
}
