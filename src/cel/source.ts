/** Where something stands in an expression. Lines count from 1, columns from 0, both in code points. */
export interface CelLocation {
  readonly line: number;
  readonly column: number;
}

/** One thing that is wrong with an expression. */
export interface CelIssue extends CelLocation {
  readonly message: string;
}

/** No place: what concerns the whole expression. */
export const nowhere: CelLocation = { line: -1, column: -1 };

const maxIssues = 100;
/** A longer line is not repeated below the message. */
const maxSnippet = 16_384;

/** An expression as text; turns offsets (in UTF-16 units) into lines and columns. */
export class Source {
  readonly text: string;
  #lineStarts: number[] | undefined;

  constructor(text: string) {
    this.text = text;
  }

  locate(offset: number): CelLocation {
    // There is no place in nothing.
    if (this.text === "") return { line: 1, column: -1 };
    const starts = this.#starts();
    let line = 0;
    while (line + 1 < starts.length && (starts[line + 1] ?? 0) <= offset) line++;
    const column = codePoints(this.text.slice(starts[line] ?? 0, offset));
    return { line: line + 1, column };
  }

  line(number: number): string | undefined {
    const starts = this.#starts();
    const start = starts[number - 1];
    if (start === undefined || this.text === "") return undefined;
    const next = starts[number];
    return this.text.slice(start, next === undefined ? undefined : next - 1);
  }

  #starts(): number[] {
    if (this.#lineStarts === undefined) {
      this.#lineStarts = [0];
      for (let at = this.text.indexOf("\n"); at >= 0; at = this.text.indexOf("\n", at + 1)) {
        this.#lineStarts.push(at + 1);
      }
    }
    return this.#lineStarts;
  }
}

/** Collects what is wrong; stops keeping after a hundred. */
export class Issues {
  readonly source: Source;
  readonly #issues: CelIssue[] = [];
  #count = 0;

  constructor(source: Source) {
    this.source = source;
  }

  add(at: number | CelLocation, message: string): void {
    this.#count++;
    if (this.#count > maxIssues) return;
    const { line, column } = typeof at === "number" ? this.source.locate(at) : at;
    this.#issues.push({ line, column, message });
  }

  get count(): number {
    return this.#count;
  }

  /** By place, as they are printed. */
  sorted(): readonly CelIssue[] {
    return this.#issues.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }

  toString(): string {
    const lines = this.sorted().map((issue) => printIssue(issue, this.source));
    if (this.#count > maxIssues) lines.push(`${this.#count - maxIssues} more errors were truncated`);
    return lines.join("\n");
  }
}

/** The issue with its line and a marker below the place, in the layout of cel-go. */
function printIssue({ line, column, message }: CelIssue, source: Source): string {
  const head = `ERROR: <input>:${line}:${column + 1}: ${message}`;
  const text = source.line(line);
  if (text === undefined || codePoints(text) > maxSnippet) return head;
  const shown = text.replaceAll("\t", " ");
  const points = Array.from(shown);
  // A character that takes more than one byte is marked with a wide dot, so that the marker stays below its place.
  const dots = points.slice(0, column).map((point) => (isWide(point) ? "．" : "."));
  const at = points[column];
  const marker = at !== undefined && isWide(at) ? "＾" : "^";
  return `${head}\n | ${shown}\n | ${dots.join("")}${marker}`;
}

function isWide(point: string): boolean {
  return (point.codePointAt(0) ?? 0) > 0x7f;
}

const firstOfPair = /[\ud800-\udbff]/;

/** The number of code points, without making them. */
export function codePoints(text: string): number {
  // Of texts of one byte per unit V8 knows at once that there are none.
  if (!firstOfPair.test(text)) return text.length;
  let count = text.length;
  for (let index = 0; index < text.length - 1; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0xd800 || unit > 0xdbff) continue;
    const next = text.charCodeAt(index + 1);
    if (next >= 0xdc00 && next <= 0xdfff) {
      count--;
      index++;
    }
  }
  return count;
}
