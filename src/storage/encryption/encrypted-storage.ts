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
import { EncryptedArchive } from "./encrypted-archive.ts";
import type { ValueTransformer } from "./value-transformer.ts";

/** Says how the value at a key is stored. */
export type TransformerOf = (key: string) => ValueTransformer;

/**
 * A store whose values lie encrypted in another one: who uses it sees plain values, and the file, its backups and whoever
 * reads them see ciphertext. A value that cannot be opened comes as it is stored, with the reason; the others are not
 * held up by it.
 */
export class EncryptedStorage implements Storage {
  readonly archive: EncryptedArchive | undefined;
  readonly #inner: Storage;
  readonly #onClose: () => void;
  #transformerOf: TransformerOf;
  /** Watches end when it aborts, so that what could not be opened is read anew. */
  #epoch = new AbortController();
  #hasUnreadable = false;
  /** Accepted, and perhaps not with the inner store yet. */
  readonly #writing = new Set<Promise<TxnResult>>();
  #isClosed = false;

  /** `onClose` is called when the store is closed. */
  constructor(inner: Storage, transformerOf: TransformerOf, onClose: () => void = () => undefined) {
    this.#inner = inner;
    this.#onClose = onClose;
    this.#transformerOf = transformerOf;
    const { archive } = inner;
    this.archive = archive && new EncryptedArchive(archive, (key) => this.#transformerOf(key));
  }

  /** Changes how values are stored from here on; those that could not be opened are tried again. */
  use(transformerOf: TransformerOf): void {
    this.#transformerOf = transformerOf;
    this.retry();
  }

  /** Ends the watches when something could not be opened, because it may be possible now. */
  retry(): void {
    if (!this.#hasUnreadable) return;
    this.#hasUnreadable = false;
    const ended = this.#epoch;
    this.#epoch = new AbortController();
    ended.abort();
  }

  revision(): Promise<number> {
    return this.#inner.revision();
  }

  compactedRevision(): Promise<number> {
    return this.#inner.compactedRevision();
  }

  async get(key: string, options?: { readonly revision?: number }): Promise<KeyValue | undefined> {
    const found = await this.#inner.get(key, options);
    return found && (await this.#open(found));
  }

  async list(prefix: string, options?: ListOptions): Promise<ListResult> {
    // To open a value is to read it.
    const result = await this.#inner.list(prefix, { ...options, mayDefer: false });
    return { ...result, items: await Promise.all(result.items.map((item) => this.#open(item))) };
  }

  async txn(compare: readonly Compare[], operations: readonly Operation[]): Promise<TxnResult> {
    if (this.#isClosed) throw new StorageError("closed", "the store is closed");
    const writing = this.#write(compare, operations);
    this.#writing.add(writing);
    let result: TxnResult;
    try {
      result = await writing;
    } finally {
      this.#writing.delete(writing);
    }
    if (result.current.length === 0) return result;
    return {
      ...result,
      current: await Promise.all(
        result.current.map((found) => (found === undefined ? Promise.resolve(undefined) : this.#open(found))),
      ),
    };
  }

  watch(prefix: string, afterRevision: number, signal?: AbortSignal): AsyncIterable<readonly StorageEvent[]> {
    const epoch = this.#epoch.signal;
    const either = signal === undefined ? epoch : AbortSignal.any([signal, epoch]);
    const inner = this.#inner.watch(prefix, afterRevision, either)[Symbol.asyncIterator]();
    const next = async (): Promise<IteratorResult<readonly StorageEvent[]>> => {
      const batch = await inner.next();
      if (batch.done !== true)
        return { done: false, value: await Promise.all(batch.value.map((event) => this.#openEvent(event))) };
      if (epoch.aborted && signal?.aborted !== true)
        throw new StorageError("ioFailure", "the keys of encrypted values have changed");
      return { done: true, value: undefined };
    };
    // Not a generator: ending it must end a read that waits.
    const end = async (): Promise<IteratorResult<readonly StorageEvent[]>> => {
      await inner.return?.();
      return { done: true, value: undefined };
    };
    return { [Symbol.asyncIterator]: () => ({ next, return: end }) };
  }

  compact(revision: number): Promise<void> {
    return this.#inner.compact(revision);
  }

  sizeBytes(): number {
    return this.#inner.sizeBytes?.() ?? 0;
  }

  async isStale(key: string): Promise<boolean> {
    const found = await this.#inner.get(key);
    if (found === undefined) return false;
    try {
      return (await this.#transformerOf(key).open(found.value, key)).isStale;
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#writing);
    await this.#inner.close();
    this.#onClose();
  }

  async #write(compare: readonly Compare[], operations: readonly Operation[]): Promise<TxnResult> {
    const sealed = await Promise.all(operations.map((operation) => this.#seal(operation)));
    return await this.#inner.txn(compare, sealed);
  }

  async #seal(operation: Operation): Promise<Operation> {
    if (operation.type === "delete") return operation;
    const { key } = operation;
    try {
      const value = await this.#transformerOf(key).seal(operation.value, key);
      // An outline says in plain text what the value was to hide.
      return value === operation.value ? operation : { type: "put", key, value };
    } catch (cause) {
      throw new StorageError("sealFailure", cause instanceof Error ? cause.message : String(cause), {
        cause,
      });
    }
  }

  async #open(found: KeyValue): Promise<KeyValue> {
    try {
      const { value } = await this.#transformerOf(found.key).open(found.value, found.key);
      return value === found.value ? found : { ...found, value };
    } catch (error) {
      this.#hasUnreadable = true;
      return {
        ...found,
        value: found.value,
        unreadable: error instanceof Error ? error.message : String(error),
      };
    }
  }

  async #openEvent(event: StorageEvent): Promise<StorageEvent> {
    const { key, value, previousValue } = event;
    const transformer = this.#transformerOf(key);
    // What lies back and cannot be opened any more is as good as compacted.
    const previous =
      previousValue &&
      (await transformer.open(previousValue, key).then(
        (opened) => opened.value,
        () => undefined,
      ));
    if (value === undefined)
      return previous === previousValue ? event : { ...event, previousValue: previous };
    try {
      const opened = await transformer.open(value, key);
      if (opened.value === value && previous === previousValue) return event;
      return { ...event, value: opened.value, previousValue: previous };
    } catch (error) {
      this.#hasUnreadable = true;
      const unreadable = error instanceof Error ? error.message : String(error);
      return { ...event, previousValue: previous, unreadable };
    }
  }
}
