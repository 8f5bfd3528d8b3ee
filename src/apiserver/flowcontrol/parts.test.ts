import { describe, expect, test } from "vitest";
import { type Clock, VirtualClock } from "../../apimachinery/clock.ts";
import { settle } from "../testing/api.ts";
import { allocate } from "./concurrency-allocation.ts";
import { RefusalPace } from "./refusal-pace.ts";
import { RetryAfter } from "./retry-after.ts";
import { SeatDemand } from "./seat-demand.ts";
import { dealHand, flowHash } from "./shuffle-sharding.ts";

describe("allocate()", () => {
  const item = (target: number, lowerBound = 0, upperBound = 1_000) => ({ target, lowerBound, upperBound });

  test.each([
    ["in proportion", 30, [item(1), item(2)], [10, 20]],
    ["up to a bound, and the rest gets more", 30, [item(1), item(2, 0, 12)], [18, 12]],
    [
      "down to a bound, and the rest gets less",
      30,
      [item(1, 25, 99), item(100, 0, 99)],
      [25, 5].map((n) => n),
    ],
    ["nobody wants anything", 10, [item(0), item(0)], [5, 5]],
    ["all at their lower bounds", 30, [item(10, 10), item(20, 20)], [10, 20]],
    ["all at their upper bounds", 30, [item(50, 0, 10), item(50, 0, 20)], [10, 20]],
    ["more than bounds allow", 90, [item(1, 0, 10), item(1, 0, 20)], [10, 20]],
  ])("%s", (_, sum, items, expected) => {
    const { shares } = allocate(
      sum,
      items.map((each) => ({ ...each, target: Math.max(each.target, each.lowerBound) })),
    );
    for (const [index, share] of shares.entries()) expect(share).toBeCloseTo(expected[index] ?? -1, 6);
  });
});

describe("a hand", () => {
  test("holds different queues, the same each time", () => {
    for (const name of ["jane", "bob", ""]) {
      const hand = dealHand(flowHash("global-default", name), 128, 6);
      expect(new Set(hand).size).toBe(6);
      for (const card of hand) expect(card >= 0 && card < 128).toBe(true);
      expect(dealHand(flowHash("global-default", name), 128, 6)).toEqual(hand);
    }
  });

  test("of all queues is all of them", () => {
    expect(dealHand(12_345_678_901n, 4, 4).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
  });
});

describe("refusals", () => {
  test("leave at once in a burst, and then a thousand a second", async () => {
    const clock = new VirtualClock();
    const pace = new RefusalPace(clock);
    let left = 0;
    for (let index = 0; index < 600; index++) void Promise.resolve(pace.hold()).then(() => left++);
    await settle();
    expect(left).toBe(100);
    await clock.advance(100);
    expect(left).toBe(200);
    await clock.advance(400);
    expect(left).toBe(600);
    expect(pace.held).toBe(0);
  });

  test("are not held longer than five seconds, nor more than ten thousand", async () => {
    const clock = new VirtualClock();
    const pace = new RefusalPace(clock);
    let left = 0;
    for (let index = 0; index < 10_200; index++) void Promise.resolve(pace.hold()).then(() => left++);
    await settle();
    expect(pace.held).toBe(10_000);
    expect(left).toBe(200);
    await clock.advance(5_010);
    expect(left).toBe(10_200);
  });

  test("take a quarter of the processor time when there is too little of it", async () => {
    const clock = new VirtualClock();
    let [cpuMs, lateMs] = [0, 0];
    const lateClock: Clock = {
      now: () => clock.now() + lateMs,
      after: (delayMs, callback) => clock.after(delayMs, callback),
      every: (intervalMs, callback) => clock.every(intervalMs, callback),
      sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
    };
    const pace = new RefusalPace(lateClock, () => cpuMs);
    let left = 0;
    for (let index = 0; index < 1_100; index++) void Promise.resolve(pace.hold()).then(() => left++);
    await settle();
    expect(left).toBe(100);
    // On time, however much was worked meanwhile.
    await clock.advance(10);
    expect(left).toBe(110);
    // 100 ms late: in 16 ms of processor time there is room for 20 refusals of 0.2 ms, at a quarter of it.
    lateMs = 100;
    cpuMs += 16;
    await clock.advance(10);
    expect(left).toBe(130);
  });
});

test("the time to stay away falls back when refusals end", () => {
  const retry = new RetryAfter();
  for (let second = 100; second < 110; second++) {
    for (let index = 0; index < 200; index++) retry.refuse(second * 1_000);
  }
  expect(retry.refuse(110_000)).toBeGreaterThanOrEqual(8);
  let last = 0;
  for (let minute = 0; minute < 40; minute++) last = retry.refuse(200_000 + minute * 60_000);
  expect(last).toBe(1);
});

test("demand is the mean over time, how far it strayed, and its highest", () => {
  const demand = new SeatDemand(0);
  demand.set(10, 0);
  demand.set(0, 500);
  expect(demand.reset(1_000)).toEqual({ average: 5, deviation: 5, max: 10, durationMs: 1_000 });
  expect(demand.reset(2_000)).toEqual({ average: 0, deviation: 0, max: 0, durationMs: 1_000 });
});
