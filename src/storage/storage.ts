import type { Archive } from "./archive.ts";

/**
 * The waist of the house: a revisioned key-value store with watch. Implementations: `memory/`, `sqlite/` and later
 * `etcd/`; `testing/` holds the suite that each of them passes.
 *
 *   const created = await storage.txn([{ key, modRevision: 0 }], [{ type: "put", key, value }]);
 *   if (!created.succeeded) throw alreadyExists;
 *   for await (const batch of storage.watch("/registry/pods/", created.revision)) …
 *
 * Every commit that changes something has one revision, greater by exactly one than the commit before it; the first is 1.
 * A transaction is atomic: all its operations share the commit's revision, or none happened. It may name a key once.
 * History is kept until compaction. Values are opaque; they are neither copied nor changed, so the caller must not
 * change a Uint8Array after passing or receiving it.
 */
export interface Storage {
  /** The newest committed revision; 0 for an empty store. */
  revision(): Promise<number>;

  /** The oldest revision that can still be read; 0 when nothing was compacted. */
  compactedRevision(): Promise<number>;

  /** The key's value at the revision (default: newest), or undefined. */
  get(key: string, options?: { readonly revision?: number }): Promise<KeyValue | undefined>;

  /**
   * Keys that start with the prefix, in byte order, at one revision.
   * Errors: `compacted`, or `futureRevision` when the revision has not been written yet.
   */
  list(prefix: string, options?: ListOptions): Promise<ListResult>;

  /**
   * When every comparison holds, applies the operations in one commit. Resolves only when the commit is durable, as far
   * as the implementation promises durability. With no change to make (all operations delete absent keys) no revision
   * is used. Concurrent transactions may share one write to disk; each still gets its own revision.
   */
  txn(compare: readonly Compare[], operations: readonly Operation[]): Promise<TxnResult>;

  /**
   * Every change of keys with the prefix after the revision, in revision order without gaps, in batches; all changes of
   * one commit are in one batch. Only durable commits are seen. Ends when the signal aborts or the store closes.
   * A consumer that reads slowly delays nobody else. Errors: `compacted`.
   */
  watch(prefix: string, afterRevision: number, signal?: AbortSignal): AsyncIterable<readonly StorageEvent[]>;

  /**
   * True when the value at the key would be stored in another way if it were written now: with another key. Absent where
   * there is one way only.
   */
  isStale?(key: string): Promise<boolean>;

  /** Bytes that the store takes on its disk; absent where there is no disk. */
  sizeBytes?(): number;

  /** What is kept of versions that compaction takes; absent where nothing is. */
  readonly archive?: Archive | undefined;

  /** Forgets history before the revision. Reads at or after it still work. Never blocks writers for long. */
  compact(revision: number): Promise<void>;

  /** Finishes what was accepted, then releases files and threads. Later calls reject with `closed`. */
  close(): Promise<void>;
}

export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  /** Why the value cannot be read, when it cannot; it is then as it is stored. */
  readonly unreadable?: string;
  /** Present for a value that is still where it is stored: `value` reads it. Only who asks with `mayDefer` gets them. */
  readonly deferred?: DeferredValue;
}

/** A value that is read when somebody needs it. Newest values only, so that it is there as long as anybody can need it. */
export interface DeferredValue {
  /** What was put beside the value. */
  readonly outline: Uint8Array;
  /** Of the value. */
  readonly sizeBytes: number;
  /** The value, where it has been read. */
  readonly known: Uint8Array | undefined;
  /** The value; the thread is held up until it is read. Throws StorageError. */
  read(): Uint8Array;
  /** Resolves when the value is known. */
  load(): Promise<void>;
}

export interface ListOptions {
  readonly revision?: number;
  /** At most so many items; 0 or absent: all. */
  readonly limit?: number;
  /** Only keys greater than this one: where a page continues. */
  readonly after?: string;
  /** Values that were put with an outline may come as `deferred`. */
  readonly mayDefer?: boolean;
}

export interface ListResult {
  /** The revision that was read. */
  readonly revision: number;
  readonly items: readonly KeyValue[];
  /** How many items follow those returned. */
  readonly remaining: number;
}

/** Holds when the key's modRevision equals the given one; 0 means that the key does not exist. */
export interface Compare {
  readonly key: string;
  readonly modRevision: number;
}

export type Operation =
  | {
      readonly type: "put";
      readonly key: string;
      readonly value: Uint8Array;
      /** What most readers want to know of a large value: a store may hand it out in its place; see `ListOptions.mayDefer`. */
      readonly outline?: Uint8Array | undefined;
    }
  | { readonly type: "delete"; readonly key: string };

export interface TxnResult {
  readonly succeeded: boolean;
  /** Of the commit when it succeeded and changed something, else the newest revision. */
  readonly revision: number;
  /** When a comparison failed: what the compared keys hold, in the order of `compare`. Empty on success. */
  readonly current: readonly (KeyValue | undefined)[];
}

export interface StorageEvent {
  readonly type: "put" | "delete";
  readonly key: string;
  /** The revision of the commit. */
  readonly revision: number;
  /** For a put: the revision that created the key; equals `revision` when it is new. For a delete: of the old value. */
  readonly createRevision: number;
  /** The value written; for a delete, undefined. */
  readonly value: Uint8Array | undefined;
  /** The value before; undefined when the key is new, or when history before it was compacted. */
  readonly previousValue: Uint8Array | undefined;
  /** For a put: what was put beside the value, where that is known. */
  readonly outline?: Uint8Array | undefined;
  /** Why the value cannot be read, when it cannot; it is then as it is stored. */
  readonly unreadable?: string;
}

export type StorageErrorCode =
  /** The revision was compacted away. */
  | "compacted"
  /** The revision lies in the future. */
  | "futureRevision"
  /** The disk is full; nothing was written, reads go on. */
  | "noSpace"
  /** The value could not be encrypted; nothing was written. */
  | "sealFailure"
  /** The store was closed. */
  | "closed"
  /** The file is damaged or of another format; nothing was changed. */
  | "corrupt"
  /** Another process holds the file. */
  | "inUse"
  /** The disk refused the write for another reason than space; nothing was written. */
  | "ioFailure";

export class StorageError extends Error {
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StorageError";
    this.code = code;
  }
}
