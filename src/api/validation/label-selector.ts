import { forbidden, invalid, required } from "../../apimachinery/field-error.ts";
import { type Selector, selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import type { LabelSelector } from "../../apimachinery/meta-v1.ts";
import { labelValueErrors } from "../../apimachinery/names.ts";
import { checkName, checkQualifiedName, type Errors, list, size } from "./basics.ts";

/** Labels and selectors (mirrors k8s.io/apimachinery/pkg/apis/meta/v1/validation). */
export function checkLabels(
  labels: Readonly<Record<string, string>> | undefined,
  path: string,
  errors: Errors,
): void {
  for (const key in labels) {
    checkQualifiedName(key, path, errors);
    checkName(labels[key] ?? "", labelValueErrors, path, errors);
  }
}

/** `anyValue`: values that are no label values stay allowed where the old object has some already. */
export function checkLabelSelector(
  selector: LabelSelector | undefined,
  path: string,
  errors: Errors,
  anyValue = false,
): void {
  if (selector === undefined) return;
  checkLabels(selector.matchLabels, `${path}.matchLabels`, errors);
  list(selector.matchExpressions).forEach(({ key, operator, values }, index) => {
    const where = `${path}.matchExpressions[${index}]`;
    const found = list(values);
    if (operator === "In" || operator === "NotIn") {
      if (found.length === 0) {
        errors.push(required(`${where}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      }
    } else if (operator === "Exists" || operator === "DoesNotExist") {
      if (found.length > 0) {
        const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
        errors.push(forbidden(`${where}.values`, detail));
      }
    } else errors.push(invalid(`${where}.operator`, operator, "not a valid selector operator"));
    checkQualifiedName(key, `${where}.key`, errors);
    if (anyValue) return;
    found.forEach((value, at) => {
      checkName(value, labelValueErrors, `${where}.values[${at}]`, errors);
    });
  });
}

export function isEmptySelector(selector: LabelSelector): boolean {
  return size(selector.matchLabels) + list(selector.matchExpressions).length === 0;
}

/** The selector, or undefined when it is not valid. */
export function selectorOf(selector: LabelSelector | undefined): Selector | undefined {
  try {
    return selectorFromLabelSelector(selector);
  } catch {
    return undefined;
  }
}
