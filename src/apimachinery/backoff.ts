import type { Random } from "./random.ts";

/** A delay that grows by a factor from try to try up to a bound. */
export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Defaults to 2. */
  readonly factor?: number;
  /** The share by which a delay may be longer at random: 0.1 is up to a tenth. Needs `random`. Defaults to 0. */
  readonly jitter?: number;
  readonly random?: Random;
}

/** The delay before the given try; the first is try 0. */
export function backoffDelay(options: BackoffOptions, tryIndex: number): number {
  const { initialMs, maxMs, factor = 2, jitter = 0, random } = options;
  const delayMs = Math.min(maxMs, initialMs * factor ** tryIndex);
  return random === undefined || jitter === 0 ? delayMs : delayMs * (1 + random.next() * jitter);
}

/** Counts the tries of one thing: `next()` is the delay before the next, `reset()` starts over after success. */
export class Backoff {
  readonly #options: BackoffOptions;
  #tries = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  get tries(): number {
    return this.#tries;
  }

  next(): number {
    return backoffDelay(this.#options, this.#tries++);
  }

  reset(): void {
    this.#tries = 0;
  }
}

/** Keeps a backoff per key: image pulls, container restarts. Keys that were quiet for twice the bound start over. */
export class KeyedBackoff<K> {
  readonly #options: BackoffOptions;
  /** Per key: the delay in force and when it was last raised. */
  readonly #entries = new Map<K, { delayMs: number; updatedMs: number }>();

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Raises the key's delay and returns it. */
  next(key: K, nowMs: number): number {
    const entry = this.#entries.get(key);
    const fresh = entry === undefined || nowMs - entry.updatedMs > 2 * this.#options.maxMs;
    const { initialMs, maxMs, factor = 2 } = this.#options;
    const delayMs = fresh ? initialMs : Math.min(maxMs, entry.delayMs * factor);
    this.#entries.set(key, { delayMs, updatedMs: nowMs });
    return delayMs;
  }

  /** The delay in force, 0 when the key has none. */
  current(key: K): number {
    return this.#entries.get(key)?.delayMs ?? 0;
  }

  /** True while the key's delay, counted from `sinceMs`, has not passed. */
  isWaiting(key: K, sinceMs: number, nowMs: number): boolean {
    return nowMs - sinceMs < this.current(key);
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }

  /** Forgets keys that start over anyway. */
  collectGarbage(nowMs: number): void {
    for (const [key, entry] of this.#entries) {
      if (nowMs - entry.updatedMs > 2 * this.#options.maxMs) this.#entries.delete(key);
    }
  }
}
