import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import type { Operation } from "../storage.ts";
import { SqliteStorage } from "./sqlite-storage.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-sqlite-large-"));
afterAll(() => rmSync(folder, { recursive: true }));

const large = (fill: number): Uint8Array => new Uint8Array(100_000).fill(fill);
const put = (key: string, value: Uint8Array): Operation => ({ type: "put", key, value });

/** What each revision says of the keys, and what a watch from the beginning tells. */
async function whole(storage: SqliteStorage): Promise<unknown> {
  const newest = await storage.revision();
  const compacted = await storage.compactedRevision();
  const states: unknown[] = [];
  for (let revision = compacted; revision <= newest; revision++) {
    for (const key of ["/a", "/b", "/small"]) {
      const found = await storage.get(key, { revision });
      states.push([revision, key, found && { ...found, value: fingerprint(found.value) }]);
    }
  }
  const stop = new AbortController();
  const events: unknown[] = [];
  for await (const batch of storage.watch("/", compacted, stop.signal)) {
    for (const { value, previousValue, ...event } of batch)
      events.push({ ...event, value: fingerprint(value), previousValue: fingerprint(previousValue) });
    if (batch.at(-1)?.revision === newest) stop.abort();
  }
  return { states, events };
}

const fingerprint = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : `${value.length} × ${value[0]}`;

it.each([0, 2, 5])(
  "large values that were replaced are history after a restart, compacted at %i",
  async (compactAt) => {
    const file = join(folder, `${compactAt}.db`);
    const first = await SqliteStorage.open({ file, clock: new RealClock() });
    await first.txn([], [put("/a", large(1)), put("/small", new Uint8Array([1]))]);
    await first.txn([], [put("/a", large(2))]);
    await first.txn([], [put("/b", large(3)), put("/small", new Uint8Array())]);
    await first.txn([], [put("/a", large(4))]);
    await first.txn([], [{ type: "delete", key: "/b" }]);
    await first.txn([], [put("/a", new Uint8Array([5]))]);
    await first.txn([], [put("/b", large(6))]);
    await first.compact(compactAt);
    const before = await whole(first);
    await first.close();
    const second = await SqliteStorage.open({ file, clock: new RealClock() });
    expect(await whole(second)).toEqual(before);
    await second.txn([], [put("/a", large(7))]);
    expect((await second.get("/a"))?.value).toEqual(large(7));
    await second.close();
  },
);
