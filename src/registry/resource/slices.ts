import type { Device } from "../../api/types/resource-v1.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";

/** The devices of a slice; in the first beta, what each has under `basic`. */
export function devicesOf({ spec }: UnstructuredObject): Device[] {
  const devices: unknown = isObject(spec) ? spec["devices"] : undefined;
  if (!Array.isArray(devices)) return [];
  return (devices as unknown[]).filter(isObject).map((device) => {
    const { basic } = device;
    return (isObject(basic) ? basic : device) as unknown as Device;
  });
}

const lists = ["bools", "ints", "strings", "versions"] as const;

const hasLists = ({ attributes }: Device): boolean =>
  Object.values(attributes ?? {}).some((attribute) => lists.some((name) => attribute[name] !== undefined));

const hasMappings = ({ nodeAllocatableResourceMappings: mappings }: Device): boolean =>
  Object.keys(mappings ?? {}).length > 0;

/**
 * Takes away what belongs to features that Kubernetes 1.36 has switched off, DRAListTypeAttributes and
 * DRANodeAllocatableResources, unless the slice had some of it before.
 */
export function dropDeviceFields(slice: UnstructuredObject, old?: UnstructuredObject): void {
  const before = old === undefined ? [] : devicesOf(old);
  const keepsLists = before.some(hasLists);
  const keepsMappings = before.some(hasMappings);
  for (const device of devicesOf(slice)) {
    if (!keepsMappings) delete device.nodeAllocatableResourceMappings;
    if (keepsLists) continue;
    for (const attribute of Object.values(device.attributes ?? {})) {
      for (const name of lists) delete attribute[name];
    }
  }
}
