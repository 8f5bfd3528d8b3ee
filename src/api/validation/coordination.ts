import { forbidden, invalid, notSupported, required } from "../../apimachinery/field-error.ts";
import { qualifiedNameErrors } from "../../apimachinery/names.ts";
import type { Lease } from "../types/coordination-v1.ts";
import type { LeaseCandidate } from "../types/coordination-v1beta1.ts";
import { checkName, type Errors, immutable, isEmpty, text } from "./basics.ts";

/** Leases and who would like to hold one (mirrors pkg/apis/coordination/validation). */
export function checkLease({ spec }: Lease, errors: Errors): void {
  const { leaseDurationSeconds, leaseTransitions, strategy, preferredHolder } = spec;
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
    errors.push(invalid("spec.leaseDurationSeconds", leaseDurationSeconds, "must be greater than 0"));
  }
  if (leaseTransitions !== undefined && leaseTransitions < 0) {
    const detail = "must be greater than or equal to 0";
    errors.push(invalid("spec.leaseTransitions", leaseTransitions, detail));
  }
  if (strategy !== undefined) checkStrategy(strategy, errors);
  if (!isEmpty(preferredHolder) && isEmpty(strategy)) {
    errors.push(forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined"));
  }
}

/** The path names the field twice, as Kubernetes does. */
function checkStrategy(strategy: string, errors: Errors): void {
  const path = "spec.strategy.strategy";
  if (strategy.includes("/")) checkName(strategy, qualifiedNameErrors, path, errors);
  else if (strategy !== "OldestEmulationVersion") {
    errors.push(notSupported(path, strategy, ["OldestEmulationVersion"]));
  }
}

export function checkLeaseCandidate({ spec }: LeaseCandidate, errors: Errors): void {
  const { leaseName, emulationVersion, binaryVersion, strategy } = spec;
  if (isEmpty(leaseName)) errors.push(required("spec.leaseName"));
  const emulated = checkVersion(text(emulationVersion), "spec.emulationVersion", errors);
  if (isEmpty(binaryVersion)) errors.push(required("spec.binaryVersion"));
  const binary = checkVersion(text(binaryVersion), "spec.binaryVersion", errors);
  if (!isEmpty(binaryVersion) && !isEmpty(emulationVersion) && isOlder(binary, emulated)) {
    const detail = "must be greater than or equal to `emulationVersion`";
    errors.push(invalid("spec.binaryVersion", binaryVersion, detail));
  }
  if (isEmpty(strategy)) {
    errors.push(required("spec.strategy"));
    return;
  }
  if (strategy === "OldestEmulationVersion" && isOlder(emulated, lowest) === isOlder(lowest, emulated)) {
    const detail = "must be specified when `strategy` is 'OldestEmulationVersion'";
    errors.push(required("spec.emulationVersion", detail));
  }
  checkStrategy(text(strategy), errors);
}

export function checkLeaseCandidateUpdate(now: LeaseCandidate, old: LeaseCandidate, errors: Errors): void {
  checkLeaseCandidate(now, errors);
  immutable(text(now.spec.leaseName), text(old.spec.leaseName), "spec.leaseName", errors);
}

interface Version {
  readonly numbers: readonly number[];
  /** Of a pre-release, else empty. */
  readonly labels: readonly string[];
}

const lowest: Version = { numbers: [0, 0, 0], labels: [] };
const number = "(?:0|[1-9][0-9]*)";
const label = `(?:${number}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)`;
const build = "[0-9a-zA-Z-]+";
const versionPattern = new RegExp(
  `^(${number})\\.(${number})\\.(${number})(?:-(${label}(?:\\.${label})*))?(?:\\+${build}(?:\\.${build})*)?$`,
);

/** The lowest version stands for one that nobody gave or can read. */
function checkVersion(value: string, path: string, errors: Errors): Version {
  if (value === "") return lowest;
  const match = versionPattern.exec(value);
  if (match === null) {
    errors.push(invalid(path, value, "must be a valid semantic version"));
    return lowest;
  }
  const [, major, minor, patch, labels] = match;
  return { numbers: [major, minor, patch].map(Number), labels: labels?.split(".") ?? [] };
}

/** The order of semantic versions: a pre-release comes before its release, and numbers before words. */
function isOlder(a: Version, b: Version): boolean {
  for (const [index, part] of a.numbers.entries()) {
    const other = b.numbers[index] ?? 0;
    if (part !== other) return part < other;
  }
  if (a.labels.length === 0 || b.labels.length === 0) return a.labels.length > b.labels.length;
  for (const [index, part] of a.labels.entries()) {
    const other = b.labels[index];
    if (other === undefined) return false;
    if (part !== other) return isLabelBefore(part, other);
  }
  return a.labels.length < b.labels.length;
}

function isLabelBefore(a: string, b: string): boolean {
  const [first, second] = [a, b].map((one) => (/^[0-9]+$/.test(one) ? Number(one) : undefined));
  if (first !== undefined && second !== undefined) return first < second;
  if (first === undefined && second === undefined) return a < b;
  return first !== undefined;
}
