import {
  duplicate,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
} from "../../apimachinery/field-error.ts";
import type { ObjectMeta } from "../../apimachinery/meta-v1.ts";
import { dns1123LabelErrors, domainPrefixedPathErrors } from "../../apimachinery/names.ts";
import type {
  CronJob,
  Job,
  JobSpec,
  PodFailurePolicy,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from "../types/batch-v1.ts";
import type { PodTemplateSpec } from "../types/core-v1.ts";
import {
  checkName,
  checkQualifiedName,
  type Errors,
  immutable,
  immutableMessage,
  isEmpty,
  list,
  nonNegative,
  requiredOneOf,
  same,
  text,
} from "./basics.ts";
import { cronError, isTimeZone } from "./cron.ts";
import { checkLabelSelector, selectorOf } from "./label-selector.ts";
import type { PodOptions } from "./pod/options.ts";
import { checkPodTemplate, emptySpec } from "./pod/spec.ts";
import { templateOptions } from "./workloads.ts";

/** Jobs and CronJobs (mirrors pkg/apis/batch/validation). */
const listMax = 20;
const exitCodesMax = 255;
const managedByBytesMax = 63;
const parallelismMaxIndexed = 100_000;
const failedIndexesMax = 100_000;
/** Beyond this many completions the status must stay small by other limits. */
const completionsSoftMax = 100_000;
const limitBeyondSoftMax = 10_000;

export function checkJob(job: Job, errors: Errors, old?: Job): void {
  const { metadata, spec } = job;
  checkGeneratedSelector(job, errors);
  checkSelectingSpec(spec, templateOptions(old?.spec.template), errors);
  if (spec.completionMode !== "Indexed" || (spec.completions ?? 0) <= 0) return;
  const hostname = `${text(metadata.name)}-${(spec.completions ?? 1) - 1}`;
  if (dns1123LabelErrors(hostname).length > 0) {
    const detail = `will not able to create pod with invalid DNS label: ${hostname}`;
    errors.push(invalid("metadata.name", text(metadata.name), detail));
  }
}

function checkSelectingSpec(spec: JobSpec, options: PodOptions, errors: Errors): void {
  checkJobSpec(spec, options, "spec", errors);
  // The registry generates a selector for all jobs but those that ask for their own.
  if (spec.selector === undefined) {
    if (spec.manualSelector === true) errors.push(required("spec.selector"));
    return;
  }
  checkLabelSelector(spec.selector, "spec.selector", errors);
  const labels = spec.template.metadata?.labels;
  if (selectorOf(spec.selector)?.matches(labels) === false) {
    const detail = "`selector` does not match template `labels`";
    errors.push(invalid("spec.template.metadata.labels", labels ?? null, detail));
  }
}

function checkGeneratedSelector({ metadata, spec }: Job, errors: Errors): void {
  if (spec.manualSelector === true || spec.selector === undefined) return;
  const uid = text(metadata.uid);
  const name = text(metadata.name);
  if (uid === "") errors.push(required("metadata.uid"));
  const expected = {
    "batch.kubernetes.io/controller-uid": uid,
    "batch.kubernetes.io/job-name": name,
    "controller-uid": uid,
    "job-name": name,
  };
  for (const [key, value] of Object.entries(expected)) {
    checkHasLabel(spec.template.metadata, key, value, errors);
  }
  if (selectorOf(spec.selector)?.matches(expected) === false) {
    errors.push(invalid("spec.selector", spec.selector, "`selector` not auto-generated"));
  }
}

function checkHasLabel(meta: ObjectMeta | undefined, key: string, expected: string, errors: Errors): void {
  const path = `spec.template.metadata.labels[${key}]`;
  const value = meta?.labels?.[key];
  if (value === undefined) errors.push(required(path, `must be '${expected}'`));
  else if (value !== expected) errors.push(invalid(path, meta?.labels, `must be '${expected}'`));
}

function checkJobSpec(spec: JobSpec, options: PodOptions, path: string, errors: Errors): void {
  nonNegative(spec.parallelism, `${path}.parallelism`, errors);
  nonNegative(spec.completions, `${path}.completions`, errors);
  nonNegative(spec.activeDeadlineSeconds, `${path}.activeDeadlineSeconds`, errors);
  nonNegative(spec.backoffLimit, `${path}.backoffLimit`, errors);
  nonNegative(spec.ttlSecondsAfterFinished, `${path}.ttlSecondsAfterFinished`, errors);
  nonNegative(spec.backoffLimitPerIndex, `${path}.backoffLimitPerIndex`, errors);
  nonNegative(spec.maxFailedIndexes, `${path}.maxFailedIndexes`, errors);
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    errors.push(required(`${path}.backoffLimitPerIndex`, "when maxFailedIndexes is specified"));
  }
  if (spec.managedBy !== undefined) checkManagedBy(spec.managedBy, `${path}.managedBy`, errors);
  checkCompletionMode(spec, path, errors);
  if (spec.podFailurePolicy !== undefined) {
    checkPodFailurePolicy(spec, spec.podFailurePolicy, `${path}.podFailurePolicy`, errors);
  }
  if (spec.successPolicy !== undefined) checkSuccessPolicy(spec, `${path}.successPolicy`, errors);
  checkPodReplacement(spec, `${path}.podReplacementPolicy`, errors);
  checkPodTemplate(spec.template, `${path}.template`, errors, options);
  checkRestartPolicy(spec, `${path}.template.spec.restartPolicy`, errors);
}

function checkManagedBy(managedBy: string, path: string, errors: Errors): void {
  if (managedBy === "") errors.push(required(path));
  else checkName(managedBy, domainPrefixedPathErrors, path, errors);
  if (managedBy.length > managedByBytesMax) errors.push(tooLong(path, managedByBytesMax));
}

function checkCompletionMode(spec: JobSpec, path: string, errors: Errors): void {
  const { completionMode, backoffLimitPerIndex } = spec;
  if (completionMode === "Indexed") checkIndexed(spec, path, errors);
  else if (completionMode !== undefined && completionMode !== "NonIndexed") {
    errors.push(notSupported(`${path}.completionMode`, completionMode, ["NonIndexed", "Indexed"]));
  }
  if ((completionMode ?? "NonIndexed") !== "NonIndexed") return;
  if (backoffLimitPerIndex !== undefined) {
    const detail = "requires indexed completion mode";
    errors.push(invalid(`${path}.backoffLimitPerIndex`, backoffLimitPerIndex, detail));
  }
}

function checkIndexed(spec: JobSpec, path: string, errors: Errors): void {
  const { completions, parallelism, backoffLimitPerIndex, maxFailedIndexes } = spec;
  if (completions === undefined) {
    errors.push(required(`${path}.completions`, "when completion mode is Indexed"));
  }
  if ((parallelism ?? 0) > parallelismMaxIndexed) {
    const detail = `must be less than or equal to ${parallelismMaxIndexed} when completion mode is Indexed`;
    errors.push(invalid(`${path}.parallelism`, parallelism, detail));
  }
  const failedPath = `${path}.maxFailedIndexes`;
  if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions) {
    errors.push(invalid(failedPath, maxFailedIndexes, "must be less than or equal to completions"));
  }
  if (maxFailedIndexes !== undefined && maxFailedIndexes > failedIndexesMax) {
    errors.push(invalid(failedPath, maxFailedIndexes, `must be less than or equal to ${failedIndexesMax}`));
  }
  if ((completions ?? 0) <= completionsSoftMax || backoffLimitPerIndex === undefined) return;
  const beyond = `must be less than or equal to ${limitBeyondSoftMax} when completions are above ${completionsSoftMax} and used with backoff limit per index`;
  if (maxFailedIndexes === undefined) {
    errors.push(required(failedPath, `must be specified when completions is above ${completionsSoftMax}`));
  } else if (maxFailedIndexes > limitBeyondSoftMax)
    errors.push(invalid(failedPath, maxFailedIndexes, beyond));
  if ((parallelism ?? 0) > limitBeyondSoftMax) {
    errors.push(invalid(`${path}.parallelism`, parallelism, beyond));
  }
}

/** A template that asks for "Always" may have been silent: that is the default of pods. */
function checkRestartPolicy(spec: JobSpec, path: string, errors: Errors): void {
  const policy = text(spec.template.spec?.restartPolicy);
  if (policy === "" || policy === "Always") {
    errors.push(required(path, 'valid values: "OnFailure", "Never"'));
  } else if (policy !== "OnFailure" && policy !== "Never") {
    errors.push(notSupported(path, policy, ["OnFailure", "Never"]));
  } else if (spec.podFailurePolicy !== undefined && policy !== "Never") {
    errors.push(invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified'));
  }
}

const failureActions = ["Count", "FailIndex", "FailJob", "Ignore"];

function checkPodFailurePolicy(
  spec: JobSpec,
  { rules }: PodFailurePolicy,
  path: string,
  errors: Errors,
): void {
  const { containers, initContainers } = spec.template.spec ?? emptySpec;
  const names = new Set([...list(containers), ...list(initContainers)].map(({ name }) => name));
  const found = list(rules);
  if (found.length > listMax) errors.push(tooMany(`${path}.rules`, found.length, listMax));
  found.forEach((rule, index) => {
    const where = `${path}.rules[${index}]`;
    checkFailureAction(rule, spec, `${where}.action`, errors);
    if (rule.onExitCodes !== undefined)
      checkExitCodes(rule.onExitCodes, names, `${where}.onExitCodes`, errors);
    const conditions = list(rule.onPodConditions);
    checkPodConditions(conditions, `${where}.onPodConditions`, errors);
    const kinds = (rule.onExitCodes === undefined ? 0 : 1) + (conditions.length > 0 ? 1 : 0);
    if (kinds === 2) {
      const detail = "specifying both OnExitCodes and OnPodConditions is not supported";
      errors.push(invalid(where, rule, detail));
    } else if (kinds === 0) {
      errors.push(invalid(where, rule, "specifying one of OnExitCodes and OnPodConditions is required"));
    }
  });
}

function checkFailureAction(
  { action }: PodFailurePolicyRule,
  spec: JobSpec,
  path: string,
  errors: Errors,
): void {
  if (isEmpty(action)) {
    const shown = failureActions.map((one) => JSON.stringify(one)).join(" ");
    errors.push(required(path, `valid values: [${shown}]`));
  } else if (!failureActions.includes(action)) errors.push(notSupported(path, action, failureActions));
  else if (action === "FailIndex" && spec.backoffLimitPerIndex === undefined) {
    errors.push(invalid(path, action, "requires the backoffLimitPerIndex to be set"));
  }
}

function checkExitCodes(
  { operator, values, containerName }: PodFailurePolicyOnExitCodesRequirement,
  names: ReadonlySet<string>,
  path: string,
  errors: Errors,
): void {
  if (isEmpty(operator)) errors.push(required(`${path}.operator`, 'valid values: ["In" "NotIn"]'));
  else if (operator !== "In" && operator !== "NotIn") {
    errors.push(notSupported(`${path}.operator`, operator, ["In", "NotIn"]));
  }
  if (containerName !== undefined && !names.has(containerName)) {
    const detail = "must be one of the container or initContainer names in the pod template";
    errors.push(invalid(`${path}.containerName`, containerName, detail));
  }
  const codes = list(values);
  const where = `${path}.values`;
  if (codes.length === 0) errors.push(invalid(where, codes, "at least one value is required"));
  if (codes.length > exitCodesMax) errors.push(tooMany(where, codes.length, exitCodesMax));
  const seen = new Set<number>();
  codes.forEach((code, index) => {
    if (operator === "In" && code === 0) {
      errors.push(invalid(`${where}[${index}]`, code, "must not be 0 for the In operator"));
    }
    if (seen.has(code)) errors.push(duplicate(`${where}[${index}]`, code));
    seen.add(code);
  });
  if (codes.some((code, index) => code < (codes[index - 1] ?? code))) {
    errors.push(invalid(where, codes, "must be ordered"));
  }
}

function checkPodConditions(
  patterns: readonly PodFailurePolicyOnPodConditionsPattern[],
  path: string,
  errors: Errors,
): void {
  if (patterns.length > listMax) errors.push(tooMany(path, patterns.length, listMax));
  patterns.forEach(({ type, status }, index) => {
    const where = `${path}[${index}]`;
    checkQualifiedName(type, `${where}.type`, errors);
    if (isEmpty(status)) {
      errors.push(required(`${where}.status`, 'valid values: ["False" "True" "Unknown"]'));
    } else requiredOneOf(status, ["False", "True", "Unknown"], `${where}.status`, errors);
  });
}

function checkSuccessPolicy(spec: JobSpec, path: string, errors: Errors): void {
  const { successPolicy, completionMode } = spec;
  if (completionMode !== "Indexed") {
    errors.push(invalid(path, successPolicy, "requires indexed completion mode"));
  }
  const rules = list(successPolicy?.rules);
  if (rules.length === 0) {
    const detail = "at least one rules must be specified when the successPolicy is specified";
    errors.push(required(`${path}.rules`, detail));
  }
  if (rules.length > listMax) errors.push(tooMany(`${path}.rules`, rules.length, listMax));
  rules.forEach((rule, index) => {
    checkSuccessRule(rule, spec, `${path}.rules[${index}]`, errors);
  });
}

function checkSuccessRule(
  { succeededCount, succeededIndexes }: SuccessPolicyRule,
  spec: JobSpec,
  path: string,
  errors: Errors,
): void {
  if (succeededCount === undefined && succeededIndexes === undefined) {
    errors.push(required(path, "at least one of succeededCount or succeededIndexes must be specified"));
  }
  let total = spec.completions ?? 0;
  if (succeededIndexes !== undefined) {
    const counted = countIndexes(succeededIndexes, spec.completions ?? 0);
    if (typeof counted === "string") {
      const detail = `error parsing succeededIndexes: ${counted}`;
      errors.push(invalid(`${path}.succeededIndexes`, succeededIndexes, detail));
      total = 0;
    } else total = counted;
  }
  if (succeededCount === undefined) return;
  const where = `${path}.succeededCount`;
  nonNegative(succeededCount, where, errors);
  if (spec.completions !== undefined && succeededCount > spec.completions) {
    const detail = `must be less than or equal to ${spec.completions} (the number of specified completions)`;
    errors.push(invalid(where, succeededCount, detail));
  }
  if (succeededIndexes !== undefined && succeededCount > total) {
    const detail = `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`;
    errors.push(invalid(where, succeededCount, detail));
  }
}

/** How many indexes `1,3-5` names, or what is wrong with it. */
function countIndexes(indexes: string, completions: number): number | string {
  let last: number | undefined;
  let total = 0;
  for (const interval of indexes === "" ? [] : indexes.split(",")) {
    const [low = "", high = low, more] = interval.split("-");
    if (more !== undefined) {
      return `the fragment ${JSON.stringify(interval)} violates the requirement that an index interval can have at most two parts separated by '-'`;
    }
    for (const index of [low, high]) {
      if (!/^[0-9]+$/.test(index))
        return `cannot convert string to integer for index: ${JSON.stringify(index)}`;
    }
    const [first, end] = [Number(low), Number(high)];
    if (first >= completions || end >= completions)
      return `too large index: ${JSON.stringify(first >= completions ? low : high)}`;
    if (last !== undefined && last >= first) {
      return `non-increasing order, previous: ${last}, current: ${first}`;
    }
    if (interval.includes("-") && end <= first)
      return `non-increasing order, previous: ${first}, current: ${end}`;
    total += end - first + 1;
    last = end;
  }
  return total;
}

function checkPodReplacement(spec: JobSpec, path: string, errors: Errors): void {
  const policy = spec.podReplacementPolicy;
  if (policy === undefined) return;
  if (spec.podFailurePolicy !== undefined) {
    if (policy !== "Failed") errors.push(notSupported(path, policy, ["Failed"]));
  } else if (policy !== "Failed" && policy !== "TerminatingOrFailed") {
    errors.push(notSupported(path, policy, ["Failed", "TerminatingOrFailed"]));
  }
}

export function checkJobUpdate(job: Job, old: Job, errors: Errors): void {
  const { spec } = job;
  const before = old.spec;
  checkJob(job, errors, old);
  // Kubernetes asks twice: as of a job that is whole, and as of a change.
  checkSelectingSpec(spec, templateOptions(before.template), errors);
  checkCompletions(spec, before, errors);
  immutable(spec.selector, before.selector, "spec.selector", errors);
  if (!same(comparable(job, old), before.template)) {
    errors.push(invalid("spec.template", spec.template, immutableMessage));
  }
  immutable(spec.completionMode, before.completionMode, "spec.completionMode", errors);
  immutable(spec.podFailurePolicy, before.podFailurePolicy, "spec.podFailurePolicy", errors);
  immutable(spec.backoffLimitPerIndex, before.backoffLimitPerIndex, "spec.backoffLimitPerIndex", errors);
  immutable(spec.managedBy, before.managedBy, "spec.managedBy", errors);
  immutable(spec.successPolicy, before.successPolicy, "spec.successPolicy", errors);
}

/** An elastic indexed job changes its completions together with its parallelism. */
function checkCompletions(spec: JobSpec, old: JobSpec, errors: Errors): void {
  if (spec.completions === old.completions) return;
  const isElastic =
    spec.completionMode === "Indexed" &&
    spec.completions !== undefined &&
    old.completions !== undefined &&
    spec.completions === spec.parallelism &&
    old.completions === old.parallelism;
  if (isElastic) return;
  const detail =
    spec.completionMode === "Indexed" && spec.completions !== undefined
      ? "can only be modified in tandem with spec.parallelism"
      : immutableMessage;
  errors.push(invalid("spec.completions", spec.completions, detail));
}

/** The new template with the old values of what may change while the job is suspended and has no pods. */
function comparable({ spec }: Job, old: Job): PodTemplateSpec {
  if (!mayReschedule(old)) return spec.template;
  const before = old.spec.template;
  const oldSpec = before.spec ?? emptySpec;
  const now = spec.template.spec ?? emptySpec;
  const resourcesOf = (field: "containers" | "initContainers"): typeof now.containers =>
    list(now[field]).map((container, index) => ({
      ...container,
      resources: list(oldSpec[field])[index]?.resources,
    }));
  const { podAffinity, podAntiAffinity } = now.affinity ?? {};
  const rest = { podAffinity, podAntiAffinity, nodeAffinity: oldSpec.affinity?.nodeAffinity };
  const isBare = Object.values(rest).every((member) => member === undefined);
  return {
    metadata: {
      ...spec.template.metadata,
      annotations: before.metadata?.annotations,
      labels: before.metadata?.labels,
    },
    spec: {
      ...now,
      containers: resourcesOf("containers"),
      initContainers: resourcesOf("initContainers"),
      affinity: isBare && oldSpec.affinity === undefined ? undefined : rest,
      nodeSelector: oldSpec.nodeSelector,
      tolerations: oldSpec.tolerations,
      schedulingGates: oldSpec.schedulingGates,
    },
  };
}

function mayReschedule({ spec, status }: Job): boolean {
  if (spec.suspend !== true) return false;
  if (status?.startTime === undefined) return true;
  const isSuspended = list(status.conditions).some(
    ({ type, status: value }) => type === "Suspended" && value === "True",
  );
  return isSuspended && (status.active ?? 0) === 0;
}

export function checkJobStatus({ status }: Job, _old: Job, errors: Errors): void {
  for (const field of ["active", "succeeded", "failed", "terminating", "ready"] as const) {
    nonNegative(status?.[field], `status.${field}`, errors);
  }
}

/** The controller appends eleven characters to the name. */
const cronJobNameMax = 52;

export function checkCronJob(cronJob: CronJob, errors: Errors, old?: CronJob): void {
  const { metadata, spec } = cronJob;
  if (old === undefined && text(metadata.name).length > cronJobNameMax) {
    const detail = `must be no more than ${cronJobNameMax} characters`;
    errors.push(invalid("metadata.name", metadata.name, detail));
  }
  if (isEmpty(spec.schedule)) errors.push(required("spec.schedule"));
  else checkSchedule(spec.schedule, spec.timeZone, old?.spec.schedule === spec.schedule, errors);
  nonNegative(spec.startingDeadlineSeconds, "spec.startingDeadlineSeconds", errors);
  if (spec.timeZone !== undefined && spec.timeZone !== old?.spec.timeZone) {
    checkTimeZone(spec.timeZone, "spec.timeZone", errors);
  }
  requiredOneOf(spec.concurrencyPolicy, ["Allow", "Forbid", "Replace"], "spec.concurrencyPolicy", errors);
  checkJobTemplate(spec.jobTemplate.spec, templateOptions(old?.spec.jobTemplate.spec?.template), errors);
  nonNegative(spec.successfulJobsHistoryLimit, "spec.successfulJobsHistoryLimit", errors);
  nonNegative(spec.failedJobsHistoryLimit, "spec.failedJobsHistoryLimit", errors);
}

function checkSchedule(
  schedule: string,
  timeZone: string | undefined,
  isKept: boolean,
  errors: Errors,
): void {
  const path = "spec.schedule";
  const error = cronError(schedule);
  if (error !== undefined) errors.push(invalid(path, schedule, error));
  if (!schedule.includes("TZ")) return;
  if (!isKept) {
    const detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
    errors.push(invalid(path, schedule, detail));
  } else if (timeZone !== undefined) {
    const detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule";
    errors.push(invalid(path, schedule, detail));
  }
}

function checkTimeZone(zone: string, path: string, errors: Errors): void {
  if (zone === "") errors.push(invalid(path, zone, "timeZone must be nil or non-empty string"));
  else if (zone.toLowerCase() === "local") {
    const detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
    errors.push(invalid(path, zone, detail));
  } else if (!isTimeZone(zone)) errors.push(invalid(path, zone, `unknown time zone ${zone}`));
}

function checkJobTemplate(spec: JobSpec | undefined, options: PodOptions, errors: Errors): void {
  const path = "spec.jobTemplate.spec";
  const job: JobSpec = spec ?? { template: {} };
  checkJobSpec(job, options, path, errors);
  if (job.selector !== undefined) {
    errors.push(invalid(`${path}.selector`, job.selector, "`selector` will be auto-generated"));
  }
  if (job.manualSelector === true) {
    errors.push(notSupported(`${path}.manualSelector`, true, ["nil", "false"]));
  }
}
