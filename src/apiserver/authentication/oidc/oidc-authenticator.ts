import type { Clock } from "../../../apimachinery/clock.ts";
import type { Logger } from "../../../apimachinery/logger.ts";
import type { CelProgram } from "../../../cel/index.ts";
import { type JwtClaims, signatureAlgorithms } from "../../../pki/index.ts";
import type { AuthenticatedUser, TokenAuthenticator } from "../authenticator.ts";
import { newUser, rejected } from "../users.ts";
import type { JwtConfiguration } from "./authentication-configuration.ts";
import { DistributedClaims } from "./distributed-claims.ts";
import { checkClaims, checkUser, mapClaims, textsOf } from "./expressions.ts";
import { claimOf, isText, isTextList, isTruth, untrustedIssuer, verifyIdToken } from "./id-token.ts";
import type { IssuerFetch } from "./issuer-fetch.ts";
import { messageOf } from "./key-set.ts";
import { OidcProvider } from "./provider.ts";

interface Options {
  readonly configuration: JwtConfiguration;
  readonly fetch: IssuerFetch;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Tokens of one foreign issuer (OpenID Connect). Mirrors apiserver/plugin/pkg/authenticator/token/oidc.
 *
 *   const authenticator = new OidcAuthenticator({ configuration, fetch, clock, logger });
 *   authenticator.start();            // asks the issuer in the background
 *   await authenticator.authenticateToken(token);
 *   authenticator.close();
 */
export class OidcAuthenticator implements TokenAuthenticator {
  readonly #options: Options;
  readonly #provider: OidcProvider;
  readonly #distributed: DistributedClaims | undefined;

  constructor(options: Options) {
    this.#options = options;
    const { configuration, fetch, clock, logger } = options;
    this.#provider = new OidcProvider({ issuer: configuration.issuer, fetch, clock, logger });
    const groups = configuration.claimMappings.groups?.claim;
    if (groups !== undefined) {
      this.#distributed = new DistributedClaims({
        claim: groups,
        fetch,
        newProvider: (url) => new OidcProvider({ issuer: { url }, fetch, clock, logger }),
        rules: (issuer) => ({ ...this.#rules(), issuer }),
      });
    }
  }

  start(): void {
    this.#provider.start();
  }

  /** Undefined when tokens can be verified, else why not yet. */
  get problem(): string | undefined {
    return this.#provider.problem;
  }

  close(): void {
    this.#provider.close();
    this.#distributed?.close();
  }

  async authenticateToken(token: string): Promise<AuthenticatedUser | undefined> {
    if (untrustedIssuer(token) !== this.#options.configuration.issuer.url) return undefined;
    const { keys } = this.#provider;
    if (keys === undefined) throw rejected("oidc: authenticator not initialized");
    let claims: JwtClaims;
    try {
      claims = await verifyIdToken(token, keys, this.#rules());
    } catch (error) {
      throw rejected(`oidc: verify token: ${messageOf(error)}`);
    }
    try {
      claims = (await this.#distributed?.expand(claims)) ?? claims;
    } catch (error) {
      throw rejected(`oidc: could not expand distributed claims: ${messageOf(error)}`);
    }
    try {
      return this.#userOf(claims);
    } catch (error) {
      throw rejected(messageOf(error));
    }
  }

  #rules() {
    const { configuration, clock } = this.#options;
    return {
      issuer: configuration.issuer.url,
      audiences: configuration.issuer.audiences,
      signingAlgorithms: configuration.signingAlgorithms ?? signatureAlgorithms,
      nowMs: () => clock.now(),
    };
  }

  /** In the order of Kubernetes: who it is, then whether that is believed. */
  #userOf(claims: JwtClaims): AuthenticatedUser {
    const { claimMappings, claimValidationRules, expressions } = this.#options.configuration;
    const { username, groups, uid } = claimMappings;
    const name =
      expressions?.username === undefined
        ? `${username.prefix}${usernameOf(claims, username.claim)}`
        : mappedName(expressions.username, claims);
    const groupNames =
      groups === undefined
        ? mappedTexts("group", expressions?.groups, claims)
        : groupsOf(claims, groups.claim).map((group) => `${groups.prefix}${group}`);
    const userId =
      uid === undefined
        ? mappedUid(expressions?.uid, claims)
        : explained(`parse uid claim ${JSON.stringify(uid.claim)}`, () =>
            claimOf(claims, uid.claim, "string", isText),
          );
    const extra = mappedExtra(expressions?.extra ?? [], claims);
    for (const { claim, requiredValue } of claimValidationRules) checkRequired(claims, claim, requiredValue);
    explained("error evaluating claim validation expression", () =>
      checkClaims(expressions?.claimRules ?? [], claims),
    );
    const user = newUser(name, groupNames, { uid: userId, extra });
    explained("error evaluating user info validation rule", () =>
      checkUser(expressions?.userRules ?? [], user),
    );
    return { user };
  }
}

function mappedName(program: CelProgram, claims: JwtClaims): string {
  const name = explained("error evaluating username claim expression", () => {
    const value = mapClaims(program, claims);
    if (typeof value !== "string") throw new Error("username claim expression must return a string");
    return value;
  });
  if (name === "") throw new Error("oidc: empty username via CEL expression is not allowed");
  return name;
}

function mappedUid(program: CelProgram | undefined, claims: JwtClaims): string {
  if (program === undefined) return "";
  return explained("error evaluating uid claim expression", () => {
    const value = mapClaims(program, claims);
    if (typeof value !== "string") throw new Error("uid claim expression must return a string");
    return value;
  });
}

function mappedTexts(what: string, program: CelProgram | undefined, claims: JwtClaims): readonly string[] {
  if (program === undefined) return [];
  return explained(`error evaluating ${what} claim expression`, () => textsOf(mapClaims(program, claims)));
}

/** Values by key; a key without any is left out. */
function mappedExtra(
  mappings: readonly { readonly key: string; readonly program: CelProgram }[],
  claims: JwtClaims,
): Record<string, readonly string[]> {
  const values = mappings.map(({ key, program }) => ({ key, program, value: mapClaims(program, claims) }));
  const extra: Record<string, readonly string[]> = {};
  for (const { key, program, value } of values) {
    const texts = explained(`error evaluating extra claim expression: ${program.source}`, () =>
      textsOf(value),
    );
    if (texts.length > 0) extra[key] = texts;
  }
  return extra;
}

function usernameOf(claims: JwtClaims, claim: string): string {
  const name = explained(`parse username claims ${JSON.stringify(claim)}`, () =>
    claimOf(claims, claim, "string", isText),
  );
  if (claim === "email" && Object.hasOwn(claims, "email_verified")) {
    // An address that nobody has verified is whatever its owner typed.
    const verified = explained("parse 'email_verified' claim", () =>
      claimOf(claims, "email_verified", "bool", isTruth),
    );
    if (!verified) throw new Error("oidc: email not verified");
  }
  return name;
}

/** A single name may stand for a list of one. Groups that are not there are none. */
function groupsOf(claims: JwtClaims, claim: string): readonly string[] {
  if (!Object.hasOwn(claims, claim)) return [];
  const groups = explained(`parse groups claim ${JSON.stringify(claim)}`, () =>
    claimOf(claims, claim, "string", isTextList),
  );
  return typeof groups === "string" ? [groups] : groups;
}

function checkRequired(claims: JwtClaims, claim: string, wanted: string): void {
  if (!Object.hasOwn(claims, claim)) throw new Error(`oidc: required claim ${claim} not present in ID token`);
  const value = explained(`parse claim ${claim}`, () => claimOf(claims, claim, "string", isText));
  if (value === wanted) return;
  throw new Error(`oidc: required claim ${claim} value does not match. Got = ${value}, want = ${wanted}`);
}

function explained<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(`oidc: ${what}: ${messageOf(cause)}`, { cause });
  }
}
