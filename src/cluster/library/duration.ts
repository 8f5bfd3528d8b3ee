import { inspect } from "node:util";
import { parseDurationMs } from "../../apimachinery/duration.ts";
import type { Duration, SignedDuration } from "./options.ts";

/** Throws TypeError for what is no duration. */
export function durationMs(duration: Duration): number {
  const ms = typeof duration === "number" ? duration : parse(duration);
  if (ms !== undefined && ms >= 0) return ms;
  throw new TypeError(
    `${typeof duration === "string" ? JSON.stringify(duration) : inspect(duration, { depth: 0 })} is no duration: write milliseconds, or "250ms", "10m", "1h30m"`,
  );
}

const dayMs = 24 * 3_600_000;

/** Go knows no days, because some of them are longer than others; those of a cluster's clock are not. */
function parse(text: string): number | undefined {
  const [, days, rest = ""] = /^(\d+(?:\.\d+)?)d(.*)$/.exec(text) ?? [];
  if (days === undefined) return parseDurationMs(text);
  const restMs = rest === "" ? 0 : parseDurationMs(rest);
  return restMs === undefined || restMs < 0 ? undefined : Number(days) * dayMs + restMs;
}

/** As `durationMs`; a duration with a minus before it is a negative one. */
export function signedDurationMs(duration: SignedDuration): number {
  if (typeof duration === "number" && Number.isFinite(duration)) return duration;
  const text = String(duration);
  return text.startsWith("-") ? -durationMs(text.slice(1)) : durationMs(duration);
}

/** `1h30m5s`, `250ms`: as one would write it. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return "without end";
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const seconds = Math.round(ms / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 3600), "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  return parts.map(([count, unit]) => (count === 0 ? "" : `${count}${unit}`)).join("");
}
