import { beforeEach, describe, expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { newWorkqueue, type Workqueue } from "./workqueue.ts";

let clock: VirtualClock;
let queue: Workqueue;

beforeEach(() => {
  clock = new VirtualClock();
  queue = newWorkqueue(clock);
});

async function drain(): Promise<string[]> {
  const keys: string[] = [];
  while (queue.size() > 0) {
    const key = (await queue.next()) ?? "";
    keys.push(key);
    queue.done(key);
  }
  return keys;
}

describe("add()", () => {
  it("keeps the order and a waiting key only once", async () => {
    for (const key of ["a", "b", "a", "c"]) queue.add(key);
    expect(await drain()).toEqual(["a", "b", "c"]);
  });

  it("of a key that is being worked on queues it again after done()", async () => {
    queue.add("a");
    expect(await queue.next()).toBe("a");
    queue.add("a");
    queue.add("a");
    expect(queue.size()).toBe(0);
    queue.done("a");
    expect(await drain()).toEqual(["a"]);
  });

  it("wakes those who wait, in the order they came", async () => {
    const first = queue.next();
    const second = queue.next();
    queue.add("a");
    queue.add("b");
    expect(await Promise.all([first, second])).toEqual(["a", "b"]);
  });

  it("of thousands of keys loses none", async () => {
    const keys = Array.from({ length: 5000 }, (_, index) => `k${index}`);
    for (const key of keys) queue.add(key);
    expect(await drain()).toEqual(keys);
  });
});

describe("addAfter()", () => {
  it("adds when the delay has passed", async () => {
    queue.addAfter("a", 100);
    await clock.advance(99);
    expect(queue.size()).toBe(0);
    await clock.advance(1);
    expect(await drain()).toEqual(["a"]);
  });

  it("keeps the earliest of several times", async () => {
    queue.addAfter("a", 100);
    queue.addAfter("a", 10);
    queue.addAfter("a", 50);
    await clock.advance(10);
    expect(await drain()).toEqual(["a"]);
    await clock.advance(100);
    expect(queue.size()).toBe(0);
  });

  it("without a delay adds at once", () => {
    queue.addAfter("a", 0);
    expect(queue.size()).toBe(1);
  });
});

describe("addRateLimited()", () => {
  it("doubles the delay per key until forget()", async () => {
    for (const delayMs of [5, 10, 20, 40]) {
      queue.addRateLimited("a");
      await clock.advance(delayMs - 1);
      expect(queue.size()).toBe(0);
      await clock.advance(1);
      expect(await drain()).toEqual(["a"]);
    }
    expect(queue.retries("a")).toBe(4);
    queue.forget("a");
    queue.addRateLimited("a");
    await clock.advance(5);
    expect(queue.size()).toBe(1);
  });

  it("waits 1,000 s at most", async () => {
    for (let count = 0; count < 40; count++) {
      queue.addRateLimited("a");
      await clock.advance(1_000_000);
      await drain();
    }
    queue.addRateLimited("a");
    await clock.advance(1_000_000);
    expect(queue.size()).toBe(1);
  });
});

describe("idle()", () => {
  it("is false while a key waits or is worked on, and true while one is only delayed", async () => {
    expect(queue.idle()).toBe(true);
    queue.add("a");
    expect(queue.idle()).toBe(false);
    await queue.next();
    expect(queue.idle()).toBe(false);
    queue.done("a");
    queue.addAfter("a", 10);
    expect(queue.idle()).toBe(true);
  });
});

describe("shutDown()", () => {
  it("lets what is queued be worked on, then ends", async () => {
    queue.add("a");
    queue.shutDown();
    queue.add("b");
    expect(await queue.next()).toBe("a");
    expect(await queue.next()).toBeUndefined();
  });

  it("wakes those who wait and stops delayed keys", async () => {
    const waiting = queue.next();
    queue.addAfter("a", 10);
    queue.shutDown();
    await clock.advance(100);
    expect(await waiting).toBeUndefined();
    expect(queue.size()).toBe(0);
  });
});
