import { required } from "../../../apimachinery/field-error.ts";
import type { Counter } from "../../types/resource-v1.ts";
import { checkLabel, type Errors, isEmpty, size } from "../basics.ts";
import { checkMap, type ItemRule } from "./collections.ts";

/** Counters that devices share; any amount is valid. */
const countersMax = 32;
const labelBytesMax = 63;

/** The name of a set, under a field of that name, and its counters. */
export function checkCounters(
  name: string | undefined,
  counters: Readonly<Record<string, Counter>> | undefined,
  field: "name" | "counterSet",
  path: string,
  errors: Errors,
): void {
  if (isEmpty(name)) errors.push(required(`${path}.${field}`));
  else checkLabel(name, `${path}.${field}`, errors);
  const where = `${path}.counters`;
  if (size(counters) === 0) errors.push(required(where));
  else checkMap(counters, counterRules, where, errors);
}

const anyItem: ItemRule<Counter> = () => {};
const counterRules = {
  most: countersMax,
  keyBytesMax: labelBytesMax,
  checkKey: checkLabel,
  check: anyItem,
};
