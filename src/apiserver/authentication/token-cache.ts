import { createHmac, randomBytes } from "node:crypto";
import type { Clock } from "../../apimachinery/clock.ts";
import type { Metric } from "../../apimachinery/metrics.ts";
import type { AuthenticatedUser, TokenAuthenticator } from "./authenticator.ts";
import { TokenCacheMetrics } from "./token-cache-metrics.ts";

interface Options {
  readonly clock: Clock;
  /** How long an accepted token, and one that nobody knows, are remembered. Errors never are. */
  readonly successTtlMs: number;
  readonly failureTtlMs: number;
}

interface Entry {
  readonly found: AuthenticatedUser | undefined;
  readonly untilMs: number;
}

const maxEntries = 32 * 1024;

/**
 * Remembers answers that are dear to get. Requests with one token at one time share a single question. Mirrors
 * apiserver/pkg/authentication/token/cache.
 */
export class TokenCache implements TokenAuthenticator {
  readonly #inner: TokenAuthenticator;
  readonly #options: Options;
  /** Keys are keyed digests: a dump of the memory shows no token that still works. */
  readonly #entries = new Map<string, Entry>();
  readonly #asking = new Map<string, Promise<AuthenticatedUser | undefined>>();
  readonly #key = randomBytes(32);
  readonly #measures = new TokenCacheMetrics();

  constructor(inner: TokenAuthenticator, options: Options) {
    this.#inner = inner;
    this.#options = options;
  }

  get metrics(): readonly Metric[] {
    return this.#measures.metrics;
  }

  async authenticateToken(
    token: string,
    audiences: readonly string[],
  ): Promise<AuthenticatedUser | undefined> {
    const startMs = performance.now();
    const key = createHmac("sha256", this.#key)
      .update(JSON.stringify([token, audiences]))
      .digest("base64");
    const known = this.#entries.get(key);
    if (known !== undefined && known.untilMs > this.#options.clock.now()) {
      this.#measures.answered("hit", startMs);
      return known.found;
    }
    this.#entries.delete(key);
    let asking = this.#asking.get(key);
    if (asking === undefined) {
      asking = this.#ask(key, token, audiences).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    try {
      return await this.#measures.waiting(asking);
    } finally {
      this.#measures.answered("miss", startMs);
    }
  }

  async #ask(
    key: string,
    token: string,
    audiences: readonly string[],
  ): Promise<AuthenticatedUser | undefined> {
    const found = await this.#measures.fetching(this.#inner.authenticateToken(token, audiences));
    const { clock, successTtlMs, failureTtlMs } = this.#options;
    const ttlMs = found === undefined ? failureTtlMs : successTtlMs;
    if (this.#entries.size >= maxEntries) this.#forgetOldest();
    if (ttlMs > 0) this.#entries.set(key, { found, untilMs: clock.now() + ttlMs });
    return found;
  }

  /** Entries stand in the order in which they were made. */
  #forgetOldest(): void {
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
