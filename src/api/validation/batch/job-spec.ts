import {
  duplicate,
  invalid,
  notSupported,
  omitted,
  required,
  tooLong,
  tooMany,
} from "../../../apimachinery/field-error.ts";
import { domainPrefixedPathErrors } from "../../../apimachinery/names.ts";
import type {
  JobSpec,
  PodFailurePolicy,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from "../../types/batch-v1.ts";
import {
  checkName,
  checkQualifiedName,
  type Errors,
  isEmpty,
  list,
  nonNegative,
  requiredOneOf,
  text,
} from "../basics.ts";
import type { PodOptions } from "../pod/options.ts";
import { checkPodTemplate, emptySpec } from "../pod/spec.ts";
import { countIndexes } from "./job-indexes.ts";

const listMax = 20;
const exitCodesMax = 255;
const indexesLengthMax = 64 * 1024;
const managedByBytesMax = 63;
const parallelismMaxIndexed = 100_000;
const failedIndexesMax = 100_000;
/** Beyond this many completions the status must stay small by other limits. */
const completionsSoftMax = 100_000;
const limitBeyondSoftMax = 10_000;

/** What holds for the job inside a CronJob too (mirrors pkg/apis/batch/validation). */
export function checkJobSpec(spec: JobSpec, options: PodOptions, path: string, errors: Errors): void {
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
  const { completionMode } = spec;
  if (completionMode === "Indexed") checkIndexed(spec, path, errors);
  else if (completionMode !== undefined && completionMode !== "NonIndexed") {
    errors.push(notSupported(`${path}.completionMode`, completionMode, ["NonIndexed", "Indexed"]));
  }
  if ((completionMode ?? "NonIndexed") !== "NonIndexed") return;
  for (const field of ["backoffLimitPerIndex", "maxFailedIndexes"] as const) {
    if (spec[field] === undefined) continue;
    errors.push(invalid(`${path}.${field}`, spec[field], "requires indexed completion mode"));
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
  }
  if ((parallelism ?? 0) > limitBeyondSoftMax) {
    errors.push(invalid(`${path}.parallelism`, parallelism, beyond));
  }
  if (maxFailedIndexes !== undefined && maxFailedIndexes > limitBeyondSoftMax) {
    errors.push(invalid(failedPath, maxFailedIndexes, beyond));
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
      errors.push(invalid(where, omitted, detail));
    } else if (kinds === 0) {
      errors.push(invalid(where, omitted, "specifying one of OnExitCodes and OnPodConditions is required"));
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
  if (codes.length === 0) errors.push(invalid(where, values ?? null, "at least one value is required"));
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
    return;
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
    const where = `${path}.succeededIndexes`;
    if (succeededIndexes.length > indexesLengthMax) errors.push(tooLong(where, indexesLengthMax));
    const counted = countIndexes(succeededIndexes, spec.completions ?? 0);
    if (typeof counted === "string") {
      const detail = `error parsing succeededIndexes: ${counted}`;
      errors.push(invalid(where, succeededIndexes, detail));
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

function checkPodReplacement(spec: JobSpec, path: string, errors: Errors): void {
  const policy = spec.podReplacementPolicy;
  if (policy === undefined) return;
  if (spec.podFailurePolicy !== undefined) {
    if (policy !== "Failed") errors.push(notSupported(path, policy, ["Failed"]));
  } else if (policy !== "Failed" && policy !== "TerminatingOrFailed") {
    errors.push(notSupported(path, policy, ["Failed", "TerminatingOrFailed"]));
  }
}
