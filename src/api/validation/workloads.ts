import { forbidden, invalid, notSupported, required } from "../../apimachinery/field-error.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { LabelSelector } from "../../apimachinery/meta-v1.ts";
import type {
  ControllerRevision,
  DaemonSet,
  DaemonSetSpec,
  DaemonSetUpdateStrategy,
  Deployment,
  DeploymentStrategy,
  ReplicaSet,
  StatefulSet,
  StatefulSetSpec,
  StatefulSetUpdateStrategy,
} from "../types/apps-v1.ts";
import type { PodTemplate, PodTemplateSpec, ReplicationController } from "../types/core-v1.ts";
import {
  checkLabel,
  type Errors,
  immutable,
  isEmpty,
  list,
  nonNegative,
  nonNegativeOrPercent,
  notMoreThan100Percent,
  numberOrPercent,
  optionalOneOf,
  same,
  size,
  text,
} from "./basics.ts";
import { checkLabelSelector, checkLabels, isEmptySelector, selectorOf } from "./label-selector.ts";
import { checkAnnotations } from "./object-meta.ts";
import { newTemplateOptions, optionsFor, type PodOptions } from "./pod/options.ts";
import { checkPodAnnotations, checkPodTemplate, emptySpec } from "./pod/spec.ts";
import { checkClaimSpec } from "./storage/claim-spec.ts";

/** Controllers of pods: Deployment, ReplicaSet, StatefulSet, DaemonSet, ReplicationController (pkg/apis/apps/validation). */
const templateMismatch = "`selector` does not match template `labels`";

export function templateOptions(old: PodTemplateSpec | undefined): PodOptions {
  return old === undefined ? newTemplateOptions : optionsFor(false, old.spec, old.metadata);
}

/** A selector that must be there and not be empty. `what` names the kind as the message does. */
function checkRequiredSelector(
  selector: LabelSelector | undefined,
  what: string,
  path: string,
  errors: Errors,
): void {
  if (selector === undefined) {
    errors.push(required(path));
    return;
  }
  checkLabelSelector(selector, path, errors);
  if (isEmptySelector(selector)) {
    errors.push(invalid(path, selector, `empty selector is invalid for ${what}`));
  }
}

function checkTemplateMatches(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec,
  path: string,
  errors: Errors,
): void {
  const found = selectorOf(selector);
  const labels = template.metadata?.labels;
  // No selector matches nothing, an empty one everything.
  if (selector !== undefined && (found === undefined || isEmptySelector(selector))) return;
  if (selector === undefined || found?.matches(labels) === false) {
    errors.push(invalid(`${path}.metadata.labels`, labels ?? null, templateMismatch));
  }
}

/** The template of pods that run forever. */
function checkLastingTemplate(
  template: PodTemplateSpec,
  what: string,
  options: PodOptions,
  path: string,
  errors: Errors,
): void {
  checkPodTemplate(template, path, errors, options);
  checkLasting(template, what, path, errors);
}

function checkLasting(template: PodTemplateSpec, what: string, path: string, errors: Errors): void {
  const { restartPolicy, activeDeadlineSeconds } = template.spec ?? emptySpec;
  if (restartPolicy !== "Always") {
    errors.push(notSupported(`${path}.spec.restartPolicy`, text(restartPolicy), ["Always"]));
  }
  if (activeDeadlineSeconds !== undefined) {
    const detail = `activeDeadlineSeconds in ${what} is not Supported`;
    errors.push(forbidden(`${path}.spec.activeDeadlineSeconds`, detail));
  }
}

export function checkDeployment({ spec }: Deployment, errors: Errors, old?: Deployment): void {
  nonNegative(spec.replicas, "spec.replicas", errors);
  checkRequiredSelector(spec.selector, "deployment", "spec.selector", errors);
  if (selectorOf(spec.selector) === undefined) {
    errors.push(invalid("spec.selector", spec.selector, "invalid label selector"));
  } else {
    checkTemplateMatches(spec.selector, spec.template, "spec.template", errors);
    const options = templateOptions(old?.spec.template);
    checkLastingTemplate(spec.template, "ReplicaSet", options, "spec.template", errors);
  }
  checkDeploymentStrategy(spec.strategy ?? {}, "spec.strategy", errors);
  nonNegative(spec.minReadySeconds, "spec.minReadySeconds", errors);
  nonNegative(spec.revisionHistoryLimit, "spec.revisionHistoryLimit", errors);
  const deadline = spec.progressDeadlineSeconds;
  if (deadline === undefined) return;
  nonNegative(deadline, "spec.progressDeadlineSeconds", errors);
  if (deadline <= (spec.minReadySeconds ?? 0)) {
    errors.push(invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"));
  }
}

function checkDeploymentStrategy(strategy: DeploymentStrategy, path: string, errors: Errors): void {
  const { type, rollingUpdate } = strategy;
  const where = `${path}.rollingUpdate`;
  if (type === "Recreate") {
    if (rollingUpdate === undefined) return;
    errors.push(forbidden(where, "may not be specified when strategy `type` is 'Recreate'"));
  } else if (type !== "RollingUpdate") {
    errors.push(notSupported(path, strategy, ["Recreate", "RollingUpdate"]));
  } else if (rollingUpdate === undefined) {
    errors.push(required(where, "this should be defaulted and never be nil"));
  } else {
    const { maxUnavailable, maxSurge } = rollingUpdate;
    nonNegativeOrPercent(maxUnavailable, `${where}.maxUnavailable`, errors);
    nonNegativeOrPercent(maxSurge, `${where}.maxSurge`, errors);
    if (numberOrPercent(maxUnavailable) === 0 && numberOrPercent(maxSurge) === 0) {
      const detail = "may not be 0 when `maxSurge` is 0";
      errors.push(invalid(`${where}.maxUnavailable`, maxUnavailable, detail));
    }
    notMoreThan100Percent(maxUnavailable, `${where}.maxUnavailable`, errors);
  }
}

export function checkDeploymentUpdate(deployment: Deployment, old: Deployment, errors: Errors): void {
  checkDeployment(deployment, errors, old);
  immutable(deployment.spec.selector, old.spec.selector, "spec.selector", errors);
}

type Counts = Readonly<Record<string, unknown>>;

/** Numbers of a status that are never negative. */
function checkCounts(status: object | undefined, fields: readonly string[], errors: Errors): void {
  const counts: Counts = { ...status };
  for (const field of fields) {
    const value = counts[field];
    if (typeof value === "number") nonNegative(value, `status.${field}`, errors);
  }
}

/** Numbers of a status that are parts of its replicas. */
function checkParts(
  status: object | undefined,
  fields: readonly string[],
  errors: Errors,
  ready = "readyReplicas",
): void {
  const counts: Counts = { ...status };
  const number = (field: string): number => Number(counts[field] ?? 0);
  for (const field of fields) {
    if (number(field) <= number("replicas")) continue;
    errors.push(invalid(`status.${field}`, number(field), "cannot be greater than status.replicas"));
  }
  if (fields.includes("availableReplicas") && number("availableReplicas") > number("readyReplicas")) {
    const detail = `cannot be greater than ${ready}`;
    errors.push(invalid("status.availableReplicas", number("availableReplicas"), detail));
  }
}

interface Collisions {
  readonly collisionCount?: number | undefined;
}

function checkCollisions(status: Collisions | undefined, old: Collisions | undefined, errors: Errors): void {
  const before = old?.collisionCount;
  const now = status?.collisionCount;
  if (before === undefined || (now !== undefined && now >= before)) return;
  errors.push(invalid("status.collisionCount", now ?? 0, "cannot be decremented"));
}

export function checkDeploymentStatus(deployment: Deployment, old: Deployment, errors: Errors): void {
  const { status } = deployment;
  const fields = ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas"];
  checkCounts(status, ["observedGeneration", ...fields, "terminatingReplicas", "collisionCount"], errors);
  checkParts(status, ["updatedReplicas", "readyReplicas", "availableReplicas"], errors);
  checkCollisions(status, old.status, errors);
}

export function checkReplicaSet({ spec }: ReplicaSet, errors: Errors, old?: ReplicaSet): void {
  nonNegative(spec.replicas, "spec.replicas", errors);
  nonNegative(spec.minReadySeconds, "spec.minReadySeconds", errors);
  checkRequiredSelector(spec.selector, "deployment", "spec.selector", errors);
  if (selectorOf(spec.selector) === undefined) {
    errors.push(invalid("spec.selector", spec.selector, "invalid label selector"));
    return;
  }
  const template = spec.template ?? {};
  checkTemplateMatches(spec.selector, template, "spec.template", errors);
  const options = templateOptions(old?.spec.template);
  checkLastingTemplate(template, "ReplicaSet", options, "spec.template", errors);
}

export function checkReplicaSetUpdate(replicaSet: ReplicaSet, old: ReplicaSet, errors: Errors): void {
  checkReplicaSet(replicaSet, errors, old);
  immutable(replicaSet.spec.selector, old.spec.selector, "spec.selector", errors);
}

/** ReplicaSets and ReplicationControllers count alike. */
export function checkReplicaStatus(
  { status }: { readonly status?: object | undefined },
  _old: unknown,
  errors: Errors,
): void {
  const parts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
  checkCounts(status, ["replicas", ...parts, "terminatingReplicas", "observedGeneration"], errors);
  checkParts(status, parts, errors);
}

export function checkStatefulSet({ spec }: StatefulSet, errors: Errors, old?: StatefulSet): void {
  checkPodManagement(spec.podManagementPolicy, errors);
  checkStatefulSetStrategy(spec.updateStrategy ?? {}, "spec.updateStrategy", errors);
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  for (const field of ["whenDeleted", "whenScaled"] as const) {
    const path = `spec.persistentVolumeClaimRetentionPolicy.${field}`;
    if (retention !== undefined) optionalOneOf(text(retention[field]), ["Retain", "Delete"], path, errors);
  }
  // Claims of a stored object are fixed, so that nothing could be done about their faults.
  if (old === undefined) {
    list(spec.volumeClaimTemplates).forEach((claim, index) => {
      checkClaimSpec(claim.spec ?? {}, `spec.volumeClaimTemplates[${index}].spec`, errors);
    });
  }
  nonNegative(spec.replicas, "spec.replicas", errors);
  nonNegative(spec.minReadySeconds, "spec.minReadySeconds", errors);
  nonNegative(spec.ordinals?.start, "spec.ordinals.start", errors);
  if (!isEmpty(spec.serviceName) && old === undefined) {
    checkLabel(text(spec.serviceName), "spec.serviceName", errors);
  }
  checkRequiredSelector(spec.selector, "statefulset", "spec.selector", errors);
  if (selectorOf(spec.selector) === undefined) {
    errors.push(invalid("spec.selector", spec.selector, ""));
  } else checkStatefulTemplate(spec, templateOptions(old?.spec.template), errors, old);
  checkLasting(spec.template, "StatefulSet", "spec.template", errors);
}

/** The template, with the volumes of its claims; not that of an object that was stored with faults. */
function checkStatefulTemplate(
  spec: StatefulSetSpec,
  options: PodOptions,
  errors: Errors,
  old: StatefulSet | undefined,
): void {
  const { selector, template } = spec;
  const { metadata } = template;
  checkTemplateMatches(selector, template, "spec.template", errors);
  if (old === undefined || !hasFaults(old, options)) {
    checkPodTemplate(withClaims(spec), "spec.template", errors, options);
  }
  checkLabels(metadata?.labels, "spec.template.labels", errors);
  const path = "spec.template.annotations";
  checkAnnotations(metadata?.annotations, path, errors);
  checkPodAnnotations(metadata?.annotations, template.spec ?? emptySpec, options, path, errors);
}

function hasFaults({ spec }: StatefulSet, options: PodOptions): boolean {
  const errors: Errors = [];
  checkPodTemplate(withClaims(spec), "", errors, options);
  return errors.length > 0;
}

/** Host name and subdomain are those of the set, whatever the template says. */
function withClaims({ template, volumeClaimTemplates }: StatefulSetSpec): PodTemplateSpec {
  const { spec } = template;
  if (spec === undefined) return template;
  const claims = list(volumeClaimTemplates).map(({ metadata }) => text(metadata?.name));
  const names = [...new Set(claims)];
  const volumes = [
    ...names.map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
    ...list(spec.volumes).filter(({ name }) => !names.includes(name)),
  ];
  const { subdomain: _subdomain, hostname: _hostname, ...rest } = spec;
  return { ...template, spec: { ...rest, volumes } };
}

function checkPodManagement(policy: string | undefined, errors: Errors): void {
  const path = "spec.podManagementPolicy";
  if (isEmpty(policy)) errors.push(required(path));
  else if (policy !== "OrderedReady" && policy !== "Parallel") {
    errors.push(invalid(path, policy, "must be 'OrderedReady' or 'Parallel'"));
  }
}

function checkStatefulSetStrategy(strategy: StatefulSetUpdateStrategy, path: string, errors: Errors): void {
  const { type, rollingUpdate } = strategy;
  const where = `${path}.rollingUpdate`;
  if (isEmpty(type)) errors.push(required(path));
  else if (type === "OnDelete") {
    if (rollingUpdate === undefined) return;
    errors.push(invalid(where, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'"));
  } else if (type !== "RollingUpdate") {
    errors.push(invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'"));
  } else if (rollingUpdate !== undefined) {
    const { partition, maxUnavailable } = rollingUpdate;
    nonNegative(partition, `${where}.partition`, errors);
    if (maxUnavailable === undefined) return;
    nonNegativeOrPercent(maxUnavailable, `${where}.maxUnavailable`, errors);
    if (numberOrPercent(maxUnavailable) === 0) {
      errors.push(invalid(`${where}.maxUnavailable`, maxUnavailable, "cannot be 0"));
    }
    notMoreThan100Percent(maxUnavailable, `${where}.maxUnavailable`, errors);
  }
}

export function checkStatefulSetUpdate(statefulSet: StatefulSet, old: StatefulSet, errors: Errors): void {
  checkStatefulSet(statefulSet, errors, old);
  const { spec } = statefulSet;
  const masked: StatefulSetSpec = {
    ...spec,
    replicas: old.spec.replicas,
    ordinals: old.spec.ordinals,
    template: old.spec.template,
    updateStrategy: old.spec.updateStrategy,
    minReadySeconds: old.spec.minReadySeconds,
    persistentVolumeClaimRetentionPolicy: old.spec.persistentVolumeClaimRetentionPolicy,
    revisionHistoryLimit: old.spec.revisionHistoryLimit,
  };
  if (same(masked, old.spec)) return;
  const detail =
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
  errors.push(forbidden("spec", detail));
}

export function checkStatefulSetStatus(statefulSet: StatefulSet, old: StatefulSet, errors: Errors): void {
  const { status } = statefulSet;
  const parts = ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"];
  checkCounts(status, ["replicas", ...parts, "observedGeneration", "collisionCount"], errors);
  checkParts(status, parts, errors, "status.readyReplicas");
  checkCollisions(status, old.status, errors);
}

export function checkDaemonSet({ spec }: DaemonSet, errors: Errors, old?: DaemonSet): void {
  const path = "spec.selector";
  checkLabelSelector(spec.selector, path, errors);
  checkTemplateMatches(spec.selector, spec.template, "spec.template", errors);
  if (spec.selector !== undefined && isEmptySelector(spec.selector)) {
    errors.push(invalid(path, spec.selector, "empty selector is invalid for daemonset"));
  }
  const options = templateOptions(old?.spec.template);
  checkLastingTemplate(spec.template, "DaemonSet", options, "spec.template", errors);
  checkDaemonSetStrategy(spec, "spec.updateStrategy", errors);
  nonNegative(spec.minReadySeconds, "spec.minReadySeconds", errors);
  nonNegative(spec.revisionHistoryLimit, "spec.revisionHistoryLimit", errors);
}

function checkDaemonSetStrategy({ updateStrategy }: DaemonSetSpec, path: string, errors: Errors): void {
  const strategy: DaemonSetUpdateStrategy = updateStrategy ?? {};
  const { type, rollingUpdate } = strategy;
  if (type === "OnDelete") return;
  const where = `${path}.rollingUpdate`;
  if (type !== "RollingUpdate") errors.push(notSupported(path, strategy, ["RollingUpdate", "OnDelete"]));
  else if (rollingUpdate === undefined) errors.push(required(where));
  else {
    const { maxUnavailable, maxSurge } = rollingUpdate;
    nonNegativeOrPercent(maxUnavailable, `${where}.maxUnavailable`, errors);
    nonNegativeOrPercent(maxSurge, `${where}.maxSurge`, errors);
    notMoreThan100Percent(maxUnavailable, `${where}.maxUnavailable`, errors);
    notMoreThan100Percent(maxSurge, `${where}.maxSurge`, errors);
    const hasUnavailable = numberOrPercent(maxUnavailable) !== 0;
    const hasSurge = numberOrPercent(maxSurge) !== 0;
    if (hasUnavailable && hasSurge) {
      const detail = "may not be set when maxUnavailable is non-zero";
      errors.push(invalid(`${where}.maxSurge`, maxSurge, detail));
    } else if (!hasUnavailable && !hasSurge) {
      errors.push(required(`${where}.maxUnavailable`, "cannot be 0 when maxSurge is 0"));
    }
  }
}

export function checkDaemonSetUpdate(daemonSet: DaemonSet, old: DaemonSet, errors: Errors): void {
  immutable(daemonSet.spec.selector, old.spec.selector, "spec.selector", errors);
  checkDaemonSet(daemonSet, errors, old);
}

export function checkDaemonSetStatus(daemonSet: DaemonSet, old: DaemonSet, errors: Errors): void {
  const fields = [
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "observedGeneration",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
    "collisionCount",
  ];
  checkCounts(daemonSet.status, fields, errors);
  checkCollisions(daemonSet.status, old.status, errors);
}

export function checkControllerRevision({ data, revision }: ControllerRevision, errors: Errors): void {
  nonNegative(revision, "revision", errors);
  if (data === undefined || data === null) errors.push(required("data", "data is mandatory"));
  else if (!isObject(data)) errors.push(required("data", "data must be a valid JSON object"));
}

export function checkControllerRevisionUpdate(
  now: ControllerRevision,
  old: ControllerRevision,
  errors: Errors,
): void {
  nonNegative(now.revision, "revision", errors);
  immutable(now.data, old.data, "data", errors);
}

export function checkReplicationController(
  { spec }: ReplicationController,
  errors: Errors,
  old?: ReplicationController,
): void {
  const { selector, template } = spec;
  nonNegative(spec.minReadySeconds, "spec.minReadySeconds", errors);
  if (size(selector) === 0) errors.push(required("spec.selector"));
  nonNegative(spec.replicas, "spec.replicas", errors);
  if (template === undefined) {
    errors.push(required("spec.template"));
    return;
  }
  const { labels } = template.metadata ?? {};
  if (!Object.entries(selector ?? {}).every(([key, value]) => labels?.[key] === value)) {
    errors.push(invalid("spec.template.metadata.labels", labels ?? null, templateMismatch));
  }
  const options = templateOptions(old?.spec.template);
  checkLastingTemplate(template, "ReplicationController", options, "spec.template", errors);
}

export function checkPodTemplateObject({ template }: PodTemplate, errors: Errors, old?: PodTemplate): void {
  checkPodTemplate(template ?? {}, "template", errors, templateOptions(old?.template));
}
