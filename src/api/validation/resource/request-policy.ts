import { forbidden, invalid, required } from "../../../apimachinery/field-error.ts";
import type { Quantity } from "../../../apimachinery/quantity.ts";
import type { CapacityRequestPolicy, CapacityRequestPolicyRange } from "../../types/resource-v1.ts";
import { type Errors, list, quantity } from "../basics.ts";
import { checkSet } from "./collections.ts";

/** How much of a device's capacity one may ask for: some values, or a range with steps; and what is taken for granted. */
const optionsMax = 10;

export function checkRequestPolicy(
  { default: preset, validValues, validRange }: CapacityRequestPolicy,
  capacity: Quantity,
  path: string,
  errors: Errors,
): void {
  const hasValues = list(validValues).length > 0;
  if (hasValues && validRange !== undefined) {
    const detail =
      'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time';
    errors.push(forbidden(path, detail));
    return;
  }
  const kind = hasValues ? "validValues" : "validRange";
  if (!hasValues && validRange === undefined) return;
  if (preset === undefined) {
    errors.push(required(`${path}.default`, `required when ${kind} is defined`));
    return;
  }
  const value = quantity(preset);
  if (hasValues) checkValues(list(validValues), value, capacity, `${path}.validValues`, errors);
  else if (validRange !== undefined) {
    checkRange(validRange, value, capacity, `${path}.validRange`, errors);
  }
}

function checkValues(
  texts: readonly string[],
  preset: Quantity,
  capacity: Quantity,
  path: string,
  errors: Errors,
): void {
  const values = texts.map(quantity);
  values.forEach((value, index) => {
    if (index === 0 || value.compare(values[index - 1] ?? value) >= 0) return;
    const detail = "values must be sorted in ascending order";
    errors.push(invalid(`${path}[${index}]`, value.toString(), detail));
  });
  let isPresetKnown = false;
  const check = (value: Quantity, where: string): void => {
    if (value.compare(capacity) > 0) {
      const detail = `option is larger than capacity value: ${capacity.toString()}`;
      errors.push(invalid(where, value.toString(), detail));
    }
    if (value.compare(preset) === 0) isPresetKnown = true;
  };
  checkSet(values, optionsMax, check, (value) => String(value.value()), path, errors);
  if (isPresetKnown) return;
  const detail = "default value is not valid according to the requestPolicy";
  errors.push(invalid(path, preset.toString(), detail));
}

function checkRange(
  range: CapacityRequestPolicyRange,
  preset: Quantity,
  capacity: Quantity,
  path: string,
  errors: Errors,
): void {
  if (range.min === undefined) {
    errors.push(required(`${path}.min`, "required when validRange is defined"));
    return;
  }
  const min = quantity(range.min);
  const max = range.max === undefined ? undefined : quantity(range.max);
  const refuse = (field: string, value: Quantity, detail: string): void => {
    errors.push(invalid(`${path}.${field}`, value.toString(), detail));
  };
  const largest = `capacity value: ${capacity.toString()}`;
  if (min.compare(capacity) > 0) refuse("min", min, `min is larger than ${largest}`);
  if (preset.compare(min) < 0) refuse("min", preset, `default is less than min: ${min.toString()}`);
  if (max !== undefined) {
    if (min.compare(max) > 0) refuse("max", min, `min is larger than max: ${max.toString()}`);
    if (max.compare(capacity) > 0) refuse("max", max, `max is larger than ${largest}`);
    if (preset.compare(max) > 0) refuse("max", preset, `default is more than max: ${max.toString()}`);
  }
  if (range.step === undefined) return;
  const step = quantity(range.step);
  const first = min.add(step);
  if (first.compare(capacity) > 0) {
    refuse("step", step, `one step ${first.toString()} is larger than ${largest}`);
  }
  for (const value of max === undefined ? [preset] : [preset, max]) {
    // Kubernetes divides by the step and falls over one of none; here it is a fault like any other.
    const isOff = step.value() === 0n || (value.value() - min.value()) % step.value() !== 0n;
    if (!isOff) continue;
    refuse(
      "step",
      value,
      `value is not a multiple of a given step (${step.toString()}) from (${min.toString()})`,
    );
  }
}
