import type { Namespace, Pod, PodSpec } from "../../api/types/core-v1.ts";
import { type FieldError, invalid } from "../../apimachinery/field-error.ts";
import { formatGroupResource } from "../../apimachinery/gvk.ts";
import { deepEqual, isObject } from "../../apimachinery/json.ts";
import { controllerOf, type KubernetesObject } from "../../apimachinery/object.ts";
import { newInvalid } from "../../apimachinery/status.ts";
import type { AdmissionAttributes, AdmissionDependencies, AdmissionPlugin } from "./admission.ts";
import { refuse } from "./attributes.ts";
import { type CheckedPod, podSecurityChecks, type Violation } from "./pod-security-checks.ts";
import { PodSecurityMetrics } from "./pod-security-metrics.ts";

const levels = ["privileged", "baseline", "restricted"] as const;
type Level = (typeof levels)[number];

/** A level of the standards, and the version of Kubernetes whose rules are meant; `minor` undefined is the latest. */
interface LevelVersion {
  readonly level: Level;
  readonly minor: number | undefined;
}

interface Policy {
  readonly enforce: LevelVersion;
  readonly audit: LevelVersion;
  readonly warn: LevelVersion;
}

const privileged: LevelVersion = { level: "privileged", minor: undefined };
const prefix = "pod-security.kubernetes.io/";
const namespaces = { group: "", resource: "namespaces" };
/** Subresources that do not change what a pod runs. */
const ignoredSubresources = new Set("exec attach binding eviction log portforward proxy status".split(" "));
/** Where workloads keep their pod; undefined is the object itself. */
const templates: Readonly<Record<string, readonly string[] | undefined>> = {
  replicationcontrollers: ["spec", "template"],
  podtemplates: ["template"],
  "replicasets.apps": ["spec", "template"],
  "deployments.apps": ["spec", "template"],
  "statefulsets.apps": ["spec", "template"],
  "daemonsets.apps": ["spec", "template"],
  "jobs.batch": ["spec", "template"],
  "cronjobs.batch": ["spec", "jobTemplate", "spec", "template"],
};
const maxPodsToCheck = 3000;

/**
 * Enforces the Pod Security Standards that a namespace asks for by its labels: pods that violate the `enforce` level are
 * refused, those (and workloads) that violate the `warn` level are warned of. Mirrors k8s.io/pod-security-admission.
 */
export class PodSecurity implements AdmissionPlugin {
  readonly name = "PodSecurity";
  readonly #reader: AdmissionDependencies["reader"];
  readonly #evaluations: PodSecurityMetrics;

  constructor({ reader, register }: AdmissionDependencies) {
    this.#reader = reader;
    this.#evaluations = new PodSecurityMetrics(register);
  }

  handles({ operation, resource, subresource }: AdmissionAttributes): boolean {
    if (operation !== "CREATE" && operation !== "UPDATE") return false;
    const full = formatGroupResource(resource);
    if (full === "pods") return !ignoredSubresources.has(subresource);
    return subresource === "" && (full === "namespaces" || templates[full] !== undefined);
  }

  validate(attributes: AdmissionAttributes): void {
    const full = formatGroupResource(attributes.resource);
    if (full === "namespaces") return this.#namespace(attributes);
    const namespace = this.#reader.get<Namespace>(namespaces, "", attributes.namespace);
    const policy = policyOf(namespace);
    if (full === "pods") return this.#pod(attributes, policy);
    const pod = templateOf(attributes.object, templates[full] ?? []);
    if (pod === undefined) return;
    this.#noteViolations(attributes, policy.audit, pod);
    this.#warn(attributes, policy.warn, pod);
  }

  #pod(attributes: AdmissionAttributes, policy: Policy): void {
    const pod = attributes.object as unknown as Pod | undefined;
    if (pod?.spec === undefined) return;
    const old = attributes.oldObject as unknown as Pod | undefined;
    if (attributes.operation === "UPDATE" && old !== undefined && !isSignificant(pod, old)) return;
    const found = checked(pod);
    attributes.audit?.annotate(`${prefix}enforce-policy`, describe(policy.enforce));
    this.#noteViolations(attributes, policy.audit, found);
    const violations = evaluate(policy.enforce, found);
    this.#evaluations.count(attributes, violations.length > 0 ? "deny" : "allow", "enforce", policy.enforce);
    if (violations.length > 0)
      throw refuse(attributes, `violates ${violationText(policy.enforce, violations)}`);
    this.#warn(attributes, policy.warn, found);
  }

  #warn(attributes: AdmissionAttributes, level: LevelVersion, pod: CheckedPod): void {
    const violations = evaluate(level, pod);
    if (violations.length === 0) return;
    this.#evaluations.count(attributes, "deny", "warn", level);
    attributes.addWarning(`would violate ${violationText(level, violations)}`);
  }

  /** What a pod would violate at the `audit` level goes into the audit log and the metrics, and nowhere else. */
  #noteViolations(attributes: AdmissionAttributes, level: LevelVersion, pod: CheckedPod): void {
    const violations = evaluate(level, pod);
    if (violations.length === 0) return;
    this.#evaluations.count(attributes, "deny", "audit", level);
    attributes.audit?.annotate(
      `${prefix}audit-violations`,
      `would violate ${violationText(level, violations)}`,
    );
  }

  #namespace(attributes: AdmissionAttributes): void {
    const { object, oldObject, operation, name } = attributes;
    const { policy, errors } = parsePolicy(object?.metadata.labels);
    const old = parsePolicy(oldObject?.metadata.labels);
    if (errors.length > 0 && (operation === "CREATE" || !deepEqual(errors, old.errors))) {
      throw newInvalid({ group: "", kind: "Namespace" }, name || (object?.metadata.name ?? ""), errors);
    }
    if (operation === "CREATE" || deepEqual(policy.enforce, old.policy.enforce)) return;
    const relaxed =
      policy.enforce.minor === old.policy.enforce.minor && rank(policy.enforce) <= rank(old.policy.enforce);
    if (policy.enforce.level === "privileged" || relaxed) return;
    for (const text of this.#violatingPods(object?.metadata.name ?? "", policy.enforce))
      attributes.addWarning(text);
  }

  /** What of the namespace's pods would be refused now: they keep running, but cannot be made again. */
  #violatingPods(namespace: string, enforce: LevelVersion): string[] {
    const all = this.#reader.list<Pod>({ group: "", resource: "pods" }, namespace);
    const pods = oneOfEachControllerFirst(all).slice(0, maxPodsToCheck);
    const names = new Map<string, string[]>();
    for (const pod of pods) {
      const violations = evaluate(enforce, checked(pod));
      if (violations.length === 0) continue;
      const reasons = violations.map((violation) => violation.reason).join(", ");
      names.set(reasons, [...(names.get(reasons) ?? []), pod.metadata.name ?? ""]);
    }
    const warnings =
      pods.length < all.length
        ? [
            `new PodSecurity enforce level only checked against the first ${pods.length} of ${all.length} existing pods`,
          ]
        : [];
    if (names.size > 0) {
      warnings.push(
        `existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level ${JSON.stringify(describe(enforce))}`,
      );
    }
    const perReason = [...names].map(([reasons, found]) => `${podNames(found)}: ${reasons}`);
    return [...warnings, ...perReason.toSorted()];
  }
}

function podNames(names: readonly string[]): string {
  const [first = "", ...others] = names.toSorted();
  if (others.length === 0) return first;
  return `${first} (and ${others.length} other ${others.length === 1 ? "pod" : "pods"})`;
}

/** Pods of one controller are alike: with many pods, each controller gets its turn. */
function oneOfEachControllerFirst(pods: readonly Pod[]): Pod[] {
  const seen = new Set<string>();
  const first: Pod[] = [];
  const rest: Pod[] = [];
  for (const pod of pods) {
    const uid = controllerOf(pod)?.uid;
    (uid !== undefined && seen.has(uid) ? rest : first).push(pod);
    if (uid !== undefined) seen.add(uid);
  }
  return [...first, ...rest];
}

function violationText(level: LevelVersion, violations: readonly Violation[]): string {
  const texts = violations.map(({ reason, detail }) => (detail === "" ? reason : `${reason} (${detail})`));
  return `PodSecurity ${JSON.stringify(describe(level))}: ${texts.join(", ")}`;
}

const describe = ({ level, minor }: LevelVersion): string =>
  `${level}:${minor === undefined ? "latest" : `v1.${minor}`}`;
const rank = ({ level }: LevelVersion): number => levels.indexOf(level);

/** Of a pod's fields that can change, only its images and its new containers matter to the standards. */
function isSignificant(pod: Pod, old: Pod): boolean {
  const annotations = (each: Pod): unknown =>
    Object.entries(each.metadata.annotations ?? {}).filter(([key]) => key.includes("seccomp.security.alpha"));
  if (!deepEqual(annotations(pod), annotations(old))) return true;
  const images = (each: Pod): unknown => [
    (each.spec?.containers ?? []).map(({ image }) => image),
    (each.spec?.initContainers ?? []).map(({ image }) => image),
    (each.spec?.ephemeralContainers ?? []).map(({ name, image }) => [name, image]),
  ];
  return !deepEqual(images(pod), images(old));
}

const checked = ({ metadata, spec }: Pod): CheckedPod => ({
  annotations: metadata.annotations ?? {},
  spec: spec ?? { containers: [] },
});

function templateOf(object: KubernetesObject | undefined, path: readonly string[]): CheckedPod | undefined {
  let current: unknown = object;
  for (const field of path) current = isObject(current) ? current[field] : undefined;
  if (!isObject(current) || !isObject(current.spec)) return undefined;
  const metadata = current.metadata as { annotations?: Record<string, string> } | undefined;
  return { annotations: metadata?.annotations ?? {}, spec: current.spec as unknown as PodSpec };
}

/** What the pod violates at the level, in the order of the checks. */
export function evaluate(
  { level, minor = Number.MAX_SAFE_INTEGER }: LevelVersion,
  pod: CheckedPod,
): Violation[] {
  if (level === "privileged") return [];
  const applicable = podSecurityChecks.filter(
    (check) =>
      check.from <= minor &&
      (check.until === undefined || minor < check.until) &&
      (check.level === "baseline" || level === "restricted"),
  );
  const overridden = new Set(applicable.flatMap((check) => check.overrides ?? []));
  return applicable
    .filter((check) => !overridden.has(check.id))
    .map((check) => check.violation(pod))
    .filter((violation) => violation !== undefined);
}

/** By the labels of stored namespaces, which never change: each pod asks. */
const policies = new WeakMap<object, Policy>();

function policyOf(namespace: Namespace | undefined): Policy {
  const labels = namespace?.metadata.labels;
  if (labels === undefined) return parsePolicy(labels).policy;
  let policy = policies.get(labels);
  if (policy === undefined) {
    policy = parsePolicy(labels).policy;
    policies.set(labels, policy);
  }
  return policy;
}

/** Reads a namespace's labels. A level that cannot be read is enforced as `restricted`, and warned of not at all. */
function parsePolicy(labels: Readonly<Record<string, string>> = {}): {
  policy: Policy;
  errors: FieldError[];
} {
  const errors: FieldError[] = [];
  const bad = (label: string, value: string, why: string): void => {
    errors.push(invalid(`metadata.labels[${prefix}${label}]`, value, why));
  };
  const read = (
    mode: string,
    onError: Level,
  ): { level: Level | undefined; minor: number | undefined; versioned: boolean } => {
    const text = labels[`${prefix}${mode}`];
    const version = labels[`${prefix}${mode}-version`];
    const level = levels.find((each) => each === text);
    if (text !== undefined && level === undefined) bad(mode, text, `must be one of ${levels.join(", ")}`);
    const minor = version === undefined ? undefined : parseVersion(version);
    if (minor === null) bad(`${mode}-version`, version ?? "", 'must be "latest" or "v1.x"');
    return {
      level: text === undefined ? undefined : (level ?? onError),
      minor: minor ?? undefined,
      versioned: version !== undefined,
    };
  };
  const enforce = read("enforce", "restricted");
  const isEnforceGood = errors.length === 0;
  const audited = read("audit", "privileged");
  const warning = read("warn", "privileged");
  const enforced = { level: enforce.level ?? "privileged", minor: enforce.minor } satisfies LevelVersion;
  // Who enforces without saying what to warn of is warned at the same level: workloads are never refused themselves.
  const followsEnforce = warning.level === undefined && isEnforceGood && enforced.level !== "privileged";
  const warned: LevelVersion = followsEnforce
    ? { level: enforced.level, minor: warning.versioned ? warning.minor : enforced.minor }
    : { level: warning.level ?? privileged.level, minor: warning.minor };
  const audit: LevelVersion = { level: audited.level ?? "privileged", minor: audited.minor };
  return { policy: { enforce: enforced, audit, warn: warned }, errors };
}

/** The minor version; undefined for the latest, null for text that is neither. */
function parseVersion(text: string): number | undefined | null {
  if (text === "latest") return undefined;
  const match = /^v1\.([0-9]|[1-9][0-9]*)$/.exec(text);
  return match === null ? null : Number(match[1]);
}
