import { duplicate, forbidden, invalid, notSupported, required } from "../../apimachinery/field-error.ts";
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from "../types/certificates-v1.ts";
import type { ClusterTrustBundle } from "../types/certificates-v1beta1.ts";
import { type Errors, immutable, isEmpty, list, same, text } from "./basics.ts";
import { checkSignerName } from "./signer-name.ts";

/** Signing requests and trust bundles (mirrors pkg/apis/certificates/validation). */
const usages = new Set([
  "signing",
  "digital signature",
  "content commitment",
  "key encipherment",
  "key agreement",
  "data encipherment",
  "cert sign",
  "crl sign",
  "encipher only",
  "decipher only",
  "any",
  "server auth",
  "client auth",
  "code signing",
  "email protection",
  "s/mime",
  "ipsec end system",
  "ipsec tunnel",
  "ipsec user",
  "timestamping",
  "ocsp signing",
  "microsoft sgc",
  "netscape sgc",
]);
const expirationSecondsMin = 600;

export function checkSigningRequest({ spec, status }: CertificateSigningRequest, errors: Errors): void {
  const pem = Buffer.from(text(spec.request), "base64").toString("latin1");
  if (!/-----BEGIN CERTIFICATE REQUEST-----[\s\S]+-----END CERTIFICATE REQUEST-----/.test(pem)) {
    const detail = "PEM block type must be CERTIFICATE REQUEST";
    errors.push(invalid("spec.request", text(spec.request), detail));
  }
  if (list(spec.usages).length === 0) errors.push(required("spec.usages"));
  list(spec.usages).forEach((usage, index) => {
    const path = `spec.usages[${index}]`;
    if (!usages.has(usage)) errors.push(notSupported(path, usage, [...usages].sort()));
    if (list(spec.usages).indexOf(usage) < index) errors.push(duplicate(path, usage));
  });
  if (spec.signerName === "kubernetes.io/legacy-unknown") {
    const detail = "the legacy signerName is not allowed via this API version";
    errors.push(invalid("spec.signerName", spec.signerName, detail));
  } else checkSignerName(text(spec.signerName), "spec.signerName", errors);
  if (spec.expirationSeconds !== undefined && spec.expirationSeconds < expirationSecondsMin) {
    const detail = "may not specify a duration less than 600 seconds (10 minutes)";
    errors.push(invalid("spec.expirationSeconds", spec.expirationSeconds, detail));
  }
  checkConditions(list(status?.conditions), errors);
}

function checkConditions(conditions: readonly CertificateSigningRequestCondition[], errors: Errors): void {
  const seen = new Set<string>();
  conditions.forEach(({ type, status }, index) => {
    const path = `status.conditions[${index}]`;
    if (isEmpty(type)) errors.push(required(`${path}.type`));
    if (isEmpty(status)) errors.push(required(`${path}.status`));
    else if (type === "Approved" || type === "Denied" || type === "Failed") {
      if (status !== "True") errors.push(notSupported(`${path}.status`, status, ["True"]));
    } else if (status !== "True" && status !== "False" && status !== "Unknown") {
      errors.push(notSupported(`${path}.status`, status, ["False", "True", "Unknown"]));
    }
    if (type === "Denied" && seen.has("Approved")) {
      errors.push(invalid(`${path}.type`, type, "Approved and Denied conditions are mutually exclusive"));
    } else if (type === "Approved" && seen.has("Denied")) {
      errors.push(invalid(`${path}.type`, type, "Approved and Denied conditions are mutually exclusive"));
    }
    if (seen.has(type)) errors.push(duplicate(`${path}.type`, type));
    seen.add(type);
  });
}

/** What each subresource may change. */
export function checkSigningRequestUpdate(
  now: CertificateSigningRequest,
  old: CertificateSigningRequest,
  errors: Errors,
  subresource = "",
): void {
  checkSigningRequest(now, errors);
  for (const type of ["Approved", "Denied", "Failed"]) {
    checkConditionKept(type, now, old, subresource, errors);
  }
  if (subresource === "status" && !isEmpty(old.status?.certificate)) {
    if (!same(now.status?.certificate, old.status?.certificate)) {
      errors.push(forbidden("status.certificate", "updates may not change existing certificate content"));
    }
  }
}

function checkConditionKept(
  type: string,
  now: CertificateSigningRequest,
  old: CertificateSigningRequest,
  subresource: string,
  errors: Errors,
): void {
  const of = ({ status }: CertificateSigningRequest): CertificateSigningRequestCondition | undefined =>
    list(status?.conditions).find((one) => one.type === type);
  const before = of(old);
  const after = of(now);
  if (before !== undefined && after === undefined) {
    const detail = `updates may not remove a condition of type ${JSON.stringify(type)}`;
    errors.push(forbidden("status.conditions", detail));
  }
  const allowed = type === "Failed" ? subresource === "status" : subresource === "approval";
  if (before === undefined && after !== undefined && !allowed) {
    const detail = `updates may not add a condition of type ${JSON.stringify(type)}`;
    errors.push(forbidden("status.conditions", detail));
  }
}

export function checkTrustBundle({ metadata, spec }: ClusterTrustBundle, errors: Errors): void {
  const signer = text(spec.signerName);
  if (signer !== "") checkSignerName(signer, "spec.signerName", errors);
  if (isEmpty(spec.trustBundle)) {
    errors.push(invalid("spec.trustBundle", "<value omitted>", "at least one trust anchor must be provided"));
  }
  const name = text(metadata.name);
  if (signer !== "" && !name.startsWith(`${signer.replaceAll("/", ":")}:`)) {
    const prefix = `${signer.replaceAll("/", ":")}:`;
    const detail = `ClusterTrustBundle for signerName ${signer} must be named with prefix ${prefix}`;
    errors.push(invalid("metadata.name", name, detail));
  }
}

export function checkTrustBundleUpdate(
  now: ClusterTrustBundle,
  old: ClusterTrustBundle,
  errors: Errors,
): void {
  checkTrustBundle(now, errors);
  immutable(now.spec.signerName, old.spec.signerName, "spec.signerName", errors);
}
