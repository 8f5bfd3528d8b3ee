import type { Clock } from "../../../apimachinery/clock.ts";
import type { Logger } from "../../../apimachinery/logger.ts";
import type { AuthenticatedUser, TokenAuthenticator } from "../authenticator.ts";
import { httpsGet } from "../https-get.ts";
import type { JwtConfiguration } from "./authentication-configuration.ts";
import { OidcAuthenticator } from "./oidc-authenticator.ts";

interface Options {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long issuers of a new configuration are waited for while the old ones serve. */
const patienceMs = 60_000;
const pollMs = 1_000;

/** All foreign issuers. They may be exchanged while tokens are verified. */
export class JwtAuthenticators implements TokenAuthenticator {
  readonly #options: Options;
  #current: readonly OidcAuthenticator[] = [];
  #isClosed = false;

  constructor(options: Options) {
    this.#options = options;
  }

  /** The first issuers: they serve as soon as each can be reached. */
  open(configurations: readonly JwtConfiguration[]): void {
    this.#current = this.#start(configurations);
  }

  /**
   * Takes other issuers. Those before serve until all the new ones have answered, so that a mistake locks nobody out;
   * rejects, and leaves everything as it was, when they do not answer within a minute.
   */
  async replace(configurations: readonly JwtConfiguration[]): Promise<void> {
    const { clock } = this.#options;
    const next = this.#start(configurations);
    const endMs = clock.now() + patienceMs;
    const problemOf = (): string | undefined => next.find(({ problem }) => problem !== undefined)?.problem;
    while (problemOf() !== undefined && clock.now() < endMs && !this.#isClosed) await clock.sleep(pollMs);
    const problem = problemOf();
    if (problem !== undefined || this.#isClosed) {
      for (const each of next) each.close();
      throw new Error(problem ?? "the server is closing");
    }
    for (const each of this.#current) each.close();
    this.#current = next;
  }

  close(): void {
    this.#isClosed = true;
    for (const each of this.#current) each.close();
  }

  async authenticateToken(token: string): Promise<AuthenticatedUser | undefined> {
    for (const each of this.#current) {
      const found = await each.authenticateToken(token);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #start(configurations: readonly JwtConfiguration[]): OidcAuthenticator[] {
    const { clock, logger } = this.#options;
    return configurations.map((configuration) => {
      const ca = configuration.issuer.certificateAuthority;
      const authenticator = new OidcAuthenticator({
        configuration,
        clock,
        logger,
        fetch: (url, bearerToken) => httpsGet(url, { clock, ca, bearerToken }),
      });
      authenticator.start();
      return authenticator;
    });
  }
}
