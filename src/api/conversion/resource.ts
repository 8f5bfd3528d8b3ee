import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";

/**
 * resource.k8s.io/v1beta1 writes what a request asks for beside its name, and what a device is under `basic`; later
 * versions write the former under `exactly` and the latter beside the name. Mirrors pkg/apis/resource/v1beta1.
 */
type Fields = Record<string, unknown>;
type Change = (item: Fields) => Fields;

const exactFields = [
  "deviceClassName",
  "selectors",
  "allocationMode",
  "count",
  "adminAccess",
  "tolerations",
  "capacity",
];

const nestRequest: Change = (request) => {
  if (!exactFields.some((name) => request[name] !== undefined && request[name] !== "")) return request;
  const exactly = Object.fromEntries(
    exactFields.filter((name) => request[name] !== undefined).map((name) => [name, request[name]]),
  );
  const others = Object.entries(request).filter(([name]) => !exactFields.includes(name));
  return { ...Object.fromEntries(others), exactly };
};

const flattenRequest: Change = ({ exactly, ...request }) => ({
  ...request,
  ...(isObject(exactly) ? exactly : {}),
});

const flattenDevice: Change = ({ basic, ...device }) => ({ ...device, ...(isObject(basic) ? basic : {}) });
const nestDevice: Change = ({ name, ...basic }) => ({ name, basic });

/** Changes the items of the list at the end of a path, in copies of what leads there. */
function changeList(value: unknown, path: readonly string[], change: Change): unknown {
  const [step, ...rest] = path;
  if (step === undefined) {
    return Array.isArray(value)
      ? value.map((item: unknown) => (isObject(item) ? change(item) : item))
      : value;
  }
  if (!isObject(value) || value[step] === undefined) return value;
  return { ...value, [step]: changeList(value[step], rest, change) };
}

const lists: Readonly<Record<string, readonly string[]>> = {
  ResourceClaim: ["spec", "devices", "requests"],
  ResourceClaimTemplate: ["spec", "spec", "devices", "requests"],
  ResourceSlice: ["spec", "devices"],
};

function convert(
  object: UnstructuredObject,
  apiVersion: string,
  request: Change,
  device: Change,
): UnstructuredObject {
  const path = lists[object.kind];
  if (path === undefined) return { ...object, apiVersion };
  const change = object.kind === "ResourceSlice" ? device : request;
  return { ...(changeList(object, path, change) as UnstructuredObject), apiVersion };
}

/** From v1beta1 to a later version. */
export function fromResourceV1beta1(object: UnstructuredObject, apiVersion: string): UnstructuredObject {
  return convert(object, apiVersion, nestRequest, flattenDevice);
}

/** From a later version to v1beta1. */
export function toResourceV1beta1(object: UnstructuredObject): UnstructuredObject {
  return convert(object, "resource.k8s.io/v1beta1", flattenRequest, nestDevice);
}
