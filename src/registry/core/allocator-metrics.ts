import { Computed, Counter, Histogram, type MetricRegistry } from "../../apimachinery/metrics.ts";

/** Whether the address was named in the request, or chosen. */
type AllocationScope = "static" | "dynamic";

/** How many addresses of a range Services have. */
export interface RangeUsage {
  readonly cidr: string;
  readonly size: number;
  readonly held: number;
}

/** How many ports of nodes there are for Services, and how many they have. */
export interface PortUsage {
  readonly size: number;
  readonly held: number;
}

/** What is measured of the addresses and ports of Services, by the names that kube-apiserver uses. */
export class AllocatorMetrics {
  readonly #allocations = new Counter({
    name: "kube_apiserver_clusterip_allocator_allocation_total",
    help: "Addresses that were given to Services.",
    labels: ["cidr", "scope"],
  });
  readonly #errors = new Counter({
    name: "kube_apiserver_clusterip_allocator_allocation_errors_total",
    help: "Addresses that could not be given to Services.",
    labels: ["cidr", "scope"],
  });
  readonly #durations = new Histogram({
    name: "kube_apiserver_clusterip_allocator_allocation_duration_seconds",
    help: "Time that giving an address took.",
    labels: ["cidr"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  });

  constructor(
    usage: () => readonly RangeUsage[],
    ports: () => PortUsage,
    registry: MetricRegistry | undefined,
  ) {
    const gauge = (name: string, help: string, read: (usage: RangeUsage) => number): Computed =>
      new Computed("gauge", { name, help, labels: ["cidr"] }, () =>
        usage().map((range) => [[range.cidr], read(range)]),
      );
    const ofPorts = (name: string, help: string, read: (usage: PortUsage) => number): Computed =>
      new Computed("gauge", { name, help }, () => [[[], read(ports())]]);
    const prefix = "kube_apiserver_clusterip_allocator";
    const portPrefix = "kube_apiserver_nodeport_allocator";
    for (const metric of [
      this.#allocations,
      this.#errors,
      this.#durations,
      gauge(`${prefix}_allocated_ips`, "Addresses that Services have.", ({ held }) => held),
      gauge(`${prefix}_available_ips`, "Addresses that are free.", ({ size, held }) => size - held),
      ofPorts(`${portPrefix}_allocated_ports`, "Ports of nodes that Services have.", ({ held }) => held),
      ofPorts(
        `${portPrefix}_available_ports`,
        "Ports of nodes that are free.",
        ({ size, held }) => size - held,
      ),
    ]) {
      registry?.register(metric);
    }
  }

  allocated(cidr: string, scope: AllocationScope, seconds: number): void {
    this.#allocations.with(cidr, scope).value++;
    this.#durations.with(cidr).observe(seconds);
  }

  failed(cidr: string, scope: AllocationScope): void {
    this.#errors.with(cidr, scope).value++;
  }
}
