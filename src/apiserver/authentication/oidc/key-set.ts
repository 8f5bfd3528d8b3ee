import type { Clock } from "../../../apimachinery/clock.ts";
import { type NamedKey, readJsonWebKeySet, type SignatureAlgorithm, verifyJws } from "../../../pki/index.ts";
import type { HttpsAnswer } from "../https-get.ts";

/** How something is fetched from an issuer; tests pass their own. */
export type Fetch = (url: string) => Promise<HttpsAnswer>;

/** Keys are fetched anew this long after what the issuer promised: its own caches may lag behind a rotation. */
const expiryDelayMs = 30_000;

/**
 * The keys of an issuer, fetched when a token comes that none of the known ones signed, and not more often than the
 * issuer's `Cache-Control` says. Known keys are good while the issuer cannot be reached. Mirrors go-oidc's jwks.go.
 */
export class RemoteKeySet {
  readonly #url: string;
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  #keys: readonly NamedKey[] = [];
  #expiresAtMs = Number.NEGATIVE_INFINITY;
  /** Callers who need new keys at the same time share one request. */
  #fetching: Promise<void> | undefined;

  constructor({ url, fetch, clock }: { url: string; fetch: Fetch; clock: Clock }) {
    this.#url = url;
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** Rejects when no key of the issuer made the signature. */
  async verify(token: SignedToken): Promise<void> {
    if (this.#isSigned(token)) return;
    if (this.#clock.now() + expiryDelayMs <= this.#expiresAtMs) throw notVerified();
    this.#fetching ??= this.#refresh().finally(() => {
      this.#fetching = undefined;
    });
    await this.#fetching;
    if (!this.#isSigned(token)) throw notVerified();
  }

  #isSigned({ keyId, algorithm, content, signature }: SignedToken): boolean {
    return this.#keys.some(
      ({ id, key, algorithm: only }) =>
        (keyId === "" || id === keyId) &&
        (only === undefined || only === algorithm) &&
        verifyJws(algorithm, key, content, signature),
    );
  }

  async #refresh(): Promise<void> {
    const answer = await this.#fetch(this.#url).catch((cause: unknown) => {
      throw new Error(`fetching keys oidc: get keys failed ${messageOf(cause)}`, { cause });
    });
    if (answer.status !== 200) {
      throw new Error(`fetching keys oidc: get keys failed: ${answer.statusText} ${answer.body}`);
    }
    try {
      this.#keys = readJsonWebKeySet(JSON.parse(answer.body));
    } catch (cause) {
      throw new Error(`fetching keys oidc: failed to decode keys: ${messageOf(cause)}`, { cause });
    }
    this.#expiresAtMs = this.#clock.now() + freshForMs(answer);
  }
}

export interface SignedToken {
  /** Empty when the token names none: then every key is tried. */
  readonly keyId: string;
  readonly algorithm: SignatureAlgorithm;
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
}

const notVerified = (): Error => new Error("failed to verify id token signature");

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Without a word about it, keys expire at once: they are asked for whenever a signature does not fit. */
function freshForMs(answer: HttpsAnswer): number {
  const control = answer.header("cache-control") ?? "";
  if (/\bno-(?:store|cache)\b/.test(control)) return 0;
  return Number(/\bmax-age=(\d{1,9})\b/.exec(control)?.[1] ?? 0) * 1000;
}
