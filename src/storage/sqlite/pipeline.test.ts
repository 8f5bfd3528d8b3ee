import { beforeEach, describe, expect, test } from "vitest";
import { RevisionStore } from "../memory/revision-store.ts";
import { type Compare, type Operation, StorageError, type StorageEvent, type TxnResult } from "../storage.ts";
import { Pipeline } from "./pipeline.ts";

const put = (key: string, value = ""): Operation => ({ type: "put", key, value: Buffer.from(value) });
const remove = (key: string): Operation => ({ type: "delete", key });
const at = (key: string, modRevision: number): Compare => ({ key, modRevision });
const noSpace = new StorageError("noSpace", "no space left");

let store: RevisionStore;
let pipeline: Pipeline;
/** What was sent to the disk: "revision key" each. */
let sent: string[];

beforeEach(() => {
  store = new RevisionStore();
  sent = [];
  pipeline = new Pipeline(store, (events: readonly StorageEvent[]) => {
    sent.push(...events.map((event) => `${event.revision} ${event.key}`));
  });
});

/** Follows a transaction: its outcome so far, in one word. */
function follow(promise: Promise<TxnResult>): { outcome: string } {
  const state = { outcome: "waits" };
  promise.then(
    (result) => (state.outcome = `${result.succeeded ? "done" : "refused"}@${result.revision}`),
    (error: unknown) => (state.outcome = error instanceof StorageError ? error.code : String(error)),
  );
  return state;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("Pipeline", () => {
  test("judges against what is under way, and tells and shows only what is durable", async () => {
    const first = follow(pipeline.add([at("/a", 0)], [put("/a", "1")]));
    const second = follow(pipeline.add([at("/a", 1)], [put("/a", "2")]));
    const third = follow(pipeline.add([at("/a", 0)], [put("/a", "3")]));
    await settle();
    expect(sent).toEqual(["1 /a", "2 /a"]);
    expect([first, second, third].map((state) => state.outcome)).toEqual(["waits", "waits", "waits"]);
    expect(store.find("/a")).toBeUndefined();
    pipeline.committed(1);
    await settle();
    expect([first, second, third].map((state) => state.outcome)).toEqual(["done@1", "waits", "waits"]);
    pipeline.committed(2);
    await settle();
    expect([first, second, third].map((state) => state.outcome)).toEqual(["done@1", "done@2", "refused@2"]);
    expect(store.find("/a")?.modRevision).toBe(2);
    expect(pipeline.isEmpty).toBe(true);
  });

  test("what changes nothing is answered at once when nothing is under way", async () => {
    const refused = follow(pipeline.add([at("/a", 1)], [put("/a")]));
    const empty = follow(pipeline.add([], [remove("/a")]));
    await settle();
    expect([refused.outcome, empty.outcome, sent]).toEqual(["refused@0", "done@0", []]);
  });

  test("deletes a key that is only under way, and creates it anew", async () => {
    follow(pipeline.add([], [put("/a", "1")]));
    follow(pipeline.add([], [remove("/a")]));
    const gone = follow(pipeline.add([], [remove("/a")]));
    const anew = follow(pipeline.add([at("/a", 0)], [put("/a", "3")]));
    pipeline.committed(3);
    await settle();
    expect([gone.outcome, anew.outcome]).toEqual(["done@2", "done@3"]);
    expect(store.find("/a")?.createRevision).toBe(3);
  });

  test("after a failure rejects what was lost and judges the rest again, with the revisions that became free", async () => {
    const durable = follow(pipeline.add([], [put("/a", "1")]));
    pipeline.committed(1);
    const lost = follow(pipeline.add([at("/a", 1)], [put("/a", "2")]));
    const refusedThen = follow(pipeline.add([at("/a", 1)], [put("/x", "x")]));
    const onTop = follow(pipeline.add([at("/a", 2)], [put("/a", "3")]));
    const beside = follow(pipeline.add([], [put("/b", "4")]));
    sent.length = 0;
    pipeline.failed(2, noSpace);
    await settle();
    expect(durable.outcome).toBe("done@1");
    expect(lost.outcome).toBe("noSpace");
    // It was refused because of a write that never happened: now it holds, and takes the revision.
    expect(sent).toEqual(["2 /x", "3 /b"]);
    pipeline.committed(3);
    await settle();
    expect([refusedThen.outcome, onTop.outcome, beside.outcome]).toEqual(["done@2", "refused@2", "done@3"]);
    expect(store.find("/a")?.modRevision).toBe(1);
  });

  test("abandon() rejects all that is under way", async () => {
    const one = follow(pipeline.add([], [put("/a")]));
    const two = follow(pipeline.add([at("/a", 9)], []));
    pipeline.abandon(new StorageError("closed", "the store is closed"));
    await settle();
    expect([one.outcome, two.outcome, pipeline.isEmpty]).toEqual(["closed", "closed", true]);
  });
});
