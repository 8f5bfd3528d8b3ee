import { describe, expect, test } from "vitest";
import { normalizeMicroTime, normalizeTime } from "./time.ts";

const dayMs = 86_400_000;

describe("normalizeTime()", () => {
  test.each([2024, 2026, 2100, 9999, 2])(
    "takes each day of the year %i as it is, and none beside",
    (year) => {
      const two = (number: number): string => `${number}`.padStart(2, "0");
      const days = Array.from({ length: 12 * 31 }, (_, index) => {
        const [month, day] = [Math.floor(index / 31) + 1, (index % 31) + 1];
        const first = new Date(`${`${year}`.padStart(4, "0")}-${two(month)}-01T23:59:59Z`);
        const exists = new Date(first.getTime() + (day - 1) * dayMs).getUTCMonth() === month - 1;
        return { text: `${first.toISOString().slice(0, 8)}${two(day)}T23:59:59`, exists };
      });
      for (const [normalize, end] of [
        [normalizeTime, "Z"],
        [normalizeMicroTime, ".123456Z"],
      ] as const) {
        const there = days.filter(({ exists }) => exists).map(({ text }) => text + end);
        expect(there.map(normalize)).toEqual(there);
        for (const { text } of days.filter(({ exists }) => !exists)) {
          expect(() => normalize(text + end)).toThrow(`parsing time "${text}${end}": day out of range`);
        }
      }
    },
  );

  test.each([
    ["2026-13-01T00:00:00Z", "month out of range"],
    ["2026-01-01T24:00:00Z", "hour out of range"],
    ["2026-01-01T00:60:00Z", "minute out of range"],
    ["2026-01-01T00:00:60Z", "second out of range"],
    ["2026-01-00T00:00:00Z", "day out of range"],
    ["2026-01-01 00:00:00Z", 'cannot parse " 00:00:00Z" as "T"'],
    ["2026-01-01T00:00:00Z ", "extra text"],
    ["2026-01-01T00:00:00", 'cannot parse "" as "Z07:00"'],
  ])("refuses %s: %s", (text, why) => {
    expect(() => normalizeTime(text)).toThrow(why);
  });

  test("turns other zones into UTC, drops fractions, and takes Go's zero time for none", () => {
    expect(normalizeTime("2026-03-01T01:00:00.5+02:00")).toBe("2026-02-28T23:00:00Z");
    expect(normalizeTime("0001-01-01T00:00:00Z")).toBeUndefined();
    expect(normalizeTime("0001-01-02T00:00:00Z")).toBe("0001-01-02T00:00:00Z");
    expect(normalizeMicroTime("0001-01-01T00:00:00.000000Z")).toBeUndefined();
  });
});
