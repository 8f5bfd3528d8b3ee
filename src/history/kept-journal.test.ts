import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RealClock, VirtualClock } from "../apimachinery/clock.ts";
import type { ApiResponse, RequestState } from "../apiserver/endpoints/api-request.ts";
import { AesGcm } from "../storage/encryption/aes-gcm.ts";
import { EncryptedStorage } from "../storage/encryption/encrypted-storage.ts";
import { identity, PrefixTransformers } from "../storage/encryption/value-transformer.ts";
import { SqliteStorage } from "../storage/sqlite/sqlite-storage.ts";
import type { Storage } from "../storage/storage.ts";
import type { Cause, Entry } from "./entry.ts";
import { type History, keptHistory } from "./index.ts";
import { isNoise, isSecret } from "./note.ts";
import { hiddenPrefix } from "./redact.ts";

let folder: string;
const open: Storage[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-kept-"));
});
afterEach(async () => {
  for (const storage of open.splice(0)) await storage.close();
  rmSync(folder, { recursive: true });
});

const clock = new VirtualClock(1_000_000);
const transformer = new PrefixTransformers(
  [
    { prefix: "k8s:enc:aesgcm:v1:k:", transformer: new AesGcm(Buffer.alloc(32, 1)) },
    { prefix: "", transformer: identity },
  ],
  "no matching prefix found",
);

async function start({ encrypted = false } = {}): Promise<{
  storage: Storage;
  history: History;
  stop: () => Promise<void>;
}> {
  const inner = await SqliteStorage.open({
    file: join(folder, "state.db"),
    clock: new RealClock(),
    archive: { directory: join(folder, "history"), sizeBytesMax: 2 ** 20, isLeftOut: isNoise, isSecret },
  });
  const storage = encrypted
    ? new EncryptedStorage(inner, (key) => (isSecret(key) ? transformer : identity))
    : inner;
  open.push(storage);
  const { archive } = storage;
  if (archive === undefined) throw new Error("there is no archive");
  archive.protect(encrypted ? ["secrets."] : [], encrypted ? isSecret : () => false);
  const stop = async (): Promise<void> => {
    open.splice(open.indexOf(storage), 1);
    await storage.close();
  };
  return { storage, history: keptHistory(archive, clock), stop };
}

const keyOf = (name: string): string => `/registry/core/configmaps/default/${name}`;
const secretKey = "/registry/core/secrets/default/keys";

/** Writes as a request does that goes through the filter. */
async function write(
  { storage, history }: { storage: Storage; history: History },
  verb: string,
  object: unknown,
  { name = "one", key = keyOf(name), user = "jane", query = "", isInProcess = false } = {},
): Promise<number> {
  const state = {
    info: {
      isResourceRequest: true,
      verb,
      group: "",
      resource: key.split("/")[3],
      subresource: "",
      namespace: "default",
      name,
    },
    user: { name: user },
    auditId: "42",
    request: {
      isInProcess,
      query: new URLSearchParams(query),
      header: () => "kubectl/v1.33.0 (linux)",
    },
  };
  let revision = 0;
  await history.journal.filter(state as unknown as RequestState, async () => {
    const value = Buffer.from(JSON.stringify(object) ?? "");
    const result = await storage.txn(
      [],
      [object === undefined ? { type: "delete", key } : { type: "put", key, value }],
    );
    ({ revision } = result);
    const answer = object === undefined ? { type: "value" } : { type: "object", object: { revision } };
    return answer as unknown as ApiResponse;
  });
  return revision;
}

const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();
const shown = ({ revision, before, after, request }: Entry): unknown[] => [
  revision,
  text(before),
  text(after),
  request?.verb,
];
const one = { group: "", resource: "configmaps", namespace: "default", name: "one" };
const onDisk = (): string =>
  readdirSync(join(folder, "history"))
    .map((file) => readFileSync(join(folder, "history", file), "latin1"))
    .join("");

describe("a history that is kept", { timeout: 120_000 }, () => {
  it("tells who wrote what, also of what compaction took, over a restart", async () => {
    const first = await start();
    await write(first, "create", { a: 1 });
    await write(first, "patch", { a: 2 }, { query: "fieldManager=helm" });
    await write(first, "create", {}, { name: "other" });
    await write(first, "delete", undefined);
    await write(first, "create", { a: 3 });
    const all = [
      [1, undefined, '{"a":1}', "create"],
      [2, '{"a":1}', '{"a":2}', "patch"],
      [4, '{"a":2}', undefined, "delete"],
      [5, undefined, '{"a":3}', "create"],
    ];
    const before = await first.history.journal.read(one);
    expect(before.entries.map(shown)).toEqual(all);
    await first.storage.compact(5);
    expect((await first.history.journal.read(one)).entries.map(shown)).toEqual(all);
    await first.stop();
    const second = await start();
    const remembered = await second.history.journal.read(one);
    expect(remembered.entries.map(shown)).toEqual(all);
    expect([remembered.begin, remembered.revision]).toEqual([before.begin, before.revision]);
    expect(remembered.entries[1]).toMatchObject({
      timeMs: 1_000_000,
      request: { user: "jane", userAgent: "kubectl/v1.33.0 (linux)", fieldManager: "helm", requestId: "42" },
    });
    await write(second, "update", { a: 4 });
    expect((await second.history.journal.read({ ...one, after: 5 })).entries.map(shown)).toEqual([
      [6, '{"a":3}', '{"a":4}', "update"],
    ]);
    expect((await second.history.journal.read({ ...one, upTo: 2 })).entries.map(shown)).toEqual(
      all.slice(0, 2),
    );
    expect((await second.history.journal.read({ namespace: "default", after: 2 })).entries).toHaveLength(4);
    expect((await second.history.journal.read({ namespace: "shop" })).entries).toEqual([]);
  });

  it("takes no note of what reads, of dry runs and of what changed nothing, and tells of causes", async () => {
    const cluster = await start();
    const { storage, history } = cluster;
    const cause: Cause = { controller: "deployment-controller", key: "default/web", wokenBy: [] };
    await storage.txn([], [{ type: "put", key: keyOf("one"), value: Buffer.from("{}") }]);
    await write(cluster, "get", { a: 1 });
    await write(cluster, "update", { a: 2 }, { query: "dryRun=All" });
    await history.causes.run(cause.controller, cause.key, () =>
      write(cluster, "update", { a: 3 }, { isInProcess: true, user: "controller" }),
    );
    const { entries } = await history.journal.read(one);
    expect(entries.map(({ request }) => request?.user)).toEqual([
      undefined,
      undefined,
      undefined,
      "controller",
    ]);
    expect(entries[3]?.request?.cause).toEqual(cause);
    // Of those without a note the time is that of a commit nearby.
    expect(entries[0]?.timeMs).toBeGreaterThan(0);
  });

  it("leaves no value of a Secret on the disk beside the state, and shows which changed while the state knows", async () => {
    const cluster = await start();
    const secret = (password: string): object => ({
      metadata: { name: "keys" },
      data: { password, user: "am9l" },
    });
    for (const password of ["aHVudGVyMg==", "aHVudGVyMw==", "aHVudGVyNA=="])
      await write(cluster, "update", secret(password), { key: secretKey });
    const query = { ...one, resource: "secrets", name: "keys" };
    const states = async (): Promise<string[]> =>
      (await cluster.history.journal.read(query)).entries.map(({ after }) => text(after) ?? "");
    const [first, second] = await states();
    expect(first).toContain(hiddenPrefix);
    expect(first).not.toBe(second);
    for (const state of await states()) expect(state).not.toMatch(/aHVudGVy|am9l/);
    await cluster.storage.compact(3);
    expect((await states())[0]).toContain("(hidden)");
    expect(await states()).toHaveLength(3);
    expect(onDisk()).not.toMatch(/aHVudGVy|am9l/);
  });

  it("keeps Secrets that are encrypted at rest as they lie there, and tells what changed in them", async () => {
    const first = await start({ encrypted: true });
    for (const password of ["aHVudGVyMg==", "aHVudGVyMw==", "aHVudGVyNA=="])
      await write(first, "update", { metadata: {}, data: { password, user: "am9l" } }, { key: secretKey });
    await first.storage.compact(3);
    const query = { ...one, resource: "secrets", name: "keys" };
    const before = await first.history.journal.read(query);
    await first.stop();
    expect(onDisk()).toContain("k8s:enc:aesgcm:v1:k:");
    expect(onDisk()).not.toMatch(/aHVudGVy|am9l|password/);
    const second = await start({ encrypted: true });
    const { entries } = await second.history.journal.read(query);
    expect(entries.map(shown)).toEqual(before.entries.map(shown));
    const data = entries.map(
      ({ after }) => (JSON.parse(text(after) ?? "") as { data: Record<string, string> }).data,
    );
    expect(new Set(data.map((each) => each["password"])).size).toBe(3);
    expect(new Set(data.map((each) => each["user"])).size).toBe(1);
  });

  it("takes the time of what nobody noted from the object itself", async () => {
    const { storage, history, stop } = await start();
    const value = Buffer.from(
      '{"metadata":{"creationTimestamp":"2026-01-01T00:00:00Z","managedFields":[{"time":"2026-01-01T00:00:05Z"}]}}',
    );
    await storage.txn([], [{ type: "put", key: keyOf("one"), value }]);
    await history.journal.read(one);
    await stop();
    rmSync(join(folder, "history"), { recursive: true });
    const { entries } = await (await start()).history.journal.read(one);
    expect(entries.map(({ timeMs }) => timeMs)).toEqual([Date.UTC(2026, 0, 1, 0, 0, 5)]);
  });

  it("refuses to tell more at once than fits in memory", async () => {
    const { storage, history } = await start();
    const value = Buffer.from(JSON.stringify({ data: "x".repeat(3_000_000) }));
    for (let index = 0; index < 23; index++)
      await storage.txn([], [{ type: "put", key: keyOf("one"), value }]);
    await expect(history.journal.read(one)).rejects.toThrow("more than 64 MiB of states are asked for");
    expect((await history.journal.read({ ...one, after: 20 })).entries).toHaveLength(3);
  });
});
