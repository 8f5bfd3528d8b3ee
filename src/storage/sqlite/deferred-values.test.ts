import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { AesGcm } from "../encryption/aes-gcm.ts";
import { EncryptedStorage } from "../encryption/encrypted-storage.ts";
import type { KeyValue, Operation } from "../storage.ts";
import { SqliteStorage } from "./sqlite-storage.ts";
import { writeState } from "./write-state.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-deferred-"));
afterAll(() => rmSync(folder, { recursive: true }));

let file = "";
let serial = 0;
beforeEach(() => {
  file = join(folder, `${serial++}.db`);
});

const open = (): Promise<SqliteStorage> => SqliteStorage.open({ file, clock: new RealClock() });
const large = (fill: number): Uint8Array => new Uint8Array(100_000).fill(fill);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const put = (key: string, fill: number): Operation => ({
  type: "put",
  key,
  value: large(fill),
  outline: text(`outline of ${fill}`),
});
const small = (key: string, fill: number): Operation => ({ type: "put", key, value: new Uint8Array([fill]) });

/** What a start finds: how each key came, without looking at its value. */
async function atStart(storage: SqliteStorage): Promise<Record<string, string>> {
  const { items } = await storage.list("/", { mayDefer: true });
  return Object.fromEntries(items.map((item) => [item.key, stateOf(item)]));
}

function stateOf(item: KeyValue): string {
  if (item.deferred === undefined) return `${item.value.length} bytes`;
  const { outline, sizeBytes, known } = item.deferred;
  return `${Buffer.from(outline).toString()}, ${sizeBytes} bytes, ${known === undefined ? "in the file" : "read"}`;
}

const fills = (items: readonly KeyValue[]): (number | undefined)[] => items.map(({ value }) => value[0]);

describe("large values with an outline", () => {
  it("stay in the file after a restart until somebody asks for them", async () => {
    const first = await open();
    await first.txn([], [put("/a", 1), put("/b", 2), small("/c", 3)]);
    await first.close();
    const second = await open();
    expect(await atStart(second)).toEqual({
      "/a": "outline of 1, 100000 bytes, in the file",
      "/b": "outline of 2, 100000 bytes, in the file",
      "/c": "1 bytes",
    });
    const { items } = await second.list("/", { mayDefer: true });
    expect(items[0]?.value).toEqual(large(1));
    await items[1]?.deferred?.load();
    expect(items[1]?.deferred?.known).toEqual(large(2));
    expect(await atStart(second)).toMatchObject({ "/b": "outline of 2, 100000 bytes, read" });
    await second.close();
  });

  it("come whole to those who do not say that they may be deferred", async () => {
    const first = await open();
    await first.txn([], [put("/a", 1), put("/b", 2)]);
    await first.txn([], [put("/a", 3)]);
    await first.close();
    const second = await open();
    expect((await second.get("/a"))?.value).toEqual(large(3));
    const { items } = await second.list("/");
    expect(items.map(({ deferred }) => deferred?.known !== undefined)).toEqual([true, true]);
    expect(fills(items)).toEqual([3, 2]);
    expect(fills((await second.list("/", { revision: 1 })).items)).toEqual([1, 2]);
    await second.close();
  });

  it.each([
    ["replaced by another large one", put("/a", 9), "outline of 9, 100000 bytes, in the file"],
    ["replaced by a small one", small("/a", 9), "1 bytes"],
    ["deleted", { type: "delete", key: "/a" } as const, undefined],
  ])("are history when they were %s before the restart", async (_what, operation, expected) => {
    const first = await open();
    await first.txn([], [put("/a", 1)]);
    await first.txn([], [operation]);
    await first.close();
    const second = await open();
    expect((await atStart(second))["/a"]).toBe(expected);
    expect((await second.get("/a", { revision: 1 }))?.value).toEqual(large(1));
    const stop = new AbortController();
    const seen: unknown[] = [];
    for await (const batch of second.watch("/", 0, stop.signal)) {
      for (const { type, value, previousValue } of batch) seen.push([type, value?.[0], previousValue?.[0]]);
      if (seen.length === 2) stop.abort();
    }
    const last = operation.type === "delete" ? ["delete", undefined, 1] : ["put", 9, 1];
    expect(seen).toEqual([["put", 1, undefined], last]);
    await second.close();
  });

  it.each(["put", "delete"])(
    "are known to watches and to history when a %s comes after the restart",
    async (type) => {
      const first = await open();
      await first.txn([], [put("/a", 1)]);
      await first.close();
      const second = await open();
      const operation: Operation = type === "put" ? put("/a", 2) : { type: "delete", key: "/a" };
      const { revision } = await second.txn([{ key: "/a", modRevision: 1 }], [operation]);
      for await (const batch of second.watch("/", revision - 1)) {
        expect(batch.map(({ previousValue }) => previousValue)).toEqual([large(1)]);
        break;
      }
      expect((await second.get("/a", { revision: 1 }))?.value).toEqual(large(1));
      await second.close();
    },
  );

  it("outlast a compaction, and their outlines go with what was replaced", async () => {
    const first = await open();
    await first.txn([], [put("/a", 1)]);
    await first.txn([], [put("/a", 2), put("/b", 3)]);
    await first.txn([], [{ type: "delete", key: "/b" }]);
    await first.compact(3);
    await first.close();
    const second = await open();
    expect(await atStart(second)).toEqual({ "/a": "outline of 2, 100000 bytes, in the file" });
    await second.compact(3);
    expect((await second.list("/", { mayDefer: true })).items[0]?.value).toEqual(large(2));
    await second.close();
    const third = await open();
    await third.close();
    const sqlite = new DatabaseSync(file);
    const kept = sqlite.prepare("SELECT key, CAST(outline AS TEXT) AS outline FROM outlines").all();
    sqlite.close();
    expect(kept.map(({ key, outline }) => [key, outline])).toEqual([["/a", "outline of 2"]]);
  });

  it("are read while writes are under way", async () => {
    const first = await open();
    await first.txn([], [put("/a", 1)]);
    await first.close();
    const second = await open();
    const writes = Array.from({ length: 50 }, (_, index) => second.txn([], [small(`/w${index}`, 1)]));
    expect((await second.list("/a", { mayDefer: true })).items[0]?.value).toEqual(large(1));
    await Promise.all(writes);
    await second.close();
  });

  it("cannot be read any more when the store is closed, which is said at once", async () => {
    const first = await open();
    await first.txn([], [put("/a", 1)]);
    await first.close();
    const second = await open();
    const deferred = (await second.list("/", { mayDefer: true })).items[0]?.deferred;
    await second.close();
    expect(() => deferred?.read()).toThrow("the store is closed");
    await expect(deferred?.load()).rejects.toMatchObject({ code: "closed" });
  });

  it("are not served when they are damaged; the others are", async () => {
    const first = await open();
    await first.txn([], [put("/a", 1), put("/b", 2)]);
    await first.close();
    const sqlite = new DatabaseSync(file);
    sqlite.exec("UPDATE versions SET value = zeroblob(100000) WHERE key = '/a'");
    sqlite.close();
    const second = await open();
    const { items } = await second.list("/", { mayDefer: true });
    expect(() => items[0]?.value).toThrow(/the change of \/a at revision 1 does not match its checksum/);
    await expect(second.get("/a")).rejects.toMatchObject({ code: "corrupt" });
    expect(items[1]?.value).toEqual(large(2));
    await second.close();
  });

  it.each([
    ["is damaged", "UPDATE outlines SET outline = zeroblob(12)"],
    ["is missing", "DELETE FROM outlines"],
    ["is of a file that has no place for it", "DROP TABLE outlines"],
  ])("are read at the start where the outline %s", async (_what, statement) => {
    const first = await open();
    await first.txn([], [put("/a", 1)]);
    await first.close();
    const sqlite = new DatabaseSync(file);
    sqlite.exec(statement);
    sqlite.close();
    const second = await open();
    expect(await atStart(second)).toEqual({ "/a": "100000 bytes" });
    await second.close();
  });

  it("may be written as a state", async () => {
    const values = ["/a", "/b"].map((key, index) => ({
      key,
      value: large(index),
      createRevision: index + 1,
      modRevision: index + 1,
    }));
    writeState(file, values, 2, (key) => (key === "/a" ? text("outline") : undefined));
    const storage = await open();
    expect(await atStart(storage)).toEqual({
      "/a": "outline, 100000 bytes, in the file",
      "/b": "100000 bytes",
    });
    expect((await storage.get("/a"))?.value).toEqual(large(0));
    await storage.close();
  });

  it("that are encrypted have no outline in the file", async () => {
    const transformer = new AesGcm(Buffer.alloc(32, 1));
    const first = new EncryptedStorage(await open(), () => transformer);
    await first.txn([], [put("/a", 1)]);
    await first.close();
    expect(readFileSync(file).includes("outline of 1")).toBe(false);
    const second = new EncryptedStorage(await open(), () => transformer);
    expect(fills((await second.list("/", { mayDefer: true })).items)).toEqual([1]);
    await second.close();
  });
});
