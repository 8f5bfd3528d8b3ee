import { expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { Expectations } from "./expectations.ts";
import { slowStartBatch } from "./pod-control.ts";

it("are met when every creation and deletion was seen", () => {
  const expectations = new Expectations(new VirtualClock());
  expect(expectations.satisfied("a")).toBe(true);
  expectations.expect("a", { creations: 2, deletions: ["x", "y"] });
  expectations.creationObserved("a", 2);
  expectations.deletionObserved("a", "x");
  expectations.deletionObserved("a", "x");
  expect(expectations.satisfied("a")).toBe(false);
  expectations.deletionObserved("a", "y");
  expect(expectations.satisfied("a")).toBe(true);
});

it("expire, because an event may be missed", async () => {
  const clock = new VirtualClock();
  const expectations = new Expectations(clock);
  expectations.expect("a", { creations: 1 });
  await clock.advance(5 * 60_000 - 1);
  expect(expectations.satisfied("a")).toBe(false);
  expect(expectations.remainingMs("a")).toBe(1);
  await clock.advance(1);
  expect(expectations.satisfied("a")).toBe(true);
});

it("are forgotten with their owner", () => {
  const expectations = new Expectations(new VirtualClock());
  expectations.expect("a", { creations: 1 });
  expectations.delete("a");
  expect(expectations.satisfied("a")).toBe(true);
});

it("slowStartBatch() doubles its batches and stops after one that fails", async () => {
  const calls: number[] = [];
  const outcome = await slowStartBatch(10, async (index) => {
    calls.push(index);
    if (index === 4) throw new Error("full");
  });
  expect(calls).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(outcome).toEqual({ succeeded: 6, error: new Error("full") });
  expect(await slowStartBatch(0, async () => undefined)).toEqual({ succeeded: 0, error: undefined });
});
