import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { StorageError } from "../storage.ts";
import { ArchiveKeeper, type Drop } from "./archive-keeper.ts";
import { Database } from "./database.ts";
import type { Failure, FromReader, FromWriter, ToWriter, WriterOptions } from "./protocol.ts";
import { packRows, type Row, unpackRows } from "./rows.ts";

/**
 * The writer thread: takes every commit that has arrived, writes them in one SQLite transaction with one sync, and says
 * so. While it syncs, the next ones arrive; the busier the store, the more commits share a sync. Compaction is work for
 * the moments in between: one small step after each transaction, and more of them only when nothing waits.
 */
class Writer {
  readonly #port: MessagePort;
  readonly #database: Database;
  readonly #inbox: ToWriter[] = [];
  #epoch = 0;
  /** Versions to delete; the first from index `#dropStart` on. */
  readonly #drops: Drop[] = [];
  #dropStart = 0;
  /** Set while deleted versions may have left pages to give back. */
  #shrinks = false;
  /** Set after maintenance failed, until a commit succeeds again: a full disk is not asked over and over. */
  #resting = false;
  /** Present when the store has an archive. */
  readonly #archive: ArchiveKeeper | undefined;

  constructor(port: MessagePort, database: Database, { archive }: WriterOptions) {
    this.#port = port;
    this.#database = database;
    if (archive !== undefined)
      this.#archive = new ArchiveKeeper(database, archive, (message) => this.#send(message));
  }

  /** Sends the whole content. */
  load(): void {
    this.#send({ type: "opened", compactedRevision: this.#database.compactedRevision() });
    let rows: Row[] = [];
    let sizeBytes = 0;
    for (const row of this.#database.rows()) {
      const rowBytes = row.value?.byteLength ?? 0;
      // An old version and a present one in the same chunk would keep each other in memory.
      if (rowBytes >= ownChunkBytes && rows.length > 0) {
        this.#sendRows(rows, (packed) => ({ type: "loading", rows: packed }));
        rows = [];
        sizeBytes = 0;
      }
      rows.push(row);
      sizeBytes += rowBytes;
      if (rowBytes < ownChunkBytes && sizeBytes < chunkBytes && rows.length < chunkRows) continue;
      this.#sendRows(rows, (packed) => ({ type: "loading", rows: packed }));
      rows = [];
      sizeBytes = 0;
    }
    this.#sendRows(rows, (packed) => ({ type: "loading", rows: packed }));
    this.#send({ type: "loaded" });
  }

  run(): void {
    this.#port.on("message", (message: ToWriter) => {
      this.#inbox.push(message);
      this.#work();
    });
  }

  #work(): void {
    for (this.#receive(); this.#inbox.length > 0; this.#receive()) {
      if (this.#inbox[0]?.type === "commit") {
        const buffers: ArrayBuffer[] = [];
        this.#commit(this.#takeGroup(buffers), buffers);
        this.#maintain(rowsPerBusyStep);
      } else {
        this.#handle(this.#inbox.shift());
      }
    }
    if (this.#hasMaintenance()) setImmediate(() => this.#idle());
  }

  #idle(): void {
    this.#receive();
    if (this.#inbox.length === 0) this.#maintain(rowsPerIdleStep);
    this.#work();
  }

  #receive(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      this.#inbox.push(received.message);
    }
  }

  /** The commits that share the next transaction, and the buffers that hold their values. */
  #takeGroup(buffers: ArrayBuffer[]): Row[] {
    const rows: Row[] = [];
    let sizeBytes = 0;
    for (;;) {
      const message = this.#inbox[0];
      if (message === undefined) this.#receive();
      const next = this.#inbox[0];
      if (next?.type !== "commit" || sizeBytes > groupBytesMax) return rows;
      this.#inbox.shift();
      if (next.epoch !== this.#epoch) continue;
      for (const row of unpackRows(next.rows)) rows.push(row);
      buffers.push(next.rows.bytes.buffer);
      sizeBytes += next.rows.bytes.byteLength;
    }
  }

  #commit(rows: readonly Row[], buffers: ArrayBuffer[]): void {
    const last = rows.at(-1);
    if (last === undefined) return;
    try {
      this.#database.transaction(true, () => this.#insert(rows));
      this.#resting = false;
      this.#port.postMessage(
        { type: "committed", revision: last.revision, buffers } satisfies FromWriter,
        buffers,
      );
    } catch (error) {
      this.#epoch++;
      this.#send({ type: "commitFailed", through: last.revision, failure: toFailure(error) });
    }
  }

  #insert(rows: readonly Row[]): void {
    let revision = 0;
    let ordinal = 0;
    for (const row of rows) {
      ordinal = row.revision === revision ? ordinal + 1 : 0;
      revision = row.revision;
      this.#database.insert(row, ordinal);
    }
  }

  #handle(message: ToWriter | undefined): void {
    if (message?.type === "drop") {
      // Who opens the file for a moment, without its archive, leaves to the archive what is its own.
      if (
        message.isLeftOver === true &&
        this.#archive === undefined &&
        this.#database.archiveNote("archivedThrough")
      )
        return;
      this.#drops.push(message);
      this.#resting = false;
    } else if (message?.type === "read") {
      this.#answer(message.id, () => this.#database.find(message.versions));
    } else if (message?.type === "readTo") {
      this.#answerTo(message);
    } else if (message?.type === "compact") {
      this.#answer(message.id, () => {
        this.#database.transaction(true, () => {
          this.#database.setCompactedRevision(message.revision);
          if (this.#archive !== undefined) this.#archive.compacts(message.revision);
          else this.#database.setArchiveNote("archivedThrough", undefined);
        });
        return [];
      });
    } else if (message?.type === "note" || message?.type === "protect") {
      this.#archive?.receive(message);
    } else if (message?.type === "archive") {
      while (this.#drops.length > 0 && !this.#resting) this.#maintain(rowsPerIdleStep);
      this.#archive?.receive(message);
    } else if (message?.type === "close") {
      this.#archive?.close();
      this.#database.close();
      this.#send({ type: "closed" });
      this.#port.close();
    }
  }

  #answer(id: number, work: () => readonly Row[]): void {
    try {
      this.#sendRows(work(), (rows) => ({ type: "answer", id, rows }));
    } catch (error) {
      this.#send({ type: "answerFailed", id, failure: toFailure(error) });
    }
  }

  /** Somebody may stand still until then. */
  #answerTo({ port, answered, versions }: Extract<ToWriter, { type: "readTo" }>): void {
    try {
      const rows = packRows(this.#database.find(versions));
      port.postMessage({ rows } satisfies FromReader, [rows.bytes.buffer]);
    } catch (error) {
      port.postMessage({ failure: toFailure(error) } satisfies FromReader, []);
    }
    Atomics.store(answered, 0, 1);
    Atomics.notify(answered, 0);
  }

  #hasMaintenance(): boolean {
    return !this.#resting && (this.#drops.length > 0 || this.#shrinks);
  }

  /** One step of compaction. */
  #maintain(rowsMax: number): void {
    if (!this.#hasMaintenance()) return;
    const drop = this.#drops[0];
    try {
      if (drop === undefined) this.#shrinks = this.#database.shrink(pagesPerShrink);
      else this.#drop(drop, rowsMax);
    } catch {
      // The versions stay in the queue; should the process end first, the next start finds them again.
      this.#resting = true;
    }
  }

  #drop(drop: Drop, rowsMax: number): void {
    const { versions } = drop;
    const end = Math.min(this.#dropStart + rowsMax, versions.keys.length);
    this.#database.transaction(false, () => {
      if (this.#archive !== undefined) this.#archive.take(drop, this.#dropStart, end);
      else this.#database.remove(versions, this.#dropStart, end);
    });
    this.#dropStart = end;
    if (end < versions.keys.length) return;
    this.#drops.shift();
    this.#dropStart = 0;
    this.#shrinks = true;
  }

  #send(message: FromWriter): void {
    this.#port.postMessage(message, []);
  }

  #sendRows(rows: readonly Row[], wrap: (packed: ReturnType<typeof packRows>) => FromWriter): void {
    const packed = packRows(rows);
    this.#port.postMessage(wrap(packed), [packed.bytes.buffer]);
  }
}

/** Loaded values are views of chunks this large: a chunk stays in memory as long as one of its values is in use. */
const chunkBytes = 256 * 1024;
const chunkRows = 2000;
/** A value this large has a chunk of its own. */
const ownChunkBytes = 32 * 1024;
/** A transaction takes no further commits once it is this large. */
const groupBytesMax = 8 * 1024 * 1024;
/** About half a millisecond of work. */
const rowsPerBusyStep = 64;
const rowsPerIdleStep = 512;
const pagesPerShrink = 128;

function toFailure(error: unknown): Failure {
  if (error instanceof StorageError) return { code: error.code, message: error.message };
  return { code: "ioFailure", message: error instanceof Error ? error.message : String(error) };
}

function main(port: MessagePort, options: WriterOptions): void {
  try {
    const writer = new Writer(port, Database.open(options.file, options.sizeBytesMax), options);
    writer.load();
    writer.run();
  } catch (error) {
    const failed: FromWriter = { type: "openFailed", failure: toFailure(error) };
    port.postMessage(failed, []);
  }
}

if (parentPort !== null) main(parentPort, workerData as WriterOptions);
