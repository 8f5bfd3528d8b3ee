import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Random } from "../../apimachinery/random.ts";
import type { KeyValue, Storage, StorageEvent } from "../storage.ts";
import { crashLabel } from "./crash-writer.ts";

/**
 * Kills a writing process (`crash-writer.ts`) again and again, and between kills checks what the file holds against
 * what the process had acknowledged.
 */
export interface CrashOptions {
  /** The script of the writing process. */
  readonly script: string;
  readonly file: string;
  readonly random: Random;
  readonly writers: number;
  readonly open: () => Promise<Storage>;
}

interface Acknowledged {
  readonly revision: number;
  readonly label: string;
  /** `+key` for a put, `-key` for a deletion. */
  readonly changes: readonly string[];
}

export class CrashTest {
  readonly #options: CrashOptions;
  /** Acknowledgements since the last check. */
  #acknowledged: Acknowledged[] = [];
  #compactedAtLeast = 0;
  /** Kills since the last check: each may leave one commit per writer that nobody heard of. */
  #kills = 0;
  /** The state that the last check found. */
  #revision = 0;
  #state: readonly KeyValue[] = [];
  /** How many acknowledgements were checked in all. */
  checked = 0;

  constructor(options: CrashOptions) {
    this.#options = options;
  }

  /** Starts the process, lets it write for a random time, and kills it. */
  async kill(): Promise<void> {
    const { script, file, writers, random } = this.#options;
    const seed = Math.floor(random.next() * 2 ** 30);
    const child = spawn(process.execPath, [script, file, String(writers), String(seed)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const chunks: Buffer[] = [];
    const errors: Buffer[] = [];
    const opened = new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        resolve();
      });
    });
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    const closed = once(child, "close");
    // One in ten dies while it starts, and so while it creates or recovers the file.
    if (random.next() < 0.1) await delay(40 + random.next() * 60);
    else await Promise.race([opened.then(() => delay(random.next() * 60)), closed]);
    child.kill("SIGKILL");
    await closed;
    if (errors.length > 0) throw new Error(`the writing process failed: ${Buffer.concat(errors).toString()}`);
    this.#kills++;
    this.#note(Buffer.concat(chunks).toString());
  }

  #note(output: string): void {
    // The last line may be cut off by the kill; then it was not acknowledged.
    for (const line of output.split("\n").slice(0, -1)) {
      const [word, number = "", label = "", ...changes] = line.split(" ");
      if (word === "ack") this.#acknowledged.push({ revision: Number(number), label, changes });
      if (word === "compacted") this.#compactedAtLeast = Number(number);
    }
  }

  /** Opens the store and throws at the first thing that is not as it must be. */
  async check(): Promise<void> {
    const storage = await this.#options.open();
    try {
      const compacted = await storage.compactedRevision();
      const { revision, items } = await storage.list("/");
      expectThat(compacted >= this.#compactedAtLeast, `compaction to ${this.#compactedAtLeast} was lost`);
      for (const item of items) expectWhole(item.key, item.value);
      const events = await history(storage, compacted, revision);
      await this.#checkReplay(storage, compacted, events, items);
      this.#checkAcknowledged(revision, compacted, events, items);
      this.#state = items;
      this.#revision = revision;
      this.#acknowledged = [];
      this.#kills = 0;
    } finally {
      await storage.close();
    }
  }

  /** History must lead from the oldest state to the newest. */
  async #checkReplay(
    storage: Storage,
    compacted: number,
    events: readonly StorageEvent[],
    items: readonly KeyValue[],
  ): Promise<void> {
    const { items: ground } = await storage.list("/", { revision: compacted });
    const state = new Map(ground.map((item) => [item.key, item.modRevision]));
    for (const { type, key, revision } of events) {
      if (type === "put") state.set(key, revision);
      else state.delete(key);
    }
    expectThat(state.size === items.length, "history and state differ in size");
    for (const item of items) {
      expectThat(state.get(item.key) === item.modRevision, `history and state differ at ${item.key}`);
    }
  }

  #checkAcknowledged(
    revision: number,
    compacted: number,
    events: readonly StorageEvent[],
    items: readonly KeyValue[],
  ): void {
    const byRevision = Map.groupBy(events, (event) => event.revision);
    const current = new Map([...this.#state, ...items].map((item) => [item.key, 0]));
    for (const item of items) current.set(item.key, item.modRevision);
    const told = new Set<number>();
    for (const { revision: at, label, changes } of this.#acknowledged) {
      const puts = changes.filter((change) => change.startsWith("+"));
      expectThat(at <= revision, `acknowledged revision ${at} is lost: the newest is ${revision}`);
      told.add(at);
      this.checked++;
      if (at <= compacted || puts.length === 0) continue;
      const found = (byRevision.get(at) ?? []).filter((event) => event.type === "put");
      expectThat(found.length === puts.length, `acknowledged revision ${at} has ${found.length} puts`);
      for (const { key, value } of found) {
        expectThat(puts.includes(`+${key}`), `revision ${at} wrote ${key}, which was not asked for`);
        expectThat(
          value !== undefined && crashLabel(value) === label,
          `revision ${at} of ${key} is not ${label}`,
        );
      }
    }
    this.#checkNewest(current, byRevision, compacted);
    const written = revision - this.#revision;
    const unheard = written - [...told].filter((at) => at > this.#revision).length;
    expectThat(
      unheard <= this.#options.writers * Math.max(1, this.#kills),
      `${unheard} commits were made that nobody asked for`,
    );
  }

  /** What was acknowledged last for a key is what it holds, or a later commit says why not. */
  #checkNewest(
    current: ReadonlyMap<string, number>,
    byRevision: ReadonlyMap<number, readonly StorageEvent[]>,
    compacted: number,
  ): void {
    const last = new Map<string, { readonly revision: number; readonly put: boolean }>();
    for (const { revision, changes } of this.#acknowledged) {
      for (const change of changes) {
        const key = change.slice(1);
        if (revision >= (last.get(key)?.revision ?? 0))
          last.set(key, { revision, put: change.startsWith("+") });
      }
    }
    const deletedAt = new Map<string, number>();
    for (const events of byRevision.values()) {
      for (const { type, key, revision } of events) if (type === "delete") deletedAt.set(key, revision);
    }
    for (const [key, { revision, put }] of last) {
      const holds = current.get(key) ?? 0;
      const deleted = (deletedAt.get(key) ?? 0) > revision;
      // A deletion that nobody heard of may itself be compacted when the process was killed twice in between.
      const forgotten = this.#kills > 1 && revision < compacted;
      const kept = put ? holds >= revision || deleted || forgotten : holds === 0 || holds > revision;
      expectThat(kept, `${key} lost its acknowledged revision ${revision}`);
    }
  }
}

/** All events after a revision; throws when one is missing or torn. */
async function history(storage: Storage, after: number, through: number): Promise<readonly StorageEvent[]> {
  const all: StorageEvent[] = [];
  if (after === through) return all;
  let last = after;
  for await (const batch of storage.watch("/", after)) {
    for (const event of batch) {
      expectThat(event.revision - last <= 1, `revision ${last + 1} is missing`);
      expectThat(event.revision >= last, `revision ${event.revision} comes after ${last}`);
      last = event.revision;
      if (event.value !== undefined) expectWhole(event.key, event.value);
      all.push(event);
    }
    if (last >= through) break;
  }
  return all;
}

function expectWhole(key: string, value: Uint8Array): void {
  expectThat(crashLabel(value) !== undefined, `${key} is torn`);
}

function expectThat(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

const delay = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
