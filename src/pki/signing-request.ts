import type { KeyObject } from "node:crypto";
import type { AlternativeNames } from "./alternative-names.ts";
import {
  bitString,
  context,
  DerError,
  integer,
  membersOf,
  oid,
  readAll,
  readBitString,
  readOid,
  readValue,
  sequence,
  setOf,
  tags,
} from "./der.ts";
import { decodeExtensions, encodeRequestedExtensions } from "./extensions.ts";
import { publicKeyFromDer, publicKeyToDer, signatureAlgorithm, signDer, verifyDer } from "./keys.ts";
import { decodeName, encodeName, type SubjectName } from "./name.ts";
import { decodePem, encodePem } from "./pem.ts";

/** The `extensionRequest` attribute of PKCS #9. */
const extensionRequest = "1.2.840.113549.1.9.14";

/** What a PKCS #10 request asks for. */
export interface SigningRequest {
  readonly subject: SubjectName;
  readonly subjectDer: Buffer;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Buffer;
  readonly alternativeNames: Required<AlternativeNames>;
}

/** A PKCS #10 request in PEM, signed with the key that it asks a certificate for. */
export function createSigningRequest(
  key: KeyObject,
  subject: SubjectName,
  alternativeNames: AlternativeNames = { dnsNames: [], ipAddresses: [] },
): string {
  const extensions = encodeRequestedExtensions(alternativeNames);
  const attributes = extensions === undefined ? [] : [sequence(oid(extensionRequest), setOf(extensions))];
  const information = sequence(
    integer(0),
    encodeName(subject),
    publicKeyToDer(key),
    context(0, true, ...attributes),
  );
  const der = sequence(information, signatureAlgorithm(key), bitString(signDer(key, information)));
  return encodePem("CERTIFICATE REQUEST", der);
}

/** Reads a request from PEM and checks its signature. Throws DerError whose message says what is wrong. */
export function parseSigningRequest(pem: string): SigningRequest {
  const block = decodePem(pem)[0];
  if (block?.label !== "CERTIFICATE REQUEST") {
    throw new DerError("PEM block type must be CERTIFICATE REQUEST");
  }
  const { request, key, isSigned } = readSigningRequest(block.der);
  if (!isSigned) throw new DerError(badSignature(key));
  return request;
}

/** The words of Go's crypto/x509. */
function badSignature({ asymmetricKeyType: type }: KeyObject): string {
  if (type === "ec") return "x509: ECDSA verification failure";
  return type === "rsa" ? "crypto/rsa: verification error" : "x509: Ed25519 verification failure";
}

/** A request in DER, which may be signed with another key than the one it asks a certificate for. */
export interface ReadRequest {
  readonly request: SigningRequest;
  readonly key: KeyObject;
  readonly isSigned: boolean;
}

/** Throws for what is no request. */
export function readSigningRequest(der: Buffer): ReadRequest {
  const [information, algorithm, signature] = membersOf(readValue(der));
  const [, subject, publicKey, attributes] = membersOf(information);
  if (information === undefined || subject === undefined || publicKey === undefined) {
    throw new DerError("truncated certificate request");
  }
  const key = publicKeyFromDer(publicKey.raw);
  const signedWith = readOid(membersOf(algorithm)[0]);
  return {
    request: {
      subject: decodeName(subject),
      subjectDer: subject.raw,
      publicKey: publicKey.raw,
      alternativeNames: requestedNames(attributes?.content ?? Buffer.alloc(0)),
    },
    key,
    isSigned: verifyDer(key, signedWith, information.raw, readBitString(signature)),
  };
}

function requestedNames(attributes: Buffer): Required<AlternativeNames> {
  const none = { dnsNames: [], ipAddresses: [], uris: [], emailAddresses: [] };
  for (const attribute of readAll(attributes)) {
    const [type, values] = membersOf(attribute);
    if (readOid(type) !== extensionRequest) continue;
    const [extensions] = membersOf(values, tags.set);
    return { ...none, ...decodeExtensions(extensions).alternativeNames };
  }
  return none;
}
