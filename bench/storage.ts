/**
 * Durable puts of 2 kB with 1 and with 64 writers: the SQLite store beside etcd (Debian's etcd-server) on the same disk
 * in the same run, and the memory store to show what the disk costs. Then how long opening takes with many objects.
 *
 *   node bench/storage.ts [seconds per measurement, default 3]
 *
 * etcd is reached over gRPC on loopback, as kube-apiserver does, the store in the same process, as Sampan does.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { RealClock } from "../src/apimachinery/clock.ts";
import { MemoryStorage } from "../src/storage/memory/memory-storage.ts";
import { SqliteStorage } from "../src/storage/sqlite/sqlite-storage.ts";
import type { Storage } from "../src/storage/storage.ts";
import { startEtcd } from "./parts/etcd.ts";

const seconds = Number(process.argv[2] ?? 3);
const clock = new RealClock();
const value = Buffer.alloc(2000, "x");

interface Measured {
  readonly name: string;
  readonly putsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

type Put = (key: string) => Promise<unknown>;

async function measure(name: string, writers: number, put: Put): Promise<Measured> {
  const latenciesMs: number[] = [];
  const endMs = performance.now() + seconds * 1000;
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let count = 0; performance.now() < endMs; count++) {
        const beforeMs = performance.now();
        await put(`/bench/${writer}/${count % 1000}`);
        latenciesMs.push(performance.now() - beforeMs);
      }
    }),
  );
  const tookSeconds = (performance.now() - startMs) / 1000;
  latenciesMs.sort((a, b) => a - b);
  const quantile = (part: number): number => latenciesMs[Math.floor(latenciesMs.length * part)] ?? 0;
  return {
    name: `${name}, ${writers} ${writers === 1 ? "writer" : "writers"}`,
    putsPerSecond: latenciesMs.length / tookSeconds,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  };
}

const putInto = (storage: Storage): Put => {
  return (key) => storage.txn([], [{ type: "put", key, value }]);
};

async function benchEtcd(folder: string, results: Measured[]): Promise<void> {
  const etcd = await startEtcd(folder);
  if (etcd === undefined) {
    console.log("etcd: skipped, it is not installed (apt-get install etcd-server)");
    return;
  }
  const put: Put = (key) => etcd.put(key, value);
  for (const writers of [1, 64]) results.push(await measure("etcd", writers, put));
  await etcd.stop();
}

async function benchOpen(folder: string, objects: number): Promise<void> {
  const file = join(folder, "large.db");
  const storage = await SqliteStorage.open({ file, clock });
  const puts = Array.from({ length: objects }, (_, n) => putInto(storage)(`/registry/pods/ns/${n}`));
  await Promise.all(puts);
  await storage.close();
  const beforeMs = performance.now();
  const opened = await SqliteStorage.open({ file, clock });
  console.log(`open with ${objects} objects: ${(performance.now() - beforeMs).toFixed(0)} ms`);
  await opened.close();
}

function print(results: readonly Measured[]): void {
  for (const { name, putsPerSecond, p50Ms, p99Ms } of results) {
    const speed = putsPerSecond.toFixed(0).padStart(8);
    console.log(
      `${name.padEnd(20)} ${speed} puts/s   p50 ${p50Ms.toFixed(2)} ms   p99 ${p99Ms.toFixed(2)} ms`,
    );
  }
}

async function main(): Promise<void> {
  // Beside the sources rather than in /tmp, which may be memory.
  const folder = mkdtempSync(join(import.meta.dirname, ".storage-"));
  try {
    const results: Measured[] = [];
    for (const writers of [1, 64]) {
      const file = join(folder, `${writers}.db`);
      const storage = await SqliteStorage.open({ file, clock });
      results.push(await measure("sqlite", writers, putInto(storage)));
      await storage.close();
    }
    await benchEtcd(folder, results);
    results.push(await measure("memory", 64, putInto(new MemoryStorage())));
    print(results);
    await benchOpen(folder, 100_000);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await main();
