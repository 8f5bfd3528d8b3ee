import type { KeyObject } from "node:crypto";
import type { AlternativeNames } from "./alternative-names.ts";
import { type Certificate, createCertificate, parseCertificate } from "./certificate.ts";
import type { KeyUsage } from "./extensions.ts";
import { generateKey, privateKeyFromPem, privateKeyToPem, publicKeyToDer } from "./keys.ts";
import { encodeName, type SubjectName } from "./name.ts";
import { certificatesOf, encodePem } from "./pem.ts";
import { withoutEndMs } from "./renewable.ts";
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

/** "without end" is also good in all the past that matters: for a cluster whose time is not everybody's. */
export type AuthorityLife = "ten years" | "without end";

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
  static create(
    commonName: string,
    nowMs: number,
    key: KeyObject = generateKey(),
    life: AuthorityLife = "ten years",
  ): CertificateAuthority {
    return CertificateAuthority.#create(
      encodeName({ commonName, organizations: [] }),
      { dnsNames: [commonName], ipAddresses: [] },
      nowMs,
      key,
      life,
    );
  }

  static #create(
    subject: Uint8Array,
    alternativeNames: AlternativeNames,
    nowMs: number,
    key: KeyObject,
    life: AuthorityLife,
  ): CertificateAuthority {
    const publicKey = publicKeyToDer(key);
    const notBeforeMs = nowMs - backdateMs;
    const der = createCertificate(
      {
        subject,
        publicKey,
        ...(life === "ten years"
          ? { notBeforeMs, notAfterMs: nowMs + authorityLifetimeMs }
          : { notBeforeMs: Math.min(0, notBeforeMs), notAfterMs: withoutEndMs }),
        isAuthority: true,
        usages: ["digital signature", "key encipherment", "cert sign"],
        alternativeNames,
      },
      { subject, key, publicKey },
    );
    return new CertificateAuthority(encodePem("CERTIFICATE", der), key);
  }

  /**
   * The same authority with a new certificate. Name and key stay, so what it has signed is good under the old certificate
   * and under the new one, whichever of them somebody trusts.
   */
  renew(nowMs: number, life: AuthorityLife = "ten years"): CertificateAuthority {
    const { subjectDer, alternativeNames } = this.parsed;
    return CertificateAuthority.#create(subjectDer, alternativeNames, nowMs, this.#key, life);
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

  /** A serving certificate. It says nothing of who its holder is as a client. Good for a year from each of the times. */
  issueServer(
    commonName: string,
    alternativeNames: AlternativeNames,
    nowMs: number,
    otherNowMs: number = nowMs,
  ): Credential {
    const times = spanOf(nowMs, otherNowMs, certificateLifetimeMs);
    return this.#issue({ commonName, organizations: [] }, alternativeNames, ["server auth"], times);
  }

  /** A client certificate: CN is the user's name, each O one of the groups. As long as is said from each of the times. */
  issueClient(
    subject: SubjectName,
    nowMs: number,
    lifetimeMs: number = certificateLifetimeMs,
    otherNowMs: number = nowMs,
  ): Credential {
    return this.#issue(subject, noNames, ["client auth"], spanOf(nowMs, otherNowMs, lifetimeMs));
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
      spanOf(nowMs, nowMs, lifetimeMs),
    );
  }

  #issue(
    subject: SubjectName,
    names: AlternativeNames,
    purpose: readonly KeyUsage[],
    times: Span,
  ): Credential {
    const key = generateKey();
    const usages: KeyUsage[] = ["digital signature", "key encipherment", ...purpose];
    const certificate = this.#sign(encodeName(subject), publicKeyToDer(key), names, usages, times);
    return { certificate, key: privateKeyToPem(key) };
  }

  #sign(
    subject: Uint8Array,
    publicKey: Uint8Array,
    alternativeNames: AlternativeNames,
    usages: readonly KeyUsage[],
    { notBeforeMs, notAfterMs }: Span,
  ): string {
    const der = createCertificate(
      {
        subject,
        publicKey,
        notBeforeMs: Math.max(notBeforeMs, this.parsed.notBeforeMs),
        notAfterMs: Math.min(notAfterMs, this.parsed.notAfterMs),
        isAuthority: false,
        usages,
        alternativeNames,
      },
      { subject: this.parsed.subjectDer, key: this.#key, publicKey: this.#publicKey },
    );
    return encodePem("CERTIFICATE", der);
  }
}

interface Span {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** From a little before the earlier of the times to a lifetime after the later. */
const spanOf = (nowMs: number, otherNowMs: number, lifetimeMs: number): Span => ({
  notBeforeMs: Math.min(nowMs, otherNowMs) - backdateMs,
  notAfterMs: Math.max(nowMs, otherNowMs) + lifetimeMs,
});
