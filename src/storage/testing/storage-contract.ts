import { afterEach, describe, expect, test } from "vitest";
import type { Compare, Operation, Storage, StorageEvent } from "../storage.ts";

/**
 * What every implementation of Storage must do, as tests. `open` gives a fresh, empty store; the suite closes it.
 *
 *   storageContract("memory", async () => new MemoryStorage());
 */
export function storageContract(name: string, open: () => Promise<Storage>): void {
  describe(`storage contract: ${name}`, () => {
    const opened: Storage[] = [];

    async function fresh(): Promise<Storage> {
      const storage = await open();
      opened.push(storage);
      return storage;
    }

    afterEach(async () => {
      for (const storage of opened.splice(0)) await storage.close();
    });

    describe("revisions", () => {
      test("an empty store has revision 0, no compaction and no keys", async () => {
        const storage = await fresh();
        expect(await storage.revision()).toBe(0);
        expect(await storage.compactedRevision()).toBe(0);
        expect(await storage.get("/a")).toBeUndefined();
        expect(await storage.list("/")).toEqual({ revision: 0, items: [], remaining: 0 });
      });

      test("each commit raises the revision by exactly one, from 1", async () => {
        const storage = await fresh();
        expect((await storage.txn([], [put("/a", "1")])).revision).toBe(1);
        expect((await storage.txn([], [put("/b", "1"), put("/c", "1")])).revision).toBe(2);
        expect((await storage.txn([], [remove("/a")])).revision).toBe(3);
        expect(await storage.revision()).toBe(3);
      });

      test("a transaction that changes nothing uses no revision and succeeds", async () => {
        const storage = await fresh();
        await storage.txn([], [put("/a", "1")]);
        expect(await storage.txn([], [remove("/absent")])).toEqual({
          succeeded: true,
          revision: 1,
          current: [],
        });
        expect(await storage.txn([], [])).toEqual({ succeeded: true, revision: 1, current: [] });
        expect(await storage.txn([{ key: "/a", modRevision: 1 }], [])).toMatchObject({ succeeded: true });
        expect(await storage.revision()).toBe(1);
      });

      test("createRevision stays with updates and starts anew after a deletion", async () => {
        const storage = await fresh();
        await storage.txn([], [put("/a", "1")]);
        await storage.txn([], [put("/a", "2")]);
        expect(await storage.get("/a")).toMatchObject({ createRevision: 1, modRevision: 2 });
        await storage.txn([], [remove("/a")]);
        expect(await storage.get("/a")).toBeUndefined();
        await storage.txn([], [put("/a", "4")]);
        expect(await storage.get("/a")).toMatchObject({ createRevision: 4, modRevision: 4 });
      });

      test("operations of one transaction share its revision", async () => {
        const storage = await fresh();
        await storage.txn([], [put("/a", "1"), put("/b", "2")]);
        expect((await storage.get("/a"))?.modRevision).toBe(1);
        expect((await storage.get("/b"))?.modRevision).toBe(1);
      });

      test("a transaction that names a key twice is refused and changes nothing", async () => {
        const storage = await fresh();
        await expect(storage.txn([], [put("/a", "1"), remove("/a")])).rejects.toThrow(TypeError);
        expect(await storage.revision()).toBe(0);
      });

      test("empty and binary values come back as they were", async () => {
        const storage = await fresh();
        const binary = Uint8Array.from({ length: 256 }, (_, index) => index);
        await storage.txn(
          [],
          [
            { type: "put", key: "/binary", value: binary },
            { type: "put", key: "/empty", value: new Uint8Array() },
          ],
        );
        expect(bytes((await storage.get("/binary"))?.value)).toEqual([...binary]);
        expect(bytes((await storage.get("/empty"))?.value)).toEqual([]);
        const [batch] = await take(storage.watch("/", 0), 2);
        expect(batch?.map((event) => event.type)).toEqual(["put", "put"]);
      });
    });

    describe("comparisons", () => {
      const table: {
        name: string;
        compare: readonly Compare[];
        succeeds: boolean;
        current?: readonly (string | undefined)[];
      }[] = [
        { name: "the key is absent, 0 is expected", compare: [at("/new", 0)], succeeds: true },
        { name: "the key exists, 0 is expected", compare: [at("/a", 0)], succeeds: false, current: ["1"] },
        { name: "the revision is the newest", compare: [at("/a", 1)], succeeds: true },
        { name: "the revision is older", compare: [at("/b", 2)], succeeds: false, current: ["2b"] },
        { name: "the revision lies ahead", compare: [at("/a", 9)], succeeds: false, current: ["1"] },
        {
          name: "an absent key is expected to exist",
          compare: [at("/x", 1)],
          succeeds: false,
          current: [undefined],
        },
        {
          name: "one of several fails",
          compare: [at("/a", 1), at("/b", 2), at("/x", 0)],
          succeeds: false,
          current: ["1", "2b", undefined],
        },
        { name: "all of several hold", compare: [at("/a", 1), at("/b", 3), at("/x", 0)], succeeds: true },
      ];
      for (const { name, compare, succeeds, current } of table) {
        test(`${succeeds ? "applies" : "refuses"} when ${name}`, async () => {
          const storage = await fresh();
          await storage.txn([], [put("/a", "1")]);
          await storage.txn([], [put("/b", "2")]);
          await storage.txn([], [put("/b", "2b")]);
          const result = await storage.txn(compare, [put("/written", "x")]);
          expect(result.succeeded).toBe(succeeds);
          expect(result.revision).toBe(succeeds ? 4 : 3);
          expect(result.current.map((kv) => text(kv?.value))).toEqual(current ?? []);
          expect((await storage.get("/written")) !== undefined).toBe(succeeds);
        });
      }

      test("of concurrent transactions on one key exactly one wins, and the losers see the winner", async () => {
        const storage = await fresh();
        const results = await Promise.all(
          numbers(20).map((n) => storage.txn([at("/lock", 0)], [put("/lock", String(n))])),
        );
        const winners = results.filter((result) => result.succeeded);
        expect(winners).toHaveLength(1);
        for (const loser of results.filter((result) => !result.succeeded)) {
          expect(loser.current[0]?.modRevision).toBe(1);
        }
      });

      test("concurrent increments with retries lose none", async () => {
        const storage = await fresh();
        await storage.txn([], [put("/n", "0")]);
        await Promise.all(numbers(8).map(() => increment(storage, 10)));
        expect(text((await storage.get("/n"))?.value)).toBe("80");
        expect(await storage.revision()).toBe(81);
      });
    });

    describe("list", () => {
      test("gives keys with the prefix in byte order, whatever the order of writing", async () => {
        const storage = await fresh();
        const keys = ["/p/b", "/p/a/z", "/p/\u{1F600}", "/p/\uFF5E", "/p/a", "/q/a", "/p", "/p/é", "/o/z"];
        for (const key of keys) await storage.txn([], [put(key, key)]);
        const { items, remaining } = await storage.list("/p/");
        expect(items.map((item) => item.key)).toEqual([
          "/p/a",
          "/p/a/z",
          "/p/b",
          "/p/é",
          "/p/\uFF5E",
          "/p/\u{1F600}",
        ]);
        expect(remaining).toBe(0);
      });

      test("pages through thousands of keys at one revision, while writers change them", async () => {
        const storage = await fresh();
        const all = numbers(2500).map((n) => `/p/${String(n).padStart(5, "0")}`);
        await Promise.all(all.map((key) => storage.txn([], [put(key, "old")])));
        const { revision } = await storage.list("/p/", { limit: 1 });
        const seen: string[] = [];
        let after: string | undefined;
        for (let page = 0; ; page++) {
          const result = await storage.list("/p/", {
            revision,
            limit: 400,
            ...(after === undefined ? {} : { after }),
          });
          seen.push(...result.items.map((item) => item.key));
          expect(result.items.every((item) => text(item.value) === "old")).toBe(true);
          expect(result.remaining).toBe(all.length - seen.length);
          if (result.remaining === 0) break;
          after = result.items.at(-1)?.key;
          await storage.txn(
            [],
            [put(all[page] ?? "", "new"), remove(all[2000 + page] ?? ""), put(`/p/0000${page}x`, "")],
          );
        }
        expect(seen).toEqual(all);
      });

      test("counts what remains, without deleted keys and without other prefixes", async () => {
        const storage = await fresh();
        for (const key of ["/a/1", "/p/1", "/p/2", "/p/3", "/p/4", "/q/1"]) {
          await storage.txn([], [put(key, "x")]);
        }
        await storage.txn([], [remove("/p/3")]);
        const page = await storage.list("/p/", { limit: 1 });
        expect(page.items.map((item) => item.key)).toEqual(["/p/1"]);
        expect(page.remaining).toBe(2);
        expect(await storage.list("/p/", { limit: 1, after: "/p/2" })).toMatchObject({
          items: [{ key: "/p/4" }],
          remaining: 0,
        });
        expect(await storage.list("/p/", { limit: 1, after: "/p/2", revision: 6 })).toMatchObject({
          items: [{ key: "/p/3" }],
          remaining: 1,
        });
      });

      test("continues after a key that has been deleted meanwhile", async () => {
        const storage = await fresh();
        for (const key of ["/p/1", "/p/2", "/p/3"]) await storage.txn([], [put(key, "x")]);
        await storage.txn([], [remove("/p/2")]);
        const { items } = await storage.list("/p/", { after: "/p/2" });
        expect(items.map((item) => item.key)).toEqual(["/p/3"]);
      });

      test("reads keys as they were at each earlier revision", async () => {
        const storage = await fresh();
        await storage.txn([], [put("/p/a", "1")]);
        await storage.txn([], [put("/p/a", "2"), put("/p/b", "2")]);
        await storage.txn([], [remove("/p/a")]);
        await storage.txn([], [put("/p/a", "4")]);
        const states = await Promise.all(
          numbers(5).map(async (revision) => {
            const { items } = await storage.list("/p/", { revision });
            return items.map((item) => `${item.key.slice(3)}=${text(item.value)}@${item.createRevision}`);
          }),
        );
        expect(states).toEqual([[], ["a=1@1"], ["a=2@1", "b=2@2"], ["b=2@2"], ["a=4@4", "b=2@2"]]);
        expect(text((await storage.get("/p/a", { revision: 2 }))?.value)).toBe("2");
        expect(await storage.get("/p/a", { revision: 3 })).toBeUndefined();
      });

      test("a revision that is not written yet is refused with futureRevision", async () => {
        const storage = await fresh();
        await storage.txn([], [put("/a", "1")]);
        await expect(storage.list("/", { revision: 2 })).rejects.toMatchObject({ code: "futureRevision" });
        await expect(storage.get("/a", { revision: 2 })).rejects.toMatchObject({ code: "futureRevision" });
      });
    });

    describe("watch", () => {
      test("delivers history after the revision, then what follows, in order and without gap", async () => {
        const storage = await fresh();
        for (const n of numbers(5)) await storage.txn([], [put("/p/a", String(n))]);
        const watch = storage.watch("/p/", 2)[Symbol.asyncIterator]() as Events;
        const events: StorageEvent[] = [];
        while (events.length < 3) events.push(...((await watch.next()).value ?? []));
        const later = watch.next();
        await storage.txn([], [put("/p/b", "later")]);
        events.push(...((await later).value ?? []));
        await watch.return?.();
        expect(events.map((event) => event.revision)).toEqual([3, 4, 5, 6]);
      });

      test("tells what each change did: create, update, delete, and create again", async () => {
        const storage = await fresh();
        await storage.txn([], [put("/p/a", "1")]);
        await storage.txn([], [put("/p/a", "2")]);
        await storage.txn([], [remove("/p/a")]);
        await storage.txn([], [put("/p/a", "4")]);
        const events = (await take(storage.watch("/p/", 0), 4)).flat();
        expect(events.map(plain)).toEqual([
          { type: "put", key: "/p/a", revision: 1, createRevision: 1, value: "1", previousValue: undefined },
          { type: "put", key: "/p/a", revision: 2, createRevision: 1, value: "2", previousValue: "1" },
          {
            type: "delete",
            key: "/p/a",
            revision: 3,
            createRevision: 1,
            value: undefined,
            previousValue: "2",
          },
          { type: "put", key: "/p/a", revision: 4, createRevision: 4, value: "4", previousValue: undefined },
        ]);
      });

      test("keeps the changes of one commit in one batch, and other prefixes out", async () => {
        const storage = await fresh();
        await storage.txn([], [put("/p/a", "1"), put("/q/a", "1"), put("/p/b", "1")]);
        await storage.txn([], [put("/q/b", "1")]);
        await storage.txn([], [put("/p/c", "1")]);
        const batches = await take(storage.watch("/p/", 0), 3);
        expect(batches.flat().map((event) => event.key)).toEqual(["/p/a", "/p/b", "/p/c"]);
        for (const revision of [1, 3]) {
          expect(batches.filter((batch) => batch.some((event) => event.revision === revision))).toHaveLength(
            1,
          );
        }
      });

      test("a watch of the future stays silent until after that revision", async () => {
        const storage = await fresh();
        const watch = storage.watch("/", 2)[Symbol.asyncIterator]() as Events;
        const first = watch.next();
        for (const n of numbers(4)) await storage.txn([], [put("/a", String(n))]);
        expect((await first).value?.[0]?.revision).toBe(3);
        await watch.return?.();
      });

      test("any number of watchers from any revision see the same sequence under concurrent writes", async () => {
        const storage = await fresh();
        const total = 300;
        const watchers = numbers(10).map(async (n) => {
          const batches = await take(storage.watch("/p/", n), total - n);
          return batches.flat().map((event) => event.revision);
        });
        await Promise.all(numbers(total).map((n) => storage.txn([], [put(`/p/${n % 17}`, String(n))])));
        for (const [index, revisions] of (await Promise.all(watchers)).entries()) {
          expect(revisions).toEqual(numbers(total - index).map((n) => n + index + 1));
        }
      });

      test("a watch that resumes where another ended repeats and misses nothing", async () => {
        const storage = await fresh();
        const writes = Promise.all(numbers(200).map((n) => storage.txn([], [put(`/p/${n % 7}`, String(n))])));
        const seen: number[] = [];
        while (seen.length < 200) {
          for await (const batch of storage.watch("/p/", seen.at(-1) ?? 0)) {
            seen.push(...batch.map((event) => event.revision));
            break;
          }
        }
        await writes;
        expect(seen).toEqual(numbers(200).map((n) => n + 1));
      });

      test("a consumer that never reads delays nobody, and reads all of it later", async () => {
        const storage = await fresh();
        const slow = storage.watch("/p/", 0)[Symbol.asyncIterator]() as Events;
        const firstOfSlow = slow.next();
        const fast = take(storage.watch("/p/", 0), 500);
        for (const n of numbers(500)) await storage.txn([], [put("/p/a", String(n))]);
        expect((await fast).flat()).toHaveLength(500);
        const events = [...((await firstOfSlow).value ?? [])];
        while (events.length < 500) events.push(...((await slow.next()).value ?? []));
        expect(events.map((event) => event.revision)).toEqual(numbers(500).map((n) => n + 1));
        await slow.return?.();
      });

      test("ends when its signal aborts, also while it waits", async () => {
        const storage = await fresh();
        const controller = new AbortController();
        const ended = take(storage.watch("/", 0, controller.signal), 1);
        await storage.revision();
        controller.abort();
        expect(await ended).toEqual([]);
        expect(await take(storage.watch("/", 0, controller.signal), 1)).toEqual([]);
      });

      test("ends when the store closes", async () => {
        const storage = await fresh();
        const ended = take(storage.watch("/", 0), 1);
        await storage.revision();
        await storage.close();
        expect(await ended).toEqual([]);
      });

      test("return() ends a read that waits", async () => {
        const storage = await fresh();
        const watch = storage.watch("/", 0)[Symbol.asyncIterator]() as Events;
        const waiting = watch.next();
        await watch.return?.();
        expect((await waiting).done).toBe(true);
      });
    });

    describe("compaction", () => {
      async function withHistory(): Promise<Storage> {
        const storage = await fresh();
        for (const n of numbers(10)) await storage.txn([], [put("/p/a", String(n + 1))]);
        await storage.txn([], [put("/p/b", "11")]);
        await storage.txn([], [remove("/p/b")]);
        return storage;
      }

      test("keeps reads at and after the revision, refuses those before", async () => {
        const storage = await withHistory();
        await storage.compact(5);
        expect(await storage.compactedRevision()).toBe(5);
        expect(await storage.revision()).toBe(12);
        expect(text((await storage.get("/p/a", { revision: 5 }))?.value)).toBe("5");
        expect(text((await storage.get("/p/a", { revision: 7 }))?.value)).toBe("7");
        expect((await storage.list("/p/", { revision: 11 })).items).toHaveLength(2);
        await expect(storage.get("/p/a", { revision: 4 })).rejects.toMatchObject({ code: "compacted" });
        await expect(storage.list("/p/", { revision: 1 })).rejects.toMatchObject({ code: "compacted" });
      });

      test("a watch from before fails with compacted, one from the revision does not", async () => {
        const storage = await withHistory();
        await storage.compact(5);
        await expect(take(storage.watch("/p/", 3), 1)).rejects.toMatchObject({ code: "compacted" });
        const events = (await take(storage.watch("/p/", 5), 7)).flat();
        expect(events.map((event) => event.revision)).toEqual([6, 7, 8, 9, 10, 11, 12]);
      });

      test("a watch that a compaction overtakes fails with compacted", async () => {
        const storage = await withHistory();
        const watch = storage.watch("/p/", 2)[Symbol.asyncIterator]() as Events;
        await storage.compact(8);
        await expect(watch.next()).rejects.toMatchObject({ code: "compacted" });
        expect((await watch.next()).done).toBe(true);
      });

      test("a watch that waits on a quiet prefix survives compactions", async () => {
        const storage = await withHistory();
        const watch = storage.watch("/quiet/", 12)[Symbol.asyncIterator]() as Events;
        const first = watch.next();
        await storage.txn([], [put("/p/a", "13")]);
        await storage.compact(13);
        await storage.txn([], [put("/quiet/a", "14")]);
        expect((await first).value?.map((event) => event.revision)).toEqual([14]);
        await watch.return?.();
      });

      test("to the newest revision keeps the present state and the count", async () => {
        const storage = await withHistory();
        await storage.compact(12);
        expect(await storage.revision()).toBe(12);
        expect((await storage.list("/")).items.map((item) => text(item.value))).toEqual(["10"]);
        expect((await storage.txn([at("/p/b", 0)], [put("/p/b", "13")])).revision).toBe(13);
        expect(await storage.get("/p/b")).toMatchObject({ createRevision: 13 });
      });

      test("to an earlier revision than before changes nothing; to a future one is refused", async () => {
        const storage = await withHistory();
        await storage.compact(5);
        await storage.compact(3);
        await storage.compact(5);
        expect(await storage.compactedRevision()).toBe(5);
        await expect(storage.compact(13)).rejects.toMatchObject({ code: "futureRevision" });
        expect(await storage.compactedRevision()).toBe(5);
      });

      test("leaves every later state intact, whatever was written, deleted and written again", async () => {
        const storage = await fresh();
        const expected = await writeAtRandom(storage, 400);
        for (const compacted of [50, 51, 180, 399]) {
          await storage.compact(compacted);
          for (let revision = compacted; revision <= 400; revision += 7) {
            const { items } = await storage.list("/", { revision });
            const state = items.map((item) => `${item.key}=${text(item.value)}`);
            expect(state).toEqual(expected[revision]);
          }
        }
      });

      test("goes on beside writers", async () => {
        const storage = await fresh();
        const writes = numbers(400).map((n) => storage.txn([], [put(`/p/${n % 10}`, String(n))]));
        for (const write of writes.slice(0, 200)) await write;
        await Promise.all([storage.compact(150), ...writes, storage.txn([], [put("/p/x", "")])]);
        expect(await storage.revision()).toBe(401);
        expect((await storage.list("/p/")).items).toHaveLength(11);
      });
    });

    describe("close", () => {
      test("finishes what was accepted, and refuses what comes later", async () => {
        const storage = await fresh();
        const accepted = numbers(10).map((n) => storage.txn([], [put(`/p/${n}`, "")]));
        const closing = storage.close();
        for (const result of await Promise.all(accepted)) expect(result.succeeded).toBe(true);
        await closing;
        await expect(storage.txn([], [put("/late", "")])).rejects.toMatchObject({ code: "closed" });
        await expect(storage.get("/p/1")).rejects.toMatchObject({ code: "closed" });
        await expect(storage.list("/")).rejects.toMatchObject({ code: "closed" });
        await expect(storage.revision()).rejects.toMatchObject({ code: "closed" });
        await expect(storage.compact(1)).rejects.toMatchObject({ code: "closed" });
        await expect((async () => take(storage.watch("/", 0), 1))()).rejects.toMatchObject({
          code: "closed",
        });
        await storage.close();
      });
    });
  });
}

/** The iterator of a watch; the library's type leaves out what it returns at its end. */
type Events = AsyncIterator<readonly StorageEvent[], undefined>;

const put = (key: string, value: string): Operation => ({ type: "put", key, value: Buffer.from(value) });
const remove = (key: string): Operation => ({ type: "delete", key });
const at = (key: string, modRevision: number): Compare => ({ key, modRevision });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const bytes = (value: Uint8Array | undefined): number[] => [...(value ?? [])];
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();

function plain(event: StorageEvent): object {
  return { ...event, value: text(event.value), previousValue: text(event.previousValue) };
}

/** Reads batches until they hold so many events, or the watch ends. */
async function take(
  watch: AsyncIterable<readonly StorageEvent[]>,
  count: number,
): Promise<(readonly StorageEvent[])[]> {
  const batches: (readonly StorageEvent[])[] = [];
  let taken = 0;
  for await (const batch of watch) {
    batches.push(batch);
    taken += batch.length;
    if (taken >= count) break;
  }
  return batches;
}

async function increment(storage: Storage, times: number): Promise<void> {
  for (let done = 0; done < times; ) {
    const current = await storage.get("/n");
    const next = String(Number(text(current?.value)) + 1);
    const result = await storage.txn([at("/n", current?.modRevision ?? 0)], [put("/n", next)]);
    if (result.succeeded) done++;
  }
}

/** Puts and deletes on few keys, from a fixed sequence; gives the state after each revision. */
async function writeAtRandom(storage: Storage, commits: number): Promise<readonly string[][]> {
  const state = new Map<string, string>();
  const states: string[][] = [[]];
  let seed = 7;
  while (states.length <= commits) {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    const key = `/k/${Math.floor(seed / 1000) % 12}`;
    const deletes = Math.floor(seed / 100_000) % 3 === 0;
    if (deletes && !state.has(key)) continue;
    await storage.txn([], [deletes ? remove(key) : put(key, String(states.length))]);
    if (deletes) state.delete(key);
    else state.set(key, String(states.length));
    states.push([...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${value}`));
  }
  return states;
}
