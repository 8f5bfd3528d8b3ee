import { isObject } from "../../apimachinery/json.ts";

/** JSON as kubectl prints it: four spaces, keys in order, the characters of HTML escaped as Go does. */
export function printJson(value: unknown): string {
  return `${goJson(value, 4)}\n`;
}

/** JSON text as Go's encoder writes maps. */
export function goJson(value: unknown, indent = 0): string {
  return escapeHtml(JSON.stringify(sorted(value), undefined, indent));
}

/** The same without ordering keys: how Go writes structs. */
export function goJsonInOrder(value: unknown, indent = 0): string {
  return escapeHtml(JSON.stringify(value, undefined, indent));
}

const escapeHtml = (text: string): string =>
  text.replaceAll(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((key) => [key, sorted(value[key])]),
  );
}
