/** Lists of many pods in each form, beside a plain process that pushes the same bytes. */
import type { BenchCluster } from "./bench-cluster.ts";
import { type Figure, median } from "./figures.ts";
import { ask, endpointOf, measure, pods, startPlainServer } from "./load.ts";
import { RawClient } from "./raw-client.ts";

export interface ListOptions {
  readonly rounds: number;
  /** How long each round asks in each form. */
  readonly forMs: number;
  readonly podCount: number;
}

/** What clients ask for: kubectl tables, client-go protobuf, everybody else JSON. */
const forms = [
  { name: "JSON", accept: "application/json", atMost: 2 },
  { name: "protobuf", accept: "application/vnd.kubernetes.protobuf" },
  { name: "Table", accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
] as const;

export async function lists(cluster: BenchCluster, options: ListOptions): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const form of forms) figures.push(...(await listsOf(cluster, options, form)));
  return figures;
}

async function listsOf(
  cluster: BenchCluster,
  { rounds, forMs, podCount }: ListOptions,
  { name, accept, ...bound }: { name: string; accept: string; atMost?: number },
): Promise<Figure[]> {
  const client = await RawClient.open(endpointOf(cluster), accept);
  // The first list of a form makes what later ones share.
  const beforeMs = performance.now();
  const bytes = await ask(client, "GET", pods);
  const firstMs = performance.now() - beforeMs;
  const { child, endpoint } = await startPlainServer(cluster, bytes, 1);
  const plainClient = await RawClient.open(endpoint);
  await ask(plainClient, "GET", "/blob");
  const [ours, plain, cpu]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    const speed = await measure([() => ask(client, "GET", pods)], forMs, cluster.serverPid);
    ours.push(speed.p50Ms);
    cpu.push(speed.cpuMicros / 1000);
    plain.push((await measure([() => ask(plainClient, "GET", "/blob")], forMs, child.pid ?? 0)).p50Ms);
  }
  client.close();
  plainClient.close();
  child.disconnect();
  return [
    {
      name: `list of ${podCount.toLocaleString("en")} pods, ${name}`,
      value: median(ours),
      unit: "ms",
      note:
        `${(bytes / 1e6).toFixed(1)} MB, ${median(cpu).toFixed(0)} ms of CPU, the first ${firstMs.toFixed(0)} ms; ` +
        `the same bytes from a plain process: ${median(plain).toFixed(1)} ms`,
    },
    {
      name: `${name} list beside the plain process`,
      value: median(ours) / median(plain),
      unit: "× the time",
      ...bound,
    },
  ];
}
