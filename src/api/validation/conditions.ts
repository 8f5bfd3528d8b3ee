import { duplicate, invalid, notSupported, required, tooLong } from "../../apimachinery/field-error.ts";
import { qualifiedNameErrors, regexError } from "../../apimachinery/names.ts";
import { checkName, type Errors, isEmpty, list, text } from "./basics.ts";
import { byteLength } from "./object-meta.ts";

/** Conditions of the newer kinds, which are all of one type (mirrors ValidateConditions of meta/v1). */
export interface CheckedCondition {
  readonly type?: string | undefined;
  readonly status?: string | undefined;
  readonly observedGeneration?: number | undefined;
  readonly lastTransitionTime?: string | undefined;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
}

const statuses = ["False", "True", "Unknown"];
const reasonSource = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?";
const reasonPattern = new RegExp(`^${reasonSource}$`);
const reasonExamples = ["my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB"];
const reasonBytesMax = 1024;
const messageBytesMax = 32 * 1024;

export function checkConditions(
  conditions: readonly CheckedCondition[] | undefined,
  path: string,
  errors: Errors,
): void {
  const seen = new Set<string>();
  list(conditions).forEach((condition, index) => {
    const type = text(condition.type);
    if (seen.has(type)) errors.push(duplicate(`${path}[${index}].type`, type));
    seen.add(type);
    checkCondition(condition, `${path}[${index}]`, errors);
  });
}

function checkCondition(condition: CheckedCondition, path: string, errors: Errors): void {
  const { type, status, observedGeneration = 0, lastTransitionTime, message } = condition;
  checkName(type, qualifiedNameErrors, `${path}.type`, errors);
  if (!statuses.includes(text(status))) errors.push(notSupported(`${path}.status`, text(status), statuses));
  if (observedGeneration < 0) {
    const detail = "must be greater than or equal to zero";
    errors.push(invalid(`${path}.observedGeneration`, observedGeneration, detail));
  }
  if (isEmpty(lastTransitionTime)) errors.push(required(`${path}.lastTransitionTime`));
  checkReason(text(condition.reason), `${path}.reason`, errors);
  if (byteLength(text(message)) > messageBytesMax) errors.push(tooLong(`${path}.message`, messageBytesMax));
}

function checkReason(reason: string, path: string, errors: Errors): void {
  if (reason === "") {
    errors.push(required(path));
    return;
  }
  if (!reasonPattern.test(reason)) {
    const what =
      "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'";
    errors.push(invalid(path, reason, regexError(what, reasonSource, ...reasonExamples)));
  }
  if (byteLength(reason) > reasonBytesMax) errors.push(tooLong(path, reasonBytesMax));
}
