import type {
  AuthenticatedUser,
  AuthenticationRequest,
  Authenticator,
  TokenAuthenticator,
} from "./authenticator.ts";
import type { AnonymousConfiguration } from "./oidc/authentication-configuration.ts";
import { anonymousUser, rejected, rejectionReason, withAuthenticatedGroup } from "./users.ts";

/** What anybody may read: whether the server is well, and its version. */
export const defaultAnonymousPaths: readonly string[] = ["/healthz", "/livez", "/readyz", "/version"];

export interface AuthenticatorChainOptions {
  /** In order; certificates come before tokens. */
  readonly certificates: readonly Authenticator[];
  readonly tokens: readonly TokenAuthenticator[];
  /** The audiences of the API server: tokens for others are refused. */
  readonly audiences: readonly string[];
  /** Paths, with all below them, open to requests without credentials. `"*"` opens every path to authorization. */
  readonly anonymousPaths?: readonly string[];
  /** What a configuration says now of requests without credentials; it wins over `anonymousPaths`. */
  readonly anonymous?: (() => AnonymousConfiguration | undefined) | undefined;
}

/**
 * The order in which credentials are tried: client certificate, bearer token, nobody. The first that is accepted
 * decides; one that is refused does not spoil another that is good, but it does rule out being anonymous.
 */
export class AuthenticatorChain implements Authenticator {
  readonly tokens: TokenReviewer;
  readonly #options: AuthenticatorChainOptions;
  readonly #byCertificate = new WeakMap<AuthenticatedUser, AuthenticatedUser>();

  constructor(options: AuthenticatorChainOptions) {
    this.#options = options;
    this.tokens = new TokenReviewer(options.tokens);
  }

  /** Undefined: no credentials, and the path is not open to the anonymous; the server answers 401. */
  authenticate(
    request: AuthenticationRequest,
  ): AuthenticatedUser | undefined | Promise<AuthenticatedUser | undefined> {
    const { certificates } = this.#options;
    let refused: unknown;
    for (const [index, authenticator] of certificates.entries()) {
      try {
        const found = authenticator.authenticate(request);
        if (found instanceof Promise)
          return this.#wait(request, found, certificates.slice(index + 1), refused);
        if (found !== undefined) return this.#whole(found);
      } catch (error) {
        refused ??= error;
      }
    }
    return this.#byToken(request, refused);
  }

  /** Goes on with the others when `asked` has answered. */
  async #wait(
    request: AuthenticationRequest,
    asked: Promise<AuthenticatedUser | undefined>,
    others: readonly Authenticator[],
    refusedBefore: unknown,
  ): Promise<AuthenticatedUser | undefined> {
    let refused = refusedBefore;
    for (const answer of [() => asked, ...others.map((other) => () => other.authenticate(request))]) {
      try {
        const found = await answer();
        if (found !== undefined) return this.#whole(found);
      } catch (error) {
        refused ??= error;
      }
    }
    return this.#byToken(request, refused);
  }

  async #byToken(
    request: AuthenticationRequest,
    refusedBefore: unknown,
  ): Promise<AuthenticatedUser | undefined> {
    const { audiences } = this.#options;
    let refused = refusedBefore;
    const token = request.bearerToken;
    if (token !== undefined) {
      try {
        return withAuthenticatedGroup(await this.tokens.authenticateToken(token, audiences));
      } catch (error) {
        refused ??= error;
      }
    }
    if (refused !== undefined) throw refused;
    return this.#isOpen(request.path) ? { user: anonymousUser } : undefined;
  }

  /** All requests with one certificate share one user, with its groups. */
  #whole(found: AuthenticatedUser): AuthenticatedUser {
    let whole = this.#byCertificate.get(found);
    if (whole === undefined) {
      whole = withAuthenticatedGroup(found);
      this.#byCertificate.set(found, whole);
    }
    return whole;
  }

  #isOpen(path: string | undefined): boolean {
    const configured = this.#options.anonymous?.();
    if (configured !== undefined) {
      const { enabled, conditions } = configured;
      return enabled && (conditions.length === 0 || conditions.some((condition) => condition.path === path));
    }
    const open = this.#options.anonymousPaths ?? defaultAnonymousPaths;
    if (path === undefined) return open.includes("*");
    return open.some((prefix) => prefix === "*" || path === prefix || path.startsWith(`${prefix}/`));
  }
}

/** Asks every kind of token in turn; a token that none of them knows is refused. Also serves TokenReview. */
export class TokenReviewer {
  readonly #authenticators: readonly TokenAuthenticator[];

  constructor(authenticators: readonly TokenAuthenticator[]) {
    this.#authenticators = authenticators;
  }

  /** Throws 401 for every token that is not good; the cause says why. */
  async authenticateToken(token: string, audiences: readonly string[]): Promise<AuthenticatedUser> {
    const reasons: string[] = [];
    for (const authenticator of this.#authenticators) {
      try {
        const found = await authenticator.authenticateToken(token, audiences);
        // Tokens that name no audience are meant for this server.
        if (found !== undefined) return withAuthenticatedGroup({ audiences, ...found });
      } catch (error) {
        reasons.push(rejectionReason(error));
      }
    }
    throw rejected(
      reasons.length === 0 ? "invalid bearer token" : `[invalid bearer token, ${reasons.join(", ")}]`,
    );
  }
}
