import { FrameBatch } from "./frame-batch.ts";

/** A consumer that has something to write. */
export interface FanOutTarget {
  /** Writes what waits, as far as its client takes it. Must not throw. */
  writeWaiting(): void;
}

/** So many targets are written to before the event loop gets its turn: a few milliseconds. */
const sliceSize = 64;

/**
 * Writes events to many watchers without holding up those who make them. A thousand sockets take tens of milliseconds:
 * in slices, so that writes go on meanwhile, and what they commit is in the one write that each later watcher gets.
 * The busier the server, the more events share a write.
 */
export class FanOut {
  /** Targets whose turn will come, each once, in order. */
  readonly #waiting = new Set<FanOutTarget>();
  #isScheduled = false;
  #start = new FrameBatch();

  /** Where targets without waiting frames begin, so that those who get the same frames share their bytes. */
  get start(): FrameBatch {
    return this.#start;
  }

  schedule(target: FanOutTarget): void {
    this.#waiting.add(target);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#slice());
  }

  #slice(): void {
    // What began before is forgotten with the last target that holds it.
    this.#start = new FrameBatch();
    let left = sliceSize;
    for (const target of this.#waiting) {
      if (left-- === 0) break;
      this.#waiting.delete(target);
      target.writeWaiting();
    }
    this.#isScheduled = this.#waiting.size > 0;
    if (this.#isScheduled) setImmediate(() => this.#slice());
  }
}
