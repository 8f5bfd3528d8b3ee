import { createHash } from "node:crypto";
import type { UserInfo } from "../request-context.ts";
import type { AuthenticatedUser, TokenAuthenticator } from "./authenticator.ts";

/** Tokens known in advance, each with its user: for tests and for whoever embeds a cluster. */
export class StaticTokenAuthenticator implements TokenAuthenticator {
  /** By digest, so that a lookup takes the same time whatever part of a token is right. */
  readonly #users: ReadonlyMap<string, UserInfo>;

  constructor(users: ReadonlyMap<string, UserInfo>) {
    this.#users = new Map([...users].map(([token, user]) => [digest(token), user]));
  }

  async authenticateToken(token: string): Promise<AuthenticatedUser | undefined> {
    const user = this.#users.get(digest(token));
    return user === undefined ? undefined : { user };
  }
}

const digest = (token: string): string => createHash("sha256").update(token).digest("base64");
