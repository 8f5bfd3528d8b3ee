import {
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
} from "../../../apimachinery/field-error.ts";
import { deepEqual } from "../../../apimachinery/json.ts";
import { isIp } from "../../../apimachinery/names.ts";
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
  ResourceClaim,
  ResourceClaimConsumerReference,
} from "../../types/resource-v1.ts";
import { type Errors, immutableMessage, isEmpty, list, text } from "../basics.ts";
import { checkConditions } from "../conditions.ts";
import { canonicalIp } from "../ip.ts";
import { byteLength } from "../object-meta.ts";
import { checkNodeSelector } from "../pod/scheduling.ts";
import { checkBindingConditions } from "./binding-conditions.ts";
import { checkSet, checkSlice } from "./collections.ts";
import { checkConfiguration, checkRaw } from "./configuration.ts";
import { checkDeviceName, checkDriver, checkPoolName, checkUuid } from "./names.ts";
import { checkReferences, checkRequestReference, type RequestNames, requestNames } from "./requests.ts";

/** What was allocated to a claim, who may use it, and how its devices do. */
const reservationsMax = 256;
const resultsMax = 32;
/** As many of the classes as of the claim. */
const configurationsMax = 64;
const conditionsMax = 8;
const dataBytesMax = 10 * 1024;
const interfaceBytesMax = 256;
const hardwareBytesMax = 128;
const addressesMax = 16;

export function checkClaimStatus(now: ResourceClaim, old: ResourceClaim, errors: Errors): void {
  const { reservedFor, devices, allocation } = now.status ?? {};
  const path = "status.reservedFor";
  checkSet(reservedFor, reservationsMax, checkConsumer, ({ uid }) => text(uid), path, errors);
  const allocated = new Set(list(allocation?.devices?.results).map((one) => JSON.stringify(deviceId(one))));
  const checkDevice = (device: AllocatedDeviceStatus, where: string): void =>
    checkDeviceStatus(device, allocated, where, errors);
  checkSet(devices, Number.POSITIVE_INFINITY, checkDevice, deviceId, "status.devices", errors);
  if (list(reservedFor).length > 0) checkReservations(now, old, errors);
  if (allocation === undefined) return;
  const before = old.status?.allocation;
  if (before !== undefined) {
    if (deepEqual(allocation, before)) return;
    errors.push(invalid("status.allocation", allocation, immutableMessage));
  } else checkAllocation(allocation, requestNames(now.spec.devices), "status.allocation", errors);
}

function checkConsumer(
  { resource, name, uid }: ResourceClaimConsumerReference,
  path: string,
  errors: Errors,
): void {
  if (isEmpty(resource)) errors.push(required(`${path}.resource`));
  if (isEmpty(name)) errors.push(required(`${path}.name`));
  if (isEmpty(uid)) errors.push(required(`${path}.uid`));
}

/** While a claim goes away, nobody begins to use it. */
function checkReservations(now: ResourceClaim, old: ResourceClaim, errors: Errors): void {
  const path = "status.reservedFor";
  if (now.status?.allocation === undefined) {
    errors.push(forbidden(path, "may not be specified when `allocated` is not set"));
    return;
  }
  if (now.metadata.deletionTimestamp === undefined) return;
  const key = (one: ResourceClaimConsumerReference): string =>
    JSON.stringify([text(one.apiGroup), text(one.resource), text(one.name), text(one.uid)]);
  const known = new Set(list(old.status?.reservedFor).map(key));
  if (list(now.status.reservedFor).every((one) => known.has(key(one)))) return;
  const detail = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set";
  errors.push(forbidden(path, detail));
}

interface DeviceId {
  readonly Driver: string;
  readonly Pool: string;
  readonly Device: string;
  readonly ShareID: string;
}

/** As messages show it. */
function deviceId({
  driver,
  pool,
  device,
  shareID,
}: Pick<AllocatedDeviceStatus, "driver" | "pool" | "device" | "shareID">): DeviceId {
  return { Driver: text(driver), Pool: text(pool), Device: text(device), ShareID: text(shareID) };
}

function checkDeviceStatus(
  device: AllocatedDeviceStatus,
  allocated: ReadonlySet<string>,
  path: string,
  errors: Errors,
): void {
  checkDriver(device.driver, `${path}.driver`, errors);
  checkPoolName(device.pool, `${path}.pool`, errors);
  checkDeviceName(device.device, `${path}.device`, errors);
  if (device.shareID !== undefined) checkUuid(device.shareID, `${path}.shareID`, errors);
  const id = deviceId(device);
  if (!allocated.has(JSON.stringify(id))) {
    errors.push(invalid(path, id, "must be an allocated device in the claim"));
  }
  const conditions = list(device.conditions);
  const where = `${path}.conditions`;
  if (conditions.length > conditionsMax) errors.push(tooMany(where, conditions.length, conditionsMax));
  checkConditions(conditions, where, errors);
  if (device.data !== undefined) checkRaw(device.data, dataBytesMax, `${path}.data`, errors);
  if (device.networkData !== undefined) checkNetwork(device.networkData, `${path}.networkData`, errors);
}

function checkNetwork(data: NetworkDeviceData, path: string, errors: Errors): void {
  if (byteLength(text(data.interfaceName)) > interfaceBytesMax) {
    errors.push(tooLong(`${path}.interfaceName`, interfaceBytesMax));
  }
  if (byteLength(text(data.hardwareAddress)) > hardwareBytesMax) {
    errors.push(tooLong(`${path}.hardwareAddress`, hardwareBytesMax));
  }
  checkSet(data.ips, addressesMax, checkInterfaceAddress, (address) => address, `${path}.ips`, errors);
}

/** An address of an interface and the length of its network. */
function checkInterfaceAddress(value: string, path: string, errors: Errors): void {
  const [address = "", bits = ""] = value.split("/");
  const isBits = /^[0-9]+$/.test(bits) && Number(bits) <= (address.includes(":") ? 128 : 32);
  if (!isIp(address) || !isBits || value.split("/").length !== 2) {
    const detail = "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)";
    errors.push(invalid(path, value, detail));
    return;
  }
  const plain = address.includes(":") ? canonicalIp(address) : address.split(".").map(Number).join(".");
  const canonical = `${plain}/${Number(bits)}`;
  if (value === canonical) return;
  errors.push(invalid(path, value, `must be in canonical form (${JSON.stringify(canonical)})`));
}

function checkAllocation(
  { devices, nodeSelector }: AllocationResult,
  names: RequestNames,
  path: string,
  errors: Errors,
): void {
  checkSlice(
    devices?.results,
    resultsMax,
    (result, where) => checkResult(result, names, where, errors),
    `${path}.devices.results`,
    errors,
  );
  checkSlice(
    devices?.config,
    configurationsMax,
    (config, where) => checkAllocatedConfiguration(config, names, where, errors),
    `${path}.devices.config`,
    errors,
  );
  if (nodeSelector === undefined) return;
  checkNodeSelector(nodeSelector, false, `${path}.nodeSelector`, errors);
}

function checkResult(
  result: DeviceRequestAllocationResult,
  names: RequestNames,
  path: string,
  errors: Errors,
): void {
  checkRequestReference(text(result.request), names, `${path}.request`, errors);
  checkDriver(result.driver, `${path}.driver`, errors);
  checkPoolName(result.pool, `${path}.pool`, errors);
  checkDeviceName(result.device, `${path}.device`, errors);
  checkBindingConditions(result, path, errors);
  if (result.shareID !== undefined) checkUuid(result.shareID, `${path}.shareID`, errors);
}

function checkAllocatedConfiguration(
  config: DeviceAllocationConfiguration,
  names: RequestNames,
  path: string,
  errors: Errors,
): void {
  const sources = ["FromClaim", "FromClass"];
  const source = text(config.source);
  if (source === "") errors.push(required(`${path}.source`));
  else if (!sources.includes(source)) errors.push(notSupported(`${path}.source`, source, sources));
  checkReferences(config.requests, names, `${path}.requests`, errors);
  checkConfiguration(config, path, errors);
}
