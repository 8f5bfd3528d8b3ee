import { backdateMs, type CertificateAuthority, certificateLifetimeMs } from "./authority.ts";
import { isKeyUsage, type KeyUsage } from "./extensions.ts";
import { parseSigningRequest, type SigningRequest } from "./signing-request.ts";

/** What a CertificateSigningRequest asks for, in the words of certificates.k8s.io. */
export interface SigningAsk {
  readonly signerName: string;
  /** PEM, as it is in `spec.request` once base64 is off. */
  readonly request: string;
  readonly usages: readonly string[];
  readonly expirationSeconds?: number | undefined;
}

/** `certificate` is PEM; `refused` says why this signer never signs the request. */
export type SigningAnswer = { readonly certificate: string } | { readonly refused: string };

const minLifetimeMs = 10 * 60 * 1000;
const shortLifetimeMs = 8 * 60 * 60 * 1000;

type Rule = (request: SigningRequest, usages: readonly string[]) => string | undefined;

/** The signers of kube-controller-manager; each knows what it may put its name under (pkg/apis/certificates/helpers.go). */
const rules: Readonly<Record<string, Rule>> = {
  "kubernetes.io/kube-apiserver-client": (_request, usages) => apiClientUsageError(usages),
  "kubernetes.io/kube-apiserver-client-kubelet": (request, usages) =>
    nodeError(request) ?? namesError(request) ?? usageError(usages, "client auth"),
  "kubernetes.io/kubelet-serving": (request, usages) =>
    nodeError(request) ?? servingNamesError(request) ?? usageError(usages, "server auth"),
  "kubernetes.io/legacy-unknown": () => undefined,
};

/** True for the signers of the cluster's own authority; others are somebody else's. */
export const isClusterSigner = (signerName: string): boolean => Object.hasOwn(rules, signerName);

/**
 * Signs an approved request with the cluster's authority. Undefined for signers of others. The lifetime is what was
 * asked for, from ten minutes to a year; a year when nothing was.
 */
export function signFor(
  authority: CertificateAuthority,
  ask: SigningAsk,
  nowMs: number,
): SigningAnswer | undefined {
  if (!isClusterSigner(ask.signerName)) return undefined;
  const { request, refused } = checkAsk(ask);
  if (request === undefined) return { refused };
  const askedMs = ask.expirationSeconds === undefined ? certificateLifetimeMs : ask.expirationSeconds * 1000;
  const lifetimeMs = Math.min(Math.max(askedMs, minLifetimeMs), certificateLifetimeMs);
  // A long life is as long as was asked for, from its beginning in the past; a short one would suffer from that.
  const leftMs = lifetimeMs < shortLifetimeMs ? lifetimeMs : lifetimeMs - backdateMs;
  return { certificate: authority.sign(request, ask.usages as readonly KeyUsage[], nowMs, leftMs) };
}

/** The request when its signer, one of the cluster's, would sign it; else why not. */
export function checkAsk({
  signerName,
  request: pem,
  usages,
}: SigningAsk):
  | { readonly request: SigningRequest; readonly refused?: never }
  | { readonly request?: never; readonly refused: string } {
  let request: SigningRequest;
  try {
    request = parseSigningRequest(pem);
  } catch (error) {
    return { refused: `unable to parse csr: ${error instanceof Error ? error.message : String(error)}` };
  }
  const unknown = usages.filter((usage) => !isKeyUsage(usage));
  if (unknown.length > 0) return { refused: `unrecognized usage values: ${unknown.join(", ")}` };
  const refused = rules[signerName]?.(request, usages);
  return refused === undefined ? { request } : { refused };
}

const apiClientUsages = new Set(["digital signature", "key encipherment", "client auth"]);

function apiClientUsageError(usages: readonly string[]): string | undefined {
  const invalid = usages.find((usage) => !apiClientUsages.has(usage));
  if (invalid !== undefined) return `invalid usage for client certificate: ${invalid}`;
  return usages.includes("client auth")
    ? undefined
    : "missing required usage for client certificate: client auth";
}

/** Elliptic keys cannot encipher keys: that usage may be left out. */
function usageError(usages: readonly string[], purpose: string): string | undefined {
  const required = ["digital signature", purpose];
  const allowed = new Set([...required, "key encipherment"]);
  const fits =
    required.every((usage) => usages.includes(usage)) && usages.every((usage) => allowed.has(usage));
  return fits ? undefined : `usages did not match [${required.join(" ")}]`;
}

function nodeError({ subject }: SigningRequest): string | undefined {
  const { organizations, commonName } = subject;
  if (organizations.length !== 1 || organizations[0] !== "system:nodes") {
    return "subject organization is not system:nodes";
  }
  return commonName.startsWith("system:node:")
    ? undefined
    : "subject common name does not begin with system:node:";
}

function namesError({ alternativeNames: names }: SigningRequest): string | undefined {
  if (names.dnsNames.length > 0) return "DNS subjectAltNames are not allowed";
  if (names.ipAddresses.length > 0) return "IP subjectAltNames are not allowed";
  return otherNamesError(names);
}

function servingNamesError({ alternativeNames: names }: SigningRequest): string | undefined {
  if (names.dnsNames.length + names.ipAddresses.length === 0) return "DNS or IP subjectAltName is required";
  return otherNamesError(names);
}

function otherNamesError(names: SigningRequest["alternativeNames"]): string | undefined {
  if (names.emailAddresses.length > 0) return "Email subjectAltNames are not allowed";
  return names.uris.length > 0 ? "URI subjectAltNames are not allowed" : undefined;
}
