import { nodeChanged } from "../cluster-event.ts";
import { type Plugin, type Rejection, scoreMax, unresolvable, unschedulable } from "../framework.ts";
import type { NodeInfo } from "../node-info.ts";
import type { Resources } from "../resources.ts";

/** Refuses nodes without room, and prefers those with the most left. */
export const nodeResourcesFit: Plugin = {
  name: "NodeResourcesFit",
  weight: 1,
  preFilter: ({ requests }) => ({ filter: { filter: (node) => fits(requests, node) } }),
  preScore({ assumedRequests: { milliCpu, memoryBytes } }) {
    return (nodes) =>
      nodes.map(({ allocatable, assumedMilliCpu, assumedMemoryBytes }) => {
        const hasCpu = allocatable.milliCpu > 0;
        const hasMemory = allocatable.memoryBytes > 0;
        const cpu = hasCpu ? free(assumedMilliCpu + milliCpu, allocatable.milliCpu) : 0;
        const memory = hasMemory ? free(assumedMemoryBytes + memoryBytes, allocatable.memoryBytes) : 0;
        return hasCpu && hasMemory ? Math.trunc((cpu + memory) / 2) : cpu + memory;
      });
  },
  wakes: (event) => event.type === "podGone" || nodeChanged(event, "allocatable"),
};

/** Prefers nodes on which CPU and memory fill up alike. Pods that ask for neither do not count. */
export const balancedAllocation: Plugin = {
  name: "NodeResourcesBalancedAllocation",
  weight: 1,
  preScore({ requests: { milliCpu, memoryBytes } }) {
    if (milliCpu === 0 && memoryBytes === 0) return undefined;
    return (nodes) =>
      nodes.map(({ allocatable, requested }) => {
        if (allocatable.milliCpu === 0 || allocatable.memoryBytes === 0) return scoreMax;
        const cpu = Math.min(1, (requested.milliCpu + milliCpu) / allocatable.milliCpu);
        const memory = Math.min(1, (requested.memoryBytes + memoryBytes) / allocatable.memoryBytes);
        // The standard deviation of two numbers is half their distance.
        return Math.trunc((1 - Math.abs(cpu - memory) / 2) * scoreMax);
      });
  },
};

/** Undefined for a node with room, as most have. */
function fits(requests: Resources, node: NodeInfo): Rejection | undefined {
  const { milliCpu, memoryBytes, ephemeralStorageBytes, scalars } = requests;
  const { requested, allocatable } = node;
  const hasRoom =
    node.pods.size < node.podsMax &&
    (milliCpu <= 0 || milliCpu <= allocatable.milliCpu - requested.milliCpu) &&
    (memoryBytes <= 0 || memoryBytes <= allocatable.memoryBytes - requested.memoryBytes);
  return hasRoom && ephemeralStorageBytes <= 0 && scalars === undefined ? undefined : lacks(requests, node);
}

function lacks(
  requests: Resources,
  { pods, podsMax, requested, allocatable }: NodeInfo,
): Rejection | undefined {
  const lacking: string[] = [];
  let everFits = true;
  function check(name: string, asked: number, used: number, capacity: number): void {
    if (asked <= capacity - used) return;
    lacking.push(`Insufficient ${name}`);
    if (asked > capacity) everFits = false;
  }
  if (pods.size + 1 > podsMax) lacking.push("Too many pods");
  const { milliCpu, memoryBytes, ephemeralStorageBytes, scalars } = requests;
  // What is not asked for may be overdrawn.
  if (milliCpu > 0) check("cpu", milliCpu, requested.milliCpu, allocatable.milliCpu);
  if (memoryBytes > 0) check("memory", memoryBytes, requested.memoryBytes, allocatable.memoryBytes);
  if (ephemeralStorageBytes > 0) {
    const { ephemeralStorageBytes: used } = requested;
    check("ephemeral-storage", ephemeralStorageBytes, used, allocatable.ephemeralStorageBytes);
  }
  for (const [name, amount] of scalars ?? []) {
    if (amount > 0)
      check(name, amount, requested.scalars?.get(name) ?? 0, allocatable.scalars?.get(name) ?? 0);
  }
  if (lacking.length === 0) return undefined;
  return everFits ? unschedulable(...lacking) : unresolvable(...lacking);
}

function free(used: number, capacity: number): number {
  return used > capacity ? 0 : Math.trunc(((capacity - used) * scoreMax) / capacity);
}
