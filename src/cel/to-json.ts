import type { CelValue } from "./values.ts";

/** Plain data of a value, as JSON would hold it. */
export function toJson(_value: CelValue): unknown {
  throw new Error("not yet");
}
