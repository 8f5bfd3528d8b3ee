import type { UserInfo } from "../request-context.ts";
import type { HeaderSource } from "./request-header.ts";

/**
 * Finds out who asks. Authenticators are tried in the order of `authentication/chain.ts`; one that knows nothing of the
 * request answers undefined, one that recognises its kind of credential and finds it bad throws StatusError 401.
 */
export interface Authenticator {
  /** At once where nobody need be asked: most requests bring a certificate, and a promise is a tenth of what it costs. */
  authenticate(
    request: AuthenticationRequest,
  ): AuthenticatedUser | undefined | Promise<AuthenticatedUser | undefined>;
}

export interface AuthenticationRequest {
  /** DER of the verified client certificate, leaf first; empty without one. */
  readonly certificates: readonly Uint8Array[];
  /** The token of `Authorization: Bearer`, or of the WebSocket subprotocol `base64url.bearer.authorization.k8s.io.`. */
  readonly bearerToken: string | undefined;
  /** Of a request with a certificate: they may name a user, which is to be believed if the certificate is a proxy's. */
  readonly headers?: HeaderSource;
  /** The URL path: only some may be read without saying who asks. */
  readonly path?: string;
}

/**
 * Knows one kind of bearer token. Undefined means a token of another kind; a bad one of its own kind throws, with the
 * reason as the error's cause: the client only learns "Unauthorized".
 */
export interface TokenAuthenticator {
  /** `audiences`: whom the token must be meant for; one in common is enough. */
  authenticateToken(token: string, audiences: readonly string[]): Promise<AuthenticatedUser | undefined>;
}

export interface AuthenticatedUser {
  readonly user: UserInfo;
  readonly audiences?: readonly string[];
}
