/**
 * Durable puts of 2 kB with 1 and with 64 writers: the SQLite store beside etcd (Debian's etcd-server) on the same disk
 * in the same run, and the memory store to show what the disk costs. Then how long opening takes with many objects.
 *
 *   node bench/storage.ts [seconds per measurement, default 3]
 *
 * etcd is reached over gRPC on loopback, as kube-apiserver does, the store in the same process, as Sampan does.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { createServer } from "node:net";
import { join } from "node:path";
import { RealClock } from "../src/apimachinery/clock.ts";
import { MemoryStorage } from "../src/storage/memory/memory-storage.ts";
import { SqliteStorage } from "../src/storage/sqlite/sqlite-storage.ts";
import type { Storage } from "../src/storage/storage.ts";

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

/** etcd on loopback with its data in the folder; undefined when it is not installed. */
async function startEtcd(folder: string): Promise<{ child: ChildProcess; port: number } | undefined> {
  const [port, peerPort] = [await freePort(), await freePort()];
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const child = spawn(
    "etcd",
    [
      ["--data-dir", join(folder, "etcd"), "--log-level", "error"],
      ["--listen-client-urls", client, "--advertise-client-urls", client],
      ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
      ["--initial-cluster", `default=${peer}`],
    ].flat(),
    { stdio: "ignore" },
  );
  const failed = new Promise<true>((resolve) => {
    child.once("error", () => resolve(true));
  });
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await Promise.race([failed, clock.sleep(100).then(() => false)])) return undefined;
    const healthy = await fetch(`${client}/health`).then(
      (response) => response.ok,
      () => false,
    );
    if (healthy) return { child, port };
  }
  throw new Error("etcd did not become healthy within 10 s");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A put over gRPC: etcdserverpb.PutRequest is { 1: key, 2: value }. */
function putIntoEtcd(session: ClientHttp2Session): Put {
  return (key) => {
    const message = Buffer.concat([field(1, Buffer.from(key)), field(2, value)]);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: "/etcdserverpb.KV/Put",
      [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
      te: "trailers",
    });
    stream.end(Buffer.concat([head, message]));
    return new Promise((resolve, reject) => {
      stream.on("trailers", (trailers) => {
        if (trailers["grpc-status"] === "0") resolve(undefined);
        else reject(new Error(`etcd: ${trailers["grpc-message"]}`));
      });
      stream.on("error", reject);
      stream.resume();
    });
  };
}

/** A length-delimited protobuf field; lengths here stay below 2^14. */
function field(number: number, bytes: Uint8Array): Buffer {
  const { length } = bytes;
  const size = length < 128 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...size]), bytes]);
}

async function benchEtcd(folder: string, results: Measured[]): Promise<void> {
  const etcd = await startEtcd(folder);
  if (etcd === undefined) {
    console.log("etcd: skipped, it is not installed (apt-get install etcd-server)");
    return;
  }
  const session = connectHttp2(`http://127.0.0.1:${etcd.port}`);
  const put = putIntoEtcd(session);
  for (const writers of [1, 64]) results.push(await measure("etcd", writers, put));
  session.close();
  etcd.child.kill();
  await once(etcd.child, "exit");
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
