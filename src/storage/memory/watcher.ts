import type { StorageEvent } from "../storage.ts";
import type { CommitObserver, RevisionStore } from "./revision-store.ts";

/** A batch grows no further once it holds so many events. */
const batchEventsMax = 1000;

/**
 * One watch: a cursor on the log of the store. It holds no events of its own, so a consumer that reads slowly costs
 * nothing and delays nobody; when a compaction overtakes it, its next read fails with `compacted`.
 */
export class Watcher implements AsyncIterableIterator<readonly StorageEvent[]>, CommitObserver {
  readonly #store: RevisionStore;
  readonly #prefix: string;
  readonly #signal: AbortSignal | undefined;
  readonly #resolveEvicted: ResolveEvicted | undefined;
  /** Everything through this revision was delivered, or does not match the prefix. */
  #through: number;
  /** Set while the consumer waits, and only then is the watch known to the store. */
  #wake: (() => void) | undefined;
  #done = false;
  /** Concurrent reads are answered one after the other. */
  #reading: Promise<unknown> = Promise.resolve();

  constructor(options: {
    readonly store: RevisionStore;
    readonly prefix: string;
    readonly afterRevision: number;
    readonly signal: AbortSignal | undefined;
    readonly resolveEvicted?: ResolveEvicted;
  }) {
    this.#store = options.store;
    this.#prefix = options.prefix;
    this.#through = options.afterRevision;
    this.#signal = options.signal;
    this.#resolveEvicted = options.resolveEvicted;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<readonly StorageEvent[], undefined>> {
    const result = this.#reading.then(() => this.#read());
    this.#reading = result.catch(() => undefined);
    return result;
  }

  /** Ends the iteration, also of a read that waits. */
  async return(): Promise<IteratorResult<readonly StorageEvent[], undefined>> {
    this.#done = true;
    this.#wake?.();
    return { done: true, value: undefined };
  }

  onClose(): void {
    this.#wake?.();
  }

  onCommit(events: readonly StorageEvent[], revision: number): void {
    if (revision <= this.#through) return;
    // Who waits has seen all commits before: one that does not match needs no wake-up, and moving on with it keeps
    // compactions from overtaking a quiet watch.
    if (events.some((event) => event.key.startsWith(this.#prefix))) this.#wake?.();
    else this.#through = revision;
  }

  async #read(): Promise<IteratorResult<readonly StorageEvent[], undefined>> {
    try {
      while (!this.#ended()) {
        const batch = await this.#readBatch();
        if (batch.length > 0 && !this.#ended()) return { done: false, value: batch };
      }
    } catch (error) {
      this.#done = true;
      throw error;
    }
    return { done: true, value: undefined };
  }

  #ended(): boolean {
    return this.#done || this.#store.closed || this.#signal?.aborted === true;
  }

  /** What there is to deliver; empty when nothing matched, or after a wait. */
  async #readBatch(): Promise<readonly StorageEvent[]> {
    if (this.#through >= this.#store.revision) {
      await this.#waitForCommit();
      return [];
    }
    const { events, through } = this.#store.eventsAfter(this.#prefix, this.#through, batchEventsMax);
    this.#through = through;
    const first = events[0];
    if (first === undefined || this.#resolveEvicted === undefined || !this.#store.isEvicted(first)) {
      return events;
    }
    return await this.#resolveEvicted(events);
  }

  async #waitForCommit(): Promise<void> {
    const removeObserver = this.#store.observe(this);
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    this.#wake = wake;
    this.#signal?.addEventListener("abort", wake, { once: true });
    await promise;
    this.#signal?.removeEventListener("abort", wake);
    this.#wake = undefined;
    removeObserver();
  }
}

/** Fills in the values of evicted events. */
export type ResolveEvicted = (events: readonly StorageEvent[]) => Promise<readonly StorageEvent[]>;
