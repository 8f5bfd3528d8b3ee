import { invalid, notSupported, required, tooMany } from "../../../apimachinery/field-error.ts";
import type { DeviceTaint, DeviceToleration } from "../../types/resource-v1.ts";
import type { DeviceTaintRule } from "../../types/resource-v1beta2.ts";
import { checkQualifiedName, type Errors, isEmpty, list, text } from "../basics.ts";
import { checkConditions } from "../conditions.ts";
import { checkDeviceName, checkDriver, checkLabelValue, checkPoolName } from "./names.ts";

/** Taints of devices, who bears them, and the rules that put them there. */
const effects = ["NoExecute", "NoSchedule", "None"];
const conditionsMax = 8;
const noTaint: DeviceTaint = { key: "", effect: "" };

export function checkTaint(taint: DeviceTaint, path: string, errors: Errors, old?: DeviceTaint): void {
  checkQualifiedName(taint.key, `${path}.key`, errors);
  if (!isEmpty(taint.value)) checkLabelValue(taint.value, `${path}.value`, errors);
  const effect = text(taint.effect);
  // Effects of later versions stay.
  if (old !== undefined && text(old.effect) === effect) return;
  if (effect === "") errors.push(required(`${path}.effect`));
  else if (!effects.includes(effect)) errors.push(notSupported(`${path}.effect`, effect, effects));
}

export function checkToleration(toleration: DeviceToleration, path: string, errors: Errors): void {
  const { key, operator, value, effect } = toleration;
  if (!isEmpty(key)) checkQualifiedName(text(key), `${path}.key`, errors);
  if (operator === "Exists") {
    if (!isEmpty(value)) {
      errors.push(invalid(`${path}.value`, value, "must be empty for operator `Exists`"));
    }
  } else if (operator === "Equal") checkLabelValue(text(value), `${path}.value`, errors);
  else if (isEmpty(operator)) errors.push(required(`${path}.operator`));
  else errors.push(notSupported(`${path}.operator`, text(operator), ["Equal", "Exists"]));
  if (!isEmpty(effect) && !effects.includes(text(effect))) {
    errors.push(notSupported(`${path}.effect`, text(effect), effects));
  }
}

export function checkTaintRule({ spec }: DeviceTaintRule, errors: Errors, old?: DeviceTaintRule): void {
  const { driver, pool, device } = spec?.deviceSelector ?? {};
  const path = "spec.deviceSelector";
  if (driver !== undefined) checkDriver(driver, `${path}.driver`, errors);
  if (pool !== undefined) checkPoolName(pool, `${path}.pool`, errors);
  if (device !== undefined) checkDeviceName(device, `${path}.device`, errors);
  checkTaint(spec?.taint ?? noTaint, "spec.taint", errors, old?.spec.taint);
}

export function checkTaintRuleUpdate(now: DeviceTaintRule, old: DeviceTaintRule, errors: Errors): void {
  checkTaintRule(now, errors, old);
}

export function checkTaintRuleStatus({ status }: DeviceTaintRule, _old: unknown, errors: Errors): void {
  const conditions = list(status?.conditions);
  const path = "status.conditions";
  checkConditions(conditions, path, errors);
  if (conditions.length > conditionsMax) errors.push(tooMany(path, conditions.length, conditionsMax));
}
