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
import { planTransaction, RevisionStore } from "./revision-store.ts";
import { Watcher } from "./watcher.ts";

/**
 * A store that lives and dies with the process: for tests, simulation and short-lived clusters. Creating one costs
 * next to nothing, and a call has taken effect by the time it returns its promise, but for the few that come when a turn
 * of the event loop has had its share of commits.
 */
export class MemoryStorage implements Storage {
  readonly #pace = new CommitPace();
  readonly #store = new RevisionStore();

  /** A store with the same state at the same revision, which goes its own way from here on. History before is left out. */
  fork(): MemoryStorage {
    this.#checkOpen();
    const { revision } = this.#store;
    const { versions } = this.#store.list("", { revision, limit: 0, after: undefined });
    return MemoryStorage.of(versions as KeyValue[], revision);
  }

  /** A store that begins with the values, at the revision. */
  static of(values: Iterable<KeyValue>, revision: number): MemoryStorage {
    const storage = new MemoryStorage();
    storage.#store.load(values, revision);
    return storage;
  }

  /** A store in which the values, of different keys, were put one after the other, by a commit each. */
  static written(values: Iterable<{ readonly key: string; readonly value: Uint8Array }>): MemoryStorage {
    const storage = new MemoryStorage();
    const store = storage.#store;
    for (const { key, value } of values) {
      const revision = store.revision + 1;
      store.commit([
        { type: "put", key, revision, createRevision: revision, value, previousValue: undefined },
      ]);
    }
    return storage;
  }

  /** A store that begins with the values, at the revision, and has had these commits since. Nothing waits for a disk here. */
  static replayed(
    values: Iterable<KeyValue>,
    revision: number,
    commits: Iterable<readonly StorageEvent[]>,
  ): MemoryStorage {
    const storage = MemoryStorage.of(values, revision);
    for (const events of commits) storage.#store.commit(events);
    return storage;
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
    if (options.revision === undefined) return this.#store.find(key);
    this.#store.checkReadable(options.revision);
    return this.#store.findAt(key, options.revision) as KeyValue | undefined;
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    this.#checkOpen();
    const { revision = this.#store.revision, limit = 0, after } = options;
    this.#store.checkReadable(revision);
    const { versions, remaining } = this.#store.list(prefix, { revision, limit, after });
    return { revision, items: versions as KeyValue[], remaining };
  }

  async txn(compare: readonly Compare[], operations: readonly Operation[]): Promise<TxnResult> {
    if (this.#pace.isOver) await this.#pace.nextTurn();
    this.#checkOpen();
    const store = this.#store;
    const plan = planTransaction(compare, operations, store.revision + 1, (key) => store.find(key));
    if (!plan.holds) return { succeeded: false, revision: store.revision, current: plan.current };
    if (plan.events.length > 0) {
      this.#pace.count();
      store.commit(plan.events);
    }
    return { succeeded: true, revision: store.revision, current: [] };
  }

  watch(prefix: string, afterRevision: number, signal?: AbortSignal): AsyncIterable<readonly StorageEvent[]> {
    this.#checkOpen();
    return new Watcher({ store: this.#store, prefix, afterRevision, signal });
  }

  async compact(revision: number): Promise<void> {
    this.#checkOpen();
    for (const _ of this.#store.compact(revision)) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  async close(): Promise<void> {
    this.#store.close();
  }

  #checkOpen(): void {
    if (this.#store.closed) throw new StorageError("closed", "the store is closed");
  }
}

/** Commits within one turn of the event loop: some fifty milliseconds of work with all that follows from them. */
const maxCommitsPerTurn = 100;

/**
 * Nothing here waits for a disk, so parts of one process that answer each other's writes with writes would go on for ever
 * without a turn of the event loop, and no timer or socket would be served.
 */
class CommitPace {
  #commits = 0;
  #next: Promise<void> | undefined;

  get isOver(): boolean {
    return this.#commits >= maxCommitsPerTurn;
  }

  count(): void {
    this.#commits++;
    if (this.#commits === 1) void this.nextTurn();
  }

  /** Resolves in the next turn, which starts to count anew. */
  nextTurn(): Promise<void> {
    this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#commits = 0;
        this.#next = undefined;
        resolve();
      });
    });
    return this.#next;
  }
}
