import { beforeEach, expect, it } from "vitest";
import { RevisionWaiters } from "../client/revision-waiters.ts";
import { OwnWrites } from "./own-writes.ts";

class FakeCache {
  #revision = "";
  readonly #waiters = new RevisionWaiters();

  lastResourceVersion(): string {
    return this.#revision;
  }

  onRevision(revision: number, listener: () => void): void {
    this.#waiters.add(revision, listener);
  }

  comesTo(revision: string): void {
    this.#revision = revision;
    this.#waiters.reached(revision);
  }
}

const object = (resourceVersion: string) => ({
  apiVersion: "v1",
  kind: "Thing",
  metadata: { name: "a", resourceVersion },
});

let writes: OwnWrites;
let woken: string[];
let pods: FakeCache;
let sets: FakeCache;
beforeEach(() => {
  writes = new OwnWrites();
  woken = [];
  writes.watch()((key) => woken.push(key));
  pods = new FakeCache();
  sets = new FakeCache();
});

it("what was written is seen when its cache has come to its revision", () => {
  expect(writes.isSeen("a")).toBe(true);
  writes.wrote("a", pods, object("9"));
  writes.wrote("a", pods, object("10"));
  // Answers may overtake each other.
  writes.wrote("a", pods, object("8"));
  pods.comesTo("9");
  expect(writes.isSeen("a")).toBe(false);
  expect(writes.isSeen("b")).toBe(true);
  pods.comesTo("11");
  expect(writes.isSeen("a")).toBe(true);
});

it("every cache counts for itself", () => {
  writes.wrote("a", pods, object("9"));
  writes.wrote("a", sets, object("10"));
  pods.comesTo("20");
  expect(writes.isSeen("a")).toBe(false);
  sets.comesTo("10");
  expect(writes.isSeen("a")).toBe(true);
});

it("who asked in vain is woken once, when there is reason to ask again", () => {
  writes.wrote("a", pods, object("9"));
  pods.comesTo("8");
  expect([writes.isSeen("a"), writes.isSeen("a")]).toEqual([false, false]);
  expect(woken).toEqual([]);
  pods.comesTo("12");
  expect(woken).toEqual(["a"]);
  expect(writes.isSeen("a")).toBe(true);
  pods.comesTo("13");
  expect(woken).toEqual(["a"]);
});

it("what the cache shows already, what is forgotten, and what has no revision is not waited for", () => {
  pods.comesTo("9");
  writes.wrote("a", pods, object("9"));
  expect(writes.isSeen("a")).toBe(true);
  writes.wrote("a", pods, object("10"));
  writes.forget("a");
  expect(writes.isSeen("a")).toBe(true);
  writes.wrote("a", pods, object(""));
  writes.wrote("a", pods, { ...object(""), metadata: {} });
  expect(writes.isSeen("a")).toBe(true);
});

it("those who wait for a cache are called in the order of what they wait for", () => {
  const waiters = new RevisionWaiters();
  const called: string[] = [];
  for (const [revision, name] of [
    [7, "c"],
    [5, "a"],
    [9, "d"],
    [5, "b"],
  ] as const)
    waiters.add(revision, () => called.push(name));
  waiters.reached("4");
  waiters.reached("");
  expect(called).toEqual([]);
  waiters.reached("7");
  expect(called).toEqual(["a", "b", "c"]);
  waiters.reached("20");
  expect(called).toEqual(["a", "b", "c", "d"]);
});
