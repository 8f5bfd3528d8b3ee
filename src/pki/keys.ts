import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from "node:crypto";
import { membersOf, nullValue, oid, readBitString, readValue, sequence } from "./der.ts";

/** A fresh P-256 key: a tenth of a millisecond, where RSA takes a hundred. */
export function generateKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/**
 * The Ed25519 key of a text: for clusters whose every byte is to repeat. It is as secret as the text, and what it signs
 * is the same each time, which P-256 does not give.
 */
export function reproducibleKey(text: string): KeyObject {
  const secret = createHash("sha256").update(`sampan ${text}`).digest();
  // PKCS #8 of RFC 8410: version 0, the algorithm, and the secret as an octet string in an octet string.
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex");
  return createPrivateKey({ key: Buffer.concat([prefix, secret]), type: "pkcs8", format: "der" });
}

/** PKCS #8 PEM. The text is a secret: never log it. */
export const privateKeyToPem = (key: KeyObject): string =>
  key.export({ type: "pkcs8", format: "pem" }).toString();
export const publicKeyToPem = (key: KeyObject): string =>
  publicOf(key).export({ type: "spki", format: "pem" }).toString();
export const privateKeyFromPem = (pem: string): KeyObject => createPrivateKey(pem);

export const publicOf = (key: KeyObject): KeyObject => (key.type === "private" ? createPublicKey(key) : key);
/** SubjectPublicKeyInfo. */
export const publicKeyToDer = (key: KeyObject): Buffer =>
  publicOf(key).export({ type: "spki", format: "der" });
export const publicKeyFromDer = (der: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.from(der), type: "spki", format: "der" });

/** RFC 7093 method 1: the left 160 bits of SHA-256 over the key's bit string. */
export function keyIdentifier(spki: Uint8Array): Buffer {
  const [, bits] = membersOf(readValue(spki));
  return createHash("sha256").update(readBitString(bits)).digest().subarray(0, 20);
}

const signatureAlgorithms: Readonly<Record<string, { readonly hash: string | null; readonly key: string }>> =
  {
    "1.2.840.10045.4.3.2": { hash: "sha256", key: "ec" },
    "1.2.840.10045.4.3.3": { hash: "sha384", key: "ec" },
    "1.2.840.10045.4.3.4": { hash: "sha512", key: "ec" },
    "1.2.840.113549.1.1.11": { hash: "sha256", key: "rsa" },
    "1.2.840.113549.1.1.12": { hash: "sha384", key: "rsa" },
    "1.2.840.113549.1.1.13": { hash: "sha512", key: "rsa" },
    "1.3.101.112": { hash: null, key: "ed25519" },
  };

/** The AlgorithmIdentifier with which `signDer` signs for this key. */
export function signatureAlgorithm(key: KeyObject): Buffer {
  if (key.asymmetricKeyType === "rsa") return sequence(oid("1.2.840.113549.1.1.11"), nullValue());
  if (isReproducible(key)) return sequence(oid("1.3.101.112"));
  return sequence(oid("1.2.840.10045.4.3.2"));
}

/** True when the key signs the same content in the same way each time. */
export const isReproducible = (key: KeyObject): boolean => key.asymmetricKeyType === "ed25519";

/** An ECDSA or RSA signature with SHA-256, or an Ed25519 one, as certificates carry it. */
export const signDer = (key: KeyObject, content: Uint8Array): Buffer =>
  signBytes(isReproducible(key) ? null : "sha256", content, key);

/** True when the signature of that algorithm (its OID) is good. Unknown algorithms and SHA-1 are not. */
export function verifyDer(
  key: KeyObject,
  algorithm: string,
  content: Uint8Array,
  signature: Uint8Array,
): boolean {
  const known = signatureAlgorithms[algorithm];
  if (known === undefined || known.key !== key.asymmetricKeyType) return false;
  return verifyBytes(known.hash, content, key, signature);
}
