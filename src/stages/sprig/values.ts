import { goValue } from "../../apimachinery/go-value.ts";
import { isObject } from "../../apimachinery/json.ts";

/** How sprig reads what it is given: nothing is refused for being of another type. */

export const text = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined || value === null ? "" : goValue(value);

export function decimal(value: unknown): number {
  const read = typeof value === "string" ? Number(value.trim() === "" ? 0 : value) : Number(value ?? 0);
  return Number.isNaN(read) ? 0 : read;
}

export const number = (value: unknown): number => Math.trunc(decimal(value));

export const isEmpty = (value: unknown): boolean =>
  Array.isArray(value) ? value.length === 0 : isObject(value) ? Object.keys(value).length === 0 : !value;

export const list = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

export const dict = (value: unknown): Readonly<Record<string, unknown>> => (isObject(value) ? value : {});

export const isSame = (a: unknown, b: unknown): boolean =>
  JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

/** With the keys of objects in order, so that equal values have one text. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value ?? null;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((key) => [key, sorted(value[key])]),
  );
}

/** What Go calls the kind of a value that came from JSON. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return "invalid";
  if (Array.isArray(value)) return "slice";
  if (isObject(value)) return "map";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float64";
  return typeof value === "boolean" ? "bool" : "string";
}
