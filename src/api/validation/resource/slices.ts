import { invalid, required } from "../../../apimachinery/field-error.ts";
import { dns1123SubdomainErrors } from "../../../apimachinery/names.ts";
import type { CounterSet, Device, ResourcePool, ResourceSlice } from "../../types/resource-v1.ts";
import { checkName, type Errors, immutable, immutableMessage, isEmpty, list, text } from "../basics.ts";
import { checkNodeSelector } from "../pod/scheduling.ts";
import { checkSet } from "./collections.ts";
import { checkCounters } from "./counters.ts";
import { checkDevice } from "./devices.ts";
import { checkDriver, checkPoolName } from "./names.ts";

/** What a driver has to offer: devices of a pool, and where they can be reached from. */
const devicesMax = 128;
/** Of devices that are tainted, share counters or have lists as attributes. */
const advancedDevicesMax = 64;
const counterSetsMax = 8;

export function checkSlice(slice: ResourceSlice, errors: Errors, old?: ResourceSlice): void {
  const { spec } = slice;
  checkDriver(spec.driver, "spec.driver", errors);
  checkPool(spec.pool, errors);
  if (old !== undefined) checkIdentity(spec, old.spec, errors);
  checkReach(spec, errors);
  if (spec.sharedCounters !== undefined && spec.devices !== undefined) {
    errors.push(invalid("spec", "", "only one of `sharedCounters` or `devices` is allowed"));
  }
  const most = list(spec.devices).some(isAdvanced) ? advancedDevicesMax : devicesMax;
  const before = new Map(list(old?.spec.devices).map((device) => [device.name, device] as const));
  const isPerDevice = spec.perDeviceNodeSelection === true;
  const check = (device: Device, path: string): void =>
    checkDevice(device, before.get(device.name), isPerDevice, path, errors);
  checkSet(spec.devices, most, check, ({ name }) => text(name), "spec.devices", errors);
  const counters = "spec.sharedCounters";
  checkSet(spec.sharedCounters, counterSetsMax, checkCounterSet, ({ name }) => text(name), counters, errors);
}

export function checkSliceUpdate(now: ResourceSlice, old: ResourceSlice, errors: Errors): void {
  checkSlice(now, errors, old);
}

function checkPool(pool: ResourcePool | undefined, errors: Errors): void {
  const resourceSliceCount = pool?.resourceSliceCount ?? 0;
  const generation = pool?.generation ?? 0;
  checkPoolName(pool?.name, "spec.pool.name", errors);
  if (resourceSliceCount <= 0) {
    errors.push(invalid("spec.pool.resourceSliceCount", resourceSliceCount, "must be greater than zero"));
  }
  if (generation < 0) {
    const detail = "must be greater than or equal to zero";
    errors.push(invalid("spec.pool.generation", generation, detail));
  }
}

function checkIdentity(now: ResourceSlice["spec"], old: ResourceSlice["spec"], errors: Errors): void {
  immutable(text(now.pool?.name), text(old.pool?.name), "spec.pool.name", errors);
  immutable(text(now.driver), text(old.driver), "spec.driver", errors);
  if (now.nodeName === old.nodeName) return;
  errors.push(invalid("spec.nodeName", now.nodeName ?? null, immutableMessage));
}

/** From one node, from some, from all, or each device as it says itself. */
function checkReach(spec: ResourceSlice["spec"], errors: Errors): void {
  const set: string[] = [];
  const { nodeName, nodeSelector } = spec;
  if (nodeName === "") {
    const detail = "must be either unset or set to a non-empty string";
    errors.push(invalid("spec.nodeName", nodeName, detail));
  } else if (!isEmpty(nodeName)) {
    set.push("`nodeName`");
    checkName(nodeName, dns1123SubdomainErrors, "spec.nodeName", errors);
  }
  if (nodeSelector !== undefined) {
    set.push("`nodeSelector`");
    checkNodeSelector(nodeSelector, false, "spec.nodeSelector", errors);
    const terms = nodeSelector.nodeSelectorTerms;
    if (list(terms).length !== 1) {
      const detail = "must have exactly one node selector term";
      errors.push(invalid("spec.nodeSelector.nodeSelectorTerms", terms ?? null, detail));
    }
  }
  for (const field of ["allNodes", "perDeviceNodeSelection"] as const) {
    if (spec[field] === true) set.push(`\`${field}\``);
    else if (spec[field] === false) {
      errors.push(invalid(`spec.${field}`, false, "must be either unset or set to true"));
    }
  }
  const one = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
  if (set.length === 0) errors.push(required("spec", one));
  else if (set.length > 1) {
    errors.push(invalid("spec", `{${set.join(", ")}}`, `${one}, but multiple fields are set`));
  }
}

function isAdvanced({ taints, consumesCounters, attributes }: Device): boolean {
  if (list(taints).length > 0 || list(consumesCounters).length > 0) return true;
  return Object.values(attributes ?? {}).some(
    ({ bools, ints, strings, versions }) => bools ?? ints ?? strings ?? versions,
  );
}

function checkCounterSet({ name, counters }: CounterSet, path: string, errors: Errors): void {
  checkCounters(name, counters, "name", path, errors);
}
