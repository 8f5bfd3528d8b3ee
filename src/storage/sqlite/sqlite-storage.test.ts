import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { RealClock, VirtualClock } from "../../apimachinery/clock.ts";
import { type Logger, silentLogger } from "../../apimachinery/logger.ts";
import { type Operation, type Storage, StorageError, type StorageEvent } from "../storage.ts";
import { storageContract } from "../testing/storage-contract.ts";
import { SqliteStorage, type SqliteStorageOptions } from "./sqlite-storage.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-sqlite-"));
let files = 0;
const newFile = (): string => join(folder, `${++files}.db`);
const clock = new RealClock();

afterAll(() => rmSync(folder, { recursive: true }));

storageContract("sqlite", () => SqliteStorage.open({ file: newFile(), clock }));

storageContract("sqlite with all history in the file", () =>
  SqliteStorage.open({ file: newFile(), clock, historyBytesMax: 0 }),
);

async function open(file: string, options: Partial<SqliteStorageOptions> = {}): Promise<SqliteStorage> {
  const storage = await SqliteStorage.open({ file, clock, ...options });
  onTestFinished(() => storage.close());
  return storage;
}

const put = (key: string, value: string | Uint8Array): Operation => ({
  type: "put",
  key,
  value: Buffer.from(value),
});

describe("the file", () => {
  test("is as large as the store says, its log included", async () => {
    const file = newFile();
    const storage = await open(file);
    const before = storage.sizeBytes();
    expect(before).toBe(statSync(file).size + statSync(`${file}-wal`).size);
    await storage.txn([], [put("/a", new Uint8Array(1_000_000))]);
    expect(storage.sizeBytes() - before).toBeGreaterThan(1_000_000);
  });

  test("is readable by its owner only, also when it existed with another mode", async () => {
    const file = newFile();
    const storage = await open(file);
    await storage.txn([], [put("/a", "1")]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(`${file}-wal`).mode & 0o777).toBe(0o600);
    const other = newFile();
    writeFileSync(other, "", { mode: 0o644 });
    await open(other);
    expect(statSync(other).mode & 0o777).toBe(0o600);
  });

  test("keeps state, history and compaction over a restart", async () => {
    const file = newFile();
    const first = await open(file);
    for (let n = 1; n <= 20; n++) await first.txn([], [put("/p/a", `a${n}`), put(`/p/${n % 3}`, `${n}`)]);
    await first.txn([], [{ type: "delete", key: "/p/1" }]);
    await first.txn([], [{ type: "put", key: "/empty", value: new Uint8Array() }]);
    await first.compact(10);
    const before = await snapshot(first);
    await first.close();
    expect(await snapshot(await open(file))).toEqual(before);
  });

  test("leaves no second file behind once it is closed", async () => {
    const file = newFile();
    const storage = await open(file);
    await storage.txn([], [put("/a", "1")]);
    await storage.close();
    expect(existsSync(`${file}-wal`)).toBe(false);
    expect(existsSync(`${file}-shm`)).toBe(false);
  });

  test("held by one store is refused to another, which changes nothing", async () => {
    const file = newFile();
    const first = await open(file);
    await first.txn([], [put("/a", "1")]);
    await expect(SqliteStorage.open({ file, clock })).rejects.toMatchObject({
      code: "inUse",
      message: `${file} is in use by another process`,
    });
    expect((await first.txn([], [put("/a", "2")])).revision).toBe(2);
    await first.close();
    expect(await (await open(file)).revision()).toBe(2);
  });

  test("in a folder that is not there is an ioFailure that names it", async () => {
    const file = join(folder, "absent", "x.db");
    await expect(SqliteStorage.open({ file, clock })).rejects.toMatchObject({
      code: "ioFailure",
      message: expect.stringContaining(file),
    });
  });

  test("stays bounded when the same keys are written over and over", async () => {
    const file = newFile();
    const storage = await open(file);
    const value = new Uint8Array(2000);
    for (let round = 0; round < 30; round++) {
      const writes = Array.from({ length: 200 }, (_, n) => storage.txn([], [put(`/p/${n}`, value)]));
      await Promise.all(writes);
      await storage.compact(await storage.revision());
    }
    await storage.close();
    // 6,000 versions of 2 kB were written; 200 are left, and as many may wait to be used again.
    expect(statSync(file).size).toBeLessThan(4_000_000);
  });

  test("goes on deleting what a compaction left when the process ended", async () => {
    const file = newFile();
    const first = await open(file);
    const value = new Uint8Array(2000);
    await Promise.all(Array.from({ length: 3000 }, (_, n) => first.txn([], [put(`/p/${n % 10}`, value)])));
    await first.compact(3000);
    await first.close();
    const second = await open(file);
    for (let n = 0; n < 60; n++) await second.txn([], [put("/q", "x")]);
    await second.close();
    expect(countRows(file)).toBeLessThan(3000);
    const third = await open(file);
    expect((await third.list("/")).items).toHaveLength(11);
    expect(await third.revision()).toBe(3060);
  });
});

describe("damage", () => {
  async function written(): Promise<string> {
    const file = newFile();
    const storage = await open(file);
    for (let n = 0; n < 50; n++) await storage.txn([], [put(`/p/${n}`, `value-${n}-`.repeat(40))]);
    await storage.close();
    return file;
  }

  const table: { name: string; damage: (file: string) => void; message: RegExp }[] = [
    {
      name: "a text file",
      damage: (file) => writeFileSync(file, "this is no database, but it is long enough".repeat(100)),
      message: /is damaged, or not a store of Sampan/,
    },
    {
      name: "a database of another program",
      damage: (file) => {
        rmSync(file);
        const other = new DatabaseSync(file);
        other.exec("CREATE TABLE t (x)");
        other.close();
      },
      message: /belongs to another program/,
    },
    {
      name: "a format of the future",
      damage: (file) => withDatabase(file, "PRAGMA user_version = 7"),
      message: /has format 7, this version of Sampan reads format 1/,
    },
    {
      name: "a value with a flipped bit",
      damage: (file) => {
        const bytes = readFileSync(file);
        const place = bytes.indexOf("value-23-value-23-");
        bytes[place + 3] = (bytes[place + 3] ?? 0) ^ 1;
        writeFileSync(file, bytes);
      },
      message: /is damaged: the change of \/p\/23 at revision 24 does not match its checksum/,
    },
    {
      name: "a missing revision",
      damage: (file) => withDatabase(file, `DELETE FROM versions WHERE id = ${10 * 65536}`),
      message: /is damaged: revision 10 is missing/,
    },
    {
      name: "a file cut short",
      damage: (file) => truncateSync(file, Math.floor(statSync(file).size / 8192) * 4096),
      message: /is damaged/,
    },
    {
      name: "pages overwritten with noise",
      damage: (file) => {
        const bytes = readFileSync(file);
        bytes.fill(0xa5, 4096 * 4, 4096 * 7);
        writeFileSync(file, bytes);
      },
      message: /is damaged/,
    },
  ];
  for (const { name, damage, message } of table) {
    test(`${name} is refused as corrupt and left as it is`, async () => {
      const file = await written();
      damage(file);
      const before = readFileSync(file);
      await expect(SqliteStorage.open({ file, clock })).rejects.toMatchObject({
        code: "corrupt",
        message: expect.stringMatching(message),
      });
      expect(readFileSync(file).equals(before)).toBe(true);
    });
  }

  test("a write-ahead log cut at any byte opens to a whole beginning of what was written", async () => {
    const file = newFile();
    const storage = await open(file);
    for (let n = 1; n <= 60; n++) await storage.txn([], [put("/a", `${n}`), put(`/p/${n}`, `${n}`)]);
    const copy = newFile();
    for (let cut = 1; cut <= 12; cut++) {
      copyFileSync(file, copy);
      copyFileSync(`${file}-wal`, `${copy}-wal`);
      truncateSync(`${copy}-wal`, Math.floor((statSync(`${file}-wal`).size * cut) / 12.3));
      const opened = await SqliteStorage.open({ file: copy, clock });
      const revision = await opened.revision();
      const { items } = await opened.list("/");
      expect(items).toHaveLength(revision === 0 ? 0 : revision + 1);
      expect(Buffer.from((await opened.get("/a"))?.value ?? "0").toString()).toBe(`${revision}`);
      await opened.close();
    }
  });
});

describe("a full disk", () => {
  test("fails the write with noSpace, keeps all that was acknowledged, and takes smaller writes later", async () => {
    const file = newFile();
    const storage = await open(file, { sizeBytesMax: 400_000 });
    const acknowledged = await fill(storage, 100);
    expect(acknowledged.length).toBeGreaterThan(20);
    expect((await storage.list("/full/")).items.map((item) => item.key)).toEqual(acknowledged.toSorted());
    await storage.txn([], [{ type: "delete", key: acknowledged[0] ?? "" }]);
    await storage.close();
    const again = await open(file);
    expect((await again.list("/full/")).items).toHaveLength(acknowledged.length - 1);
    expect((await again.txn([], [put("/later", new Uint8Array(9000))])).succeeded).toBe(true);
  });

  test("compaction makes room", async () => {
    const storage = await open(newFile(), { sizeBytesMax: 400_000 });
    const value = new Uint8Array(5000);
    const until = async (): Promise<unknown> => {
      for (;;) await storage.txn([], [put("/same", value)]);
    };
    await expect(until()).rejects.toMatchObject({ code: "noSpace" });
    await storage.compact(await storage.revision());
    // Rows are deleted between commits; a read is answered after at least one step.
    for (let n = 0; n < 20; n++) await storage.txn([], []);
    await expect
      .poll(() =>
        storage.txn([], [put("/same", value)]).then(
          (r) => r.succeeded,
          () => false,
        ),
      )
      .toBe(true);
  });

  test("a refused write leaves the key as it was", async () => {
    const storage = await open(newFile(), { sizeBytesMax: 300_000 });
    await storage.txn([], [put("/a", "1")]);
    await expect(storage.txn([], [put("/a", new Uint8Array(900_000))])).rejects.toMatchObject({
      code: "noSpace",
    });
    expect((await storage.get("/a"))?.modRevision).toBe(1);
    expect(await storage.txn([{ key: "/a", modRevision: 1 }], [put("/a", "2")])).toMatchObject({
      succeeded: true,
      revision: 2,
    });
  });

  test("of a real file system loses nothing", async (context) => {
    const mount = join(folder, "small");
    mkdirSync(mount);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mount], { stdio: "pipe" });
    } catch {
      context.skip("may not mount a small file system");
    }
    onTestFinished(() => {
      execFileSync("umount", [mount]);
    });
    const file = join(mount, "x.db");
    const storage = await SqliteStorage.open({ file, clock });
    const ballast = join(mount, "ballast");
    writeFileSync(ballast, new Uint8Array(300_000));
    const acknowledged = await fill(storage, 300);
    expect(acknowledged.length).toBeGreaterThan(5);
    rmSync(ballast);
    expect((await storage.txn([], [put("/later", new Uint8Array(5000))])).succeeded).toBe(true);
    await storage.close();
    const again = await SqliteStorage.open({ file, clock });
    expect((await again.list("/full/")).items.map((item) => item.key)).toEqual(acknowledged.toSorted());
    expect(await again.get("/later")).toBeDefined();
    await again.close();
  });

  /** Writes until each of several writers was refused; gives the keys that were acknowledged. */
  async function fill(storage: Storage, perWriter: number): Promise<string[]> {
    const acknowledged: string[] = [];
    const errors = await Promise.all(
      Array.from({ length: 8 }, async (_, writer) => {
        for (let n = 0; n < perWriter; n++) {
          const key = `/full/${writer}-${n}`;
          try {
            await storage.txn([], [put(key, new Uint8Array(4000))]);
            acknowledged.push(key);
          } catch (error) {
            return error;
          }
        }
        return undefined;
      }),
    );
    for (const error of errors) {
      expect(error).toBeInstanceOf(StorageError);
      expect(error).toMatchObject({ code: "noSpace" });
    }
    return acknowledged;
  }
});

describe("the writer", () => {
  test("commits of one turn share a sync, and each has its own revision", async () => {
    const storage = await open(newFile());
    const results = await Promise.all(
      Array.from({ length: 64 }, (_, n) => storage.txn([], [put(`/p/${n}`, "x")])),
    );
    expect(results.map((result) => result.revision)).toEqual(Array.from({ length: 64 }, (_, n) => n + 1));
  });

  test("a write is not seen before it is durable", async () => {
    const storage = await open(newFile());
    const written = storage.txn([], [put("/a", "1")]);
    expect(await storage.get("/a")).toBeUndefined();
    expect(await storage.revision()).toBe(0);
    await written;
    expect(await storage.get("/a")).toBeDefined();
  });

  test("a value that is a view of larger memory is written alone", async () => {
    const file = newFile();
    const storage = await open(file);
    const large = Buffer.alloc(1_000_000, "y");
    await storage.txn([], [{ type: "put", key: "/a", value: large.subarray(10, 13) }]);
    await storage.close();
    expect(Buffer.from((await (await open(file)).get("/a"))?.value ?? "").toString()).toBe("yyy");
  });

  test("a slow disk is said", async () => {
    const warnings: string[] = [];
    const logger: Logger = {
      ...silentLogger,
      warn: (message) => warnings.push(message),
      named: () => logger,
    };
    const storage = await open(newFile(), { clock: new LeapingClock(), logger });
    await storage.txn([], [put("/a", "1")]);
    expect(warnings).toEqual(["the disk is slow: a commit took long"]);
  });

  test("a script that cannot start is an error, not a wait", async () => {
    const writerUrl = new URL("./absent.js", import.meta.url);
    await expect(SqliteStorage.open({ file: newFile(), clock, writerUrl })).rejects.toThrow(/absent/);
  });
});

/** Every look at it is two seconds after the last one. */
class LeapingClock extends VirtualClock {
  #looks = 0;

  override now(): number {
    return 2000 * this.#looks++;
  }
}

/** Everything that can be read, in words. */
async function snapshot(storage: Storage): Promise<unknown> {
  const revision = await storage.revision();
  const compacted = await storage.compactedRevision();
  const states: unknown[] = [];
  for (let at = compacted; at <= revision; at++)
    states.push((await storage.list("/", { revision: at })).items.map(plain));
  const events: StorageEvent[] = [];
  for await (const batch of storage.watch("/", compacted)) {
    events.push(...batch);
    if (events.at(-1)?.revision === revision) break;
  }
  return {
    revision,
    compacted,
    states,
    events: events.map((event) => ({ ...plain(event), type: event.type })),
  };
}

function plain<T extends { readonly value: Uint8Array | undefined }>(item: T): object {
  const text = item.value === undefined ? undefined : Buffer.from(item.value).toString();
  return { ...item, value: text, previousValue: undefined };
}

function withDatabase(file: string, sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

function countRows(file: string): number {
  const database = new DatabaseSync(file);
  const row = database.prepare("SELECT count(*) AS count FROM versions").get();
  database.close();
  return Number(row?.["count"]);
}
