import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { type Logger, silentLogger } from "../../apimachinery/logger.ts";
import type { Archive, FormerVersion } from "../archive.ts";
import { SqliteStorage } from "./sqlite-storage.ts";

let folder: string;
let directory: string;
const open: SqliteStorage[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-archive-"));
  directory = join(folder, "history");
});
afterEach(async () => {
  for (const storage of open.splice(0)) await storage.close();
  rmSync(folder, { recursive: true });
});

async function start({
  sizeBytesMax = 1024 * 1024,
  archived = true,
  protects = [],
  logger = silentLogger,
}: {
  readonly sizeBytesMax?: number;
  readonly archived?: boolean;
  readonly protects?: readonly string[];
  readonly logger?: Logger;
} = {}): Promise<{ storage: SqliteStorage; archive: Archive; stop: () => Promise<void> }> {
  const storage = await SqliteStorage.open({
    file: join(folder, "state.db"),
    clock: new RealClock(),
    logger,
    ...(archived && {
      archive: {
        directory,
        sizeBytesMax,
        isLeftOut: (key) => key.startsWith("/noise"),
        isSecret: (key) => key.startsWith("/secret"),
      },
    }),
  });
  open.push(storage);
  storage.archive?.protect(protects, (key) => protects.some((each) => key.startsWith(each)));
  const stop = async (): Promise<void> => {
    open.splice(open.indexOf(storage), 1);
    await storage.close();
  };
  return { storage, archive: storage.archive as Archive, stop };
}

async function put(storage: SqliteStorage, key: string, value: string | Uint8Array): Promise<number> {
  return (await storage.txn([], [{ type: "put", key, value: Buffer.from(value) }])).revision;
}

/** Every version, as `key@revision=value`, `-` for a deletion and `?` for what was not kept. */
async function told(archive: Archive, prefix = "/"): Promise<{ begin: number; versions: string[] }> {
  const view = await archive.open({ prefix, isWanted: () => true });
  const versions = new Map<string, FormerVersion>();
  for await (const batch of view.versions())
    for (const version of batch) versions.set(`${version.key}@${version.revision}`, version);
  const text = ({ value, isDeletion }: FormerVersion): string =>
    isDeletion ? "-" : value === undefined ? "?" : Buffer.from(value).toString();
  return {
    begin: view.begin,
    versions: [...versions].map(([name, version]) => `${name}=${text(version)}`).toSorted(),
  };
}

async function noted(archive: Archive): Promise<string[]> {
  const view = await archive.open({ prefix: "/", isWanted: () => true });
  const lines: string[] = [];
  for await (const batch of view.notes(0, Number.POSITIVE_INFINITY)) lines.push(...batch);
  return lines.filter((line) => !line.startsWith("["));
}

const lastFile = (): string => join(directory, readdirSync(directory).toSorted().at(-1) ?? "");

describe("the archive of a SQLite store", { timeout: 120_000 }, () => {
  it("tells every version, those that compaction took too, and over a restart", async () => {
    const first = await start();
    await put(first.storage, "/a", "1");
    await put(first.storage, "/b", "1");
    await put(first.storage, "/a", "2");
    await first.storage.txn([], [{ type: "delete", key: "/b" }]);
    await put(first.storage, "/noise", "1");
    await put(first.storage, "/noise", "2");
    await put(first.storage, "/a", "3");
    const before = await told(first.archive);
    await first.storage.compact(7);
    const all = ["/a@1=1", "/a@3=2", "/a@7=3", "/b@2=1", "/b@4=-", "/noise@6=2"];
    expect(await told(first.archive)).toEqual({ begin: 0, versions: all });
    // What is left out is told as long as the store has it.
    expect(before.versions).toContain("/noise@5=1");
    expect(await told(first.archive, "/b")).toEqual({ begin: 0, versions: ["/b@2=1", "/b@4=-"] });
    await first.stop();
    const second = await start();
    await put(second.storage, "/a", "4");
    expect(await told(second.archive)).toEqual({ begin: 0, versions: [...all, "/a@8=4"].toSorted() });
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(lastFile()).mode & 0o777).toBe(0o600);
  });

  it("keeps notes beside them", async () => {
    const first = await start();
    await put(first.storage, "/a", "1");
    first.archive.note("one", 1, 1);
    expect(await noted(first.archive)).toEqual(["one"]);
    first.archive.note("two", 1, 1);
    await first.stop();
    const second = await start();
    expect(await noted(second.archive)).toEqual(["one", "two"]);
    const view = await second.archive.open({ prefix: "/", isWanted: () => true });
    for await (const lines of view.notes(2, 9)) expect(lines).toEqual([]);
  });

  it.each([
    ["cut short", (file: string) => truncateSync(file, statSync(file).size - 3)],
    ["followed by noise", (file: string) => appendFileSync(file, randomBytes(500))],
    ["followed by zeros", (file: string) => appendFileSync(file, Buffer.alloc(500))],
  ])("goes on after a file that a crash left %s", async (_what, damage) => {
    const first = await start();
    await put(first.storage, "/a", "1");
    await put(first.storage, "/a", "2");
    await first.storage.compact(2);
    first.archive.note("kept", 1, 1);
    await told(first.archive);
    first.archive.note("last", 1, 1);
    await first.stop();
    damage(lastFile());
    const second = await start();
    expect(await told(second.archive)).toEqual({ begin: 0, versions: ["/a@1=1", "/a@2=2"] });
    expect(await noted(second.archive)).toContain("kept");
    second.archive.note("new", 2, 2);
    expect((await noted(second.archive)).at(-1)).toBe("new");
  });

  it("forgets the oldest when it takes too much, and tells every change from its beginning on", async () => {
    const sizeBytesMax = 64 * 1024;
    const { storage, archive } = await start({ sizeBytesMax });
    for (let index = 0; index < 30; index++) {
      for (let key = 0; key < 4; key++) await put(storage, `/a${key}`, randomBytes(1500).toString("hex"));
      await storage.compact(await storage.revision());
    }
    const { begin, versions } = await told(archive);
    const sizes = readdirSync(directory).map((name) => statSync(join(directory, name)).size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(sizeBytesMax);
    expect(begin).toBeGreaterThan(0);
    expect(begin).toBeLessThan(110);
    const revisions = new Set(versions.map((version) => Number(/@(\d+)=/.exec(version)?.[1])));
    for (let revision = begin + 1; revision <= 120; revision++) expect(revisions).toContain(revision);
  });

  it("keeps secret values as ciphertext only", async () => {
    const { storage, archive } = await start();
    await put(storage, "/secret", "hunter2");
    await put(storage, "/secret", "k8s:enc:aesgcm:v1:key:xyz");
    await put(storage, "/secret", "new");
    await storage.compact(3);
    expect((await told(archive)).versions).toEqual([
      "/secret@1=?",
      "/secret@2=k8s:enc:aesgcm:v1:key:xyz",
      "/secret@3=new",
    ]);
    expect(readFileSync(lastFile(), "latin1")).not.toContain("hunter2");
  });

  it("forgets what it had in clear text when that becomes protected, and only then", async () => {
    const write = async (protects: readonly string[]): Promise<{ begin: number; versions: string[] }> => {
      const { storage, archive, stop } = await start({ protects });
      await put(storage, "/a", `plain ${protects.length}`);
      const revision = await put(storage, "/a", "k8s:enc:x");
      await storage.compact(revision);
      const found = await told(archive);
      await stop();
      return found;
    };
    expect(await write([])).toEqual({ begin: 0, versions: ["/a@1=plain 0", "/a@2=k8s:enc:x"] });
    const second = await write(["/a"]);
    expect(second).toEqual({ begin: 2, versions: ["/a@2=k8s:enc:x", "/a@3=?", "/a@4=k8s:enc:x"] });
    expect((await write(["/a"])).begin).toBe(2);
    expect((await write([])).begin).toBe(2);
    expect((await write(["/a"])).begin).toBe(8);
  });

  it("begins anew after a run without it that took something", async () => {
    const first = await start();
    await put(first.storage, "/a", "1");
    await put(first.storage, "/a", "2");
    await first.storage.compact(2);
    await first.stop();
    const without = await start({ archived: false });
    await put(without.storage, "/a", "3");
    await without.stop();
    const second = await start();
    expect(await told(second.archive)).toEqual({ begin: 0, versions: ["/a@1=1", "/a@2=2", "/a@3=3"] });
    await second.stop();
    const again = await start({ archived: false });
    await again.storage.compact(3);
    await again.stop();
    const third = await start();
    const { begin, versions } = await told(third.archive);
    expect(begin).toBe(3);
    expect(versions).toContain("/a@3=3");
    expect(versions).not.toContain("/a@1=1");
  });

  it("does not hold the store up when it cannot be written, and says so", async () => {
    writeFileSync(directory, "in the way");
    const warn = vi.fn();
    const logger: Logger = { ...silentLogger, warn, named: () => logger };
    const { storage, archive } = await start({ logger });
    await put(storage, "/a", "1");
    await put(storage, "/a", "2");
    archive.note("lost", 1, 1);
    await storage.compact(2);
    expect(await told(archive)).toEqual({ begin: 2, versions: ["/a@2=2"] });
    expect(await put(storage, "/a", "3")).toBe(3);
    expect(warn).toHaveBeenCalledWith("the history could not be written", expect.anything());
  });
});
