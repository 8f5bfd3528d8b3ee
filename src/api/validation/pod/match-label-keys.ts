import { forbidden, invalid } from "../../../apimachinery/field-error.ts";
import type { LabelSelector } from "../../../apimachinery/meta-v1.ts";
import { checkQualifiedName, type Errors, list } from "../basics.ts";

interface SelectsByKeys {
  readonly labelSelector?: LabelSelector | undefined;
  readonly matchLabelKeys?: readonly string[] | undefined;
  readonly mismatchLabelKeys?: readonly string[] | undefined;
}

/** Labels whose values are the pod's own, of affinities and spread constraints. */
export function checkMatchLabelKeys(term: SelectsByKeys, path: string, errors: Errors): void {
  const { labelSelector, matchLabelKeys, mismatchLabelKeys } = term;
  checkLabelKeys(matchLabelKeys, labelSelector, `${path}.matchLabelKeys`, errors);
  checkLabelKeys(mismatchLabelKeys, labelSelector, `${path}.mismatchLabelKeys`, errors);
  const keys = list(matchLabelKeys);
  if (keys.length === 0) return;
  const selected = new Set(Object.keys(labelSelector?.matchLabels ?? {}));
  // The keys have been merged into the selector when the pod was made, so once is right and twice is not.
  for (const { key } of list(labelSelector?.matchExpressions)) {
    const index = keys.lastIndexOf(key);
    if (index >= 0 && selected.has(key)) {
      errors.push(invalid(`${path}[${index}]`, key, "exists in both matchLabelKeys and labelSelector"));
    }
    selected.add(key);
  }
  keys.forEach((key, index) => {
    if (!list(mismatchLabelKeys).includes(key)) return;
    const detail = "exists in both matchLabelKeys and mismatchLabelKeys";
    errors.push(invalid(`${path}.matchLabelKeys[${index}]`, key, detail));
  });
}

function checkLabelKeys(
  keys: readonly string[] | undefined,
  selector: LabelSelector | undefined,
  path: string,
  errors: Errors,
): void {
  if (list(keys).length === 0) return;
  if (selector === undefined) {
    errors.push(forbidden(path, "must not be specified when labelSelector is not set"));
    return;
  }
  list(keys).forEach((key, index) => {
    checkQualifiedName(key, `${path}[${index}]`, errors);
  });
}
