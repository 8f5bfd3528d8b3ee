import { expect, test } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { collectGarbage, collectWhenIdle, processCpuMs } from "./idle-memory.ts";

/** A process whose work is given as CPU milliseconds per interval of two seconds, and its memory at the end of each. */
async function collections(work: readonly number[], residentMb: readonly number[] = []): Promise<number[]> {
  const clock = new VirtualClock();
  const stop = new AbortController();
  let cpuMs = 0;
  let interval = 0;
  const collected: number[] = [];
  const residentBytes = (): number => (residentMb[interval - 1] ?? 100) * 1024 * 1024;
  const collect = (): Promise<void> => {
    collected.push(interval);
    return Promise.resolve();
  };
  collectWhenIdle({ clock, signal: stop.signal, cpuMs: () => cpuMs, residentBytes, collect });
  for (const ms of work) {
    cpuMs += ms;
    interval++;
    await clock.advance(2_000);
  }
  stop.abort();
  cpuMs += 10_000;
  await clock.advance(60_000);
  return collected;
}

test.each([
  ["after work, once it is quiet for two intervals", [1_500, 10, 10, 10, 10, 10], [3]],
  ["not while there is work", [1_500, 1_500, 10, 1_500, 1_500], []],
  ["not for little work", [300, 10, 10, 10], []],
  ["for little work that adds up", [300, 10, 10, 300, 10, 10, 500, 10, 10, 10], [9]],
  ["once after each stretch", [2_000, 10, 10, 10, 2_000, 10, 10, 10], [3, 7]],
])("garbage is collected %s", async (_, work, expected) => {
  expect(await collections(work)).toEqual(expected);
});

test.each([
  ["after little work that left much", [300, 10, 10, 10, 10], [200, 200, 200, 200, 200], [3]],
  ["not for what an empty server takes", [300, 10, 10, 10, 10], [150, 150, 150, 150, 150], []],
  ["not again for what is in use", [300, 10, 10, 10, 300, 10, 10], [300, 300, 300, 300, 310, 310, 310], [3]],
  [
    "again when as much has come",
    [300, 10, 10, 10, 300, 10, 10],
    [300, 300, 300, 300, 340, 340, 340],
    [3, 7],
  ],
])("garbage is collected %s", async (_, work, residentMb, expected) => {
  expect(await collections(work, residentMb)).toEqual(expected);
});

test("what nobody holds any more is gone, whatever V8 thinks", async () => {
  const reference = new WeakRef({ held: true });
  await new Promise((resolve) => setImmediate(resolve));
  await collectGarbage();
  expect(reference.deref()).toBeUndefined();
  expect(processCpuMs()).toBeGreaterThan(0);
});
