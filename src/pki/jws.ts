import {
  constants,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  verify as verifyBytes,
} from "node:crypto";
import { isObject } from "../apimachinery/json.ts";

/** The algorithms of RFC 7518 with which somebody else may sign. Neither `none` nor shared secrets are among them. */
export const signatureAlgorithms = [
  "ES256",
  "ES384",
  "ES512",
  "PS256",
  "PS384",
  "PS512",
  "RS256",
  "RS384",
  "RS512",
] as const;

export type SignatureAlgorithm = (typeof signatureAlgorithms)[number];

export const isSignatureAlgorithm = (name: unknown): name is SignatureAlgorithm =>
  signatureAlgorithms.some((known) => known === name);

/** ECDSA binds the hash to the curve: a key of another curve is never tried. */
const curves: Readonly<Record<string, string>> = {
  ES256: "prime256v1",
  ES384: "secp384r1",
  ES512: "secp521r1",
};

/** Shorter RSA keys can be broken; Go's crypto/rsa refuses them too. */
const minRsaBits = 1024;

/** True when the key fits the algorithm and made the signature. */
export function verifyJws(
  algorithm: SignatureAlgorithm,
  key: KeyObject,
  content: Uint8Array,
  signature: Uint8Array,
): boolean {
  const hash = `sha${algorithm.slice(2)}`;
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (algorithm.startsWith("ES")) {
    if (key.asymmetricKeyType !== "ec" || namedCurve !== curves[algorithm]) return false;
    return verifyBytes(hash, content, { key, dsaEncoding: "ieee-p1363" }, signature);
  }
  if (key.asymmetricKeyType !== "rsa" || modulusLength < minRsaBits) return false;
  if (algorithm.startsWith("RS")) return verifyBytes(hash, content, key, signature);
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return verifyBytes(hash, content, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_AUTO }, signature);
}

/** A public key of a set, with the name by which tokens ask for it. */
export interface NamedKey {
  /** Empty when the set gives it none. */
  readonly id: string;
  /** The only algorithm that the key is for; absent when the set does not say. */
  readonly algorithm?: string;
  readonly key: KeyObject;
}

/**
 * The signing keys of a JSON Web Key Set (RFC 7517). Keys of kinds that we do not verify with are left out, and so are
 * keys for encryption: a set may hold them for others. Throws when the value is no key set.
 */
export function readJsonWebKeySet(value: unknown): NamedKey[] {
  if (!isObject(value) || !Array.isArray(value["keys"])) throw new Error("it holds no list of keys");
  return value["keys"].filter(isObject).flatMap((jwk): NamedKey[] => {
    const { kty, use, kid, alg } = jwk;
    if ((kty !== "RSA" && kty !== "EC") || (use !== undefined && use !== "sig")) return [];
    const key = publicKeyOf(jwk);
    if (key === undefined) return [];
    const id = typeof kid === "string" ? kid : "";
    return [{ id, key, ...(typeof alg === "string" ? { algorithm: alg } : {}) }];
  });
}

function publicKeyOf({ kty, crv, x, y, n, e }: Record<string, unknown>): KeyObject | undefined {
  // Private members are left behind: a set that shows them by mistake is still read for its public part only.
  const jwk = (kty === "EC" ? { kty, crv, x, y } : { kty, n, e }) as JsonWebKey;
  try {
    return createPublicKey({ key: jwk, format: "jwk" });
  } catch {
    return undefined;
  }
}
