import { expect, test } from "vitest";
import { humanDuration, timeSince } from "./duration.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

test.each([
  [-2 * second, "<invalid>"],
  [-1 * second, "0s"],
  [0, "0s"],
  [999, "0s"],
  [second, "1s"],
  [119 * second, "119s"],
  [2 * minute, "2m"],
  [2 * minute + 5 * second, "2m5s"],
  [9 * minute + 59 * second, "9m59s"],
  [10 * minute + 5 * second, "10m"],
  [179 * minute, "179m"],
  [3 * hour, "3h"],
  [3 * hour + minute, "3h1m"],
  [7 * hour + 59 * minute, "7h59m"],
  [8 * hour + 30 * minute, "8h"],
  [47 * hour, "47h"],
  [2 * day, "2d"],
  [2 * day + hour, "2d1h"],
  [8 * day - hour, "7d23h"],
  [8 * day + hour, "8d"],
  [2 * year - day, "729d"],
  [2 * year, "2y"],
  [2 * year + day, "2y1d"],
  [8 * year + day, "8y"],
])("%d ms is %s", (durationMs, text) => {
  expect(humanDuration(durationMs)).toBe(text);
});

test("the time since a timestamp is unknown without one", () => {
  const nowMs = Date.parse("2026-01-01T00:01:00Z");
  expect(timeSince("2026-01-01T00:00:00Z", nowMs)).toBe("60s");
  expect(timeSince("2026-01-01T00:00:59.500000Z", nowMs)).toBe("0s");
  expect(timeSince(undefined, nowMs)).toBe("<unknown>");
});
