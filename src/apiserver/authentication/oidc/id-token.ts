import { isObject } from "../../../apimachinery/json.ts";
import { isSignatureAlgorithm, type JwtClaims, parseJwt } from "../../../pki/index.ts";
import { messageOf, type RemoteKeySet } from "./key-set.ts";

export interface IdTokenRules {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly signingAlgorithms: readonly string[];
  readonly nowMs: () => number;
}

/** How far an issuer's clock may be ahead of ours; an end of validity has no such grace. */
const notBeforeLeewayMs = 60_000;

/** Google leaves the scheme out. */
const googleIssuer = "https://accounts.google.com";

/** The `iss` that a token claims, before anybody has checked it; undefined when it is no token of that kind. */
export function untrustedIssuer(token: string): string | undefined {
  const issuer = parseJwt(token)?.claims.iss;
  if (typeof issuer !== "string") return undefined;
  return `https://${issuer}` === googleIssuer ? googleIssuer : issuer;
}

/**
 * The claims of a token that this issuer made, for one of the audiences, good now. Rejects otherwise, in the words of
 * go-oidc's verify.go and in its order: the signature comes last because it may need the issuer.
 */
export async function verifyIdToken(
  token: string,
  keys: RemoteKeySet,
  { issuer, audiences, signingAlgorithms, nowMs }: IdTokenRules,
): Promise<JwtClaims> {
  const parsed = parseJwt(token);
  if (parsed === undefined) throw new Error("oidc: malformed jwt");
  const { header, claims } = parsed;
  if (untrustedIssuer(token) !== issuer) {
    throw new Error(
      `oidc: id token issued by a different provider, expected ${JSON.stringify(issuer)} got ${JSON.stringify(claims.iss ?? "")}`,
    );
  }
  checkAudience(claims, audiences);
  checkTimes(claims, nowMs());
  const { alg, kid, crit } = header;
  if (!isSignatureAlgorithm(alg) || !signingAlgorithms.includes(alg)) {
    const expected = signingAlgorithms.map((name) => JSON.stringify(name)).join(" ");
    throw new Error(
      `oidc: id token signed with unsupported algorithm, expected [${expected}] got ${JSON.stringify(alg ?? "")}`,
    );
  }
  // Whoever marks a header as critical asks to be refused by those who do not know it.
  if (crit !== undefined) throw new Error("oidc: malformed jwt: unsupported crit header");
  const end = token.lastIndexOf(".");
  try {
    await keys.verify({
      keyId: typeof kid === "string" ? kid : "",
      algorithm: alg,
      content: Buffer.from(token.slice(0, end)),
      signature: Buffer.from(token.slice(end + 1), "base64url"),
    });
  } catch (cause) {
    throw new Error(`failed to verify signature: ${messageOf(cause)}`, { cause });
  }
  return claims;
}

function checkAudience({ aud }: JwtClaims, wanted: readonly string[]): void {
  const stated: readonly unknown[] = Array.isArray(aud) ? aud : aud === undefined ? [] : [aud];
  if (stated.some((audience) => typeof audience === "string" && wanted.includes(audience))) return;
  const list = (items: readonly unknown[]): string =>
    `[${items.map((item) => JSON.stringify(item)).join(" ")}]`;
  const [only = "", ...others] = wanted;
  throw new Error(
    others.length === 0
      ? `oidc: expected audience ${JSON.stringify(only)} got ${list(stated)}`
      : `oidc: expected audience in ${list([...wanted].toSorted())} got ${list(stated)}`,
  );
}

function checkTimes({ exp, nbf }: JwtClaims, nowMs: number): void {
  // A token without an end has ended: the zero time of Go lies before all others.
  const endMs = typeof exp === "number" ? exp * 1000 : Number.NEGATIVE_INFINITY;
  if (!(endMs >= nowMs)) {
    const shown = Number.isFinite(endMs) ? goTime(endMs) : "0001-01-01 00:00:00 +0000 UTC";
    throw new Error(`oidc: token is expired (Token Expiry: ${shown})`);
  }
  if (nbf === undefined) return;
  if (typeof nbf !== "number") throw new Error("oidc: failed to unmarshal claims: nbf is no number");
  if (nowMs + notBeforeLeewayMs < nbf * 1000) {
    throw new Error(
      `oidc: current time ${goTime(nowMs)} before the nbf (not before) time: ${goTime(nbf * 1000)}`,
    );
  }
}

/** As Go prints a time. */
function goTime(ms: number): string {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return String(ms);
  return `${date.toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
}

/** The claim, which must be there and of the type that `is` tells; reading never leaves the token's own members. */
export function claimOf<T>(
  claims: JwtClaims,
  name: string,
  goType: string,
  is: (value: unknown) => value is T,
): T {
  if (!Object.hasOwn(claims, name)) throw new Error("claim not present");
  const value = claims[name];
  if (is(value)) return value;
  throw new Error(`json: cannot unmarshal ${jsonType(value)} into Go value of type ${goType}`);
}

export const isText = (value: unknown): value is string => typeof value === "string";
export const isTruth = (value: unknown): value is boolean => typeof value === "boolean";
export const isTextList = (value: unknown): value is string | readonly string[] =>
  isText(value) || (Array.isArray(value) && value.every(isText));

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (isObject(value)) return "object";
  return typeof value === "boolean" ? "bool" : value === null ? "null" : typeof value;
}
