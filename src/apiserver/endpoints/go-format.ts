import { isObject } from "../../apimachinery/json.ts";

/** A JSON value as Go's `%+v` prints it, which is how messages show a patch: `map[spec:map[replicas:3]]`. */
export function formatGo(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(formatGo).join(" ")}]`;
  if (!isObject(value)) return typeof value === "string" ? value : JSON.stringify(value);
  const entries = Object.keys(value).sort();
  return `map[${entries.map((key) => `${key}:${formatGo(value[key])}`).join(" ")}]`;
}
