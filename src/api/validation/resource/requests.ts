import { invalid, notSupported, required } from "../../../apimachinery/field-error.ts";
import type {
  DeviceClaim,
  DeviceClaimConfiguration,
  DeviceConstraint,
  DeviceRequest,
  DeviceSubRequest,
  ExactDeviceRequest,
} from "../../types/resource-v1.ts";
import { checkLabel, checkSubdomain, type Errors, list, text } from "../basics.ts";
import { checkSet, checkSlice } from "./collections.ts";
import { checkConfiguration, checkSelectors } from "./configuration.ts";
import { checkFullyQualified } from "./names.ts";
import { checkToleration } from "./taints.ts";

/** What a claim asks for: requests, what they have in common, and settings for drivers. */
export const requestsMax = 32;
const constraintsMax = 32;
const configurationsMax = 32;
const alternativesMax = 8;

export function checkDeviceClaim(claim: DeviceClaim | undefined, path: string, errors: Errors): void {
  const names = requestNames(claim);
  checkSet(claim?.requests, requestsMax, checkRequest, nameOf, `${path}.requests`, errors);
  checkSlice(
    claim?.constraints,
    constraintsMax,
    (constraint, where) => checkConstraint(constraint, names, where, errors),
    `${path}.constraints`,
    errors,
  );
  checkSlice(
    claim?.config,
    configurationsMax,
    (config, where) => checkClaimConfiguration(config, names, where, errors),
    `${path}.config`,
    errors,
  );
}

const nameOf = ({ name }: { readonly name?: string }): string => text(name);

/** Requests by name, with the names of their alternatives where they have some. */
export type RequestNames = ReadonlyMap<string, ReadonlySet<string> | undefined>;

export function requestNames(claim: DeviceClaim | undefined): RequestNames {
  return new Map(
    list(claim?.requests).map(({ name, firstAvailable }) => [
      text(name),
      list(firstAvailable).length === 0 ? undefined : new Set(list(firstAvailable).map(nameOf)),
    ]),
  );
}

function isKnown(name: string, names: RequestNames): boolean {
  const [request = "", alternative] = name.split("/");
  if (!names.has(request)) return false;
  return alternative === undefined || names.get(request)?.has(alternative) === true;
}

/** `request` or `request/alternative`. */
export function checkRequestReference(name: string, names: RequestNames, path: string, errors: Errors): void {
  const detail =
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  const segments = name.split("/");
  if (segments.length <= 2) for (const segment of segments) checkLabel(segment, path, errors);
  if (segments.length > 2 || !isKnown(name, names)) errors.push(invalid(path, name, detail));
}

export function checkReferences(
  references: readonly string[] | undefined,
  names: RequestNames,
  path: string,
  errors: Errors,
): void {
  const check = (name: string, where: string): void => checkRequestReference(name, names, where, errors);
  checkSet(references, requestsMax, check, (name) => name, path, errors);
}

function checkRequest({ name, exactly, firstAvailable }: DeviceRequest, path: string, errors: Errors): void {
  checkLabel(name, `${path}.name`, errors);
  const isList = list(firstAvailable).length > 0;
  const one = "exactly one of `exactly` or `firstAvailable` is required";
  if (isList && exactly !== undefined) {
    errors.push(invalid(path, null, `${one}, but multiple fields are set`));
  } else if (isList) {
    const where = `${path}.firstAvailable`;
    checkSet(firstAvailable, alternativesMax, checkAlternative, nameOf, where, errors);
  } else if (exactly === undefined) errors.push(required(path, one));
  else checkAsked(exactly, `${path}.exactly`, errors);
}

function checkAlternative(request: DeviceSubRequest, path: string, errors: Errors): void {
  checkLabel(request.name, `${path}.name`, errors);
  checkAsked(request, path, errors);
}

function checkAsked(request: ExactDeviceRequest | DeviceSubRequest, path: string, errors: Errors): void {
  const deviceClass = text(request.deviceClassName);
  if (deviceClass === "") errors.push(required(`${path}.deviceClassName`));
  else checkSubdomain(deviceClass, `${path}.deviceClassName`, errors);
  checkSelectors(request.selectors, `${path}.selectors`, errors);
  checkAmount(request, path, errors);
  list(request.tolerations).forEach((toleration, index) => {
    checkToleration(toleration, `${path}.tolerations[${index}]`, errors);
  });
}

function checkAmount(
  { allocationMode, count = 0 }: ExactDeviceRequest | DeviceSubRequest,
  path: string,
  errors: Errors,
): void {
  if (allocationMode === "All") {
    if (count === 0) return;
    const detail = "must not be specified when allocationMode is 'All'";
    errors.push(invalid(`${path}.count`, count, detail));
  } else if (allocationMode === "ExactCount") {
    if (count <= 0) errors.push(invalid(`${path}.count`, count, "must be greater than zero"));
  } else {
    const modes = ["All", "ExactCount"];
    errors.push(notSupported(`${path}.allocationMode`, text(allocationMode), modes));
  }
}

function checkConstraint(
  { requests, matchAttribute, distinctAttribute }: DeviceConstraint,
  names: RequestNames,
  path: string,
  errors: Errors,
): void {
  checkReferences(requests, names, `${path}.requests`, errors);
  if (matchAttribute !== undefined) {
    checkFullyQualified(matchAttribute, `${path}.matchAttribute`, errors);
  } else if (distinctAttribute !== undefined) {
    checkFullyQualified(distinctAttribute, `${path}.distinctAttribute`, errors);
  } else {
    // These words, though none is set.
    const detail =
      'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';
    errors.push(required(path, detail));
  }
}

function checkClaimConfiguration(
  config: DeviceClaimConfiguration,
  names: RequestNames,
  path: string,
  errors: Errors,
): void {
  checkReferences(config.requests, names, `${path}.requests`, errors);
  checkConfiguration(config, path, errors);
}
