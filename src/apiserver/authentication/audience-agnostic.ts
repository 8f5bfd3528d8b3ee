import type { AuthenticatedUser, TokenAuthenticator } from "./authenticator.ts";

/**
 * Tokens that name no audience are meant for this server and nobody else: a review on behalf of another service must
 * not find them good (k8s.io/apiserver/pkg/authentication/authenticator.WrapAudienceAgnosticToken).
 */
export class ForApiAudiences implements TokenAuthenticator {
  readonly #inner: TokenAuthenticator;
  readonly #apiAudiences: readonly string[];

  constructor(inner: TokenAuthenticator, apiAudiences: readonly string[]) {
    this.#inner = inner;
    this.#apiAudiences = apiAudiences;
  }

  async authenticateToken(
    token: string,
    audiences: readonly string[],
  ): Promise<AuthenticatedUser | undefined> {
    const meantFor = this.#apiAudiences.filter((audience) => audiences.includes(audience));
    if (meantFor.length === 0) return undefined;
    const found = await this.#inner.authenticateToken(token, audiences);
    return found === undefined ? undefined : { ...found, audiences: meantFor };
  }
}
