import { YamlFault } from "./yaml-cursor.ts";
import { TokenReader, type TokenType } from "./yaml-tokens.ts";

/**
 * What Go's reader says of the first document of a text, which is all that the API server looks at. It is asked only of a
 * text that our own reader refused: the words and the lines of the two differ, and clients know Kubernetes' own.
 */
export type YamlDiagnosis =
  /** `line 4: did not find expected key`, without a line where it is the first. */
  | { readonly fault: string }
  /** Go finds nothing wrong with the document that ends here. */
  | { readonly end: number };

/** Undefined where the document is so deep that neither reader goes on. */
export function diagnoseYaml(text: string): YamlDiagnosis | undefined {
  if (hasControl(text)) return { fault: "control characters are not allowed" };
  try {
    return { end: new DocumentReader(text).read() };
  } catch (error) {
    if (error instanceof TooDeep) return undefined;
    if (!(error instanceof YamlFault)) throw error;
    return { fault: error.line === 0 ? error.message : `line ${error.line}: ${error.message}` };
  }
}

/** True for what must not stand in a document in whatever place. */
function isControl(code: number): boolean {
  if (code < 0x20) return code !== 0x09 && code !== 0x0a && code !== 0x0d;
  return (code >= 0x7f && code < 0xa0 && code !== 0x85) || code === 0xfffe || code === 0xffff;
}

function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (isControl(text.charCodeAt(index))) return true;
  return false;
}

const maxDepth = 1000;

class TooDeep extends Error {}

/** What stands behind a key or a colon that has no node of its own. */
const afterBlockKey: ReadonlySet<TokenType> = new Set(["?", ":", "block-end"]);
const afterIndentlessEntry: ReadonlySet<TokenType> = new Set(["-", "?", ":", "block-end"]);
const afterBlockEntry: ReadonlySet<TokenType> = new Set(["-", "block-end"]);
const endsDocument: ReadonlySet<TokenType> = new Set([
  "yaml-directive",
  "tag-directive",
  "---",
  "...",
  "stream-end",
]);

/** Follows the grammar from token to token and keeps nothing but the names that are told of. */
class DocumentReader {
  readonly #tokens: TokenReader;
  readonly #anchors = new Set<string>();
  readonly #handles = new Set(["!", "!!"]);
  #depth = 0;

  constructor(text: string) {
    this.#tokens = new TokenReader(text);
  }

  /** Where the document ends. */
  read(): number {
    const isExplicit = this.#directives();
    if (isExplicit) this.#tokens.take();
    if (!endsDocument.has(this.#next())) this.#node({ isBlock: true, mayBeIndentless: false });
    return this.#tokens.peek().index;
  }

  #next(): TokenType {
    return this.#tokens.peek().type;
  }

  #fail(message: string): never {
    throw new YamlFault(message, this.#tokens.peek().line);
  }

  /** True where a document begins with its mark, as it must behind directives. */
  #directives(): boolean {
    let version: string | undefined;
    const handles = new Set<string>();
    for (;;) {
      const { type, text = "" } = this.#tokens.peek();
      if (type === "yaml-directive") {
        if (version !== undefined) this.#fail("found duplicate %YAML directive");
        if (text !== "1.1") this.#fail("found incompatible YAML document");
        version = text;
      } else if (type === "tag-directive") {
        if (handles.has(text)) this.#fail("found duplicate %TAG directive");
        handles.add(text);
        this.#handles.add(text);
      } else break;
      this.#tokens.take();
    }
    const isExplicit = this.#next() === "---";
    if (!isExplicit && (version !== undefined || handles.size > 0)) {
      this.#fail("did not find expected <document start>");
    }
    return isExplicit;
  }

  #node(place: { readonly isBlock: boolean; readonly mayBeIndentless: boolean }): void {
    if (++this.#depth > maxDepth) throw new TooDeep();
    if (this.#next() === "alias") {
      const { text = "" } = this.#tokens.take();
      if (!this.#anchors.has(text)) throw new YamlFault(`unknown anchor '${text}' referenced`, 0);
    } else {
      const hasProperties = this.#properties();
      this.#content(place, hasProperties);
    }
    this.#depth--;
  }

  /** An anchor and a tag, in whatever order. */
  #properties(): boolean {
    const seen = new Set<TokenType>();
    for (let { type } = this.#tokens.peek(); type === "anchor" || type === "tag"; type = this.#next()) {
      if (seen.has(type)) break;
      seen.add(type);
      const token = this.#tokens.take();
      const { text = "" } = token;
      if (type === "anchor") this.#anchors.add(text);
      else if (text !== "" && !this.#handles.has(text)) {
        this.#tokens.peek();
        throw new YamlFault("found undefined tag handle", token.line);
      }
    }
    return seen.size > 0;
  }

  #content(
    { isBlock, mayBeIndentless }: { readonly isBlock: boolean; readonly mayBeIndentless: boolean },
    hasProperties: boolean,
  ): void {
    const type = this.#next();
    if (type === "-" && mayBeIndentless) this.#indentlessSequence();
    else if (type === "scalar") this.#tokens.take();
    else if (type === "[") this.#flowSequence();
    else if (type === "{") this.#flowMapping();
    else if (type === "block-sequence" && isBlock) this.#blockSequence();
    else if (type === "block-mapping" && isBlock) this.#blockMapping();
    else if (!hasProperties) this.#fail("did not find expected node content");
  }

  #nodeUnless(empty: ReadonlySet<TokenType>, isBlock: boolean, mayBeIndentless = false): void {
    if (!empty.has(this.#next())) this.#node({ isBlock, mayBeIndentless });
  }

  #indentlessSequence(): void {
    while (this.#next() === "-") {
      this.#tokens.take();
      this.#nodeUnless(afterIndentlessEntry, true);
    }
  }

  #blockSequence(): void {
    this.#tokens.take();
    while (this.#next() === "-") {
      this.#tokens.take();
      this.#nodeUnless(afterBlockEntry, true);
    }
    if (this.#next() !== "block-end") this.#fail("did not find expected '-' indicator");
    this.#tokens.take();
  }

  #blockMapping(): void {
    this.#tokens.take();
    while (this.#next() === "?") {
      this.#tokens.take();
      this.#nodeUnless(afterBlockKey, true, true);
      if (this.#next() !== ":") continue;
      this.#tokens.take();
      this.#nodeUnless(afterBlockKey, true, true);
    }
    if (this.#next() !== "block-end") this.#fail("did not find expected key");
    this.#tokens.take();
  }

  #flowSequence(): void {
    this.#tokens.take();
    for (let isFirst = true; this.#next() !== "]"; isFirst = false) {
      if (!isFirst) {
        if (this.#next() !== ",") this.#fail("did not find expected ',' or ']'");
        this.#tokens.take();
      }
      if (this.#next() === "?") this.#flowPair(afterFlowKeyInSequence, afterFlowValueInSequence);
      else if (this.#next() !== "]") this.#node({ isBlock: false, mayBeIndentless: false });
    }
    this.#tokens.take();
  }

  #flowMapping(): void {
    this.#tokens.take();
    for (let isFirst = true; this.#next() !== "}"; isFirst = false) {
      if (!isFirst) {
        if (this.#next() !== ",") this.#fail("did not find expected ',' or '}'");
        this.#tokens.take();
      }
      if (this.#next() === "?") this.#flowPair(afterFlowKey, afterFlowValue);
      else if (this.#next() !== "}") this.#node({ isBlock: false, mayBeIndentless: false });
    }
    this.#tokens.take();
  }

  #flowPair(afterKey: ReadonlySet<TokenType>, afterValue: ReadonlySet<TokenType>): void {
    this.#tokens.take();
    this.#nodeUnless(afterKey, false);
    if (this.#next() !== ":") return;
    this.#tokens.take();
    this.#nodeUnless(afterValue, false);
  }
}

const afterFlowKeyInSequence: ReadonlySet<TokenType> = new Set([":", ",", "]"]);
const afterFlowValueInSequence: ReadonlySet<TokenType> = new Set([",", "]"]);
const afterFlowKey: ReadonlySet<TokenType> = new Set([":", ",", "}"]);
const afterFlowValue: ReadonlySet<TokenType> = new Set([",", "}"]);
