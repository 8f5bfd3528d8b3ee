import { parseDurationMs } from "../apimachinery/duration.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import { parseTime } from "../apimachinery/time.ts";
import { toJson } from "../cel/index.ts";
import { celOf, jqOf } from "./expressions.ts";
import { type Fields, fields, onlyKnown, text } from "./fields.ts";

/** One moment or the bounds of chance, in milliseconds from now; what is past counts from below zero. */
export type DelayRange = readonly [number] | readonly [number, number];

export interface Timing {
  /** Undefined where the object's own weight cannot be read. Throws Undecided. */
  weight(object: KubernetesObject): number | undefined;
  /** Undefined where there is no delay. Throws Undecided. */
  delayRange(object: KubernetesObject, nowMs: number): DelayRange | undefined;
}

/** When a Stage is chosen, and when it plays. Throws StageRefused. */
export function readTiming(spec: Fields): Timing {
  const weight = readValue("spec.weightFrom", spec["weightFrom"]);
  const fixedWeight = typeof spec["weight"] === "number" ? spec["weight"] : 0;
  const delay = spec["delay"];
  const given = fields(delay);
  onlyKnown("spec.delay", given, [
    "durationMilliseconds",
    "durationFrom",
    "jitterDurationMilliseconds",
    "jitterDurationFrom",
  ]);
  const after = readTime("duration", given, 0);
  const latest = readTime("jitterDuration", given, undefined);
  return {
    weight: (object) => weightOf(weight?.(object), fixedWeight),
    delayRange(object, nowMs) {
      const afterMs = delay === undefined ? undefined : after(object, nowMs);
      if (afterMs === undefined) return undefined;
      const latestMs = latest(object, nowMs);
      if (latestMs === undefined) return [afterMs];
      // The second bound being the lower one, it is what counts.
      return latestMs <= afterMs ? [latestMs] : [afterMs, latestMs];
    },
  };
}

/** A moment within the range. */
export function delayWithin(range: DelayRange | undefined, random: Random): number {
  if (range === undefined) return 0;
  const [after, latest] = range;
  return Math.max(0, Math.floor(latest === undefined ? after : after + random.next() * (latest - after)));
}

/** What an expression finds: by CEL a number or text, by jq whatever comes first; undefined for nothing. */
interface Found {
  readonly value: unknown;
  readonly isCel: boolean;
}

/** An expression in any of its forms: `{ expressionFrom }`, `{ jq: { expression } }`, `{ cel: { expression } }`. */
function readValue(
  where: string,
  given: unknown,
): ((object: KubernetesObject) => Found | undefined) | undefined {
  if (given === undefined) return undefined;
  const from = fields(given);
  onlyKnown(where, from, ["cel", "jq", "expressionFrom"]);
  const cel = text(fields(from["cel"])["expression"]);
  if (cel !== "") {
    const value = celOf(where, cel, false);
    return (object) => ({ value: toJson(value(object)), isCel: true });
  }
  const jq = text(fields(from["jq"])["expression"]) || text(from["expressionFrom"]);
  if (jq === "") return undefined;
  const find = jqOf(where, jq);
  return (object) => {
    const [value] = find(object);
    return value === undefined ? undefined : { value, isCel: false };
  };
}

function weightOf(found: Found | undefined, fixed: number): number | undefined {
  if (found === undefined) return fixed;
  const { value } = found;
  if (typeof value === "boolean" && found.isCel) return value ? 1 : 0;
  if (typeof value === "number") return Math.trunc(value);
  if (typeof value !== "string") return fixed;
  return /^[+-]?(?:\d+|0x[\da-f]+|0o[0-7]+|0b[01]+)$/i.test(value) ? Number(value) : undefined;
}

type Time = (object: KubernetesObject, nowMs: number) => number | undefined;

/** Of the fields `…Milliseconds` and `…From`: the latter may name a moment, or a length; an empty text is no delay. */
function readTime(name: string, delay: Fields, none: number | undefined): Time {
  const fixed = delay[`${name}Milliseconds`];
  const fixedMs = typeof fixed === "number" ? fixed : none;
  const find = readValue(`spec.delay.${name}From`, delay[`${name}From`]);
  return (object, nowMs) => {
    const found = find?.(object);
    if (found === undefined) return fixedMs;
    const { value, isCel } = found;
    // A number of CEL is one of Go: of nanoseconds.
    if (isCel && typeof value === "number") return value / 1e6;
    if (typeof value !== "string") return fixedMs;
    if (value === "") return undefined;
    const moment = parseTime(value);
    return moment !== undefined ? moment - nowMs : (parseDurationMs(value) ?? fixedMs);
  };
}
