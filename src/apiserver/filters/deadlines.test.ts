import { expect, test } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { Deadlines } from "./deadlines.ts";

const setUp = () => {
  const clock = new VirtualClock(0);
  const expired: string[] = [];
  const deadlines = new Deadlines(clock, 1_000);
  const add = (name: string) => deadlines.add(() => expired.push(`${name}@${clock.now()}`));
  return { clock, expired, deadlines, add };
};

test("each expires on its own time", async () => {
  const { clock, expired, add } = setUp();
  add("a");
  await clock.advance(300);
  add("b");
  add("c");
  await clock.advance(1_000);
  add("d");
  await clock.advance(5_000);
  expect(expired).toEqual(["a@1000", "b@1300", "c@1300", "d@2300"]);
});

test("one that is met never expires, and delays no other", async () => {
  const { clock, expired, deadlines, add } = setUp();
  const first = add("a");
  await clock.advance(999);
  add("b");
  deadlines.met(first);
  await clock.advance(5_000);
  expect(expired).toEqual(["b@1999"]);
});

test("no timer is left of one that is closed and waited for by nobody", async () => {
  const clock = new VirtualClock(0);
  const closed = new AbortController();
  const expired: string[] = [];
  const deadlines = new Deadlines(clock, 1_000, closed.signal);
  deadlines.met(deadlines.add(() => expired.push("met")));
  const late = deadlines.add(() => expired.push("late"));
  closed.abort();
  expect(clock.nextTimerMs).toBe(1_000);
  deadlines.met(late);
  expect(clock.nextTimerMs).toBeUndefined();
  deadlines.add(() => expired.push("after"));
  await clock.advance(1_000);
  expect([expired, clock.nextTimerMs]).toEqual([["after"], undefined]);
});
