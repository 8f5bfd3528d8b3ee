import { RevisionStore } from "../memory/revision-store.ts";
import { type KeyValue, StorageError, type StorageEvent } from "../storage.ts";
import {
  DeferredKeyValue,
  type DeferredRow,
  type FileReader,
  isDeferred,
  ValueInFile,
} from "./deferred-values.ts";
import { leftOut, type PackedVersions, type Row } from "./rows.ts";

/**
 * Makes the state in memory from the rows of the file, in order of revision. Rows through the compacted revision are
 * its ground; each later revision is a commit, and none may be missing.
 */
export class Loader {
  readonly store = new RevisionStore();
  /** Versions that the last compaction had not deleted yet when the process ended. */
  readonly leftovers: PackedVersions = { revisions: [], keys: [] };
  readonly #file: string;
  readonly #compactedRevision: number;
  readonly #historyBytesMax: number;
  readonly #reader: FileReader;
  readonly #ground = new Map<string, KeyValue>();
  #grounded = false;
  #commit: Row[] = [];
  /** Set when values of the history stayed in the file. */
  #hasLeftOut = false;

  constructor(options: {
    readonly file: string;
    readonly compactedRevision: number;
    readonly historyBytesMax: number;
    /** For values that are read later. */
    readonly reader: FileReader;
  }) {
    this.#reader = options.reader;
    this.#file = options.file;
    this.#compactedRevision = options.compactedRevision;
    this.#historyBytesMax = options.historyBytesMax;
  }

  add(rows: readonly Row[]): void {
    for (const row of rows) {
      if (row.revision <= this.#compactedRevision) this.#addToGround(row);
      else this.#addToCommit(row);
    }
    this.store.evict(this.#historyBytesMax);
  }

  finish(): RevisionStore {
    this.#finishGround();
    this.#finishCommit();
    // What was left out is history: all of it counts as evicted, and is read when somebody asks.
    if (this.#hasLeftOut) this.store.evict(-1);
    return this.store;
  }

  #addToGround(row: Row): void {
    const { key, revision, createRevision, value } = row;
    const before = this.#ground.get(key);
    if (before !== undefined) this.#leaveOver(key, before.modRevision);
    if (value === undefined) {
      this.#ground.delete(key);
      this.#leaveOver(key, revision);
    } else if (isDeferred(row)) {
      this.#ground.set(key, this.#deferred(row));
    } else {
      this.#ground.set(key, { key, value, createRevision, modRevision: revision });
    }
  }

  #leaveOver(key: string, revision: number): void {
    this.leftovers.revisions.push(revision);
    this.leftovers.keys.push(key);
  }

  #finishGround(): void {
    if (this.#grounded) return;
    this.#grounded = true;
    this.store.load(this.#ground.values(), this.#compactedRevision);
    this.#ground.clear();
  }

  #addToCommit(row: Row): void {
    this.#finishGround();
    if (this.#commit[0]?.revision !== row.revision) this.#finishCommit();
    this.#commit.push(row);
  }

  #finishCommit(): void {
    const revision = this.#commit[0]?.revision;
    if (revision === undefined) return;
    const expected = this.store.revision + 1;
    if (revision !== expected) {
      throw new StorageError("corrupt", `${this.#file} is damaged: revision ${expected} is missing`);
    }
    const deferred = this.#commit.filter(isDeferred).map((row) => this.#deferred(row));
    const events = this.#commit.map((row) => toEvent(row, this.#known(row.key)));
    if (events.some(({ value, previousValue }) => value === leftOut || previousValue === leftOut))
      this.#hasLeftOut = true;
    this.store.commit(events, deferred);
    this.#commit = [];
  }

  #deferred(row: DeferredRow): KeyValue {
    return new DeferredKeyValue(row, new ValueInFile(row, this.#reader));
  }

  /** What nobody has read is not read to be remembered. */
  #known(key: string): Uint8Array | undefined {
    const found = this.store.find(key);
    return found?.deferred === undefined ? found?.value : leftOut;
  }
}

function toEvent(row: Row, previousValue: Uint8Array | undefined): StorageEvent {
  const { key, revision, createRevision, value } = row;
  const type = value === undefined ? "delete" : "put";
  return { type, key, revision, createRevision, value, previousValue };
}
