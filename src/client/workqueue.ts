/**
 * Keys that wait to be worked on (mirrors k8s.io/client-go/util/workqueue). A key is never worked on twice at once; one that is added
 * while it is being worked on is queued again when `done` is called. Adding a waiting key does nothing.
 */
export interface Workqueue {
  add(key: string): void;
  addAfter(key: string, delayMs: number): void;
  /** Adds after a delay that doubles with each call for the key: 5 ms up to 1,000 s, until `forget`. */
  addRateLimited(key: string): void;
  forget(key: string): void;
  retries(key: string): number;
  /** The next key, or undefined when the queue was shut down and is drained. */
  next(): Promise<string | undefined>;
  done(key: string): void;
  size(): number;
  /** True when nothing waits, nothing is worked on and no delayed key is due now. */
  idle(): boolean;
  shutDown(): void;
}
