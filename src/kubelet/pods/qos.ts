import { qosClassOf, setAmount } from "../../api/pod-qos.ts";
import type { Container, Pod, ResourceRequirements } from "../../api/types/core-v1.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { LinuxResources } from "../../cri/runtime.ts";

/** CPU time is shared out in periods of 100 ms (the kernel's default, and the kubelet's). */
const periodUs = 100_000;
/** The kernel accepts no smaller number of shares, and no shorter quota. */
const sharesMin = 2;
const sharesMax = 262_144;
const quotaMinUs = 1_000;

/** The numbers of one container's cgroup. `memoryCapacityBytes` is the node's, for the order of memory kills. */
export function containerResources(
  pod: Pod,
  container: Container,
  memoryCapacityBytes: number,
): LinuxResources {
  const { requests, limits } = container.resources ?? {};
  const memoryLimit = setAmount(limits, "memory");
  const hugepageLimits = hugepages(container.resources);
  return {
    ...cpuResources(container.resources),
    ...(memoryLimit === undefined ? {} : { memoryLimitBytes: Number(memoryLimit.value()) }),
    oomScoreAdj: oomScoreAdj(pod, setAmount(requests, "memory") ?? memoryLimit, memoryCapacityBytes),
    ...(hugepageLimits.length === 0 ? {} : { hugepageLimits }),
  };
}

function cpuResources(resources: ResourceRequirements | undefined): LinuxResources {
  const limit = setAmount(resources?.limits, "cpu");
  const request = resources?.requests?.["cpu"] === undefined ? limit : setAmount(resources.requests, "cpu");
  const milli = Number(request?.milliValue() ?? 0n);
  const cpuShares = Math.min(sharesMax, Math.max(sharesMin, Math.floor((milli * 1024) / 1000)));
  if (limit === undefined) return { cpuShares };
  const cpuQuotaUs = Math.max(quotaMinUs, Math.floor((Number(limit.milliValue()) * periodUs) / 1000));
  return { cpuShares, cpuQuotaUs, cpuPeriodUs: periodUs };
}

/** Who is killed first when memory runs out. Mirrors pkg/kubelet/qos/policy.go. */
function oomScoreAdj(pod: Pod, memory: Quantity | undefined, capacityBytes: number): number {
  if (pod.spec?.priorityClassName === "system-node-critical") return -997;
  const qos = qosClassOf(pod.spec);
  if (qos === "Guaranteed") return -997;
  if (qos === "BestEffort") return 1000;
  const bytes = Number(memory?.value() ?? 0n);
  const adjusted = Math.trunc(1000 - (1000 * bytes) / Math.max(1, capacityBytes));
  return Math.min(999, Math.max(3, adjusted));
}

function hugepages(resources: ResourceRequirements | undefined): { pageSize: string; limitBytes: number }[] {
  const names = Object.keys(resources?.limits ?? {}).filter((name) => name.startsWith("hugepages-"));
  return names.map((name) => ({
    pageSize: `${name.slice("hugepages-".length).replace(/i$/, "")}B`,
    limitBytes: Number(Quantity.parse(resources?.limits?.[name] ?? "0").value()),
  }));
}

/**
 * The numbers of the pod's own cgroup: the sum of what runs together, or what one init container needs where that is
 * more; a limit only where every container has one.
 */
export function podResources(pod: Pod): LinuxResources {
  const { resources, initContainers = [] } = pod.spec ?? {};
  const containers = pod.spec?.containers ?? [];
  if (resources !== undefined) return bound([resources], []);
  const sidecars = initContainers.filter((container) => container.restartPolicy === "Always");
  const alone = initContainers.filter((container) => container.restartPolicy !== "Always");
  return bound(
    [...containers, ...sidecars].map((container) => container.resources),
    alone.map((container) => container.resources),
  );
}

type Resources = ResourceRequirements | undefined;

function bound(together: readonly Resources[], alone: readonly Resources[]): LinuxResources {
  const cpu = (list: readonly Resources[]): LinuxResources[] => list.map(cpuResources);
  const most = (a: number, list: readonly number[]): number => Math.max(a, ...list);
  const all = [...together, ...alone];
  const shares = most(
    sum(cpu(together).map(({ cpuShares = 0 }) => cpuShares)),
    cpu(alone).map(({ cpuShares = 0 }) => cpuShares),
  );
  const quota = most(
    sum(cpu(together).map(({ cpuQuotaUs = 0 }) => cpuQuotaUs)),
    cpu(alone).map(({ cpuQuotaUs = 0 }) => cpuQuotaUs),
  );
  const memory = most(sum(together.map(memoryLimit)), alone.map(memoryLimit));
  const limited = (name: string): boolean =>
    all.every((resources) => setAmount(resources?.limits, name) !== undefined);
  return {
    cpuShares: Math.min(sharesMax, Math.max(sharesMin, shares)),
    ...(limited("cpu") ? { cpuQuotaUs: quota, cpuPeriodUs: periodUs } : {}),
    ...(limited("memory") ? { memoryLimitBytes: memory } : {}),
  };
}

function memoryLimit(resources: Resources): number {
  return Number(setAmount(resources?.limits, "memory")?.value() ?? 0n);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
