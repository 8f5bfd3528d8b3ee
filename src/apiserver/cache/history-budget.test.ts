import { expect, test } from "vitest";
import type { WatchNotice } from "./cache-event.ts";
import { CachedObject, encodeForStorage } from "./cached-object.ts";
import { HistoryBudget } from "./history-budget.ts";
import { ResourceCache } from "./resource-cache.ts";
import { Selection } from "./selection.ts";

/** Two resources with one budget, and what writes to them: objects of about the given size. */
function twoResources(maxBytes: number) {
  const budget = new HistoryBudget(maxBytes);
  const newCache = (resource: string): ResourceCache =>
    new ResourceCache({ group: "", resource }, 0, undefined, budget);
  const caches = { pods: newCache("pods"), secrets: newCache("secrets") };
  let revision = 0;
  const put = (resource: keyof typeof caches, sizeBytes: number): CachedObject => {
    const data = "x".repeat(sizeBytes);
    const object = { apiVersion: "v1", kind: "Any", metadata: { name: "one", namespace: "a" }, data };
    const cached = CachedObject.stored("a", "one", ++revision, encodeForStorage(object));
    caches[resource].apply(revision, "a", "one", cached, () => undefined);
    return cached;
  };
  return { budget, caches, put };
}

test("events of all resources together take no more than the budget", () => {
  const { budget, caches, put } = twoResources(50_000);
  for (let count = 0; count < 200; count++) put(count % 2 === 0 ? "pods" : "secrets", 1_000);
  expect(budget.usedBytes).toBeLessThanOrEqual(50_000);
  expect(budget.usedBytes).toBe(caches.pods.historyBytes + caches.secrets.historyBytes);
  expect(caches.pods.historyLength).toBeGreaterThan(10);
});

test("who holds most forgets: a flood of one resource leaves the events of the others", () => {
  const { caches, put } = twoResources(50_000);
  for (let count = 0; count < 10; count++) put("secrets", 1_000);
  for (let count = 0; count < 500; count++) put("pods", 1_000);
  expect(caches.secrets.historyLength).toBe(10);
  expect(caches.secrets.completeAfter).toBe(0);
  expect(caches.pods.completeAfter).toBeGreaterThan(400);
});

test("large events are forgotten though they are few", () => {
  const { budget, caches, put } = twoResources(50_000);
  for (let count = 0; count < 20; count++) put("pods", 20_000);
  expect(caches.pods.historyLength).toBeLessThanOrEqual(2);
  expect(budget.usedBytes).toBeLessThanOrEqual(50_000);
});

test("a watch goes on from the oldest event that is left, and no further back", () => {
  const { caches, put } = twoResources(20_000);
  for (let count = 0; count < 40; count++) put("pods", 1_000);
  const { pods } = caches;
  const watchFrom = (afterRevision: number): { isStarted: boolean; seen: number[] } => {
    const seen: number[] = [];
    const notice = ({ object }: WatchNotice): void => void seen.push(object.revision);
    const sink = { notice, flush() {}, bookmark() {}, end() {} };
    const watcher = { selection: new Selection(""), afterRevision, bookmarks: false, sink };
    return { isStarted: pods.watch(watcher), seen };
  };
  const first = pods.completeAfter;
  expect(watchFrom(first - 1).isStarted).toBe(false);
  const { isStarted, seen } = watchFrom(first);
  expect(isStarted).toBe(true);
  expect(seen).toEqual(Array.from({ length: 40 - first }, (_, index) => first + 1 + index));
});

test("after the feed broke nothing is held", () => {
  const { budget, caches, put } = twoResources(50_000);
  put("pods", 1_000);
  caches.pods.forgetEvents(5);
  expect(budget.usedBytes).toBe(0);
});

test("what has been replaced is kept as bytes, and can be read as before", () => {
  const { put } = twoResources(50_000);
  const old = put("pods", 10);
  const { object } = old;
  put("pods", 10);
  expect(old.object).toEqual(object);
  expect(old.object).not.toBe(object);
});
