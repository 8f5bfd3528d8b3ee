import { JsonMap, JsonObject } from "./eval/json.ts";
import { printDuration, printTimestamp } from "./eval/time.ts";
import { typeName } from "./types.ts";
import {
  CelDouble,
  CelDuration,
  CelErr,
  CelList,
  CelMap,
  CelOpaque,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  listItems,
} from "./values.ts";

/**
 * Plain data of a value, as JSON holds it: numbers of any type as numbers, moments and durations as text, bytes in
 * base64, an optional as its value or null. Values of a library's own type have their text.
 */
export function toJson(value: CelValue): unknown {
  if (value === null || typeof value !== "object") return value;
  if (value instanceof CelDouble || value instanceof CelUint) return value.value;
  if (value instanceof JsonMap || value instanceof JsonObject) return value.data;
  if (value instanceof CelList) return listItems(value).map(toJson);
  if (value instanceof CelMap) {
    return Object.fromEntries(
      value.keys().map((key) => [String(toJson(key)), toJson(value.find(key) ?? null)]),
    );
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof CelTimestamp) return printTimestamp(value);
  if (value instanceof CelDuration) return printDuration(value);
  if (value instanceof CelTypeValue) return typeName(value.type);
  if (value instanceof CelOptional) return value.value === undefined ? null : toJson(value.value);
  if (value instanceof CelErr) return value.message;
  return value instanceof CelOpaque ? value.toJson() : null;
}
