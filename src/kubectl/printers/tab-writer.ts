/**
 * Aligns text in columns as Go's text/tabwriter does, with spaces: a cell ends with a tab; a column is a run of
 * neighbouring lines that all have a cell there; the last cell of a line takes no part.
 */
export interface TabWriterOptions {
  readonly minWidth: number;
  readonly padding: number;
}

/** What `kubectl get` prints tables with. */
export const tableLayout: TabWriterOptions = { minWidth: 6, padding: 3 };
/** What `kubectl describe` prints with. */
export const describeLayout: TabWriterOptions = { minWidth: 0, padding: 2 };

/** The text with its tabs replaced by as many spaces as align the columns. */
export function alignTabs(text: string, options: TabWriterOptions): string {
  const lines = text.split("\n").map((line) => line.split("\t"));
  return new Aligner(lines, options).run();
}

class Aligner {
  readonly #lines: readonly (readonly string[])[];
  readonly #options: TabWriterOptions;
  readonly #widths: number[] = [];
  readonly #output: string[] = [];

  constructor(lines: readonly (readonly string[])[], options: TabWriterOptions) {
    this.#lines = lines;
    this.#options = options;
  }

  run(): string {
    this.#format(0, this.#lines.length);
    return this.#output.join("\n");
  }

  /** Lines from..to have all columns of #widths in common; finds the next columns among them. */
  #format(from: number, to: number): void {
    const column = this.#widths.length;
    let start = from;
    for (let at = from; at < to; at++) {
      if (column >= this.#cells(at) - 1) continue;
      this.#write(start, at);
      let width = this.#options.minWidth;
      let end = at;
      for (; end < to && column < this.#cells(end) - 1; end++) {
        const cell = this.#lines[end]?.[column] ?? "";
        width = Math.max(width, widthOf(cell) + this.#options.padding);
      }
      this.#widths.push(width);
      this.#format(at, end);
      this.#widths.pop();
      start = end;
      at = end;
    }
    this.#write(start, to);
  }

  #cells(line: number): number {
    return this.#lines[line]?.length ?? 0;
  }

  #write(from: number, to: number): void {
    for (const cells of this.#lines.slice(from, to)) {
      this.#output.push(
        cells
          .map((cell, index) => pad(cell, index < cells.length - 1 ? this.#widths[index] : undefined))
          .join(""),
      );
    }
  }
}

/** Code points, as Go counts. */
const widthOf = (text: string): number => Array.from(text).length;

const pad = (cell: string, width: number | undefined): string =>
  width === undefined ? cell : cell + " ".repeat(Math.max(0, width - widthOf(cell)));

/** Rows of one table, aligned; what was printed before keeps its columns where they are at least as wide. */
export class TablePadder {
  #remembered: number[] = [];

  /** Each row with a newline. The last cell is not padded. */
  format(rows: readonly (readonly string[])[]): string {
    const columns = Math.max(0, ...rows.map((row) => row.length));
    const widths = Array.from({ length: columns }, (_, index) =>
      Math.max(
        tableLayout.minWidth,
        this.#remembered[index] ?? 0,
        ...rows.map((row) => widthOf(row[index] ?? "") + tableLayout.padding),
      ),
    );
    this.#remembered = widths;
    return rows
      .map(
        (row) =>
          `${row.map((cell, index) => pad(cell, index < row.length - 1 ? widths[index] : undefined)).join("")}\n`,
      )
      .join("");
  }

  forget(): void {
    this.#remembered = [];
  }
}
