import { createHash, type KeyObject, randomBytes } from "node:crypto";
import type { AlternativeNames } from "./alternative-names.ts";
import {
  bitString,
  context,
  type DerValue,
  integer,
  membersOf,
  readBitString,
  readOid,
  readTime,
  readValue,
  sequence,
  tags,
  time,
} from "./der.ts";
import { decodeExtensions, encodeExtensions, type KeyUsage } from "./extensions.ts";
import {
  isReproducible,
  keyIdentifier,
  publicKeyFromDer,
  signatureAlgorithm,
  signDer,
  verifyDer,
} from "./keys.ts";
import { decodeName, type SubjectName } from "./name.ts";

/** What a certificate is to say. Names are DER, so that an issuer's bytes and a request's bytes stay as they are. */
export interface CertificateTemplate {
  readonly subject: Uint8Array;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly isAuthority: boolean;
  readonly usages: readonly KeyUsage[];
  readonly alternativeNames: AlternativeNames;
}

/** Who signs: a name and a key. */
export interface Issuer {
  readonly subject: Uint8Array;
  readonly key: KeyObject;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
}

/**
 * A version 3 certificate in DER (RFC 5280). The serial is 127 random bits, or, under a key whose signatures repeat, as
 * many bits of a digest of what is signed.
 */
export function createCertificate(template: CertificateTemplate, issuer: Issuer): Buffer {
  const algorithm = signatureAlgorithm(issuer.key);
  const tbs = sequence(
    context(0, true, integer(2)),
    integer(isReproducible(issuer.key) ? serialOf(template) : newSerial()),
    algorithm,
    issuer.subject,
    sequence(time(template.notBeforeMs), time(template.notAfterMs)),
    template.subject,
    template.publicKey,
    context(
      3,
      true,
      encodeExtensions({
        isAuthority: template.isAuthority,
        usages: template.usages,
        alternativeNames: template.alternativeNames,
        subjectKeyId: keyIdentifier(template.publicKey),
        authorityKeyId: keyIdentifier(issuer.publicKey),
      }),
    ),
  );
  return sequence(tbs, algorithm, bitString(signDer(issuer.key, tbs)));
}

const newSerial = (): Buffer => asSerial(randomBytes(16));

function serialOf({ subject, publicKey, notBeforeMs, notAfterMs }: CertificateTemplate): Buffer {
  const digest = createHash("sha256")
    .update(subject)
    .update(publicKey)
    .update(`${notBeforeMs} ${notAfterMs}`);
  return asSerial(digest.digest().subarray(0, 16));
}

/** 16 octets; the top bit is cleared to stay positive, the next set so that the length never shrinks. */
function asSerial(serial: Buffer): Buffer {
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

/** What was read from a certificate. */
export interface Certificate {
  readonly serial: string;
  readonly issuer: SubjectName;
  readonly issuerDer: Buffer;
  readonly subject: SubjectName;
  readonly subjectDer: Buffer;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Buffer;
  readonly isAuthority: boolean;
  readonly usages: readonly KeyUsage[];
  readonly alternativeNames: AlternativeNames;
  readonly signedContent: Buffer;
  readonly signatureAlgorithm: string;
  readonly signature: Buffer;
}

/** Reads a certificate; throws DerError. Says nothing of its signature: see `isSignedBy`. */
export function parseCertificate(der: Uint8Array): Certificate {
  const [tbs, algorithm, signature] = membersOf(readValue(der));
  const fields = membersOf(tbs);
  if (fields[0]?.tag !== 0xa0) fields.unshift({ tag: 0xa0, content: Buffer.alloc(0), raw: Buffer.alloc(0) });
  const [, serial, , issuer, validity, subject, publicKey, ...rest] = fields;
  const [notBefore, notAfter] = membersOf(validity);
  const wrapped = rest.find((field) => field.tag === 0xa3);
  const { isAuthority, usages, alternativeNames } = decodeExtensions(
    wrapped === undefined ? undefined : readValue(wrapped.content),
  );
  return {
    serial: serial?.content.toString("hex") ?? "",
    issuer: decodeName(issuer),
    issuerDer: rawOf(issuer),
    subject: decodeName(subject),
    subjectDer: rawOf(subject),
    notBeforeMs: readTime(notBefore),
    notAfterMs: readTime(notAfter),
    publicKey: rawOf(publicKey),
    isAuthority,
    usages,
    alternativeNames,
    signedContent: rawOf(tbs),
    signatureAlgorithm: readOid(membersOf(algorithm, tags.sequence)[0]),
    signature: readBitString(signature),
  };
}

const rawOf = (value: DerValue | undefined): Buffer => value?.raw ?? Buffer.alloc(0);

/** True when the authority's name is the issuer's and its key made the signature. */
export function isSignedBy(certificate: Certificate, authority: Certificate): boolean {
  return (
    certificate.issuerDer.equals(authority.subjectDer) &&
    verifyDer(
      publicKeyFromDer(authority.publicKey),
      certificate.signatureAlgorithm,
      certificate.signedContent,
      certificate.signature,
    )
  );
}
