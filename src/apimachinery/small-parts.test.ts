import { describe, expect, it } from "vitest";
import { Backoff, backoffDelay, KeyedBackoff } from "./backoff.ts";
import { VirtualClock } from "./clock.ts";
import { findCondition, isConditionTrue, removeCondition, setCondition } from "./conditions.ts";
import { fnv32a, podTemplateHash, safeEncode, stableStringify } from "./hash.ts";
import { parsePercent, resolveIntOrPercent } from "./int-or-string.ts";
import { SeededRandom } from "./random.ts";
import { retryOnConflict } from "./retry.ts";
import { newConflict, newNotFound } from "./status.ts";
import { normalizeMicroTime, normalizeTime, parseTime } from "./time.ts";

describe("resolveIntOrPercent()", () => {
  it.each<[number | string, number, boolean, number]>([
    [3, 10, true, 3],
    ["25%", 10, true, 3],
    ["25%", 10, false, 2],
    ["0%", 10, true, 0],
    ["100%", 7, false, 7],
    ["150%", 4, false, 6],
  ])("%s of %d, rounded up: %s, is %d", (value, total, roundUp, expected) => {
    expect(resolveIntOrPercent(value, total, roundUp)).toBe(expected);
  });

  it("refuses text that is no percentage", () => {
    expect(() => resolveIntOrPercent("5", 10, true)).toThrow("string is not a percentage");
    expect([parsePercent("7%"), parsePercent("7"), parsePercent(7)]).toEqual([7, undefined, undefined]);
  });
});

describe("hashes", () => {
  it.each([
    ["", 0x811c9dc5],
    ["a", 0xe40c292c],
    ["foobar", 0xbf9cf968],
  ])("fnv32a(%j) is the published value", (text, expected) => {
    expect(fnv32a(text)).toBe(expected);
  });

  it("do not depend on the order of keys, but on collisions", () => {
    const hash = podTemplateHash({ a: 1, b: { c: [1, 2], d: undefined } });
    expect(podTemplateHash({ b: { c: [1, 2] }, a: 1 })).toBe(hash);
    expect(podTemplateHash({ a: 1, b: { c: [2, 1] } })).not.toBe(hash);
    expect(podTemplateHash({ a: 1, b: { c: [1, 2] } }, 1)).not.toBe(hash);
    expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
  });

  it("print and encode predictably", () => {
    expect(stableStringify({ b: [null, { y: 1, x: "s" }], a: true })).toBe(
      '{"a":true,"b":[null,{"x":"s","y":1}]}',
    );
    expect(safeEncode("0129")).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{4}$/);
  });
});

describe("conditions", () => {
  interface Condition {
    type: string;
    status: string;
    reason: string;
    lastTransitionTime?: string | undefined;
  }
  const t0 = Date.UTC(2026, 0, 1);
  const ready = (status: string, reason = "r"): Condition => ({ type: "Ready", status, reason });
  const first = setCondition<Condition>(undefined, ready("False"), t0);

  it("are appended with the time of their transition", () => {
    expect(first).toEqual([{ ...ready("False"), lastTransitionTime: "2026-01-01T00:00:00Z" }]);
  });

  it("keep the time while the status stays, and the list while nothing changes", () => {
    expect(setCondition(first, ready("False"), t0 + 5000)).toBe(first);
    expect(setCondition(first, ready("False", "other"), t0 + 5000)[0]).toEqual({
      ...ready("False", "other"),
      lastTransitionTime: "2026-01-01T00:00:00Z",
    });
  });

  it("move the time with the status, and stay in their place", () => {
    const two = setCondition(first, { type: "B", status: "True", reason: "" }, t0);
    const next = setCondition(two, ready("True"), t0 + 5000);
    expect(next.map(({ type, lastTransitionTime }) => [type, lastTransitionTime])).toEqual([
      ["Ready", "2026-01-01T00:00:05Z"],
      ["B", "2026-01-01T00:00:00Z"],
    ]);
    expect([isConditionTrue(next, "Ready"), isConditionTrue(first, "Ready")]).toEqual([true, false]);
    expect(findCondition(next, "B")?.status).toBe("True");
    expect(removeCondition(next, "B").length).toBe(1);
    expect(removeCondition(next, "C")).toBe(next);
  });
});

describe("backoff", () => {
  it("grows to its bound and starts over", () => {
    const backoff = new Backoff({ initialMs: 10, maxMs: 35 });
    expect([backoff.next(), backoff.next(), backoff.next(), backoff.tries]).toEqual([10, 20, 35, 3]);
    backoff.reset();
    expect(backoff.next()).toBe(10);
  });

  it("adds chance up to its share", () => {
    const random = new SeededRandom(1);
    const delays = Array.from({ length: 50 }, () =>
      backoffDelay({ initialMs: 100, maxMs: 100, jitter: 0.1, random }, 3),
    );
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...delays)).toBeLessThan(110);
    expect(new Set(delays).size).toBeGreaterThan(10);
  });

  it("is kept per key and forgotten when quiet", () => {
    const backoff = new KeyedBackoff<string>({ initialMs: 10, maxMs: 40 });
    expect([backoff.next("a", 0), backoff.next("a", 5), backoff.next("b", 5)]).toEqual([10, 20, 10]);
    expect([backoff.isWaiting("a", 5, 20), backoff.isWaiting("a", 5, 30), backoff.current("x")]).toEqual([
      true,
      false,
      0,
    ]);
    expect(backoff.next("a", 200)).toBe(10);
    backoff.collectGarbage(1000);
    expect(backoff.current("a")).toBe(0);
    backoff.next("a", 1000);
    backoff.delete("a");
    expect(backoff.current("a")).toBe(0);
  });
});

describe("retryOnConflict()", () => {
  const conflict = newConflict({ group: "", resource: "pods" }, "a", "x");
  const failing = (times: number, error: Error) => {
    let calls = 0;
    return async () => {
      if (++calls <= times) throw error;
      return calls;
    };
  };

  it("calls again while there are conflicts", async () => {
    expect(await retryOnConflict(failing(3, conflict))).toBe(4);
  });

  it("gives up after its attempts, and at once for other errors", async () => {
    await expect(retryOnConflict(failing(9, conflict), { attempts: 2 })).rejects.toBe(conflict);
    const missing = newNotFound({ group: "", resource: "pods" }, "a");
    await expect(retryOnConflict(failing(1, missing))).rejects.toBe(missing);
  });

  it("waits on the clock between tries", async () => {
    const clock = new VirtualClock(0);
    const done = retryOnConflict(failing(2, conflict), { clock, delayMs: 100 });
    await clock.advance(200);
    expect([await done, clock.now()]).toEqual([3, 200]);
  });
});

describe("times", () => {
  it.each<[string, string | undefined]>([
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"],
    ["2026-01-01T00:00:00.999Z", "2026-01-01T00:00:00Z"],
    ["2026-01-01T01:30:00+01:30", "2026-01-01T00:00:00Z"],
    ["2025-12-31T22:00:00-02:00", "2026-01-01T00:00:00Z"],
    ["1960-01-01T00:00:00Z", "1960-01-01T00:00:00Z"],
    ["0001-01-01T00:00:00Z", undefined],
  ])("normalizeTime(%s) is %s", (text, expected) => {
    expect(normalizeTime(text)).toBe(expected);
  });

  it.each([
    ["abc", 'parsing time "abc" as "2006-01-02T15:04:05Z07:00": cannot parse "abc" as "2006"'],
    ["2026-01-01", 'parsing time "2026-01-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'],
    [
      "2026-01-01T00:00:00",
      'parsing time "2026-01-01T00:00:00" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00"',
    ],
    ["2026-13-01T00:00:00Z", 'parsing time "2026-13-01T00:00:00Z": month out of range'],
    ["2026-02-29T00:00:00Z", 'parsing time "2026-02-29T00:00:00Z": day out of range'],
    ["2026-01-01T24:00:00Z", 'parsing time "2026-01-01T24:00:00Z": hour out of range'],
    ["2026-01-01T00:00:00Zx", 'parsing time "2026-01-01T00:00:00Zx": extra text: "x"'],
  ])("normalizeTime() refuses %s in Go's words", (text, message) => {
    expect(() => normalizeTime(text)).toThrow(new Error(message));
  });

  it("keep microseconds, all six digits", () => {
    expect(normalizeMicroTime("2026-01-01T00:00:00.000001Z")).toBe("2026-01-01T00:00:00.000001Z");
    expect(() => normalizeMicroTime("2026-01-01T00:00:00.1Z")).toThrow('as ".000000"');
    expect([parseTime("2026-01-01T00:00:00Z"), parseTime(undefined), parseTime("x")]).toEqual([
      Date.UTC(2026, 0, 1),
      undefined,
      undefined,
    ]);
  });
});
