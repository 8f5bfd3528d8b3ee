import { createHash, type KeyObject, sign as signBytes, verify as verifyBytes } from "node:crypto";
import { isObject } from "../apimachinery/json.ts";
import { publicKeyToDer, publicOf } from "./keys.ts";

/** The claims of a token: registered ones in seconds since the epoch, others as they are. */
export interface JwtClaims {
  readonly iss?: string;
  readonly sub?: string;
  readonly aud?: string | readonly string[];
  readonly exp?: number;
  readonly nbf?: number;
  readonly iat?: number;
  readonly jti?: string;
  readonly [claim: string]: unknown;
}

export type JwtAlgorithm = "ES256" | "RS256";

/** The algorithm that fits the key: P-256 or RSA. Throws for other keys. */
export function algorithmOf(key: KeyObject): JwtAlgorithm {
  if (key.asymmetricKeyType === "rsa") return "RS256";
  if (key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1") return "ES256";
  throw new Error("tokens are signed with RSA or P-256 keys only");
}

/** As Kubernetes names its keys: the SHA-256 of the public key's DER, base64url. */
export function keyId(key: KeyObject): string {
  return createHash("sha256").update(publicKeyToDer(key)).digest("base64url");
}

/** A compact JWS over the claims. */
export function signJwt(claims: JwtClaims, key: KeyObject, id: string = keyId(key)): string {
  const header = { alg: algorithmOf(key), kid: id };
  const content = `${encode(header)}.${encode(claims)}`;
  const signature = signBytes("sha256", Buffer.from(content), { key, dsaEncoding: "ieee-p1363" });
  return `${content}.${signature.toString("base64url")}`;
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** What a token says, before anybody has checked its signature. */
export interface UnverifiedJwt {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: JwtClaims;
}

/** Reads a compact JWS without checking it; undefined when it is none. */
export function parseJwt(token: string): UnverifiedJwt | undefined {
  const parts = token.split(".");
  if (parts.length !== 3 || parts.some((part) => !/^[A-Za-z0-9_-]+$/.test(part))) return undefined;
  const header = decode(parts[0] ?? "");
  const claims = decode(parts[1] ?? "");
  return header === undefined || claims === undefined ? undefined : { header, claims };
}

function decode(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The claims when one of the keys made the signature with that key's own algorithm; undefined otherwise. The header
 * picks among keys but never the algorithm, so neither `none` nor a public key used as an HMAC secret gets through.
 * Times and audiences are the caller's to check.
 */
export function verifyJwt(token: string, keys: ReadonlyMap<string, KeyObject>): JwtClaims | undefined {
  const parsed = parseJwt(token);
  if (parsed === undefined) return undefined;
  const { kid, alg } = parsed.header;
  const named = typeof kid === "string" ? keys.get(kid) : undefined;
  const candidates = typeof kid === "string" ? (named === undefined ? [] : [named]) : [...keys.values()];
  const end = token.lastIndexOf(".");
  const content = Buffer.from(token.slice(0, end));
  const signature = Buffer.from(token.slice(end + 1), "base64url");
  for (const candidate of candidates) {
    const key = publicOf(candidate);
    if (alg !== algorithmOf(key)) continue;
    if (verifyBytes("sha256", content, { key, dsaEncoding: "ieee-p1363" }, signature)) return parsed.claims;
  }
  return undefined;
}

/** The JSON Web Key Set of public keys (RFC 7517), as /openid/v1/jwks serves it. */
export function jsonWebKeySet(keys: ReadonlyMap<string, KeyObject>): { keys: Record<string, unknown>[] } {
  return {
    keys: [...keys].map(([kid, key]) => {
      const { kty, crv, x, y, n, e } = publicOf(key).export({ format: "jwk" });
      const material = kty === "EC" ? { crv, x, y } : { n, e };
      return { use: "sig", kty, kid, alg: algorithmOf(key), ...material };
    }),
  };
}
