import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import type { LabelSelector } from "../../apimachinery/meta-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { TableColumn, TablePrinter, TableRowCondition } from "../scheme.ts";
import type { Container } from "../types/core-v1.ts";
import { timeSince } from "./duration.ts";

/** Building blocks of printers, and the cells that many kinds share. */
const column =
  (type: TableColumn["type"]) =>
  (name: string, description: string): TableColumn => ({ name, type, description, priority: 0 });

export const text = column("string");
export const integer = column("integer");
export const boolean = column("boolean");

/** Shown with `-o wide` only. */
export function wide(column: TableColumn): TableColumn {
  return { ...column, priority: 1 };
}

export const nameColumn: TableColumn = {
  ...text("Name", "The name of the object, unique among its kind in its namespace."),
  format: "name",
};
export const ageColumn = text("Age", "How long ago the object was created.");
export const containerColumns = [
  wide(text("Containers", "The names of the containers in the template.")),
  wide(text("Images", "The images of the containers in the template.")),
];
export const selectorColumn = wide(text("Selector", "Which pods belong to the object, by their labels."));

/** Objects are printed as they are kept: decoded by their schema, so they have the shape of their type. */
export function printer<T>(
  columns: readonly TableColumn[],
  cells: (object: T, nowMs: number) => unknown[],
  conditions?: (object: T) => TableRowCondition[],
): TablePrinter {
  return {
    columns,
    cells: (object, nowMs) => cells(object as unknown as T, nowMs),
    ...(conditions !== undefined && {
      conditions: (object: UnstructuredObject) => conditions(object as unknown as T),
    }),
  };
}

export function age(object: { metadata: { creationTimestamp?: string | undefined } }, nowMs: number): string {
  return timeSince(object.metadata.creationTimestamp, nowMs);
}

/** `a=1,b=2`, or `<none>`. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const entries = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return entries.length === 0 ? "<none>" : entries.toSorted().join(",");
}

/** A label selector in its text form. */
export function formatSelector(selector: LabelSelector | undefined): string {
  try {
    return selectorFromLabelSelector(selector).toString() || "<none>";
  } catch {
    return "<error>";
  }
}

/** The two cells under `containerColumns`. */
export function containerCells(containers: readonly Container[] | undefined): [string, string] {
  const all = containers ?? [];
  return [all.map(({ name }) => name).join(","), all.map(({ image }) => image ?? "").join(",")];
}

/** The first three, and how many more there are. */
export function firstThree(items: readonly string[], none: string): string {
  if (items.length > 3) return `${items.slice(0, 3).join(",")} + ${items.length - 3} more...`;
  return items.join(",") || none;
}
