import type { Clock } from "../../../apimachinery/clock.ts";

/** What was brought, or what to say while it cannot be: then it is asked for again soon, and ever less often. */
export interface Brought<T> {
  readonly value: T;
  readonly isFailure: boolean;
}

export interface RefreshOptions<T extends object> {
  readonly clock: Clock;
  /** Does not reject. */
  readonly load: (previous: T | undefined) => Promise<Brought<T>>;
  /** What is older is asked for again when somebody wants it. */
  readonly maxAgeMs: number;
  readonly maxRetryMs: number;
  /** What there is for those who have waited for so long, and nothing has come yet. */
  readonly initial: T;
  readonly firstPatienceMs: number;
}

const firstRetryMs = 500;
/** Whoever wants what is there already waits no longer for something newer. */
const patienceMs = 250;

/**
 * Something of another server, kept. It is asked for when somebody wants it and not before, so that nothing happens while
 * nobody does; who comes first waits for it.
 */
export class Refreshed<T extends object> {
  readonly #options: RefreshOptions<T>;
  #value: T | undefined;
  #loading: Promise<T> | undefined;
  /** When it is to be asked for again. */
  #dueMs = Number.NEGATIVE_INFINITY;
  #failures = 0;

  constructor(options: RefreshOptions<T>) {
    this.#options = options;
  }

  async current(): Promise<T> {
    const { clock, initial, firstPatienceMs } = this.#options;
    if (clock.now() >= this.#dueMs) this.#loading ??= this.#load();
    const known = this.#value;
    if (this.#loading === undefined) return known ?? initial;
    const patience = Promise.withResolvers<T>();
    const waitMs = known === undefined ? firstPatienceMs : patienceMs;
    const timer = clock.after(waitMs, () => patience.resolve(known ?? initial));
    try {
      return await Promise.race([this.#loading, patience.promise]);
    } finally {
      timer.stop();
    }
  }

  /** It is asked for again when it is wanted next, however young it is. */
  expire(): void {
    this.#dueMs = Number.NEGATIVE_INFINITY;
  }

  async #load(): Promise<T> {
    const { clock, load, maxAgeMs, maxRetryMs } = this.#options;
    const { value, isFailure } = await load(this.#value);
    this.#value = value;
    this.#loading = undefined;
    this.#failures = isFailure ? this.#failures + 1 : 0;
    const waitMs = isFailure ? Math.min(maxRetryMs, firstRetryMs * 2 ** (this.#failures - 1)) : maxAgeMs;
    this.#dueMs = clock.now() + waitMs;
    return value;
  }
}
