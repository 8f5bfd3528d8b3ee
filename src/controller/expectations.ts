import type { Clock } from "../apimachinery/clock.ts";

/** After so long the caches are believed again: an event was missed, or a watch is down. */
const expireAfterMs = 5 * 60_000;

interface Expected {
  creations: number;
  /** Keys of the objects whose deletion has not been seen yet. */
  readonly deletions: Set<string>;
  readonly sinceMs: number;
}

/**
 * What a controller has done and its cache does not show yet. A controller that counts pods must not count again
 * before it has seen those it made or deleted last time, or it makes too many. Counting down happens in event
 * handlers, and only ever delays the next look: an expectation that is never met expires.
 */
export class Expectations {
  readonly #clock: Clock;
  readonly #byKey = new Map<string, Expected>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Replaces what was expected before. `deletions` are the keys of the objects. */
  expect(
    key: string,
    { creations = 0, deletions = [] }: { creations?: number; deletions?: readonly string[] },
  ): void {
    this.#byKey.set(key, { creations, deletions: new Set(deletions), sinceMs: this.#clock.now() });
  }

  /** Seen, or known not to come because the call failed. */
  creationObserved(key: string, count = 1): void {
    const expected = this.#byKey.get(key);
    if (expected !== undefined) expected.creations -= count;
  }

  deletionObserved(key: string, objectKey: string): void {
    this.#byKey.get(key)?.deletions.delete(objectKey);
  }

  /** True when the cache shows all that was done. */
  satisfied(key: string): boolean {
    return this.remainingMs(key) === undefined;
  }

  /**
   * How long what was done may still be waited for; undefined when it was seen. Whoever waits must look again then: a
   * pod that came and went while a watch was down is never seen, and nothing else would wake its owner.
   */
  remainingMs(key: string): number | undefined {
    const expected = this.#byKey.get(key);
    if (expected === undefined) return undefined;
    if (expected.creations <= 0 && expected.deletions.size === 0) return undefined;
    const leftMs = expected.sinceMs + expireAfterMs - this.#clock.now();
    return leftMs > 0 ? leftMs : undefined;
  }

  /** The owner is gone. */
  delete(key: string): void {
    this.#byKey.delete(key);
  }
}
