import { constants, createPublicKey, type KeyObject, verify } from "node:crypto";
import type { PodCertificateRequest } from "../../api/types/certificates-v1beta1.ts";
import { type FieldError, invalid, omitted, tooLong } from "../../apimachinery/field-error.ts";
import { type ReadRequest, readSigningRequest } from "../../pki/index.ts";

/** The keys that pods have certificates made for: of a kind that signers take, and held by who asks. */
const stubPath = "spec.stubPKCS10Request";
const keyPath = "spec.pkixPublicKey";
const proofPath = "spec.proofOfPossession";
const bytesMax = 10 * 1024;

export function keyErrors({ spec }: PodCertificateRequest): FieldError[] {
  const [stub, key, proof] = [spec.stubPKCS10Request, spec.pkixPublicKey, spec.proofOfPossession].map(
    (base64) => Buffer.from(base64 ?? "", "base64"),
  );
  if (stub === undefined || key === undefined || proof === undefined) return [];
  if (stub.length > 0 && key.length + proof.length === 0) return stubErrors(stub);
  if (stub.length > 0 || key.length === 0 || proof.length === 0) return [];
  if (key.length > bytesMax) return [tooLong(keyPath, bytesMax)];
  if (proof.length > bytesMax) return [tooLong(proofPath, bytesMax)];
  const found = readKey(key);
  if (found === undefined) {
    return [invalid(keyPath, spec.pkixPublicKey, "must be a valid PKIX-serialized public key")];
  }
  const weak = weakness(found, keyPath, "P256 or P384");
  if (weak !== undefined) return [weak];
  if (isProven(found, Buffer.from(spec.podUID ?? ""), proof)) return [];
  return [invalid(proofPath, omitted, "could not verify proof-of-possession signature")];
}

function stubErrors(der: Buffer): FieldError[] {
  if (der.length > bytesMax) return [tooLong(stubPath, bytesMax)];
  const read = readRequest(der);
  if (read === undefined) return [invalid(stubPath, omitted, "must be a valid PKCS#10 CSR")];
  const weak = weakness(read.key, stubPath, "P256, P384, or P521");
  if (weak !== undefined) return [weak];
  return read.isSigned ? [] : [invalid(stubPath, omitted, "invalid signature")];
}

export function readRequest(der: Buffer): ReadRequest | undefined {
  try {
    return readSigningRequest(der);
  } catch {
    return undefined;
  }
}

export function readKey(der: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: der, format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}

const goodCurves = ["prime256v1", "secp384r1", "secp521r1"];
const goodModulusBits = [3072, 4096];

function weakness(key: KeyObject, path: string, curves: string): FieldError | undefined {
  const { namedCurve = "", modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return undefined;
    case "ec":
      return goodCurves.includes(namedCurve)
        ? undefined
        : invalid(path, `curve ${namedCurve}`, `elliptic public keys must use curve ${curves}`);
    case "rsa":
      return goodModulusBits.includes(modulusLength)
        ? undefined
        : invalid(path, `${modulusLength}-bit modulus`, "RSA keys must have modulus size 3072 or 4096");
    default: {
      const detail = "unknown public key type; supported types are Ed25519, ECDSA, and RSA";
      return invalid(path, omitted, detail);
    }
  }
}

/** The pod's uid, signed with the key. */
function isProven(key: KeyObject, uid: Buffer, proof: Buffer): boolean {
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return verify(null, uid, key, proof);
    case "rsa":
      return verify("sha256", uid, { key, padding: constants.RSA_PKCS1_PSS_PADDING }, proof);
    default:
      return verify("sha256", uid, key, proof);
  }
}
