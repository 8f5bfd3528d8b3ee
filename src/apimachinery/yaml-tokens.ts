import { type Mark, YamlCursor } from "./yaml-cursor.ts";
import {
  endLine,
  handleOf,
  skipBlockScalar,
  skipPlain,
  skipQuoted,
  uriOf,
  versionOf,
} from "./yaml-token-parts.ts";

/**
 * The tokens of YAML 1.1 as libyaml tells them apart, on which Go's reader is built. Nothing reads documents with them: they
 * are for saying of a document that could not be read what Kubernetes says of it, and on which line.
 */
export type TokenType =
  | "stream-end"
  | "yaml-directive"
  | "tag-directive"
  | "---"
  | "..."
  | "block-sequence"
  | "block-mapping"
  | "block-end"
  | "["
  | "]"
  | "{"
  | "}"
  | ","
  | "-"
  | "?"
  | ":"
  | "alias"
  | "anchor"
  | "tag"
  | "scalar";

export interface Token {
  readonly type: TokenType;
  /** The line that it begins on, from zero. */
  readonly line: number;
  readonly index: number;
  /** The name of an anchor or an alias, the handle of a tag, the version of a directive. */
  readonly text?: string;
}

/** A place where a key may have begun of which only the colon behind it will tell. */
interface SimpleKey {
  isPossible: boolean;
  /** In a block mapping nothing but a key can stand there. */
  readonly isRequired: boolean;
  /** The number of its token in the stream. */
  readonly token: number;
  readonly mark: Mark;
}

/** A key without a question mark is of one line, and no longer than this. */
const maxKeyLength = 1024;

const indicators: ReadonlyMap<string, TokenType> = new Map([
  ["[", "["],
  ["{", "{"],
  ["]", "]"],
  ["}", "}"],
]);

export class TokenReader {
  readonly #at: YamlCursor;
  readonly #queue: Token[] = [];
  /** How many tokens were taken from the queue. */
  #taken = 0;
  #flowLevel = 0;
  #indent = -1;
  readonly #indents: number[] = [];
  /** One per level of flow collections; the last is that of the innermost. */
  readonly #keys: (SimpleKey | undefined)[] = [undefined];
  #mayBeginKey = true;

  constructor(text: string) {
    this.#at = new YamlCursor(text);
  }

  /** The token that comes next, which stays. */
  peek(): Token {
    while (this.#needsMore()) this.#fetch();
    return this.#queue[0] ?? { type: "stream-end", ...this.#at.mark };
  }

  take(): Token {
    const token = this.peek();
    this.#queue.shift();
    this.#taken++;
    return token;
  }

  /** The first token in the queue may turn out to be a key, before which others are put. */
  #needsMore(): boolean {
    if (this.#queue.length === 0) return true;
    const key = this.#keys.find((candidate) => candidate?.isPossible && candidate.token === this.#taken);
    return key !== undefined && this.#isStillKey(key);
  }

  #isStillKey(key: SimpleKey): boolean {
    if (!key.isPossible) return false;
    if (key.mark.line === this.#at.line && key.mark.index + maxKeyLength >= this.#at.index) return true;
    this.#dropKey(key);
    return false;
  }

  #dropKey(key: SimpleKey | undefined): void {
    if (!key?.isPossible) return;
    if (key.isRequired) this.#at.fail("could not find expected ':'");
    key.isPossible = false;
  }

  #put(type: TokenType, mark: Mark = this.#at.mark, text = ""): void {
    this.#queue.push({ type, ...mark, text });
  }

  #fetch(): void {
    this.#skipToToken();
    this.#unroll(this.#at.column);
    if (this.#at.isAtEnd) return this.#fetchEnd();
    if (this.#at.column === 0) {
      if (this.#at.here(/%/y) !== undefined) return this.#fetchDirective();
      const indicator = this.#at.here(/(?:---|\.\.\.)(?=[ \t\n\r\x85\u2028\u2029]|$)/y);
      if (indicator !== undefined) return this.#fetchDocumentIndicator(indicator === "---" ? "---" : "...");
    }
    const character = this.#at.text[this.#at.index] ?? "";
    const isFlow = this.#flowLevel > 0;
    const endsWord = this.#at.here(/.(?=[ \t\n\r\x85\u2028\u2029]|$)/y) !== undefined;
    const bracket = indicators.get(character);
    if (bracket !== undefined) return this.#fetchBracket(bracket);
    if (character === ",") return this.#fetchIndicator(",");
    if (character === "-" && endsWord) return this.#fetchEntry();
    if (character === "?" && (isFlow || endsWord)) return this.#fetchKey();
    if (character === ":" && (isFlow || endsWord)) return this.#fetchValue();
    if (character === "*" || character === "&") return this.#fetchAnchor(character);
    if (character === "!") return this.#fetchTag();
    if ((character === "|" || character === ">") && !isFlow) return this.#fetchBlockScalar();
    if (character === "'" || character === '"') {
      return this.#fetchScalar(() => skipQuoted(this.#at, character));
    }
    if (
      this.#at.here(/[^ \t\-?:,[\]{}#&*!|>'"%@`]|-(?![ \t])/y) !== undefined ||
      (!isFlow && /[?:]/.test(character))
    )
      return this.#fetchScalar(() => skipPlain(this.#at, this.#indent + 1, isFlow));
    this.#at.fail("found character that cannot start any token");
  }

  #skipToToken(): void {
    for (;;) {
      if (this.#at.index === 0) this.#at.eat(/\uFEFF/y);
      // Where a key may begin, a tab would be indentation.
      this.#at.eat(this.#flowLevel > 0 || !this.#mayBeginKey ? /[ \t]*/y : / */y);
      this.#at.eat(/#[^\n\r\x85\u2028\u2029]*/y);
      if (!this.#at.eatBreak()) return;
      if (this.#flowLevel === 0) this.#mayBeginKey = true;
    }
  }

  /** Ends the block collections that what stands in this column does not belong to. */
  #unroll(column: number): void {
    if (this.#flowLevel > 0) return;
    while (this.#indent > column) {
      this.#put("block-end");
      this.#indent = this.#indents.pop() ?? -1;
    }
  }

  /** Begins a block collection where the column is further right than that of the one around; before a key if need be. */
  #roll(type: TokenType, mark: Mark, token = this.#taken + this.#queue.length): void {
    if (this.#flowLevel > 0 || this.#indent >= mark.column) return;
    this.#indents.push(this.#indent);
    this.#indent = mark.column;
    this.#queue.splice(token - this.#taken, 0, { type, ...mark });
  }

  #saveKey(): void {
    if (!this.#mayBeginKey) return;
    this.#dropKey(this.#keys.at(-1));
    const isRequired = this.#flowLevel === 0 && this.#indent === this.#at.column;
    const token = this.#taken + this.#queue.length;
    this.#keys[this.#keys.length - 1] = { isPossible: true, isRequired, token, mark: this.#at.mark };
  }

  #fetchEnd(): void {
    this.#at.endLastLine();
    this.#unroll(-1);
    this.#dropKey(this.#keys.at(-1));
    this.#mayBeginKey = false;
    this.#put("stream-end");
  }

  #fetchDirective(): void {
    this.#unroll(-1);
    this.#dropKey(this.#keys.at(-1));
    this.#mayBeginKey = false;
    const mark = this.#at.mark;
    this.#at.index++;
    const name = this.#at.eat(/[\w-]*/y);
    if (name === "") this.#at.fail("could not find expected directive name");
    if (!this.#at.isAtBlankOrEnd) this.#at.fail("found unexpected non-alphabetical character");
    if (name !== "YAML" && name !== "TAG") this.#at.fail("found unknown directive name");
    this.#at.eat(/[ \t]*/y);
    if (name === "YAML") this.#put("yaml-directive", mark, versionOf(this.#at));
    else {
      const handle = handleOf(this.#at);
      if (handle !== "!" && !/^!.*!$/.test(handle)) this.#at.fail("did not find expected '!'");
      if (this.#at.eat(/[ \t]+/y) === "") this.#at.fail("did not find expected whitespace");
      if (uriOf(this.#at) === "") this.#at.fail("did not find expected tag URI");
      if (!this.#at.isAtBlankOrEnd) this.#at.fail("did not find expected whitespace or line break");
      this.#put("tag-directive", mark, handle);
    }
    endLine(this.#at);
  }

  #fetchDocumentIndicator(type: "---" | "..."): void {
    this.#unroll(-1);
    this.#dropKey(this.#keys.at(-1));
    this.#mayBeginKey = false;
    this.#put(type);
    this.#at.index += 3;
  }

  #fetchBracket(type: TokenType): void {
    if (type === "[" || type === "{") {
      this.#saveKey();
      this.#keys.push(undefined);
      this.#flowLevel++;
      this.#mayBeginKey = true;
    } else {
      this.#dropKey(this.#keys.at(-1));
      if (this.#flowLevel > 0) {
        this.#flowLevel--;
        this.#keys.pop();
      }
      this.#mayBeginKey = false;
    }
    this.#put(type);
    this.#at.index++;
  }

  #fetchIndicator(type: TokenType): void {
    this.#dropKey(this.#keys.at(-1));
    this.#mayBeginKey = true;
    this.#put(type);
    this.#at.index++;
  }

  #fetchEntry(): void {
    if (this.#flowLevel === 0) {
      if (!this.#mayBeginKey) this.#at.fail("block sequence entries are not allowed in this context");
      this.#roll("block-sequence", this.#at.mark);
    }
    this.#fetchIndicator("-");
  }

  #fetchKey(): void {
    if (this.#flowLevel === 0) {
      if (!this.#mayBeginKey) this.#at.fail("mapping keys are not allowed in this context");
      this.#roll("block-mapping", this.#at.mark);
    }
    this.#fetchIndicator("?");
    this.#mayBeginKey = this.#flowLevel === 0;
  }

  #fetchValue(): void {
    const key = this.#keys.at(-1);
    if (key !== undefined && this.#isStillKey(key)) {
      this.#queue.splice(key.token - this.#taken, 0, { type: "?", ...key.mark });
      this.#roll("block-mapping", key.mark, key.token);
      key.isPossible = false;
      this.#mayBeginKey = false;
    } else {
      if (this.#flowLevel === 0) {
        if (!this.#mayBeginKey) this.#at.fail("mapping values are not allowed in this context");
        this.#roll("block-mapping", this.#at.mark);
      }
      this.#mayBeginKey = this.#flowLevel === 0;
    }
    this.#put(":");
    this.#at.index++;
  }

  #fetchAnchor(character: "*" | "&"): void {
    this.#saveKey();
    this.#mayBeginKey = false;
    const mark = this.#at.mark;
    this.#at.index++;
    const name = this.#at.eat(/[\w-]*/y);
    if (name === "" || this.#at.here(/[ \t\n\r\x85\u2028\u2029?:,\]}%@`]|$/y) === undefined)
      this.#at.fail("did not find expected alphabetic or numeric character");
    this.#put(character === "*" ? "alias" : "anchor", mark, name);
  }

  #fetchTag(): void {
    this.#saveKey();
    this.#mayBeginKey = false;
    const mark = this.#at.mark;
    let handle = "";
    if (this.#at.eat(/!</y) !== "") {
      if (uriOf(this.#at) === "") this.#at.fail("did not find expected tag URI");
      if (this.#at.eat(/>/y) === "") this.#at.fail("did not find the expected '>'");
    } else {
      handle = handleOf(this.#at);
      const isNamed = handle.length > 1 && handle.endsWith("!");
      const suffix = uriOf(this.#at);
      if (isNamed && suffix === "") this.#at.fail("did not find expected tag URI");
      if (!isNamed) handle = handle === "!" && suffix === "" ? "" : "!";
    }
    if (!this.#at.isAtBlankOrEnd) this.#at.fail("did not find expected whitespace or line break");
    this.#put("tag", mark, handle);
  }

  /** A scalar that may be a key; one that ends in a line break lets a key begin behind it. */
  #fetchScalar(skip: () => boolean): void {
    this.#saveKey();
    const mark = this.#at.mark;
    this.#mayBeginKey = skip();
    this.#put("scalar", mark);
  }

  #fetchBlockScalar(): void {
    this.#dropKey(this.#keys.at(-1));
    this.#mayBeginKey = true;
    const mark = this.#at.mark;
    skipBlockScalar(this.#at, this.#indent);
    this.#put("scalar", mark);
  }
}
