import { forbidden, invalid, notFound, required, tooLong } from "../../../apimachinery/field-error.ts";
import { dns1123SubdomainErrors } from "../../../apimachinery/names.ts";
import type {
  Device,
  DeviceAttribute,
  DeviceCapacity,
  DeviceCounterConsumption,
  NodeAllocatableResourceMapping,
} from "../../types/resource-v1.ts";
import { checkName, type Errors, entries, list, quantity, same, size } from "../basics.ts";
import { byteLength } from "../object-meta.ts";
import { checkNodeSelector } from "../pod/scheduling.ts";
import { checkBindingConditions } from "./binding-conditions.ts";
import { checkMap, checkSet, checkSlice } from "./collections.ts";
import { checkCounters } from "./counters.ts";
import { attributeKeyBytesMax, checkDeviceName, checkQualified } from "./names.ts";
import { checkRequestPolicy } from "./request-policy.ts";
import { checkTaint } from "./taints.ts";

/** A device: what it is, what it has, who may have it. */
const attributesAndCapacitiesMax = 32;
const attributeValuesMax = 48;
const taintsMax = 16;
const consumptionsMax = 2;
const attributeBytesMax = 64;
const unbounded = Number.POSITIVE_INFINITY;

export function checkDevice(
  device: Device,
  old: Device | undefined,
  isPerDevice: boolean,
  path: string,
  errors: Errors,
): void {
  checkDeviceName(device.name, `${path}.name`, errors);
  checkNumbers(device, path, errors);
  const keys = { most: unbounded, keyBytesMax: attributeKeyBytesMax, checkKey: checkQualified };
  checkMap(device.attributes, { ...keys, check: checkAttribute }, `${path}.attributes`, errors);
  const check = device.allowMultipleAllocations === true ? checkSharedCapacity : checkCapacity;
  checkMap(device.capacity, { ...keys, check }, `${path}.capacity`, errors);
  if (old === undefined || !same(old.taints, device.taints)) {
    checkSlice(device.taints, taintsMax, checkTaint, `${path}.taints`, errors);
  }
  const consumption = `${path}.consumesCounters`;
  const setOf = ({ counterSet }: DeviceCounterConsumption): string => counterSet ?? "";
  checkSet(device.consumesCounters, consumptionsMax, checkConsumption, setOf, consumption, errors);
  checkReach(device, isPerDevice, path, errors);
  checkBindingConditions(device, path, errors);
  for (const [name, mapping] of entries(device.nodeAllocatableResourceMappings)) {
    checkMapping(name, mapping, device, `${path}.nodeAllocatableResourceMappings[${name}]`, errors);
  }
}

function checkNumbers({ attributes, capacity }: Device, path: string, errors: Errors): void {
  const both = size(attributes) + size(capacity);
  if (both > attributesAndCapacitiesMax) {
    const detail = `the total number of attributes and capacities must not exceed ${attributesAndCapacitiesMax}`;
    errors.push(invalid(path, both, detail));
  }
  let values = 0;
  for (const [, { bools, ints, strings, versions }] of entries(attributes)) {
    const inLists = [bools, ints, strings, versions].reduce((sum, one) => sum + (one?.length ?? 0), 0);
    values += Math.max(inLists, 1);
  }
  if (values <= attributeValuesMax) return;
  const detail = `the total number of attribute values must not exceed ${attributeValuesMax}`;
  errors.push(invalid(path, values, detail));
}

const versionNumber = "(?:0|[1-9][0-9]*)";
const versionLabel = `(?:${versionNumber}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)`;
const versionBuild = "[0-9a-zA-Z-]+";
const versionPattern = new RegExp(
  `^${versionNumber}\\.${versionNumber}\\.${versionNumber}(?:-${versionLabel}(?:\\.${versionLabel})*)?(?:\\+${versionBuild}(?:\\.${versionBuild})*)?$`,
);

function checkAttribute(attribute: DeviceAttribute, path: string, errors: Errors): void {
  if (attribute.string !== undefined) checkText(attribute.string, `${path}.string`, errors);
  if (attribute.version !== undefined) checkVersion(attribute.version, `${path}.version`, errors);
  for (const field of ["bools", "ints", "strings", "versions"] as const) {
    const values = attribute[field];
    if (values?.length !== 0) continue;
    errors.push(invalid(`${path}.${field}`, values, "must not be empty if specified"));
  }
  list(attribute.strings).forEach((value, index) => {
    checkText(value, `${path}.strings[${index}]`, errors);
  });
  list(attribute.versions).forEach((value, index) => {
    checkVersion(value, `${path}.versions[${index}]`, errors);
  });
  const set = Object.values(attribute).filter((value) => value !== undefined).length;
  if (set === 1) return;
  errors.push(invalid(path, set === 0 ? "" : attribute, "exactly one value must be specified"));
}

function checkText(value: string, path: string, errors: Errors): void {
  if (byteLength(value) > attributeBytesMax) errors.push(tooLong(path, attributeBytesMax));
}

function checkVersion(value: string, path: string, errors: Errors): void {
  if (!versionPattern.test(value)) {
    errors.push(invalid(path, value, "must be a string compatible with semver.org spec 2.0.0"));
  }
  checkText(value, path, errors);
}

function checkSharedCapacity({ value, requestPolicy }: DeviceCapacity, path: string, errors: Errors): void {
  if (requestPolicy === undefined) return;
  checkRequestPolicy(requestPolicy, quantity(value), `${path}.requestPolicy`, errors);
}

function checkCapacity({ requestPolicy }: DeviceCapacity, path: string, errors: Errors): void {
  if (requestPolicy === undefined) return;
  errors.push(forbidden(`${path}.requestPolicy`, "allowMultipleAllocations must be true"));
}

function checkConsumption(
  { counterSet, counters }: DeviceCounterConsumption,
  path: string,
  errors: Errors,
): void {
  checkCounters(counterSet, counters, "counterSet", path, errors);
}

const when = "when `perDeviceNodeSelection` is set to true in the ResourceSlice spec";

/** Where the device can be reached from, in slices that leave that to their devices. */
function checkReach(device: Device, isPerDevice: boolean, path: string, errors: Errors): void {
  const { nodeName, nodeSelector, allNodes } = device;
  if (!isPerDevice) {
    if (nodeName === undefined && nodeSelector === undefined && allNodes === undefined) return;
    const detail =
      "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
    errors.push(invalid(path, null, detail));
    return;
  }
  const set: string[] = [];
  if (nodeName === "") errors.push(invalid(`${path}.nodeName`, nodeName, "must not be empty"));
  else if (nodeName !== undefined) {
    set.push("`nodeName`");
    checkName(nodeName, dns1123SubdomainErrors, `${path}.nodeName`, errors);
  }
  if (nodeSelector !== undefined) {
    set.push("`nodeSelector`");
    checkNodeSelector(nodeSelector, false, `${path}.nodeSelector`, errors);
  }
  if (allNodes === true) set.push("`allNodes`");
  else if (allNodes === false) {
    errors.push(invalid(`${path}.allNodes`, false, "must be either unset or set to true"));
  }
  const detail = `exactly one of \`nodeName\`, \`nodeSelector\`, or \`allNodes\` is required ${when}`;
  if (set.length === 0) errors.push(required(path, detail));
  else if (set.length > 1) errors.push(invalid(path, `{${set.join(", ")}}`, detail));
}

function checkMapping(
  name: string,
  { allocationMultiplier, capacityKey }: NodeAllocatableResourceMapping,
  { capacity }: Device,
  path: string,
  errors: Errors,
): void {
  if (name.includes("/") && !name.includes("kubernetes.io/")) {
    errors.push(invalid(path, name, "must be a node allocatable resource name"));
  }
  if (allocationMultiplier === undefined && capacityKey === undefined) {
    const detail = "at least one of allocationMultiplier or capacityKey must be set";
    errors.push(invalid(path, "", detail));
  }
  if (allocationMultiplier !== undefined && quantity(allocationMultiplier).nanos <= 0n) {
    errors.push(invalid(`${path}.allocationMultiplier`, allocationMultiplier, "must be positive"));
  }
  if (capacityKey === "") {
    errors.push(invalid(`${path}.capacityKey`, "", "capacityKey must not be an empty string"));
  } else if (capacityKey !== undefined && capacity?.[capacityKey] === undefined) {
    errors.push(notFound(`${path}.capacityKey`, capacityKey));
  }
}
