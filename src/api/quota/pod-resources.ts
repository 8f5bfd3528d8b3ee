import { Quantity, tryParseQuantity } from "../../apimachinery/quantity.ts";
import type { Container, Pod, ResourceRequirements } from "../types/core-v1.ts";

/** Quantities by resource name. */
export type ResourceList = ReadonlyMap<string, Quantity>;

/** Reads a list of the API; values that are no quantities are left out: validation has refused them. */
export function resourceList(list: Readonly<Record<string, string>> | undefined): Map<string, Quantity> {
  const result = new Map<string, Quantity>();
  for (const [name, text] of Object.entries(list ?? {})) {
    const quantity = tryParseQuantity(text);
    if (quantity !== undefined) result.set(name, quantity);
  }
  return result;
}

export function add(a: ResourceList, b: ResourceList): Map<string, Quantity> {
  return addTo(new Map(a), b);
}

function addTo(sum: Map<string, Quantity>, more: ResourceList): Map<string, Quantity> {
  for (const [name, quantity] of more) sum.set(name, sum.get(name)?.add(quantity) ?? quantity);
  return sum;
}

function max(a: ResourceList, b: ResourceList): Map<string, Quantity> {
  const result = new Map(a);
  for (const [name, quantity] of b) {
    const known = result.get(name);
    if (known === undefined || known.compare(quantity) < 0) result.set(name, quantity);
  }
  return result;
}

/**
 * What a pod asks for in all (k8s.io/component-helpers/resource): containers and sidecars together, or the init
 * container that needs most beside the sidecars started before it; a request of the whole pod replaces that sum; plus
 * the overhead of its runtime class.
 */
export function podRequests(pod: Pod): ResourceList {
  return total(pod, (resources) => resourceList(resources?.requests));
}

/** The same for limits. Overhead is added only to limits that are set. */
export function podLimits(pod: Pod): ResourceList {
  return total(pod, (resources) => resourceList(resources?.limits), true);
}

function total(
  pod: Pod,
  read: (resources: ResourceRequirements | undefined) => Map<string, Quantity>,
  overheadOnlyWhereSet = false,
): ResourceList {
  const { spec } = pod;
  const sidecar = ({ restartPolicy }: Container): boolean => restartPolicy === "Always";
  const sum = new Map<string, Quantity>();
  for (const container of spec?.containers ?? []) addTo(sum, read(container.resources));
  let sidecars = new Map<string, Quantity>();
  let starting = new Map<string, Quantity>();
  for (const container of spec?.initContainers ?? []) {
    const own = read(container.resources);
    if (sidecar(container)) {
      addTo(sum, own);
      sidecars = add(sidecars, own);
      starting = max(starting, sidecars);
    } else {
      starting = max(starting, add(sidecars, own));
    }
  }
  const result = starting.size === 0 ? sum : max(sum, starting);
  for (const [name, quantity] of read(spec?.resources)) result.set(name, quantity);
  const overhead = resourceList(spec?.overhead);
  if (overheadOnlyWhereSet) {
    for (const name of overhead.keys()) if (!result.has(name)) overhead.delete(name);
  }
  return addTo(result, overhead);
}

/** No container asks for or limits CPU or memory: the pod is the first to go when the node runs out. */
export function isBestEffort({ spec }: Pod): boolean {
  const all = [spec?.resources, ...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map((each) =>
    each !== undefined && "name" in each ? each.resources : each,
  );
  return !all.some((resources) =>
    [...resourceList(resources?.requests), ...resourceList(resources?.limits)].some(
      ([name, quantity]) => (name === "cpu" || name === "memory") && !quantity.isZero(),
    ),
  );
}

/** Zero of any unit. */
export const zero = Quantity.fromInteger(0);
