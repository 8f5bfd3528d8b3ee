/**
 * Clusters in memory, as tests use them: how long a fresh one takes until its API answers and until its controllers run,
 * what it holds in memory, and how many pods per second go from creation to Running on a simulated node. All in this
 * process, from sources.
 *
 *   npm run bench -- simulated [--clusters 15] [--pods 300]
 *
 * With `--nodes` it fills one cluster with so many nodes and pods instead, and tells what that takes. Its clock stands
 * still while other processes have the processor: times are those of a machine of its own. `--quiet` leaves
 * out the events of what goes well, as kwok does. Large ones need room: `NODE_OPTIONS=--max-old-space-size=6000`.
 *
 *   npm run bench -- simulated --nodes 1000 --pods 30000 [--quiet] [--rest 20 (seconds)] [--within 60 (minutes)]
 */
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { resources } from "../src/client/resources.ts";
import { Cluster } from "../src/cluster/cluster.ts";
import { SimulatedNode } from "../src/cluster/simulated-node.ts";
import { median, report } from "./parts/figures.ts";
import { fill } from "./parts/fill.ts";
import { busyNote, emptyNode } from "./parts/processes.ts";

const { values: options } = parseArgs({
  options: {
    clusters: { type: "string", default: "15" },
    pods: { type: "string", default: "300" },
    nodes: { type: "string" },
    quiet: { type: "boolean", default: false },
    rest: { type: "string", default: "20" },
    within: { type: "string", default: "60" },
  },
});
const clusterCount = Number(options.clusters);
const podCount = Number(options.pods);

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function heapMb(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

interface Fresh {
  readonly cluster: Cluster;
  readonly apiMs: number;
  readonly allMs: number;
}

async function fresh(): Promise<Fresh> {
  const startedMs = performance.now();
  const cluster = new Cluster({});
  await cluster.startApi();
  await cluster.client().resource(resources.namespaces).list();
  const apiMs = performance.now() - startedMs;
  await cluster.bootstrap();
  await cluster.startControllers();
  return { cluster, apiMs, allMs: performance.now() - startedMs };
}

/** Pods created at once until all run. */
async function podsPerSecond({ cluster }: Fresh): Promise<number> {
  const nodes = Math.ceil(podCount / 100);
  for (let n = 0; n < nodes; n++) {
    await new SimulatedNode(cluster, {
      name: `node-${n}`,
      podCidr: `10.${100 + n}.0.0/16`,
      dnsAddress: "10.96.0.10",
    }).start();
  }
  const pods = cluster.client().resource(resources.pods);
  const running = new Set<string>();
  const all = Promise.withResolvers<void>();
  cluster.informers.informer(resources.pods).addHandler({
    updated: (_, { metadata, status }) => {
      if (status?.phase === "Running") running.add(metadata.name ?? "");
      if (running.size === podCount) all.resolve();
    },
  });
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: podCount }, (_, n) =>
      pods.create({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: `pod-${n}`, namespace: "default" },
        spec: { containers: [{ name: "main", image: "registry.example.com/app:1" }] },
      }),
    ),
  );
  await all.promise;
  return podCount / ((performance.now() - startedMs) / 1000);
}

if (options.nodes !== undefined) {
  const nodes = Number(options.nodes);
  const figures = await fill({
    nodes,
    pods: podCount,
    events: !options.quiet,
    restMs: Number(options.rest) * 1000,
    withinMs: Number(options.within) * 60_000,
    collect,
  });
  report(`One cluster with ${nodes} nodes and ${podCount} pods; ${busyNote()}`, figures);
  process.exit();
}

/** The first cluster of a process pays for loading and compiling; the others show what one costs. */
await (await fresh()).cluster.stop();
const before = heapMb();
const clusters: Fresh[] = [];
for (let n = 0; n < clusterCount; n++) clusters.push(await fresh());
const heapEach = (heapMb() - before) / clusterCount;
const speed = clusters[0] === undefined ? 0 : await podsPerSecond(clusters[0]);
const stops: number[] = [];
for (const { cluster } of clusters) {
  const startedMs = performance.now();
  await cluster.stop();
  stops.push(performance.now() - startedMs);
}
const { startMs } = await emptyNode(process.execPath);
report(
  `Clusters in memory, medians of ${clusterCount}; ${busyNote()}; an empty Node starts in ${startMs.toFixed(0)} ms`,
  [
    {
      name: "fresh cluster: API answers",
      value: median(clusters.map(({ apiMs }) => apiMs)),
      unit: "ms",
      atMost: 20,
    },
    { name: "fresh cluster: controllers run", value: median(clusters.map(({ allMs }) => allMs)), unit: "ms" },
    { name: "heap of each", value: heapEach, unit: "MB", atMost: 2 },
    { name: "stop", value: median(stops), unit: "ms" },
    { name: `${podCount} pods created at once`, value: speed, unit: "pods/s" },
  ],
);
process.exit();
