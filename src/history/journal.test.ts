import { afterEach, describe, expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import type { RequestState } from "../apiserver/endpoints/api-request.ts";
import { MemoryStorage } from "../storage/memory/memory-storage.ts";
import type { Cause } from "./entry.ts";
import { Journal, type JournalOptions } from "./journal.ts";
import { hiddenPrefix } from "./redact.ts";

const stop = new AbortController();
const clock = new VirtualClock(1_000_000);
let storages: MemoryStorage[] = [];
afterEach(async () => {
  for (const storage of storages.splice(0)) await storage.close();
  storages = [];
});

async function following(
  options: Partial<JournalOptions> = {},
): Promise<{ journal: Journal; storage: MemoryStorage }> {
  const storage = new MemoryStorage();
  storages.push(storage);
  const journal = new Journal({ clock, logger: silentLogger, ...options });
  await put(storage, "/registry/core/configmaps/default/before", { data: {} });
  void journal.follow(storage, stop.signal);
  await journal.current();
  return { journal, storage };
}

async function put(storage: MemoryStorage, key: string, object: unknown): Promise<number> {
  const { revision } = await storage.txn(
    [],
    [{ type: "put", key, value: Buffer.from(JSON.stringify(object)) }],
  );
  return revision;
}

const configMap = "/registry/core/configmaps/default/one";

/** A request of this shape, whose answer is an object of the revision, or nothing that tells one. */
async function request(
  journal: Journal,
  {
    verb,
    revision,
    name = "one",
    query = "",
    work = async () => undefined,
  }: { verb: string; revision?: number; name?: string; query?: string; work?: () => Promise<unknown> },
): Promise<void> {
  const state = {
    info: {
      isResourceRequest: true,
      verb,
      group: "",
      resource: "configmaps",
      subresource: "",
      namespace: "default",
      name,
    },
    user: { name: "jane" },
    auditId: "42",
    request: {
      isInProcess: true,
      query: new URLSearchParams(query),
      header: () => "kubectl/v1.33.0 (linux)",
    },
  };
  const answer = revision === undefined ? { type: "value" } : { type: "object", object: { revision } };
  await journal.filter(state as unknown as RequestState, async () => {
    await work();
    return answer as never;
  });
}

const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();

describe("the journal", () => {
  it("keeps each change with its states before and after, from when it began to follow", async () => {
    const { journal, storage } = await following();
    const first = await put(storage, configMap, { data: { a: "1" } });
    await put(storage, configMap, { data: { a: "2" } });
    await storage.txn([], [{ type: "delete", key: configMap }]);
    await journal.current();
    expect(journal.begin).toBe(first - 1);
    const entries = journal.entries({});
    expect(
      entries.map(({ revision, name, before, after }) => [revision, name, text(before), text(after)]),
    ).toEqual([
      [first, "one", undefined, '{"data":{"a":"1"}}'],
      [first + 1, "one", '{"data":{"a":"1"}}', '{"data":{"a":"2"}}'],
      [first + 2, "one", '{"data":{"a":"2"}}', undefined],
    ]);
  });

  it.each([
    [{ name: "two" }, 1],
    [{ namespace: "shop" }, 0],
    [{ resource: "secrets" }, 0],
    [{ group: "", resource: "configmaps" }, 3],
    [{ after: 2 }, 2],
    [{ upTo: 2 }, 1],
    [{ sinceMs: clock.now() + 1 }, 0],
  ])("finds %j", async (query, count) => {
    const { journal, storage } = await following();
    await put(storage, configMap, {});
    await put(storage, "/registry/core/configmaps/default/two", {});
    await put(storage, configMap, { data: {} });
    await journal.current();
    expect(journal.entries(query)).toHaveLength(count);
  });

  it("leaves out events and leases", async () => {
    const { journal, storage } = await following();
    for (const key of [
      "core/events/default/e",
      "events.k8s.io/events/default/e",
      "coordination.k8s.io/leases/kube-node-lease/n",
    ])
      await put(storage, `/registry/${key}`, {});
    await journal.current();
    expect(journal.entries({})).toEqual([]);
  });

  it("knows the request of a change by the revision that it was answered with", async () => {
    const cause: Cause = { controller: "deployment-controller", key: "default/web", wokenBy: [] };
    const { journal, storage } = await following({ causeOf: () => cause });
    const revision = await put(storage, configMap, {});
    await journal.current();
    await request(journal, {
      verb: "patch",
      revision: revision + 1,
      query: "fieldManager=helm",
      work: () => put(storage, configMap, { data: {} }),
    });
    await journal.current();
    const [bare, noted] = journal.entries({});
    expect(bare?.request).toBeUndefined();
    expect(noted?.request).toEqual({
      verb: "patch",
      subresource: "",
      user: "jane",
      userAgent: "kubectl/v1.33.0 (linux)",
      fieldManager: "helm",
      requestId: "42",
      cause,
    });
  });

  it("knows the request of a deletion, whose answer tells no revision, and of many at once", async () => {
    const { journal, storage } = await following();
    await put(storage, configMap, {});
    await put(storage, "/registry/core/configmaps/default/one-more", {});
    await journal.current();
    const gone = async (key: string): Promise<void> => {
      await storage.txn([], [{ type: "delete", key }]);
      await journal.current();
    };
    await request(journal, { verb: "delete", work: () => gone(configMap) });
    await request(journal, {
      verb: "deletecollection",
      name: "",
      work: () => gone("/registry/core/configmaps/default/one-more"),
    });
    await put(storage, configMap, {});
    await journal.current();
    expect(journal.entries({}).map(({ request: of }) => of?.verb)).toEqual([
      undefined,
      undefined,
      "delete",
      "deletecollection",
      undefined,
    ]);
  });

  it("takes no note of what reads, of dry runs, and of writes that changed nothing", async () => {
    const { journal, storage } = await following();
    const revision = await put(storage, configMap, {});
    await journal.current();
    await request(journal, { verb: "get", revision: revision + 1 });
    await request(journal, { verb: "update", revision: revision + 1, query: "dryRun=All" });
    await request(journal, { verb: "update", revision });
    await put(storage, configMap, { data: {} });
    await journal.current();
    expect(journal.entries({}).map(({ request: of }) => of)).toEqual([undefined, undefined]);
  });

  it("keeps no values of Secrets, nor of what kubectl notes of them, but shows which changed", async () => {
    const { journal, storage } = await following();
    const key = "/registry/core/secrets/default/keys";
    const secret = (token: string): object => ({
      metadata: {
        name: "keys",
        annotations: { "kubectl.kubernetes.io/last-applied-configuration": token, note: "kept" },
      },
      data: { token, same: "c2FtZQ==" },
      stringData: { more: token },
    });
    await put(storage, key, secret("aHVudGVyMg=="));
    await put(storage, key, secret("aHVudGVyMw=="));
    await journal.current();
    const [first, second] = journal.entries({}).map(({ after }) => text(after) ?? "");
    for (const state of [first, second]) expect(state).not.toMatch(/aHVudGVy|c2FtZQ/);
    const data = [first, second].map(
      (state) => (JSON.parse(state ?? "") as { data: Record<string, string> }).data,
    );
    expect(data[0]?.["token"]).toContain(hiddenPrefix);
    expect(data[0]?.["token"]).not.toBe(data[1]?.["token"]);
    expect(data[0]?.["same"]).toBe(data[1]?.["same"]);
    expect(first).toContain('"note":"kept"');
  });

  it("forgets the oldest when it holds too much, and says from where on it remembers", async () => {
    const { journal, storage } = await following({ maxBytes: 20_000 });
    const value = { data: { text: "x".repeat(1_000) } };
    let last = 0;
    for (let index = 0; index < 100; index++) last = await put(storage, configMap, { ...value, index });
    await journal.current();
    expect(journal.bytes).toBeLessThanOrEqual(20_000);
    const entries = journal.entries({});
    expect(entries.at(-1)?.revision).toBe(last);
    expect(entries[0]?.revision).toBe(journal.begin + 1);
    // The oldest that is left still tells the state before it.
    expect(text(entries[0]?.before)).toContain(`"index":${last - entries.length - 2}`);
  });

  it("forgets what is too old", async () => {
    const own = new VirtualClock(0);
    const { journal, storage } = await following({ clock: own, maxAgeMs: 60_000 });
    const revision = await put(storage, configMap, {});
    await journal.current();
    await own.advance(50_000);
    await put(storage, configMap, { data: {} });
    await journal.current();
    await own.advance(20_000);
    expect(journal.entries({}).map((entry) => entry.revision)).toEqual([revision + 1]);
    expect(journal.begin).toBe(revision);
  });
});
