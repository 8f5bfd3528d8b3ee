import { invalid, required, tooLong } from "../../../apimachinery/field-error.ts";
import { isObject } from "../../../apimachinery/json.ts";
import { dns1123SubdomainErrors } from "../../../apimachinery/names.ts";
import type {
  DeviceClass,
  DeviceClassConfiguration,
  DeviceSelector,
  OpaqueDeviceConfiguration,
} from "../../types/resource-v1.ts";
import { type Errors, same, text } from "../basics.ts";
import { byteLength, checkObjectMeta, checkObjectMetaUpdate } from "../object-meta.ts";
import { checkSlice } from "./collections.ts";
import { isExtendedResource } from "./extended-resource.ts";
import { checkDriver } from "./names.ts";

/** How devices are chosen and set up, by claims and by classes. */
const selectorsMax = 32;
const configurationsMax = 32;
const expressionBytesMax = 10 * 1024;
const parametersBytesMax = 10 * 1024;

/** The prefix of a generated name is not looked at, and names are counted in bytes. */
const metadataRules = {
  namespaced: false,
  name: (name: string): string[] =>
    dns1123SubdomainErrors(name).map((message) => message.replace(/ characters$/, " bytes")),
  standardFinalizers: true,
  generateName: false,
};

export function checkDeviceClass({ metadata, spec }: DeviceClass, errors: Errors, old?: DeviceClass): void {
  checkObjectMeta(metadata, metadataRules, errors);
  if (old !== undefined) checkObjectMetaUpdate(metadata, old.metadata, true, errors);
  checkSelectors(spec.selectors, "spec.selectors", errors);
  const isStored = old !== undefined && same(spec.config, old.spec.config);
  const check = (config: DeviceClassConfiguration, path: string): void =>
    checkConfiguration(config, path, errors, isStored);
  checkSlice(spec.config, configurationsMax, check, "spec.config", errors);
  const name = spec.extendedResourceName;
  if (name === undefined || isExtendedResource(name)) return;
  errors.push(invalid("spec.extendedResourceName", name, "must be a valid extended resource name"));
}

export function checkDeviceClassUpdate(now: DeviceClass, old: DeviceClass, errors: Errors): void {
  checkDeviceClass(now, errors, old);
}

export function checkSelectors(
  selectors: readonly DeviceSelector[] | undefined,
  path: string,
  errors: Errors,
): void {
  checkSlice(selectors, selectorsMax, checkSelector, path, errors);
}

function checkSelector({ cel }: DeviceSelector, path: string, errors: Errors): void {
  if (cel === undefined) errors.push(required(`${path}.cel`));
  else if (byteLength(text(cel.expression)) > expressionBytesMax) {
    errors.push(tooLong(`${path}.cel.expression`, expressionBytesMax));
  }
}

/** What was stored before there was a limit may stay longer. */
export function checkConfiguration(
  { opaque }: { readonly opaque?: OpaqueDeviceConfiguration | undefined },
  path: string,
  errors: Errors,
  isStored = false,
): void {
  if (opaque === undefined) {
    errors.push(required(`${path}.opaque`));
    return;
  }
  checkDriver(opaque.driver, `${path}.opaque.driver`, errors);
  const most = isStored ? Number.POSITIVE_INFINITY : parametersBytesMax;
  checkRaw(opaque.parameters, most, `${path}.opaque.parameters`, errors);
}

/** A JSON object of whatever content. */
export function checkRaw(value: unknown, bytesMax: number, path: string, errors: Errors): void {
  if (value === undefined || value === null) errors.push(required(path));
  else if (byteLength(JSON.stringify(value)) > bytesMax) errors.push(tooLong(path, bytesMax));
  else if (!isObject(value)) errors.push(invalid(path, "<value omitted>", "must be a valid JSON object"));
}
