import { BeyondPretending, type Token, tokensOf } from "./tokens.ts";

/** A script, as far as it can be pretended. */
export type Script =
  | { readonly type: "sequence"; readonly steps: readonly Script[] }
  | { readonly type: "background"; readonly script: Script }
  | { readonly type: "and" | "or"; readonly left: Script; readonly right: Script }
  | { readonly type: "not"; readonly script: Script }
  | { readonly type: "pipe"; readonly stages: readonly Script[] }
  | { readonly type: "if"; readonly test: Script; readonly body: Script; readonly otherwise: Script }
  | { readonly type: "loop"; readonly test: Script; readonly body: Script; readonly until: boolean }
  | { readonly type: "each"; readonly name: string; readonly words: readonly string[]; readonly body: Script }
  | {
      readonly type: "group";
      readonly script: Script;
      readonly isSubshell: boolean;
      readonly redirects: Redirects;
    }
  | SimpleCommand;

export interface SimpleCommand {
  readonly type: "command";
  readonly assignments: readonly { readonly name: string; readonly value: string }[];
  readonly words: readonly string[];
  readonly redirects: Redirects;
}

export type Redirects = readonly { readonly from: string; readonly text: string; readonly to: string }[];

const nothing: Script = { type: "sequence", steps: [] };
const endings = new Set(["then", "do", "done", "fi", "else", "elif", "}"]);
const assignment = /^([A-Za-z_]\w*)=([^]*)$/;

/** Throws BeyondPretending for what there is no pretending for: functions, `case`, documents in place. */
export function parseScript(text: string): Script {
  const parser = new Parser(tokensOf(text));
  const script = parser.sequence();
  parser.expectEnd();
  return script;
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  expectEnd(): void {
    if (this.#at < this.#tokens.length) throw this.#beyond();
  }

  sequence(): Script {
    const steps: Script[] = [];
    for (;;) {
      while (this.#takesOperator(";", "\n"));
      if (this.#isAtEnding())
        return steps.length === 1 && steps[0] !== undefined ? steps[0] : { type: "sequence", steps };
      const step = this.#chain();
      steps.push(this.#takesOperator("&") ? { type: "background", script: step } : step);
      const isOver =
        this.#isAtEnding() || this.#operator() !== undefined || steps.at(-1)?.type === "background";
      if (!isOver) throw this.#beyond();
    }
  }

  #isAtEnding(): boolean {
    const token = this.#tokens[this.#at];
    return token === undefined || (token.type === "operator" ? token.text === ")" : endings.has(token.text));
  }

  #chain(): Script {
    let left = this.#pipe();
    for (;;) {
      const type = this.#takesOperator("&&") ? "and" : this.#takesOperator("||") ? "or" : undefined;
      if (type === undefined) return left;
      while (this.#takesOperator("\n"));
      left = { type, left, right: this.#pipe() };
    }
  }

  #pipe(): Script {
    const isNot = this.#takesWord("!");
    const stages = [this.#command()];
    while (this.#takesOperator("|")) {
      while (this.#takesOperator("\n"));
      stages.push(this.#command());
    }
    const script: Script =
      stages.length === 1 && stages[0] !== undefined ? stages[0] : { type: "pipe", stages };
    return isNot ? { type: "not", script } : script;
  }

  #command(): Script {
    if (this.#takesOperator("(")) {
      const script = this.sequence();
      if (!this.#takesOperator(")")) throw this.#beyond();
      return { type: "group", script, isSubshell: true, redirects: this.#redirects() };
    }
    const script = this.#compound();
    if (script === undefined) return this.#simple();
    const redirects = this.#redirects();
    return redirects.length === 0 ? script : { type: "group", script, isSubshell: false, redirects };
  }

  #compound(): Script | undefined {
    if (this.#takesWord("{")) return this.#closed("}");
    if (this.#takesWord("if")) return this.#branch();
    if (this.#takesWord("while")) return this.#loop(false);
    if (this.#takesWord("until")) return this.#loop(true);
    if (this.#takesWord("for")) return this.#each();
    const token = this.#tokens[this.#at];
    const isBeyond = token?.type === "word" && ["case", "function", "select"].includes(token.text);
    if (isBeyond) throw this.#beyond();
    return undefined;
  }

  #branch(): Script {
    const test = this.#closed("then");
    const body = this.sequence();
    if (this.#takesWord("elif")) return { type: "if", test, body, otherwise: this.#branch() };
    const otherwise = this.#takesWord("else") ? this.sequence() : nothing;
    if (!this.#takesWord("fi")) throw this.#beyond();
    return { type: "if", test, body, otherwise };
  }

  #loop(until: boolean): Script {
    const test = this.#closed("do");
    return { type: "loop", test, body: this.#closed("done"), until };
  }

  #each(): Script {
    const name = this.#word();
    const words: string[] = [];
    if (!this.#takesWord("in")) throw this.#beyond();
    while (this.#tokens[this.#at]?.type === "word") words.push(this.#word());
    while (this.#takesOperator(";", "\n"));
    if (!this.#takesWord("do")) throw this.#beyond();
    return { type: "each", name, words, body: this.#closed("done") };
  }

  #closed(word: string): Script {
    const script = this.sequence();
    if (!this.#takesWord(word)) throw this.#beyond();
    return script;
  }

  #simple(): Script {
    const assignments: { name: string; value: string }[] = [];
    const words: string[] = [];
    const redirects: Redirects[number][] = [];
    for (;;) {
      const token = this.#tokens[this.#at];
      if (token === undefined || token.type === "operator") break;
      if (token.type === "redirect") {
        redirects.push(...this.#redirects());
        continue;
      }
      this.#at++;
      const [, name, value] = words.length === 0 ? (assignment.exec(token.text) ?? []) : [];
      if (name === undefined || value === undefined) words.push(token.text);
      else assignments.push({ name, value });
    }
    // Parentheses after a name make a function.
    const isNothing = words.length === 0 && assignments.length === 0 && redirects.length === 0;
    if (isNothing || this.#operator() === "(") throw this.#beyond();
    return { type: "command", assignments, words, redirects };
  }

  #redirects(): Redirects {
    const redirects: Redirects[number][] = [];
    for (;;) {
      const token = this.#tokens[this.#at];
      if (token?.type !== "redirect") return redirects;
      this.#at++;
      redirects.push({ from: token.from, text: token.text, to: this.#word() });
    }
  }

  #word(): string {
    const token = this.#tokens[this.#at];
    if (token?.type !== "word") throw this.#beyond();
    this.#at++;
    return token.text;
  }

  #operator(): string | undefined {
    const token = this.#tokens[this.#at];
    return token?.type === "operator" ? token.text : undefined;
  }

  #takesOperator(...texts: string[]): boolean {
    const found = texts.includes(this.#operator() ?? "");
    if (found) this.#at++;
    return found;
  }

  #takesWord(text: string): boolean {
    const token = this.#tokens[this.#at];
    const found = token?.type === "word" && token.text === text;
    if (found) this.#at++;
    return found;
  }

  #beyond(): BeyondPretending {
    return new BeyondPretending(this.#tokens[this.#at]?.text ?? "the end");
  }
}
