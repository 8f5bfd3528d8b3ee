import { isObject } from "../apimachinery/json.ts";
import { tryParseQuantity } from "../apimachinery/quantity.ts";
import { KubectlError } from "./errors.ts";
import { JsonPath, relaxedPath } from "./printers/jsonpath.ts";
import type { Table } from "./printers/table.ts";

/** Objects in the order of what a JSONPath finds in each. Those without it come first. */
export function sortObjects(objects: readonly unknown[], path: string): unknown[] {
  return sortBy(objects, path, (object) => object);
}

/** The rows of tables of one resource, in one table, in the order of their objects. */
export function sortTable(tables: readonly Table[], path: string): Table[] {
  const [first] = tables;
  if (first === undefined) return [];
  const rows = tables.flatMap((table) => table.rows ?? []);
  return [{ ...first, rows: sortBy(rows, path, ({ object }) => object) }];
}

function sortBy<T>(items: readonly T[], path: string, objectOf: (item: T) => unknown): T[] {
  const query = new JsonPath(relaxedPath(path), { allowMissing: true });
  const keyed = items.map((item) => ({ item, key: query.find(objectOf(item)).flat()[0] }));
  if (items.length > 0 && keyed.every(({ key }) => key === undefined)) {
    throw new KubectlError(
      `couldn't find any field with path ${JSON.stringify(relaxedPath(path))} in the list of objects`,
    );
  }
  return keyed.toSorted((a, b) => compareKeys(a.key, b.key)).map(({ item }) => item);
}

function compareKeys(a: unknown, b: unknown): number {
  if (a === undefined || a === null) return b === undefined || b === null ? 0 : -1;
  if (b === undefined || b === null) return 1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return compareTexts(a, b);
  if (isObject(a) || isObject(b)) throw new KubectlError("unsortable type: map");
  return Number(a) - Number(b);
}

/** Quantities by their amount, numbers in texts by their value, all else by code point. */
function compareTexts(a: string, b: string): number {
  const [x, y] = [tryParseQuantity(a), tryParseQuantity(b)];
  if (x !== undefined && y !== undefined) return x.compare(y);
  return a.localeCompare(b, "en", { numeric: true });
}
