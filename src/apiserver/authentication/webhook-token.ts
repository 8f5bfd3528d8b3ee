import type { TokenReview } from "../../api/types/authentication-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { StatusError } from "../../apimachinery/status.ts";
import type { Transport } from "../../apimachinery/transport.ts";
import { ConnectionError } from "../../client/server-answer.ts";
import type { AuthenticatedUser, TokenAuthenticator } from "./authenticator.ts";
import { newUser, rejected } from "./users.ts";

interface Options {
  /** Reaches the reviewer; requests go to its address as it is. */
  readonly transport: Pick<Transport, "request">;
  /** What a reviewer that names no audiences means. */
  readonly apiAudiences: readonly string[];
  readonly clock: Clock;
}

const timeoutMs = 30_000;
/** Half a second, half as much again each time, five tries: util/webhook.DefaultRetryBackoff. */
const backoff = { firstMs: 500, factor: 1.5, tries: 5 };

/**
 * Asks another server whose a token is, with a TokenReview. A reviewer that does not answer is an error of this
 * authenticator alone: others still know their tokens. Mirrors apiserver/plugin/pkg/authenticator/token/webhook.
 */
export class WebhookTokenAuthenticator implements TokenAuthenticator {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  async authenticateToken(
    token: string,
    audiences: readonly string[],
  ): Promise<AuthenticatedUser | undefined> {
    const { authenticated = false, user = {}, error = "", ...answer } = await this.#review(token, audiences);
    const meantFor =
      (answer.audiences ?? []).length > 0 ? (answer.audiences ?? []) : this.#options.apiAudiences;
    const common = audiences.filter((audience) => meantFor.includes(audience));
    if (common.length === 0) return undefined;
    if (!authenticated) {
      if (error !== "") throw rejected(error);
      return undefined;
    }
    const { username = "", uid = "", groups = [], extra = {} } = user;
    return { user: newUser(username, groups, { uid, extra }), audiences: common };
  }

  async #review(token: string, audiences: readonly string[]): Promise<NonNullable<TokenReview["status"]>> {
    const review: TokenReview = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      metadata: {},
      spec: { token, audiences: [...audiences] },
    };
    for (let tries = 1, waitMs = backoff.firstMs; ; tries++, waitMs *= backoff.factor) {
      try {
        return await this.#ask(review);
      } catch (error) {
        if (tries >= backoff.tries || !mayPass(error)) throw error;
        await this.#options.clock.sleep(waitMs);
      }
    }
  }

  async #ask(review: TokenReview): Promise<NonNullable<TokenReview["status"]>> {
    const { transport, clock } = this.#options;
    const cancel = new AbortController();
    const timer = clock.after(timeoutMs, () => cancel.abort(new Error("the token reviewer does not answer")));
    try {
      const { body } = await transport.request({
        method: "POST",
        path: "",
        body: review,
        signal: cancel.signal,
      });
      return (body as Partial<TokenReview> | undefined)?.status ?? {};
    } finally {
      timer.stop();
    }
  }
}

/** Whether asking again may help: the server stumbled, or the connection broke. */
function mayPass(error: unknown): boolean {
  if (error instanceof StatusError) {
    return error.code === 500 || error.code === 504 || error.code === 429;
  }
  return error instanceof ConnectionError && error.code === "ECONNRESET";
}
