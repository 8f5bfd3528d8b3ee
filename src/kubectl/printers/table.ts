import { parseApiVersion } from "../../apimachinery/gvk.ts";
import { isObject } from "../../apimachinery/json.ts";
import { typeName } from "../resource-builder.ts";

/** What a server answers when it is asked for a table: meta.k8s.io/v1 Table. */
export interface Table {
  readonly kind: "Table";
  readonly columnDefinitions?: readonly TableColumn[];
  readonly rows?: readonly TableRow[];
  readonly metadata?: { readonly resourceVersion?: string };
}

export interface TableColumn {
  readonly name: string;
  readonly format?: string;
  /** Above 0: only in wide output. */
  readonly priority?: number;
}

export interface TableRow {
  readonly cells: readonly unknown[];
  readonly object?: unknown;
}

export interface TableOptions {
  readonly wide?: boolean;
  readonly withNamespace?: boolean;
  /** Names are printed as `pod/x`. */
  readonly withKind?: boolean;
  readonly noHeaders?: boolean;
  readonly showLabels?: boolean;
  readonly labelColumns?: readonly string[];
  /** The kind of the rows, where they do not say it themselves. */
  readonly kind?: { readonly group: string; readonly kind: string };
}

export const isTable = (value: unknown): value is Table => isObject(value) && value["kind"] === "Table";

/** Turns tables into rows of text; the headings come once. */
export class TableRows {
  readonly #options: TableOptions;
  #columns: readonly TableColumn[] = [];
  #headed = false;

  constructor(options: TableOptions) {
    this.#options = options;
  }

  /** Headings, when they are due, and rows. A table without rows gives nothing. */
  rows(table: Table): string[][] {
    if ((table.columnDefinitions ?? []).length > 0) this.#columns = table.columnDefinitions ?? [];
    const rows = (table.rows ?? []).map((row) => this.#row(row));
    if (rows.length === 0 || this.#headed || this.#options.noHeaders === true) return rows;
    this.#headed = true;
    return [this.#headings(), ...rows];
  }

  #headings(): string[] {
    const { withNamespace, labelColumns = [], showLabels } = this.#options;
    return [
      ...(withNamespace === true ? ["NAMESPACE"] : []),
      ...this.#columns.filter((column) => this.#isShown(column)).map(({ name }) => name.toUpperCase()),
      ...labelColumns.map((label) => (label.split("/").at(-1) ?? label).toUpperCase()),
      ...(showLabels === true ? ["LABELS"] : []),
    ];
  }

  #row({ cells, object }: TableRow): string[] {
    const { withNamespace, labelColumns = [], showLabels, withKind } = this.#options;
    const metadata = isObject(object) && isObject(object["metadata"]) ? object["metadata"] : {};
    const labels = isObject(metadata["labels"]) ? metadata["labels"] : {};
    const shown = cells.flatMap((cell, index) => {
      const column = this.#columns[index];
      if (column === undefined || !this.#isShown(column)) return [];
      const text = cellText(cell);
      return [withKind === true && index === 0 ? `${this.#kindOf(object)}/${text}` : text];
    });
    return [
      ...(withNamespace === true ? [textOf(metadata["namespace"])] : []),
      ...shown,
      ...labelColumns.map((label) => textOf(labels[label])),
      ...(showLabels === true ? [formatLabels(labels)] : []),
    ];
  }

  #kindOf(object: unknown): string {
    const { kind } = this.#options;
    if (kind !== undefined) return typeName(kind);
    if (!isObject(object)) return "";
    return typeName({
      kind: String(object["kind"]),
      group: parseApiVersion(String(object["apiVersion"])).group,
    });
  }

  #isShown({ priority = 0 }: TableColumn): boolean {
    return priority === 0 || this.#options.wide === true;
  }
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** A cell ends at the first line break. */
function cellText(cell: unknown): string {
  if (cell === null || cell === undefined) return "";
  if (typeof cell !== "string") return JSON.stringify(cell);
  const end = cell.search(/[\f\n\r]/);
  return (end < 0 ? cell : `${cell.slice(0, end)}...`).replaceAll("\t", "\\t").replaceAll("\u001b", "^[");
}

/** `a=b,c=d` in the order of the keys; `<none>` for none. */
export function formatLabels(labels: Readonly<Record<string, unknown>> | undefined, none = "<none>"): string {
  const keys = Object.keys(labels ?? {}).sort();
  return keys.length === 0 ? none : keys.map((key) => `${key}=${String(labels?.[key])}`).join(",");
}
