import { beforeEach, describe, expect, test, vi } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { StatusError } from "../../apimachinery/status.ts";
import { MemoryStorage } from "../../storage/memory/memory-storage.ts";
import { encodeForStorage } from "./cached-object.ts";
import { objectKey } from "./storage-key.ts";
import { WatchCache } from "./watch-cache.ts";

const configMaps = { group: "", resource: "configmaps" };
const key = objectKey(configMaps, "a", "x");
const object = (data: Record<string, string> = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "x", namespace: "a" },
  data,
});

let storage: MemoryStorage;
let clock: VirtualClock;
let cache: WatchCache;

beforeEach(() => {
  storage = new MemoryStorage();
  clock = new VirtualClock();
  cache = new WatchCache({ storage, clock, logger: silentLogger });
});

const put = (data: Record<string, string> = {}): Promise<unknown> =>
  storage.txn([], [{ type: "put", key, value: encodeForStorage(object(data)) }]);

test("start() fills the cache with what is stored", async () => {
  await put({ a: "1" });
  await cache.start();
  expect(cache.get(configMaps, "a", "x")).toMatchObject({
    metadata: { resourceVersion: "1" },
    data: { a: "1" },
  });
  expect(cache.list(configMaps)).toHaveLength(1);
  expect(cache.list(configMaps, "b")).toHaveLength(0);
});

test("what happened before the start is not told from here, whoever has asked for the resource before it", async () => {
  cache.onChange(configMaps, () => undefined);
  await put({ a: "1" });
  await put({ a: "2" });
  await cache.start();
  for (const resource of ["configmaps", "secrets"])
    expect(cache.resource({ group: "", resource }).completeAfter).toBe(2);
});

test("current() waits for what was committed before it", async () => {
  await cache.start();
  await put();
  expect(await cache.current()).toBe(1);
  expect(cache.get(configMaps, "a", "x")).toBeDefined();
});

test("the writer's object becomes the cached one", async () => {
  await cache.start();
  const written = object({ a: "1" });
  const value = encodeForStorage(written);
  const finish = cache.announce(key, { value, object: written, isCompact: false });
  await storage.txn([], [{ type: "put", key, value: value.slice() }]);
  await cache.waitFor(1);
  expect(finish()?.object).toBe(written);
  expect(cache.get(configMaps, "a", "x")).toBe(written);
});

test("an announcement is not taken for other bytes", async () => {
  await cache.start();
  const written = object({ a: "1" });
  const value = encodeForStorage(written);
  const finish = cache.announce(key, { value, object: written, isCompact: false });
  await put({ a: "2" });
  await cache.waitFor(1);
  expect(finish()).toBeUndefined();
  expect(cache.get(configMaps, "a", "x")).toMatchObject({ data: { a: "2" } });
});

test("a revision that does not come is a timeout that tells the client to retry", async () => {
  await cache.start();
  const waiting = cache.waitFor(5).catch((error: unknown) => error);
  await clock.advance(3_000);
  const error = await waiting;
  expect(error).toBeInstanceOf(StatusError);
  expect((error as StatusError).status).toMatchObject({
    code: 504,
    reason: "Timeout",
    message: "Timeout: Too large resource version: 5, current: 0",
    details: {
      causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
      retryAfterSeconds: 1,
    },
  });
});

describe("when the feed breaks", () => {
  test("watches end, and the cache catches up as if by events", async () => {
    await put({ a: "1" });
    await cache.start();
    await put({ a: "2" });
    await cache.current();
    const changes: unknown[] = [];
    cache.onChange(configMaps, (now) => changes.push(now?.["data" as never]));
    const end = vi.fn();
    const sink = { notice: vi.fn(), flush: vi.fn(), bookmark: vi.fn(), end };
    const { Selection } = await import("./selection.ts");
    cache
      .resource(configMaps)
      .watch({ selection: new Selection(""), sink, bookmarks: false, afterRevision: 2 });

    const broken = new WatchCache({ storage: breakingOnce(storage), clock, logger: silentLogger });
    await broken.start();
    broken
      .resource(configMaps)
      .watch({ selection: new Selection(""), sink, bookmarks: false, afterRevision: 2 });
    await put({ a: "3" });
    await clock.advance(200);
    await broken.current();
    expect(end).toHaveBeenCalledOnce();
    expect(broken.get(configMaps, "a", "x")).toMatchObject({ data: { a: "3" } });
    expect(broken.resource(configMaps).completeAfter).toBe(3);
    broken.stop();
  });

  test("stop() ends watches without an error", async () => {
    await cache.start();
    const { Selection } = await import("./selection.ts");
    const end = vi.fn();
    const sink = { notice: vi.fn(), flush: vi.fn(), bookmark: vi.fn(), end };
    cache
      .resource(configMaps)
      .watch({ selection: new Selection(""), sink, bookmarks: false, afterRevision: 0 });
    cache.stop();
    expect(end).toHaveBeenCalledExactlyOnceWith(undefined);
  });
});

/** A store whose first watch fails at its first event. */
function breakingOnce(inner: MemoryStorage): MemoryStorage {
  let failed = false;
  return new Proxy(inner, {
    get(target, property) {
      if (property === "watch") {
        return async function* (prefix: string, after: number, signal?: AbortSignal) {
          for await (const batch of target.watch(prefix, after, signal)) {
            if (!failed) {
              failed = true;
              throw new Error("the connection was reset");
            }
            yield batch;
          }
        };
      }
      const value = Reflect.get(target, property, target) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
