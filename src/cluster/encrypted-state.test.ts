import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RealClock } from "../apimachinery/clock.ts";
import { type Logger, silentLogger } from "../apimachinery/logger.ts";
import { SystemRandom } from "../apimachinery/random.ts";
import { failure, TestApi } from "../apiserver/testing/api.ts";
import { adminUser, startTestServer } from "../apiserver/testing/test-server.ts";
import { SqliteStorage } from "../storage/sqlite/sqlite-storage.ts";
import type { Storage } from "../storage/storage.ts";
import { EncryptedState } from "./encrypted-state.ts";
import { writePrivate } from "./instance.ts";

let folder = "";
let file = "";
const closing: (() => Promise<void>)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-encrypted-"));
  file = join(folder, "encryption.yaml");
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  rmSync(folder, { recursive: true });
});

const keyOf = (fill: number): string => Buffer.alloc(32, fill).toString("base64");
const aesgcm = (...names: string[]): string =>
  `{aesgcm: {keys: [${names.map((name) => `{name: ${name}, secret: "${keyOf(name.charCodeAt(0))}"}`).join(", ")}]}}`;

/** Replaces the file as `sampan up` does. */
function configure(...providers: string[]): void {
  writePrivate(
    file,
    `{apiVersion: apiserver.config.k8s.io/v1, kind: EncryptionConfiguration, resources: [{resources: [secrets], providers: [${providers.join(", ")}]}]}`,
  );
}

/** A server over a database file; closing it leaves the file for another. */
async function start(options: { readonly encrypted?: boolean; readonly logger?: Logger } = {}) {
  const { encrypted = true, logger = silentLogger } = options;
  const clock = new RealClock();
  const inner = await SqliteStorage.open({ file: join(folder, "state.db"), clock });
  const storage: Storage = encrypted
    ? (await EncryptedState.open({ file, inner, clock, random: new SystemRandom(), logger })).storage
    : inner;
  const { server } = await startTestServer({ storage, clock });
  let isClosed = false;
  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    await server.close();
    await storage.close();
  };
  closing.push(close);
  return { api: new TestApi(server.inProcessTransport(adminUser)), inner, server, close };
}

const secrets = "/api/v1/namespaces/a/secrets";
const body = (name: string) => ({ metadata: { name }, stringData: {}, data: { k: "aHVudGVyMg==" } });

/** Everything that lies in the database, its log included. */
const onDisk = (): string =>
  readdirSync(folder)
    .filter((name) => name.startsWith("state.db"))
    .map((name) => readFileSync(join(folder, name), "latin1"))
    .join("");

describe("a cluster whose Secrets are encrypted", () => {
  it("leaves nothing of them on the disk, and reads them after a restart", async () => {
    configure(aesgcm("a"), "{identity: {}}");
    const first = await start();
    await first.api.post(secrets, body("s"));
    await first.api.put(`${secrets}/s`, { ...body("s"), data: { k: "aHVudGVyMg==", l: "bGFuZGxvcmQ=" } });
    await first.api.post("/api/v1/namespaces/a/configmaps", {
      metadata: { name: "c" },
      data: { k: "plain to see" },
    });
    expect(onDisk()).not.toContain("aHVudGVyMg");
    expect(onDisk()).not.toContain("bGFuZGxvcmQ");
    expect(onDisk()).toContain("k8s:enc:aesgcm:v1:a:");
    expect(onDisk()).toContain("plain to see");
    await first.close();
    expect(onDisk()).not.toContain("aHVudGVyMg");
    const { api } = await start();
    expect((await api.get(`${secrets}/s`))["data"]).toEqual({ k: "aHVudGVyMg==", l: "bGFuZGxvcmQ=" });
  });

  it("encrypts with a new key what is written again, though nothing in it changes", async () => {
    configure("{identity: {}}");
    const { api, inner } = await start();
    const created = await api.post(secrets, body("s"));
    const stored = async (): Promise<string> =>
      Buffer.from((await inner.get("/registry/core/secrets/a/s"))?.value ?? []).toString("latin1");
    const rewrite = async (): Promise<unknown> => {
      const current = await api.get(`${secrets}/s`);
      return (await api.put(`${secrets}/s`, current)).metadata.resourceVersion;
    };
    expect(await rewrite()).toBe(created.metadata.resourceVersion);
    configure(aesgcm("a"), "{identity: {}}");
    await vi.waitFor(async () => {
      await rewrite();
      expect(await stored()).toMatch(/^k8s:enc:aesgcm:v1:a:/);
    });
    const before = await rewrite();
    expect(await rewrite()).toBe(before);
    configure(aesgcm("b", "a"));
    await vi.waitFor(async () => {
      await rewrite();
      expect(await stored()).toMatch(/^k8s:enc:aesgcm:v1:b:/);
    });
    expect((await api.get(`${secrets}/s`))["data"]).toEqual({ k: "aHVudGVyMg==" });
  });

  it("says why a Secret cannot be read, serves everything else, and reads it when the key is back", async () => {
    configure(aesgcm("a"));
    const first = await start();
    await first.api.post(secrets, body("s"));
    await first.close();
    configure(aesgcm("b"));
    const { api, server } = await start();
    const why = "no matching key was found for the provided AES transformer";
    expect(await failure(api.get(`${secrets}/s`))).toMatchObject({
      code: 500,
      reason: "InternalError",
      message: `Internal error occurred: ${why}`,
    });
    expect((await failure(api.list(secrets))).message).toBe(
      `Internal error occurred: unable to transform key "/registry/core/secrets/a/s": ${why}`,
    );
    expect((await failure(api.list("/api/v1/secrets"))).code).toBe(500);
    expect((await failure(api.put(`${secrets}/s`, body("s")))).message).toContain(why);
    expect((await failure(api.post(secrets, body("s")))).reason).toBe("AlreadyExists");
    await api.post("/api/v1/namespaces/b/secrets", body("t"));
    expect((await api.list("/api/v1/namespaces/b/secrets")).items).toHaveLength(1);
    expect((await api.list("/api/v1/namespaces/a/configmaps")).items).toEqual([]);
    expect(server.unreadable()).toBe(`unable to transform key "/registry/core/secrets/a/s": ${why}`);
    configure(aesgcm("b", "a"));
    await vi.waitFor(async () => expect((await api.list(secrets)).items).toHaveLength(1), 5_000);
    expect(server.unreadable()).toBeUndefined();
    expect((await api.get(`${secrets}/s`))["data"]).toEqual({ k: "aHVudGVyMg==" });
  });

  it("does not take ciphertext for an object when it is started without its configuration", async () => {
    configure(aesgcm("a"));
    const first = await start();
    await first.api.post(secrets, body("s"));
    await first.close();
    const { api } = await start({ encrypted: false });
    expect((await failure(api.get(`${secrets}/s`))).message).toBe(
      "Internal error occurred: identity transformer tried to read encrypted data",
    );
    expect((await api.list("/api/v1/namespaces")).items).toEqual([]);
  });

  it("goes on with its configuration when a new one holds a mistake", async () => {
    configure(aesgcm("a"));
    const error = vi.fn();
    const { api } = await start({ logger: { ...silentLogger, error } });
    configure("{aesgcm: {}}");
    await vi.waitFor(() => expect(error).toHaveBeenCalled(), 5_000);
    expect(String(error.mock.calls[0]?.[1]?.error)).toContain("aesgcm.keys: Required value");
    await api.post(secrets, body("s"));
    expect(onDisk()).toContain("k8s:enc:aesgcm:v1:a:");
  });

  it("is not started with a configuration that holds a mistake", async () => {
    configure("{aesgcm: {keys: [{name: a, secret: eA==}]}}");
    await expect(start()).rejects.toThrow("secret is not of the expected length, got 1");
  });
});
