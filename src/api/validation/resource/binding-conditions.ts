import { duplicate, invalid } from "../../../apimachinery/field-error.ts";
import { checkQualifiedName, type Errors, list } from "../basics.ts";
import { checkSlice } from "./collections.ts";

interface Binding {
  readonly bindingConditions?: readonly string[] | undefined;
  readonly bindingFailureConditions?: readonly string[] | undefined;
}

const conditionsMax = 4;

/** What a device must report before pods that were given it are bound, or are given another one: both or neither. */
export function checkBindingConditions(binding: Binding, path: string, errors: Errors): void {
  const fields = ["bindingConditions", "bindingFailureConditions"] as const;
  const [ready, failed] = [list(binding.bindingConditions), list(binding.bindingFailureConditions)];
  for (const field of fields) {
    checkSlice(binding[field], conditionsMax, checkQualifiedName, `${path}.${field}`, errors);
  }
  ready.forEach((condition, index) => {
    if (ready.indexOf(condition) < index) {
      errors.push(duplicate(`${path}.bindingConditions[${index}]`, condition));
    }
  });
  failed.forEach((condition, index) => {
    const where = `${path}.bindingFailureConditions[${index}]`;
    if (failed.indexOf(condition) < index) errors.push(duplicate(where, condition));
    if (!ready.includes(condition)) return;
    const detail = "bindingFailureConditions must not overlap with bindingConditions";
    errors.push(invalid(where, condition, detail));
  });
  if (ready.length === 0 && failed.length > 0) {
    const detail = "bindingConditions are required to use bindingFailureConditions";
    errors.push(invalid(`${path}.bindingConditions`, binding.bindingConditions ?? null, detail));
  }
  if (failed.length === 0 && ready.length > 0) {
    const detail = "bindingFailureConditions are required to use bindingConditions";
    errors.push(
      invalid(`${path}.bindingFailureConditions`, binding.bindingFailureConditions ?? null, detail),
    );
  }
}
