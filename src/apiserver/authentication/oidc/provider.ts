import type { Clock, Timer } from "../../../apimachinery/clock.ts";
import { isObject } from "../../../apimachinery/json.ts";
import type { Logger } from "../../../apimachinery/logger.ts";
import type { IssuerConfiguration } from "./authentication-configuration.ts";
import { type Fetch, messageOf, RemoteKeySet } from "./key-set.ts";

const wellKnownPath = "/.well-known/openid-configuration";
const retryMs = 10_000;

interface Options {
  readonly issuer: Pick<IssuerConfiguration, "url" | "discoveryURL">;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * An issuer as its discovery document describes it. Asked for at once and every ten seconds until it answers: the
 * issuer may itself run on this cluster, so nobody waits for it, and its tokens are refused until then.
 */
export class OidcProvider {
  readonly #options: Options;
  #keys: RemoteKeySet | undefined;
  #retry: Timer | undefined;
  #isClosed = false;
  /** Why the issuer is not known yet. */
  #problem = "oidc: authenticator not initialized";

  constructor(options: Options) {
    this.#options = options;
  }

  start(): void {
    void this.#discover();
  }

  /** Undefined until the issuer has answered. */
  get keys(): RemoteKeySet | undefined {
    return this.#keys;
  }

  /** Undefined when tokens can be verified, else why not. */
  get problem(): string | undefined {
    return this.#keys === undefined ? this.#problem : undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.stop();
  }

  async #discover(): Promise<void> {
    const { issuer, fetch, clock, logger } = this.#options;
    try {
      const url = await jwksUrl(issuer, fetch);
      this.#keys = new RemoteKeySet({ url, fetch, clock });
    } catch (error) {
      this.#problem = messageOf(error);
      logger.warn("oidc authenticator: initializing plugin", { issuer: issuer.url, error: this.#problem });
      if (!this.#isClosed) this.#retry = clock.after(retryMs, () => this.start());
    }
  }
}

async function jwksUrl({ url, discoveryURL }: Options["issuer"], fetch: Fetch): Promise<string> {
  const answer = await fetch(discoveryURL ?? `${url.replace(/\/$/, "")}${wellKnownPath}`);
  if (answer.status !== 200) throw new Error(`${answer.statusText}: ${answer.body}`);
  const document = decode(answer.body);
  const { issuer = "", jwks_uri: keys } = document;
  if (issuer !== url) {
    throw new Error(
      `oidc: issuer did not match the issuer returned by provider, expected ${JSON.stringify(url)} got ${JSON.stringify(issuer)}`,
    );
  }
  if (typeof keys !== "string" || keys === "") throw new Error("oidc: the provider names no jwks_uri");
  return keys;
}

function decode(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    if (isObject(value)) return value;
  } catch (cause) {
    throw new Error(`oidc: failed to decode provider discovery object: ${messageOf(cause)}`, { cause });
  }
  throw new Error("oidc: failed to decode provider discovery object: it is no object");
}
