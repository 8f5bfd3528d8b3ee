import { constants, createHmac, type KeyObject, sign } from "node:crypto";

/** A compact JWS of whatever is wanted, right or wrong: tests forge with it. */
export function signTestToken(
  header: object,
  claims: object,
  key: KeyObject | string,
  algorithm: string,
): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const content = `${encode(header)}.${encode(claims)}`;
  return `${content}.${signatureOf(content, key, algorithm).toString("base64url")}`;
}

function signatureOf(content: string, key: KeyObject | string, algorithm: string): Buffer {
  const hash = `sha${algorithm.slice(2)}`;
  if (typeof key === "string") return createHmac(hash, key).update(content).digest();
  if (algorithm === "EdDSA") return sign(null, Buffer.from(content), key);
  if (algorithm.startsWith("ES")) return sign(hash, Buffer.from(content), { key, dsaEncoding: "ieee-p1363" });
  if (algorithm.startsWith("RS")) return sign(hash, Buffer.from(content), key);
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
  return sign(hash, Buffer.from(content), { key, padding, saltLength });
}
