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
} from "../../../storage/storage.ts";

/** What stands between the cluster's server and its disk. */
export interface Disk {
  /** Asked before each write: why it fails, when it does. */
  refusal(): StorageError | undefined;
  /** Told of each write's revision, where anybody wants to know. */
  readonly written: ((revision: number) => void) | undefined;
}

/**
 * What one life of the server has of the store. When the server crashes its session ends, and what it left behind can
 * reach the store no more; the store itself goes on.
 */
export class StoreSession implements Storage {
  readonly #store: Storage;
  readonly #disk: Disk;
  #isOver = false;
  readonly isStale?: (key: string) => Promise<boolean>;

  constructor(store: Storage, disk: Disk) {
    this.#store = store;
    this.#disk = disk;
    if (store.isStale !== undefined) this.isStale = async (key) => (await store.isStale?.(key)) ?? false;
  }

  /** From here on every call fails. A write that the store has accepted already is there. */
  end(): void {
    this.#isOver = true;
  }

  revision(): Promise<number> {
    return this.#isOver ? over() : this.#store.revision();
  }

  compactedRevision(): Promise<number> {
    return this.#isOver ? over() : this.#store.compactedRevision();
  }

  get(key: string, options?: { readonly revision?: number }): Promise<KeyValue | undefined> {
    return this.#isOver ? over() : this.#store.get(key, options);
  }

  list(prefix: string, options?: ListOptions): Promise<ListResult> {
    return this.#isOver ? over() : this.#store.list(prefix, options);
  }

  txn(compare: readonly Compare[], operations: readonly Operation[]): Promise<TxnResult> {
    if (this.#isOver) return over();
    const refusal = this.#disk.refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const result = this.#store.txn(compare, operations);
    const { written } = this.#disk;
    if (written !== undefined) void result.then(({ revision }) => written(revision)).catch(() => undefined);
    return result;
  }

  watch(prefix: string, afterRevision: number, signal?: AbortSignal): AsyncIterable<readonly StorageEvent[]> {
    if (this.#isOver) throw new StorageError("closed", crashed);
    return this.#store.watch(prefix, afterRevision, signal);
  }

  compact(revision: number): Promise<void> {
    return this.#isOver ? over() : this.#store.compact(revision);
  }

  /** The store is closed by who opened it. */
  async close(): Promise<void> {
    this.end();
  }
}

const crashed = "a fault was injected: the server has crashed";
const over = (): Promise<never> => Promise.reject(new StorageError("closed", crashed));
