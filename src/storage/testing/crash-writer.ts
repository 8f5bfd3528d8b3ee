/**
 * The process that the crash test kills: it opens the store given as its argument, writes with many concurrent writers,
 * and prints each acknowledgement as it comes. Its output is what a client would have been told.
 *
 * Every object carries its own checksum and its number, so that a torn or mixed-up object is known by itself.
 */
import { createHash } from "node:crypto";
import { writeSync } from "node:fs";
import { RealClock } from "../../apimachinery/clock.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { SqliteStorage } from "../sqlite/sqlite-storage.ts";
import type { Operation, Storage } from "../storage.ts";

const keysPerWriter = 8;

/** A value of varying size whose first 64 characters are the hash of the rest. */
export function crashValue(label: string, sizeBytes: number): Uint8Array {
  const body = `${label} ${"x".repeat(sizeBytes)}`;
  return Buffer.from(createHash("sha256").update(body).digest("hex") + body);
}

/** The label of a whole value; undefined when it is torn. */
export function crashLabel(value: Uint8Array): string | undefined {
  const text = Buffer.from(value).toString();
  const body = text.slice(64);
  const whole = createHash("sha256").update(body).digest("hex") === text.slice(0, 64);
  return whole ? body.slice(0, body.indexOf(" ")) : undefined;
}

/** Tells the parent. The pipe does not block: when the parent lags, the write is tried again. */
function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}

async function write(storage: Storage, writer: number, seed: number): Promise<void> {
  const random = new SeededRandom(seed + writer);
  for (let count = 0; ; count++) {
    const key = `/crash/${writer}/${Math.floor(random.next() * keysPerWriter)}`;
    const label = `${seed}.${writer}.${count}`;
    const operations: Operation[] = [{ type: "put", key, value: crashValue(label, random.next() * 5000) }];
    if (random.next() < 0.2) operations[0] = { type: "delete", key };
    if (random.next() < 0.2) {
      // A commit of two keys must never be half there.
      operations.push({ type: "put", key: `/pair/${writer}`, value: crashValue(label, 10) });
      operations.push({ type: "put", key: `/twin/${writer}`, value: crashValue(label, 3000) });
    }
    const { succeeded, revision } = await storage.txn([], operations);
    const puts = operations.map((operation) => `${operation.type === "put" ? "+" : "-"}${operation.key}`);
    if (succeeded) say(`ack ${revision} ${label} ${puts.join(" ")}`);
  }
}

async function main(file: string, writers: number, seed: number): Promise<void> {
  const storage = await SqliteStorage.open({ file, clock: new RealClock() });
  say(`open ${await storage.revision()}`);
  for (let writer = 0; writer < writers; writer++) void write(storage, writer, seed);
  for (;;) {
    const revision = await storage.revision();
    const compactTo = revision - 200;
    if (compactTo > (await storage.compactedRevision())) {
      await storage.compact(compactTo);
      say(`compacted ${compactTo}`);
    }
    await new Promise<void>((resolve) => setTimeout(resolve, 5));
  }
}

const [, script, file, writers, seed] = process.argv;
if (file !== undefined && script?.includes("crash-writer") === true) {
  await main(file, Number(writers), Number(seed));
}
