import { duplicate, invalid, omitted, required } from "../../../apimachinery/field-error.ts";
import type { Job, JobStatus } from "../../types/batch-v1.ts";
import { type Errors, list, nonNegative, same, text } from "../basics.ts";
import { countIndexes, firstCommonIndex } from "./job-indexes.ts";

/**
 * The status of a job (mirrors pkg/apis/batch/validation). Others than the controller may write it, so it must not go
 * back on what it said. Most rules are asked only when what they look at changes: a change of the spec may break them for
 * a moment, until the status follows.
 */
export function checkJobStatus(job: Job, old: Job, errors: Errors): void {
  const change = changeOf(job, old);
  checkCounts(change.now, errors);
  checkEnd(change, errors);
  checkFinished(change, errors);
  checkIndexes(job, change, errors);
  checkPods(change, errors);
  checkSuccess(job, change, errors);
  checkTransition(job, change, errors);
}

type Outcome = "Complete" | "Failed" | "FailureTarget" | "SuccessCriteriaMet" | "Suspended";

interface Change {
  readonly now: JobStatus;
  readonly old: JobStatus;
  /** Whether the job says so now. */
  readonly is: (outcome: Outcome) => boolean;
  readonly was: (outcome: Outcome) => boolean;
  /** Whether one of these says something else than before. */
  readonly turned: (...outcomes: Outcome[]) => boolean;
  readonly changed: (...fields: (keyof JobStatus)[]) => boolean;
  readonly isFinished: boolean;
  readonly isFinishNew: boolean;
  /** Suspended from its start, and done with that. */
  readonly hasNothingToDo: boolean;
}

const empty: JobStatus = {};

const says = ({ conditions }: JobStatus, outcome: Outcome, value = "True"): boolean =>
  list(conditions).some(({ type, status }) => type === outcome && status === value);

function changeOf({ spec, status: now = empty }: Job, { status: old = empty }: Job): Change {
  const is = (outcome: Outcome): boolean => says(now, outcome);
  const was = (outcome: Outcome): boolean => says(old, outcome);
  const isFinished = is("Complete") || is("Failed");
  return {
    now,
    old,
    is,
    was,
    turned: (...outcomes) => outcomes.some((outcome) => is(outcome) !== was(outcome)),
    changed: (...fields) => fields.some((field) => !equal(now[field], old[field])),
    isFinished,
    isFinishNew: isFinished !== (was("Complete") || was("Failed")),
    hasNothingToDo: spec.suspend === true && spec.completions === 0,
  };
}

/** An empty text is another than none; lists and objects are compared as Go does. */
const equal = (a: unknown, b: unknown): boolean => a === b || (typeof a === "object" && same(a, b));

const conditionsPath = "status.conditions";

function checkCounts(now: JobStatus, errors: Errors): void {
  for (const field of ["active", "succeeded", "failed", "ready", "terminating"] as const) {
    nonNegative(now[field], `status.${field}`, errors);
  }
  const seen = new Set<string>();
  for (const field of ["succeeded", "failed"] as const) {
    list(now.uncountedTerminatedPods?.[field]).forEach((uid, index) => {
      const path = `status.uncountedTerminatedPods.${field}[${index}]`;
      if (uid === "") errors.push(invalid(path, uid, "must not be empty"));
      else if (seen.has(uid)) errors.push(duplicate(path, uid));
      seen.add(uid);
    });
  }
}

/** Complete, Failed and what leads to them go together in one way only. */
function checkEnd({ now, is, turned, changed }: Change, errors: Errors): void {
  const { startTime, completionTime } = now;
  const isComplete = is("Complete");
  const refuse = (detail: string): void => {
    errors.push(invalid(conditionsPath, omitted, detail));
  };
  if (turned("Complete", "Failed") && isComplete && is("Failed")) {
    refuse("cannot set Complete=True and Failed=true conditions");
  }
  if (turned("Complete", "FailureTarget") && isComplete && is("FailureTarget")) {
    refuse("cannot set Complete=True and FailureTarget=true conditions");
  }
  if (turned("Complete") || changed("completionTime")) {
    if (completionTime !== undefined && !isComplete) {
      const detail = "cannot set completionTime when there is no Complete=True condition";
      errors.push(invalid("status.completionTime", completionTime, detail));
    }
    if (completionTime === undefined && isComplete) {
      errors.push(required("status.completionTime", "completionTime is required for Complete jobs"));
    }
  }
  if (changed("startTime", "completionTime") && isBefore(completionTime, startTime)) {
    errors.push(invalid("status.completionTime", completionTime, "must be equal to or after `startTime`"));
  }
  if ((turned("Failed") || changed("failedIndexes")) && is("Failed") && !is("FailureTarget")) {
    refuse("cannot set Failed=True condition without the FailureTarget=true condition");
  }
  if (turned("Complete", "SuccessCriteriaMet") && isComplete && !is("SuccessCriteriaMet")) {
    refuse("cannot set Complete=True condition without the SuccessCriteriaMet=true condition");
  }
}

const isBefore = (time: string | undefined, other: string | undefined): boolean =>
  time !== undefined && other !== undefined && Date.parse(time) < Date.parse(other);

function checkFinished(change: Change, errors: Errors): void {
  const { now, isFinished, isFinishNew, changed, hasNothingToDo } = change;
  if (!isFinished) return;
  if ((isFinishNew || changed("active")) && (now.active ?? 0) > 0) {
    errors.push(invalid("status.active", now.active, "active>0 is invalid for finished job"));
  }
  const mayLackStart = now.startTime !== undefined || hasNothingToDo;
  if ((isFinishNew || changed("startTime")) && !mayLackStart) {
    errors.push(required("status.startTime", "startTime is required for finished job"));
  }
  const { failed, succeeded } = now.uncountedTerminatedPods ?? {};
  if (!isFinishNew && !changed("uncountedTerminatedPods")) return;
  if (list(failed).length + list(succeeded).length > 0) {
    const path = "status.uncountedTerminatedPods";
    errors.push(invalid(path, now.uncountedTerminatedPods, "must be empty for finished job"));
  }
}

function checkIndexes({ spec }: Job, { now, changed }: Change, errors: Errors): void {
  const { completions, backoffLimitPerIndex } = spec;
  const { failedIndexes } = now;
  const completed = text(now.completedIndexes);
  const [isCompletedNew, isFailedNew] = [changed("completedIndexes"), changed("failedIndexes")];
  const check = (field: string, value: string): void => {
    const counted = completions === undefined ? 0 : countIndexes(value, completions);
    if (typeof counted === "number") return;
    errors.push(invalid(`status.${field}`, value, `error parsing ${field}: ${counted}`));
  };
  if (isCompletedNew) check("completedIndexes", completed);
  if (isFailedNew && failedIndexes !== undefined && backoffLimitPerIndex !== undefined) {
    check("failedIndexes", failedIndexes);
  }
  if (isCompletedNew && completed !== "" && spec.completionMode !== "Indexed") {
    const detail = "cannot set non-empty completedIndexes when non-indexed completion mode";
    errors.push(invalid("status.completedIndexes", completed, detail));
  }
  if (failedIndexes === undefined) return;
  if (isFailedNew && backoffLimitPerIndex === undefined) {
    const detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
    errors.push(invalid("status.failedIndexes", failedIndexes, detail));
  }
  if ((!isFailedNew && !isCompletedNew) || completions === undefined) return;
  const common = firstCommonIndex(completed, failedIndexes, completions);
  if (common === undefined) return;
  const detail = `failedIndexes and completedIndexes overlap at index: ${common}`;
  errors.push(invalid("status.failedIndexes", failedIndexes, detail));
}

function checkPods({ now, isFinished, isFinishNew, changed }: Change, errors: Errors): void {
  const { terminating = 0, ready = 0, active = 0 } = now;
  if ((isFinishNew || changed("terminating")) && isFinished && terminating > 0) {
    errors.push(invalid("status.terminating", terminating, "terminating>0 is invalid for finished job"));
  }
  if (changed("ready", "active") && now.ready !== undefined && ready > active) {
    errors.push(invalid("status.ready", ready, "cannot set more ready pods than active"));
  }
}

function checkSuccess({ spec }: Job, { is }: Change, errors: Errors): void {
  const isMet = is("SuccessCriteriaMet");
  const refuse = (detail: string): void => {
    errors.push(invalid(conditionsPath, omitted, detail));
  };
  if (isMet && is("Failed")) refuse("cannot set SuccessCriteriaMet=True and Failed=true conditions");
  if (isMet && is("FailureTarget")) {
    refuse("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions");
  }
  if (spec.successPolicy !== undefined && !isMet && is("Complete")) {
    refuse("cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True");
  }
}

/** What was said once and for all. */
function checkTransition({ spec }: Job, change: Change, errors: Errors): void {
  const { now, old, is, was } = change;
  for (const outcome of ["Failed", "Complete", "FailureTarget"] as const) {
    if (!was(outcome) || is(outcome)) continue;
    errors.push(invalid(conditionsPath, omitted, `cannot disable the terminal ${outcome}=True condition`));
  }
  const isElastic = spec.completionMode === "Indexed" && spec.completions === spec.parallelism;
  for (const field of isElastic ? (["failed"] as const) : (["failed", "succeeded"] as const)) {
    const value = now[field] ?? 0;
    if (value >= (old[field] ?? 0)) continue;
    errors.push(invalid(`status.${field}`, value, `cannot decrease the ${field} counter`));
  }
  if (
    now.completionTime !== undefined &&
    old.completionTime !== undefined &&
    change.changed("completionTime")
  ) {
    errors.push(invalid("status.completionTime", now.completionTime, "field is immutable"));
  }
  const isResuming = was("Suspended") && says(now, "Suspended", "False");
  if (old.startTime !== undefined && change.changed("startTime") && spec.suspend !== true && !isResuming) {
    const detail = "field is immutable for unsuspended job once set";
    errors.push(invalid("status.startTime", now.startTime ?? null, detail));
  }
  const [isMet, wasMet] = [is("SuccessCriteriaMet"), was("SuccessCriteriaMet")];
  if (wasMet && !isMet) {
    errors.push(invalid(conditionsPath, omitted, "cannot disable the SuccessCriteriaMet=True condition"));
  }
  if (was("Complete") && !wasMet && isMet) {
    const detail = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions";
    errors.push(invalid(conditionsPath, omitted, detail));
  }
}
