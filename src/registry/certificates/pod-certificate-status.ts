import type { X509Certificate } from "node:crypto";
import type { PodCertificateRequest } from "../../api/types/certificates-v1beta1.ts";
import { same } from "../../api/validation/basics.ts";
import { checkConditions } from "../../api/validation/conditions.ts";
import {
  type FieldError,
  invalid,
  notSupported,
  omitted,
  required,
  tooLong,
} from "../../apimachinery/field-error.ts";
import { decodePem } from "../../pki/index.ts";
import { readKey, readRequest } from "./pod-certificate-keys.ts";
import { readCertificate } from "./x509.ts";

/**
 * A signer issues, denies or gives up, once: after that the status stays (mirrors pkg/apis/certificates/validation). What
 * it issues must be what was asked, and its times are told beside the chain.
 */
const outcomes = ["Issued", "Denied", "Failed"];
const chainBytesMax = 100 * 1024;
const chainPath = "status.certificateChain";
const minuteMs = 60_000;

type Status = NonNullable<PodCertificateRequest["status"]>;

export function statusErrors(
  now: PodCertificateRequest,
  old: PodCertificateRequest,
  nowMs: number,
): FieldError[] {
  const status = now.status ?? {};
  const errors = conditionErrors(status);
  if (errors.length > 0) return errors;
  if (outcomes.some((type) => has(old, type))) {
    return unlessSame(
      status,
      old.status,
      "immutable after PodCertificateRequest is issued, denied, or failed",
    );
  }
  if (has(now, "Denied") || has(now, "Failed")) {
    const detail =
      "non-condition status fields must be empty when denying or failing the PodCertificateRequest";
    return unlessSame(status, { conditions: status.conditions }, detail);
  }
  if (has(now, "Issued")) return issueErrors(now, status, nowMs);
  const detail = 'status is immutable unless transitioning to "Issued", "Denied", or "Failed"';
  return unlessSame(status, old.status, detail);
}

const has = ({ status }: PodCertificateRequest, type: string): boolean =>
  (status?.conditions ?? []).some((condition) => condition.type === type && condition.status === "True");

function unlessSame(status: Status, other: Status | undefined, detail: string): FieldError[] {
  return same(status, other ?? {}) ? [] : [invalid("status", omitted, detail)];
}

/** These paths have a dot before the index, as Kubernetes has it. */
function conditionErrors({ conditions = [] }: Status): FieldError[] {
  const errors: FieldError[] = [];
  let known = 0;
  conditions.forEach(({ type, status }, index) => {
    const path = `status.conditions.[${index}]`;
    if (!outcomes.includes(type)) {
      errors.push(notSupported(`${path}.type`, type ?? "", outcomes));
      return;
    }
    known++;
    if (known > 1) {
      const detail = 'There may be at most one condition with type "Issued", "Denied", or "Failed"';
      errors.push(invalid(`${path}.type`, type, detail));
    }
    if (status !== "True") errors.push(notSupported(`${path}.status`, status ?? "", ["True"]));
  });
  checkConditions(conditions, "status.conditions", errors);
  return errors;
}

function issueErrors(request: PodCertificateRequest, status: Status, nowMs: number): FieldError[] {
  const chain = status.certificateChain ?? "";
  if (Buffer.byteLength(chain) > chainBytesMax) return [tooLong(chainPath, chainBytesMax)];
  const refuse = (detail: string): FieldError[] => [invalid(chainPath, chain, detail)];
  const [leafBlock, ...others] = decodePem(chain);
  if (leafBlock === undefined)
    return refuse("issued certificate chain must contain at least one certificate");
  if (leafBlock.label !== "CERTIFICATE") {
    return refuse("issued certificate chain must consist entirely of CERTIFICATE PEM blocks");
  }
  const leaf = readCertificate(leafBlock.der);
  if (leaf === undefined) return refuse("leaf certificate does not parse as valid X.509");
  const errors = nameErrors(leaf);
  if (!isIssuedTo(leaf, request)) {
    return [...errors, ...refuse("leaf certificate was not issued to the requested public key")];
  }
  errors.push(...missingTimes(status));
  if (errors.length > 0) return errors;
  errors.push(...timeErrors(leaf, request, status, nowMs));
  if (errors.length > 0) return errors;
  for (const { label, der } of others) {
    if (label !== "CERTIFICATE") {
      // Misspelled there.
      return refuse("issued certificate chain must consist entirely of CERTFICATE PEM blocks");
    }
    if (readCertificate(der) === undefined) {
      return refuse("intermediate certificate does not parse as valid X.509");
    }
  }
  return [];
}

function nameErrors({ subjectAltName = "" }: X509Certificate): FieldError[] {
  const errors: FieldError[] = [];
  for (const entry of subjectAltName.split(", ")) {
    if (!entry.startsWith("DNS:")) continue;
    const name = entry.slice(4);
    const refuse = (detail: string): void => {
      errors.push(invalid(chainPath, name, `leaf certificate${detail}`));
    };
    if (name === "") refuse(" should not contain empty DNSName");
    if (name.includes("..")) refuse("'s DNSName should not contain '..'");
    if (name.startsWith(".") || name.endsWith(".")) refuse("'s DNSName should not start or end with '.'");
  }
  return errors;
}

function isIssuedTo(leaf: X509Certificate, { spec }: PodCertificateRequest): boolean {
  const stub = Buffer.from(spec.stubPKCS10Request ?? "", "base64");
  const wanted =
    stub.length > 0 ? readRequest(stub)?.key : readKey(Buffer.from(spec.pkixPublicKey ?? "", "base64"));
  return wanted !== undefined && wanted.equals(leaf.publicKey);
}

function missingTimes({ notBefore, notAfter, beginRefreshAt }: Status): FieldError[] {
  const consistent = "must be present and consistent with the issued certificate";
  const inRange = "must be present and in the range [notbefore+10min, notafter-10min]";
  return [
    ...(notBefore === undefined ? [required("status.notBefore", consistent)] : []),
    ...(notAfter === undefined ? [required("status.notAfter", consistent)] : []),
    ...(beginRefreshAt === undefined ? [required("status.beginRefreshAt", inRange)] : []),
  ];
}

/** The first fault of the times. */
function timeErrors(
  leaf: X509Certificate,
  { spec }: PodCertificateRequest,
  { notBefore = "", notAfter = "", beginRefreshAt = "" }: Status,
  nowMs: number,
): FieldError[] {
  const [fromMs, untilMs, refreshMs] = [notBefore, notAfter, beginRefreshAt].map((time) => Date.parse(time));
  const [leafFromMs, leafUntilMs] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
  const refuse = (field: keyof Status, value: unknown, detail: string): FieldError[] => [
    invalid(`status.${field}`, value, detail),
  ];
  if (fromMs === undefined || untilMs === undefined || refreshMs === undefined) return [];
  if (fromMs !== leafFromMs) {
    return refuse(
      "notBefore",
      notBefore,
      "must be set to the NotBefore time encoded in the leaf certificate",
    );
  }
  if (Math.abs(fromMs - nowMs) >= 5 * minuteMs) {
    const detail = "must be set to within 5 minutes of kube-apiserver's current time";
    return refuse("notBefore", notBefore, detail);
  }
  if (untilMs !== leafUntilMs) {
    return refuse("notAfter", notAfter, "must be set to the NotAfter time encoded in the leaf certificate");
  }
  const lifetimeMs = leafUntilMs - leafFromMs;
  // Durations are shown in nanoseconds.
  const lifetime = lifetimeMs * 1_000_000;
  if (lifetimeMs < 60 * minuteMs) {
    return refuse("certificateChain", lifetime, "leaf certificate lifetime must be >= 1 hour");
  }
  const most = spec.maxExpirationSeconds ?? 0;
  if (lifetimeMs > most * 1000) {
    const detail = `leaf certificate lifetime must be <= spec.maxExpirationSeconds (${most})`;
    return refuse("certificateChain", lifetime, detail);
  }
  if (refreshMs < fromMs + 10 * minuteMs) {
    return refuse("beginRefreshAt", beginRefreshAt, "must be at least 10 minutes after status.notBefore");
  }
  if (refreshMs > untilMs - 10 * minuteMs) {
    return refuse("beginRefreshAt", beginRefreshAt, "must be at least 10 minutes before status.notAfter");
  }
  return [];
}
