import { describe, expect, it } from "vitest";
import { parseSchedule } from "./schedule.ts";

function next(text: string, after: string, timeZone = "UTC"): string | undefined {
  const ms = parseSchedule(text).next(Date.parse(after), timeZone);
  return ms === undefined ? undefined : new Date(ms).toISOString().slice(0, 16);
}

describe("parseSchedule()", () => {
  it.each([
    ["* * * * *", "2026-01-01T00:00:30Z", "2026-01-01T00:01"],
    ["* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01"],
    ["*/15 * * * *", "2026-01-01T00:46:00Z", "2026-01-01T01:00"],
    ["5/20 * * * *", "2026-01-01T00:26:00Z", "2026-01-01T00:45"],
    ["0 3 * * *", "2026-01-01T03:00:00Z", "2026-01-02T03:00"],
    ["30 2 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T02:30"],
    ["0 0 * * sun", "2026-01-01T00:00:00Z", "2026-01-04T00:00"],
    ["0 0 13 * fri", "2026-01-01T12:00:00Z", "2026-01-02T00:00"],
    ["0 12 1-7 */2 ?", "2026-02-01T00:00:00Z", "2026-03-01T12:00"],
    ["0,30 9-17 * jan mon-fri", "2026-01-02T17:30:00Z", "2026-01-05T09:00"],
    ["@hourly", "2026-01-01T00:10:00Z", "2026-01-01T01:00"],
    ["@weekly", "2026-01-01T00:10:00Z", "2026-01-04T00:00"],
    ["@every 1h30m", "2026-01-01T00:10:00Z", "2026-01-01T01:40"],
    ["0 0 30 2 *", "2026-01-01T00:00:00Z", undefined],
  ])("%s after %s is %s", (text, after, expected) => {
    expect(next(text, after)).toBe(expected);
  });

  it("reads wall-clock time in a time zone, over a change to summer time", () => {
    expect(next("0 9 * * *", "2026-03-28T12:00:00Z", "Europe/Berlin")).toBe("2026-03-29T07:00");
    expect(next("0 9 * * *", "2026-01-01T00:00:00Z", "Asia/Kolkata")).toBe("2026-01-01T03:30");
  });

  it("skips a wall-clock time that a change of the clock leaves out", () => {
    expect(next("30 2 * * *", "2026-03-28T02:00:00Z", "Europe/Berlin")).toBe("2026-03-30T00:30");
  });

  it.each([
    "",
    "* * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "a * * * *",
    "*/0 * * * *",
    "5-1 * * * *",
    "@often",
    "@every x",
  ])("refuses %j", (text) => {
    expect(() => parseSchedule(text)).toThrow(Error);
  });
});
