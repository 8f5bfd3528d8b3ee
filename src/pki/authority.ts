import type { KeyObject } from "node:crypto";
import type { AlternativeNames } from "./alternative-names.ts";
import { type Certificate, createCertificate, parseCertificate } from "./certificate.ts";
import type { KeyUsage } from "./extensions.ts";
import { generateKey, privateKeyFromPem, privateKeyToPem, publicKeyToDer } from "./keys.ts";
import { encodeName, type SubjectName } from "./name.ts";
import { certificatesOf, encodePem } from "./pem.ts";
import type { SigningRequest } from "./signing-request.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** Clients whose clock is a little slow must still accept a certificate that was just made. */
export const backdateMs = 5 * minuteMs;
/** Ten years, as kubeadm gives its authorities. */
export const authorityLifetimeMs = 3650 * dayMs;
/** One year, as kubeadm and kube-controller-manager give to certificates. */
export const certificateLifetimeMs = 365 * dayMs;

/** A certificate with its private key, in PEM. `key` is a secret. */
export interface Credential {
  readonly certificate: string;
  readonly key: string;
}

const noNames: AlternativeNames = { dnsNames: [], ipAddresses: [] };

/**
 * A certificate authority: one P-256 key and its self-signed certificate.
 *
 *   const authority = CertificateAuthority.create("kubernetes", clock.now());
 *   const server = authority.issueServer("kube-apiserver", { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] }, now);
 *   const client = authority.issueClient({ commonName: "jane", organizations: ["dev"] }, now);
 */
export class CertificateAuthority {
  /** PEM of the authority's own certificate: what clients trust. */
  readonly certificate: string;
  readonly parsed: Certificate;
  readonly #key: KeyObject;
  readonly #publicKey: Buffer;

  private constructor(certificate: string, key: KeyObject) {
    this.certificate = certificate;
    this.parsed = parseCertificate(certificatesOf(certificate)[0] ?? Buffer.alloc(0));
    this.#key = key;
    this.#publicKey = publicKeyToDer(key);
  }

  /** A new authority. With a key, its certificate is made anew and what the key has signed stays valid. */
  static create(commonName: string, nowMs: number, key: KeyObject = generateKey()): CertificateAuthority {
    const subject = encodeName({ commonName, organizations: [] });
    const publicKey = publicKeyToDer(key);
    const der = createCertificate(
      {
        subject,
        publicKey,
        notBeforeMs: nowMs - backdateMs,
        notAfterMs: nowMs + authorityLifetimeMs,
        isAuthority: true,
        usages: ["digital signature", "key encipherment", "cert sign"],
        alternativeNames: { dnsNames: [commonName], ipAddresses: [] },
      },
      { subject, key, publicKey },
    );
    return new CertificateAuthority(encodePem("CERTIFICATE", der), key);
  }

  /** From the PEM texts of certificate and key; throws when the two do not belong together. */
  static load({ certificate, key }: Credential): CertificateAuthority {
    const authority = new CertificateAuthority(certificate, privateKeyFromPem(key));
    if (!authority.parsed.publicKey.equals(authority.#publicKey)) {
      throw new Error("the certificate authority's certificate and key do not belong together");
    }
    return authority;
  }

  /** PEM of the authority's private key: a secret, to be kept in a file of mode 0600. */
  get key(): string {
    return privateKeyToPem(this.#key);
  }

  /** A serving certificate. It says nothing of who its holder is as a client. */
  issueServer(commonName: string, alternativeNames: AlternativeNames, nowMs: number): Credential {
    return this.#issue({ commonName, organizations: [] }, alternativeNames, ["server auth"], nowMs);
  }

  /** A client certificate: CN is the user's name, each O one of the groups. */
  issueClient(subject: SubjectName, nowMs: number, lifetimeMs: number = certificateLifetimeMs): Credential {
    return this.#issue(subject, noNames, ["client auth"], nowMs, lifetimeMs);
  }

  /**
   * Signs a request: its subject, key and names, the caller's usages and duration. PEM. The duration is counted from
   * now; a certificate never outlives its authority.
   */
  sign(request: SigningRequest, usages: readonly KeyUsage[], nowMs: number, lifetimeMs: number): string {
    return this.#sign(
      request.subjectDer,
      request.publicKey,
      request.alternativeNames,
      usages,
      nowMs,
      lifetimeMs,
    );
  }

  #issue(
    subject: SubjectName,
    names: AlternativeNames,
    purpose: readonly KeyUsage[],
    nowMs: number,
    lifetimeMs: number = certificateLifetimeMs,
  ): Credential {
    const key = generateKey();
    const usages: KeyUsage[] = ["digital signature", "key encipherment", ...purpose];
    const certificate = this.#sign(
      encodeName(subject),
      publicKeyToDer(key),
      names,
      usages,
      nowMs,
      lifetimeMs,
    );
    return { certificate, key: privateKeyToPem(key) };
  }

  #sign(
    subject: Uint8Array,
    publicKey: Uint8Array,
    alternativeNames: AlternativeNames,
    usages: readonly KeyUsage[],
    nowMs: number,
    lifetimeMs: number,
  ): string {
    const der = createCertificate(
      {
        subject,
        publicKey,
        notBeforeMs: Math.max(nowMs - backdateMs, this.parsed.notBeforeMs),
        notAfterMs: Math.min(nowMs + lifetimeMs, this.parsed.notAfterMs),
        isAuthority: false,
        usages,
        alternativeNames,
      },
      { subject: this.parsed.subjectDer, key: this.#key, publicKey: this.#publicKey },
    );
    return encodePem("CERTIFICATE", der);
  }
}
