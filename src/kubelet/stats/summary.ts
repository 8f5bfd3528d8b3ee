import type { Pod } from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import type { ContainerStats, ContainerStatus, RuntimeService } from "../../cri/runtime.ts";

/** One container's use at a moment; CPU also as a rate where two moments are known. */
export interface ContainerUsage {
  readonly pod: Pod;
  readonly container: ContainerStatus;
  readonly stats: ContainerStats;
  readonly usageNanoCores: number;
}

/** Measures containers, and remembers the last measure of each for the rate. */
export class UsageReader {
  readonly #runtime: RuntimeService;
  readonly #last = new Map<string, ContainerStats & { nanoCores: number }>();

  constructor(runtime: RuntimeService) {
    this.#runtime = runtime;
  }

  async read(
    pods: Iterable<{ readonly pod: Pod; readonly containers: readonly ContainerStatus[] }>,
  ): Promise<ContainerUsage[]> {
    const usages: ContainerUsage[] = [];
    const present = new Set<string>();
    for (const { pod, containers } of pods) {
      for (const container of containers.filter(({ state }) => state === "running")) {
        const stats = await this.#runtime.containerStats(container.id).catch(() => undefined);
        if (stats === undefined) continue;
        present.add(container.id);
        usages.push({ pod, container, stats, usageNanoCores: this.#rate(container, stats) });
      }
    }
    for (const id of this.#last.keys()) if (!present.has(id)) this.#last.delete(id);
    return usages;
  }

  #rate(container: ContainerStatus, stats: ContainerStats): number {
    const last = this.#last.get(container.id);
    const sinceMs = last?.atMs ?? container.startedAtMs;
    const elapsedMs = stats.atMs - sinceMs;
    if (elapsedMs <= 0) return last?.nanoCores ?? 0;
    const nanoCores = Math.round(((stats.cpuUsageNs - (last?.cpuUsageNs ?? 0)) * 1_000) / elapsedMs);
    this.#last.set(container.id, { ...stats, nanoCores });
    return nanoCores;
  }
}

/** `/stats/summary`, as far as the node measures: CPU and memory of containers, pods and all of them together. */
export function statsSummary(
  nodeName: string,
  startedMs: number,
  usages: readonly ContainerUsage[],
  nowMs: number,
): object {
  const pods = Map.groupBy(usages, ({ pod }) => pod.metadata.uid ?? "");
  return {
    node: { nodeName, startTime: formatTime(startedMs), ...total(usages, nowMs) },
    pods: [...pods.values()].map((list) => {
      const [{ pod } = { pod: undefined }] = list;
      const { name, namespace, uid } = pod?.metadata ?? {};
      return {
        podRef: { name, namespace, uid },
        startTime: pod?.status?.startTime,
        containers: list.map((usage) => ({
          name: usage.container.name,
          startTime: formatTime(usage.container.startedAtMs),
          ...total([usage], nowMs),
        })),
        ...total(list, nowMs),
      };
    }),
  };
}

function total(usages: readonly ContainerUsage[], nowMs: number): { cpu: object; memory: object } {
  const sum = (of: (usage: ContainerUsage) => number): number =>
    usages.reduce((all, usage) => all + of(usage), 0);
  const time = formatTime(nowMs);
  return {
    cpu: {
      time,
      usageNanoCores: sum(({ usageNanoCores }) => usageNanoCores),
      usageCoreNanoSeconds: sum(({ stats }) => stats.cpuUsageNs),
    },
    memory: {
      time,
      usageBytes: sum(({ stats }) => stats.memoryUsageBytes),
      workingSetBytes: sum(({ stats }) => stats.memoryWorkingSetBytes),
    },
  };
}

/** `/metrics/resource` in the Prometheus text format: what metrics-server reads. */
export function resourceMetrics(usages: readonly ContainerUsage[]): string {
  const lines: string[] = [];
  const series = (
    name: string,
    type: string,
    help: string,
    entries: readonly [string, number, number][],
  ): void => {
    lines.push(`# HELP ${name} [STABLE] ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value, atMs] of entries) lines.push(`${name}${labels} ${value} ${atMs}`);
  };
  const cpu = ({ stats }: ContainerUsage): number => stats.cpuUsageNs / 1e9;
  const memory = ({ stats }: ContainerUsage): number => stats.memoryWorkingSetBytes;
  const each = (of: (usage: ContainerUsage) => number): [string, number, number][] =>
    usages.map((usage) => [containerLabels(usage), of(usage), usage.stats.atMs]);
  const perPod = (of: (usage: ContainerUsage) => number): [string, number, number][] =>
    [...Map.groupBy(usages, ({ pod }) => pod.metadata.uid ?? "").values()].map((list) => {
      const value = list.reduce((all, usage) => all + of(usage), 0);
      return [podLabels(list[0]), value, list[0]?.stats.atMs ?? 0];
    });
  const whole = (of: (usage: ContainerUsage) => number): [string, number, number][] => [
    ["", usages.reduce((all, usage) => all + of(usage), 0), usages[0]?.stats.atMs ?? 0],
  ];
  series(
    "container_cpu_usage_seconds_total",
    "counter",
    "Cumulative cpu time consumed by the container in core-seconds",
    each(cpu),
  );
  series(
    "container_memory_working_set_bytes",
    "gauge",
    "Current working set of the container in bytes",
    each(memory),
  );
  series(
    "container_start_time_seconds",
    "gauge",
    "Start time of the container since unix epoch in seconds",
    each(({ container }) => container.startedAtMs / 1000),
  );
  series(
    "node_cpu_usage_seconds_total",
    "counter",
    "Cumulative cpu time consumed by the node in core-seconds",
    whole(cpu),
  );
  series("node_memory_working_set_bytes", "gauge", "Current working set of the node in bytes", whole(memory));
  series(
    "pod_cpu_usage_seconds_total",
    "counter",
    "Cumulative cpu time consumed by the pod in core-seconds",
    perPod(cpu),
  );
  series("pod_memory_working_set_bytes", "gauge", "Current working set of the pod in bytes", perPod(memory));
  return `${lines.join("\n")}\n`;
}

function podLabels(usage: ContainerUsage | undefined): string {
  return `{namespace="${usage?.pod.metadata.namespace}",pod="${usage?.pod.metadata.name}"}`;
}

function containerLabels({ pod, container }: ContainerUsage): string {
  return `{container="${container.name}",namespace="${pod.metadata.namespace}",pod="${pod.metadata.name}"}`;
}
