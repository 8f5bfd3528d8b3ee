import { expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import { compactionIntervalMs, startCompactor } from "./compactor.ts";
import { MemoryStorage } from "./memory/memory-storage.ts";

const put = (key: string) => [{ type: "put", key, value: new Uint8Array(1) }] as const;

function start() {
  const clock = new VirtualClock();
  const storage = new MemoryStorage();
  const stop = new AbortController();
  startCompactor({ storage, clock, logger: silentLogger, signal: stop.signal });
  return { clock, storage, stop };
}

it("forgets what is older than an interval, and nothing younger", async () => {
  const { clock, storage } = start();
  await storage.txn([], put("/a"));
  await storage.txn([], put("/a"));
  await clock.advance(compactionIntervalMs);
  expect(await storage.compactedRevision()).toBe(0);

  await storage.txn([], put("/a"));
  await clock.advance(compactionIntervalMs);
  expect(await storage.compactedRevision()).toBe(2);
  expect(await storage.get("/a", { revision: 2 })).toMatchObject({ modRevision: 2 });
  await expect(storage.get("/a", { revision: 1 })).rejects.toMatchObject({ code: "compacted" });
});

it("goes on after a failure", async () => {
  const { clock, storage } = start();
  const compact = storage.compact.bind(storage);
  storage.compact = () => Promise.reject(new Error("disk"));
  await storage.txn([], put("/a"));
  await clock.advance(3 * compactionIntervalMs);
  expect(await storage.compactedRevision()).toBe(0);

  storage.compact = compact;
  await clock.advance(compactionIntervalMs);
  expect(await storage.compactedRevision()).toBe(1);
});

it("ends with its signal", async () => {
  const { clock, storage, stop } = start();
  await storage.txn([], put("/a"));
  await clock.advance(compactionIntervalMs);
  stop.abort();
  await clock.advance(5 * compactionIntervalMs);
  expect(await storage.compactedRevision()).toBe(0);
});
