/** What is wrong, in the words of Go's reader. */
export class YamlFault extends Error {
  /** The line that Go names; zero where it names none. */
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

export interface Mark {
  readonly index: number;
  readonly line: number;
  readonly column: number;
}

/** Where a reader of a text stands in it. */
export class YamlCursor {
  readonly text: string;
  index = 0;
  line = 0;
  #lineStart = 0;

  constructor(text: string) {
    this.text = text;
  }

  get column(): number {
    return this.index - this.#lineStart;
  }

  get mark(): Mark {
    return { index: this.index, line: this.line, column: this.column };
  }

  fail(message: string): never {
    throw new YamlFault(message, this.line === 0 ? 0 : this.line + 1);
  }

  /** What stands here of the form, which must be sticky. */
  here(form: RegExp): string | undefined {
    form.lastIndex = this.index;
    return form.exec(this.text)?.[0];
  }

  eat(form: RegExp): string {
    const found = this.here(form) ?? "";
    this.index += found.length;
    return found;
  }

  /** True where a mark of a document's beginning or end stands. */
  get isAtDocumentMark(): boolean {
    return this.column === 0 && this.here(/(?:---|\.\.\.)(?=[ \t\n\r\x85\u2028\u2029]|$)/y) !== undefined;
  }

  get isAtBlankOrEnd(): boolean {
    return this.here(/[ \t\n\r\x85\u2028\u2029]|$/y) !== undefined;
  }

  eatBreak(): boolean {
    if (this.eat(/\r\n|[\n\r\x85\u2028\u2029]/y) === "") return false;
    this.line++;
    this.#lineStart = this.index;
    return true;
  }

  /** The end of the text counts as a line of its own where the last line has no break. */
  endLastLine(): void {
    if (this.column === 0) return;
    this.line++;
    this.#lineStart = this.index;
  }

  get isAtEnd(): boolean {
    return this.index >= this.text.length;
  }
}
