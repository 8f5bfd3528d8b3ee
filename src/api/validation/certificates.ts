import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from "../../apimachinery/field-error.ts";
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from "../types/certificates-v1.ts";
import { type Errors, isEmpty, list, same, text } from "./basics.ts";
import { describeChange } from "./describe-change.ts";
import { checkSignerName } from "./signer-name.ts";

/** Signing requests (mirrors pkg/apis/certificates/validation). */
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

/** What whoever can read certificates finds wrong with those of a request. */
export interface CertificateFaults {
  readonly request?: string | undefined;
  readonly certificate?: string | undefined;
}

const legacySigner = "kubernetes.io/legacy-unknown";

/** Faults that `old` has already are let be. */
export function checkSigningRequest(
  { spec, status }: CertificateSigningRequest,
  faults: CertificateFaults,
  errors: Errors,
  old?: CertificateSigningRequest,
): void {
  if (faults.request !== undefined) {
    errors.push(invalid("spec.request", spec.request ?? null, faults.request));
  }
  checkUsages(list(spec.usages), list(old?.spec.usages), errors);
  if (spec.signerName === legacySigner && old?.spec.signerName !== legacySigner) {
    const detail = "the legacy signerName is not allowed via this API version";
    errors.push(invalid("spec.signerName", spec.signerName, detail));
  } else checkSignerName(text(spec.signerName), "spec.signerName", errors);
  if (spec.expirationSeconds !== undefined && spec.expirationSeconds < expirationSecondsMin) {
    const detail = "may not specify a duration less than 600 seconds (10 minutes)";
    errors.push(invalid("spec.expirationSeconds", spec.expirationSeconds, detail));
  }
  checkConditions(list(status?.conditions), list(old?.status?.conditions), errors);
  if (faults.certificate === undefined) return;
  errors.push(invalid("status.certificate", "<certificate data>", faults.certificate));
}

function checkUsages(given: readonly string[], before: readonly string[], errors: Errors): void {
  if (given.length === 0) errors.push(required("spec.usages"));
  if (before.every((usage) => usages.has(usage))) {
    given.forEach((usage, index) => {
      if (!usages.has(usage)) errors.push(notSupported(`spec.usages[${index}]`, usage, [...usages].sort()));
    });
  }
  if (hasTwice(before)) return;
  given.forEach((usage, index) => {
    if (given.indexOf(usage) < index) errors.push(duplicate(`spec.usages[${index}]`, usage));
  });
}

const hasTwice = (values: readonly string[]): boolean => new Set(values).size < values.length;

function checkConditions(
  conditions: readonly CertificateSigningRequestCondition[],
  before: readonly CertificateSigningRequestCondition[],
  errors: Errors,
): void {
  const typesBefore = before.map(({ type }) => text(type));
  const wasBoth = typesBefore.includes("Approved") && typesBefore.includes("Denied");
  const seen = new Set<string>();
  conditions.forEach(({ type: given, status }, index) => {
    const type = text(given);
    const path = `status.conditions[${index}]`;
    if (type === "" && !typesBefore.includes("")) errors.push(required(`${path}.type`));
    const supported = decided.includes(type) ? ["True"] : ["False", "True", "Unknown"];
    if (isEmpty(status)) errors.push(required(`${path}.status`));
    else if (!supported.includes(status)) errors.push(notSupported(`${path}.status`, status, supported));
    const opposite = type === "Denied" ? "Approved" : type === "Approved" ? "Denied" : undefined;
    if (opposite !== undefined && seen.has(opposite) && !wasBoth) {
      const detail = "Approved and Denied conditions are mutually exclusive";
      errors.push(invalid("status.conditions", type, detail));
    }
    if (seen.has(type) && !hasTwice(typesBefore)) errors.push(duplicate(`${path}.type`, type));
    seen.add(type);
  });
}

const decided = ["Approved", "Denied", "Failed"];

/** What each subresource may change. */
export function checkSigningRequestUpdate(
  now: CertificateSigningRequest,
  old: CertificateSigningRequest,
  subresource: string,
  faults: CertificateFaults,
  errors: Errors,
): void {
  checkSigningRequest(now, faults, errors, old);
  for (const type of decided) {
    if (conditionsOf(now, type).length >= conditionsOf(old, type).length) continue;
    errors.push(conditionFault("remove", type));
  }
  if (subresource !== "approval") {
    for (const type of ["Approved", "Denied"]) checkDecisionKept(type, now, old, errors);
  }
  if (text(now.status?.certificate) === text(old.status?.certificate)) return;
  if (subresource !== "status") {
    errors.push(forbidden("status.certificate", "updates may not set certificate content"));
  } else if (!isEmpty(old.status?.certificate)) {
    errors.push(forbidden("status.certificate", "updates may not modify existing certificate content"));
  }
}

const conditionsOf = (
  { status }: CertificateSigningRequest,
  type: string,
): CertificateSigningRequestCondition[] => list(status?.conditions).filter((one) => one.type === type);

const conditionFault = (verb: string, type: string, how = ""): FieldError =>
  forbidden("status.conditions", `updates may not ${verb} a condition of type ${JSON.stringify(type)}${how}`);

function checkDecisionKept(
  type: string,
  now: CertificateSigningRequest,
  old: CertificateSigningRequest,
  errors: Errors,
): void {
  const [before, after] = [conditionsOf(old, type), conditionsOf(now, type)];
  if (after.length > before.length) errors.push(conditionFault("add", type));
  else if (after.length === before.length && !same(before, after)) {
    errors.push(
      conditionFault(
        "modify",
        type,
        `\n${describeChange("[]CertificateSigningRequestCondition", before, after)}`,
      ),
    );
  }
}
