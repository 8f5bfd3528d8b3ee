import { statSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { Clock } from "../../apimachinery/clock.ts";
import { type Logger, silentLogger } from "../../apimachinery/logger.ts";
import { loadDeferred } from "../load-deferred.ts";
import {
  compactedError,
  type DroppedVersion,
  type RevisionStore,
  type Version,
  valueAtHand,
} from "../memory/revision-store.ts";
import { Watcher } from "../memory/watcher.ts";
import {
  type Compare,
  type KeyValue,
  type ListOptions,
  type ListResult,
  type Operation,
  type Storage,
  StorageError,
  type StorageEvent,
  type TxnResult,
} from "../storage.ts";
import { FileReader } from "./deferred-values.ts";
import { Loader } from "./loader.ts";
import { Pipeline } from "./pipeline.ts";
import type { Failure, FromWriter, ToWriter, WriterOptions } from "./protocol.ts";
import { BufferPool, packRows, type Row, unpackRows } from "./rows.ts";
import { type ArchiveOptions, SqliteArchive } from "./sqlite-archive.ts";

export interface SqliteStorageOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly logger?: Logger;
  /** Values of old versions kept in memory; older ones are read from the file. Default 64 MiB. */
  readonly historyBytesMax?: number;
  /** Writes that would make the file larger fail with `noSpace`. Default: the disk decides. */
  readonly sizeBytesMax?: number;
  /**
   * The script of the writer thread. Default: `sqlite-writer.worker.ts` beside this file or, in a bundle, `sqlite-writer.worker.js` beside
   * the bundle: build `src/storage/sqlite/sqlite-writer.worker.ts` as a second entry point of that name.
   */
  readonly writerUrl?: URL;
  /** Keeps what compaction takes. Default: nothing is kept. */
  readonly archive?: ArchiveOptions;
}

/**
 * The embedded durable store. The present state and recent history live in memory and answer all reads; the file is
 * written by a thread of its own (`sqlite-writer.worker.ts`), and an acknowledged transaction has been synced to the disk.
 */
export class SqliteStorage implements Storage {
  readonly #options: SqliteStorageOptions;
  readonly #logger: Logger;
  readonly #worker: Worker;
  readonly #reader: FileReader;
  readonly #store: RevisionStore;
  readonly #pipeline: Pipeline;
  /** Of what compaction took, where that is kept. */
  readonly archive: SqliteArchive | undefined;
  /** Commits that were judged and are not yet with the writer: they go to it as one message. */
  #outbox: StorageEvent[] = [];
  /** A message with commits is with the writer; it says when they are durable. */
  #isWriting = false;
  readonly #buffers = new BufferPool();
  #epoch = 0;
  #nextId = 1;
  readonly #questions = new Map<number, Question>();
  /** When the oldest commit under way was sent. */
  #sentAtMs: number | undefined;
  #closing: Promise<void> | undefined;
  /** Set once the writer has ended. */
  #ended: StorageError | undefined;
  readonly #onEnd = Promise.withResolvers<void>();
  #wakeWhenIdle: (() => void) | undefined;

  private constructor(options: SqliteStorageOptions, worker: Worker, loader: Loader, reader: FileReader) {
    this.#options = options;
    this.#reader = reader;
    this.#logger = (options.logger ?? silentLogger).named("storage");
    this.#worker = worker;
    this.#store = loader.store;
    this.#pipeline = new Pipeline(this.#store, (events) => this.#enqueue(events));
    worker.on("message", (message: FromWriter) => this.#receive(message));
    worker.on("error", (error) => this.#end(`the writer of ${options.file} failed: ${error.message}`));
    worker.on("exit", () => this.#end(`the writer of ${options.file} ended`));
    worker.unref();
    this.archive = this.#newArchive();
    const { leftovers } = loader;
    if (leftovers.keys.length === 0) return;
    if (this.archive === undefined) this.#post({ type: "drop", versions: leftovers, isLeftOver: true });
    else
      this.archive.drop(
        leftovers.keys.map((key, index) => ({ key, revision: leftovers.revisions[index] ?? 0 })),
      );
  }

  #newArchive(): SqliteArchive | undefined {
    const { archive, clock } = this.#options;
    if (archive === undefined) return undefined;
    return new SqliteArchive(archive, {
      store: this.#store,
      clock,
      logger: this.#logger,
      post: (message) => this.#post(message),
      readValues: (versions) => this.#readValues(versions),
    });
  }

  #drop(versions: readonly DroppedVersion[]): void {
    if (this.archive !== undefined) this.archive.drop(versions);
    else this.#post({ type: "drop", versions: packVersions(versions) });
  }

  /**
   * Opens or creates the file (mode 0600) and reads it. Throws StorageError: `inUse` when another store holds the file,
   * `corrupt` when it is damaged or not ours, `noSpace`, or `ioFailure`.
   */
  static async open(options: SqliteStorageOptions): Promise<SqliteStorage> {
    const { file, sizeBytesMax, historyBytesMax = defaultHistoryBytes } = options;
    const archive = options.archive && {
      directory: options.archive.directory,
      sizeBytesMax: options.archive.sizeBytesMax,
    };
    const workerData: WriterOptions = { file, sizeBytesMax, archive };
    const worker = new Worker(options.writerUrl ?? defaultWriterUrl(), {
      workerData,
      execArgv: ["--disable-warning=ExperimentalWarning"],
      name: "storage",
    });
    try {
      const reader = new FileReader(worker);
      const loader = await load(worker, { file, historyBytesMax, reader });
      return new SqliteStorage(options, worker, loader, reader);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  async revision(): Promise<number> {
    this.#checkOpen();
    return this.#store.revision;
  }

  async compactedRevision(): Promise<number> {
    this.#checkOpen();
    return this.#store.compactedRevision;
  }

  async get(key: string, options: { readonly revision?: number } = {}): Promise<KeyValue | undefined> {
    this.#checkOpen();
    if (options.revision === undefined) {
      const found = this.#store.find(key);
      await found?.deferred?.load();
      return found;
    }
    this.#store.checkReadable(options.revision);
    const version = this.#store.findAt(key, options.revision);
    return version === undefined ? undefined : (await this.#withValues([version], options.revision))[0];
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    this.#checkOpen();
    const { revision = this.#store.revision, limit = 0, after, mayDefer = false } = options;
    this.#store.checkReadable(revision);
    const { versions, remaining } = this.#store.list(prefix, { revision, limit, after });
    return { revision, items: await this.#withValues(versions, revision, mayDefer), remaining };
  }

  txn(compare: readonly Compare[], operations: readonly Operation[]): Promise<TxnResult> {
    try {
      this.#checkOpen();
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#pipeline.add(compare, operations);
  }

  watch(prefix: string, afterRevision: number, signal?: AbortSignal): AsyncIterable<readonly StorageEvent[]> {
    this.#checkOpen();
    const resolveEvicted = (events: readonly StorageEvent[]): Promise<readonly StorageEvent[]> =>
      this.#resolveEvicted(events);
    return new Watcher({ store: this.#store, prefix, afterRevision, signal, resolveEvicted });
  }

  async compact(revision: number): Promise<void> {
    this.#checkOpen();
    this.#store.checkCompactable(revision);
    if (revision <= this.#store.compactedRevision) return;
    await this.#ask((id) => ({ type: "compact", id, revision }));
    for (const dropped of this.#store.compact(revision)) {
      this.#drop(dropped);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  sizeBytes(): number {
    const { file } = this.#options;
    const sizes = [file, `${file}-wal`].map((each) => statSync(each, { throwIfNoEntry: false })?.size ?? 0);
    return sizes.reduce((sum, size) => sum + size);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#worker.ref();
    if (!this.#pipeline.isEmpty && this.#ended === undefined) {
      await new Promise<void>((resolve) => {
        this.#wakeWhenIdle = resolve;
      });
    }
    this.#store.close();
    this.#reader.end(new StorageError("closed", "the store is closed"));
    this.archive?.close();
    if (this.#ended === undefined) this.#post({ type: "close" });
    await this.#onEnd.promise;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new StorageError("closed", "the store is closed");
    if (this.#ended !== undefined) throw this.#ended;
  }

  /**
   * Commits travel together: a message between threads costs as much as ten rows, and each transaction wakes everybody
   * who watches. To an idle writer goes what one turn of the event loop brings, so that one write alone waits for
   * nothing; to a busy one goes all that has come meanwhile, as soon as it is done.
   */
  #enqueue(events: readonly StorageEvent[]): void {
    if (this.#outbox.length === 0 && !this.#isWriting) setImmediate(() => this.#flush());
    for (const event of events) this.#outbox.push(event);
  }

  #flush(): void {
    if (this.#outbox.length === 0 || this.#isWriting || this.#ended !== undefined) return;
    const rows = packRows(this.#outbox, (sizeBytes) => this.#buffers.take(sizeBytes));
    this.#outbox = [];
    if (this.#sentAtMs === undefined) {
      this.#sentAtMs = this.#options.clock.now();
      this.#worker.ref();
    }
    this.#isWriting = true;
    this.#post({ type: "commit", epoch: this.#epoch, rows }, [rows.bytes.buffer]);
  }

  #post(message: ToWriter, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #receive(message: FromWriter): void {
    switch (message.type) {
      case "committed":
        for (const buffer of message.buffers) this.#buffers.give(buffer);
        this.#isWriting = false;
        this.#flush();
        this.#pipeline.committed(message.revision);
        this.archive?.committed(message.revision);
        this.#store.evict(this.#options.historyBytesMax ?? defaultHistoryBytes);
        this.#settled();
        break;
      case "commitFailed":
        this.#failed(message.through, toError(message.failure));
        break;
      case "answer":
        this.#takeQuestion(message.id)?.resolve(unpackRows(message.rows));
        break;
      case "answerFailed":
        this.#takeQuestion(message.id)?.reject(toError(message.failure));
        break;
      case "closed":
        this.#end("the store is closed");
        break;
      case "archived":
      case "archiveTrouble":
        this.archive?.receive(message);
        break;
      default:
    }
  }

  #failed(through: number, error: StorageError): void {
    this.#logger.error("commit failed", { error: error.message });
    // The writer discards what was sent before it failed, and the pipeline sends again what still holds.
    this.#epoch++;
    this.#outbox = [];
    this.#isWriting = false;
    this.#pipeline.failed(through, error);
    this.#settled();
  }

  /** After each answer of the writer to commits. */
  #settled(): void {
    const nowMs = this.#options.clock.now();
    const tookMs = nowMs - (this.#sentAtMs ?? nowMs);
    if (tookMs > slowCommitMs) this.#logger.warn("the disk is slow: a commit took long", { tookMs });
    if (!this.#pipeline.isEmpty) {
      this.#sentAtMs = nowMs;
      return;
    }
    this.#sentAtMs = undefined;
    if (this.#questions.size === 0 && this.#closing === undefined) this.#worker.unref();
    this.#wakeWhenIdle?.();
  }

  #end(reason: string): void {
    if (this.#ended !== undefined) return;
    const expected = this.#closing !== undefined;
    this.#ended = new StorageError(expected ? "closed" : "ioFailure", reason);
    if (!expected) this.#logger.error(reason);
    this.#pipeline.abandon(this.#ended);
    this.#reader.end(this.#ended);
    for (const { reject } of this.#questions.values()) reject(this.#ended);
    this.#questions.clear();
    this.#store.close();
    this.#wakeWhenIdle?.();
    void this.#worker.terminate().then(() => this.#onEnd.resolve());
  }

  #ask(question: (id: number) => ToWriter): Promise<readonly Row[]> {
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<readonly Row[]>();
    this.#questions.set(id, { resolve, reject });
    this.#worker.ref();
    this.#post(question(id));
    return promise;
  }

  #takeQuestion(id: number): Question | undefined {
    const question = this.#questions.get(id);
    this.#questions.delete(id);
    if (this.#questions.size === 0 && this.#pipeline.isEmpty && this.#closing === undefined) {
      this.#worker.unref();
    }
    return question;
  }

  /**
   * Loads the values that were evicted, and those that were never read unless they may be `deferred`. `revision` is the one
   * that is read: it may be compacted meanwhile.
   */
  async #withValues(versions: readonly Version[], revision: number, mayDefer = false): Promise<KeyValue[]> {
    if (!mayDefer) await loadDeferred(versions.map(({ deferred }) => deferred));
    const missing = versions.filter(
      (version) => version.deferred === undefined && version.value === undefined,
    );
    if (missing.length === 0) return versions as KeyValue[];
    const values = await this.#readValues(missing);
    return versions.map((version) => {
      if (version.deferred !== undefined) return version as KeyValue;
      const value = version.value ?? values.get(version)?.value;
      if (value === undefined) throw compactedError(revision, this.#store.compactedRevision);
      return { ...version, value };
    });
  }

  /** The rows of versions, as far as the file still has them. */
  async #readValues(versions: readonly Version[]): Promise<Map<Version, Row>> {
    const packed = packVersions(versions.map(({ key, modRevision }) => ({ key, revision: modRevision })));
    const rows = await this.#ask((id) => ({ type: "read", id, versions: packed }));
    const byName = new Map(rows.map((row) => [`${row.revision} ${row.key}`, row]));
    const found = new Map<Version, Row>();
    for (const version of versions) {
      const row = byName.get(`${version.modRevision} ${version.key}`);
      if (row !== undefined) found.set(version, row);
    }
    return found;
  }

  async #resolveEvicted(events: readonly StorageEvent[]): Promise<readonly StorageEvent[]> {
    const first = events[0];
    const versionsOf = events.map((event) => ({
      event,
      version: event.type === "put" ? this.#store.findAt(event.key, event.revision) : undefined,
      previous: this.#store.findAt(event.key, event.revision - 1),
    }));
    const missing = versionsOf
      .flatMap(({ version, previous }) => [version, previous])
      .filter((version) => version !== undefined && valueAtHand(version) === undefined);
    const rows = await this.#readValues(missing as Version[]);
    // A compaction during the read may have taken versions away.
    const readAfter = (first?.revision ?? 1) - 1;
    if (readAfter < this.#store.compactedRevision) {
      throw compactedError(readAfter, this.#store.compactedRevision);
    }
    const valueOf = (version: Version | undefined): Uint8Array | undefined =>
      version === undefined ? undefined : (valueAtHand(version) ?? rows.get(version)?.value);
    return versionsOf.map(({ event, version, previous }) =>
      this.#store.isEvicted(event)
        ? { ...event, value: valueOf(version), previousValue: valueOf(previous) }
        : event,
    );
  }
}

/** What watches and lists of the past ask for is read from the file beyond that. */
const defaultHistoryBytes = 16 * 1024 * 1024;
/** As etcd, which warns of a sync above one second. */
const slowCommitMs = 1000;

interface Question {
  readonly resolve: (rows: readonly Row[]) => void;
  readonly reject: (error: StorageError) => void;
}

function defaultWriterUrl(): URL {
  const bundled = !import.meta.url.endsWith(".ts");
  return new URL(bundled ? "./sqlite-writer.worker.js" : "./sqlite-writer.worker.ts", import.meta.url);
}

function packVersions(versions: readonly DroppedVersion[]): { revisions: number[]; keys: string[] } {
  return { revisions: versions.map(({ revision }) => revision), keys: versions.map(({ key }) => key) };
}

function toError({ code, message }: Failure): StorageError {
  return new StorageError(code, message);
}

/** Receives the content of the file from the writer. */
function load(
  worker: Worker,
  {
    file,
    historyBytesMax,
    reader,
  }: { readonly file: string; readonly historyBytesMax: number; readonly reader: FileReader },
): Promise<Loader> {
  const { promise, resolve, reject } = Promise.withResolvers<Loader>();
  let loader: Loader | undefined;
  function onMessage(message: FromWriter): void {
    try {
      if (message.type === "opened") {
        loader = new Loader({
          file,
          compactedRevision: message.compactedRevision,
          historyBytesMax,
          reader,
        });
      } else if (message.type === "loading") {
        loader?.add(unpackRows(message.rows));
      } else if (message.type === "openFailed") {
        reject(toError(message.failure));
      } else if (message.type === "loaded" && loader !== undefined) {
        loader.finish();
        resolve(loader);
      }
    } catch (error) {
      reject(error);
    }
  }
  worker.on("message", onMessage);
  worker.once("error", reject);
  worker.once("exit", () => reject(new StorageError("ioFailure", `the writer of ${file} ended at once`)));
  return promise;
}
