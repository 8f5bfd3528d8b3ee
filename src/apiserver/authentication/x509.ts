import { createHash } from "node:crypto";
import { type Certificate, certificatesOf, isSignedBy, parseCertificate } from "../../pki/index.ts";
import type { AuthenticatedUser, AuthenticationRequest, Authenticator } from "./authenticator.ts";
import { credentialIdKey, newUser, rejected } from "./users.ts";

interface Options {
  /** PEM of the authorities whose client certificates are accepted; read again when the text changes. */
  readonly authorities: () => string;
  readonly nowMs: () => number;
  /** Told of each certificate that is presented and good: how long it will be. */
  readonly onAccepted?: (remainingSeconds: number) => void;
}

interface VerifiedChain {
  /** The leaf and what leads to an authority, all of which must be valid now. */
  readonly chain: readonly Certificate[];
  readonly user: AuthenticatedUser | undefined;
}

const maxChainLength = 5;
const maxCachedChains = 1000;

/**
 * Client certificates: the common name is the user, each organisation a group. The chain is verified here, so that the
 * TLS layer may let every certificate through and a bad one still ends as 401 and not as a failed handshake.
 */
export class X509Authenticator implements Authenticator {
  readonly #options: Options;
  /** Chains whose signatures are known to be good, by the leaf's fingerprint. Times are checked on every use. */
  readonly #verified = new Map<string, VerifiedChain>();
  /** By the very bytes, which a connection keeps: its later requests need no fingerprint. */
  #ofConnections = new WeakMap<Uint8Array, VerifiedChain>();
  #authoritiesPem: string | undefined;
  #authorities: Certificate[] = [];

  constructor(options: Options) {
    this.#options = options;
  }

  authenticate({ certificates }: AuthenticationRequest): AuthenticatedUser | undefined {
    const [leafDer] = certificates;
    if (leafDer === undefined) return undefined;
    const { chain, user } = this.#verify(leafDer, certificates);
    const nowMs = this.#options.nowMs();
    for (const { notBeforeMs, notAfterMs } of chain) {
      if (nowMs < notBeforeMs || nowMs > notAfterMs) {
        throw rejected("x509: certificate has expired or is not yet valid");
      }
    }
    const [leaf] = chain;
    if (leaf !== undefined) this.#options.onAccepted?.((leaf.notAfterMs - nowMs) / 1000);
    return user;
  }

  #verify(leafDer: Uint8Array, certificates: readonly Uint8Array[]): VerifiedChain {
    const authorities = this.#currentAuthorities();
    const ofConnection = this.#ofConnections.get(leafDer);
    if (ofConnection !== undefined) return ofConnection;
    const fingerprint = createHash("sha256").update(leafDer).digest("hex");
    let verified = this.#verified.get(fingerprint);
    if (verified === undefined) {
      const { leaf, others } = verifyChain(leafDer, certificates.slice(1), authorities);
      verified = { chain: [leaf, ...others], user: userOf(leaf, fingerprint) };
      if (this.#verified.size >= maxCachedChains) this.#verified.clear();
      this.#verified.set(fingerprint, verified);
    }
    this.#ofConnections.set(leafDer, verified);
    return verified;
  }

  #currentAuthorities(): Certificate[] {
    const pem = this.#options.authorities();
    if (pem !== this.#authoritiesPem) {
      this.#authoritiesPem = pem;
      this.#authorities = certificatesOf(pem).map(parseCertificate);
      this.#verified.clear();
      this.#ofConnections = new WeakMap();
    }
    return this.#authorities;
  }
}

function userOf({ subject }: Certificate, fingerprint: string): AuthenticatedUser | undefined {
  const { commonName, organizations, uid } = subject;
  if (commonName === "") return undefined;
  const extra = { [credentialIdKey]: [`X509SHA256=${fingerprint}`] };
  return { user: newUser(commonName, organizations, { extra, uid: uid ?? "" }) };
}

function verifyChain(
  leafDer: Uint8Array,
  intermediateDers: readonly Uint8Array[],
  authorities: readonly Certificate[],
): { leaf: Certificate; others: Certificate[] } {
  let leaf: Certificate;
  let intermediates: Certificate[];
  try {
    leaf = parseCertificate(leafDer);
    intermediates = intermediateDers.slice(0, maxChainLength).map(parseCertificate);
  } catch (error) {
    throw rejected(`x509: malformed certificate: ${String(error)}`);
  }
  const others: Certificate[] = [];
  for (let current = leaf; others.length < maxChainLength; ) {
    const authority = authorities.find((candidate) => isSignedBy(current, candidate));
    if (authority !== undefined) {
      others.push(authority);
      checkUsage(leaf);
      return { leaf, others };
    }
    const next = intermediates.find((candidate) => candidate.isAuthority && isSignedBy(current, candidate));
    if (next === undefined) break;
    others.push(next);
    current = next;
  }
  throw rejected("x509: certificate signed by unknown authority");
}

const extendedUsages = new Set([
  "server auth",
  "code signing",
  "email protection",
  "timestamping",
  "ocsp signing",
]);

/** A certificate that says what it is for must say that it is for clients. */
function checkUsage({ usages }: Certificate): void {
  if (usages.includes("client auth") || usages.includes("any")) return;
  if (usages.some((usage) => extendedUsages.has(usage) || usage.startsWith("ipsec"))) {
    throw rejected("x509: certificate specifies an incompatible key usage");
  }
}
