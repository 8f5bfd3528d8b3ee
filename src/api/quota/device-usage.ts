import { Quantity } from "../../apimachinery/quantity.ts";
import type { DeviceRequest, ResourceClaim } from "../types/resource-v1.ts";
import { add, type ResourceList } from "./pod-resources.ts";

/** What of a class quotas bound: `gold.deviceclass.resource.k8s.io/devices`. */
export const devicesOfClass = ".deviceclass.resource.k8s.io/devices";

/** As many devices as a claim can be given at most: what `All` is counted as. */
const maxDevices = 32;

/** One way to meet a request; in the first beta the request itself is one. */
interface Wanted {
  readonly deviceClassName?: string | undefined;
  readonly allocationMode?: string | undefined;
  readonly count?: number | undefined;
}

/** The devices of each class that a claim may be given (pkg/quota/v1/evaluator/core/resource_claims.go). */
export function deviceUsage({ spec }: ResourceClaim): ResourceList {
  return (spec.devices?.requests ?? []).map(usageOfRequest).reduce(add, new Map<string, Quantity>());
}

/** Of several ways to meet a request the dearest counts, class by class. */
function usageOfRequest({ firstAvailable = [], exactly, ...request }: DeviceRequest): ResourceList {
  const itself: Wanted & Pick<DeviceRequest, "name"> = request;
  const ways: readonly Wanted[] = firstAvailable.length > 0 ? firstAvailable : [exactly ?? itself];
  const usage = new Map<string, Quantity>();
  for (const { deviceClassName = "", allocationMode = "ExactCount", count = 1 } of ways) {
    if (deviceClassName === "") continue;
    const name = `${deviceClassName}${devicesOfClass}`;
    const devices = Quantity.fromInteger(allocationMode === "All" ? maxDevices : count);
    const before = usage.get(name);
    if (before === undefined || devices.compare(before) > 0) usage.set(name, devices);
  }
  return usage;
}
