/** A cluster that is filled with simulated nodes and pods, and what that costs: as a whole, and for others meanwhile. */
import { resources } from "../../src/client/resources.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { SimulatedNode, simulatedPodCidr } from "../../src/cluster/simulated-node.ts";
import { type Figure, quantile } from "./figures.ts";
import { ProcessorClock } from "./processor-clock.ts";

export interface FillOptions {
  readonly nodes: number;
  readonly pods: number;
  /** False leaves out the events of nodes that tell of what goes well. */
  readonly events: boolean;
  /** How long the full cluster is watched at rest. */
  readonly restMs: number;
  /** No more pods are created after this. */
  readonly withinMs: number;
  readonly collect: () => void;
}

/** Creators at once: more would only wait in the same thread. */
const creators = 40;
/** Pods that were created and do not run yet, beyond which creators pause. */
const aheadMax = 2_000;

interface Lap {
  /** On the cluster's clock: what it would have been on a machine of its own. */
  readonly tookMs: number;
  readonly wallMs: number;
  /** Of all threads. */
  readonly cpuMs: number;
}

function lap(): () => Lap {
  const startedMs = performance.now();
  const beganMs = ProcessorClock.precise();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return {
      tookMs: ProcessorClock.precise() - beganMs,
      wallMs: performance.now() - startedMs,
      cpuMs: (user + system) / 1000,
    };
  };
}

const residentMb = (): number => process.memoryUsage.rss() / 2 ** 20;

/** Asks as others would: a read, a list of a page, a write and its deletion, in turn. */
class Visitor {
  readonly durationsMs: number[] = [];
  readonly #cluster: Cluster;
  #ended = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async visit(): Promise<void> {
    const client = this.#cluster.client();
    const maps = client.resource(resources.configmaps);
    const namespace = "default";
    const asks = [
      () => client.resource(resources.namespaces).get("default"),
      () => client.resource(resources.pods).list({ namespace, limit: 100 }),
      () => maps.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "visitor", namespace } }),
      () => maps.delete("visitor", { namespace }),
    ];
    for (let turn = 0; !this.#ended; turn++) {
      const startedMs = ProcessorClock.precise();
      await asks[turn % asks.length]?.();
      this.durationsMs.push(ProcessorClock.precise() - startedMs);
      await this.#cluster.clock.sleep(50);
    }
  }

  end(): void {
    this.#ended = true;
  }
}

/** Fills a cluster and tells what it took. Prints its progress: with 150,000 pods it takes minutes. */
export async function fill({
  nodes,
  pods: wanted,
  events,
  restMs,
  withinMs,
  collect,
}: FillOptions): Promise<Figure[]> {
  const cluster = new Cluster({ clock: new ProcessorClock() });
  await cluster.startApi();
  await cluster.bootstrap();
  await cluster.startControllers();
  collect();
  const emptyHeap = process.memoryUsage();
  const forNodes = lap();
  for (let index = 0; index < nodes; index++) {
    const podCidr = simulatedPodCidr(index);
    const settings = {
      name: `node-${index}`,
      podCidr,
      dnsAddress: "10.96.0.10",
      zone: `zone-${index % 3}`,
      events,
    };
    await new SimulatedNode(cluster, settings).start();
    if ((index + 1) % 1000 === 0) progress(`${index + 1} nodes`, forNodes());
  }
  const nodesLap = forNodes();
  collect();
  const nodesHeap = process.memoryUsage();

  const visitor = new Visitor(cluster);
  const visiting = visitor.visit();
  const counted = countEvents(cluster);
  const firstRevision = await cluster.storage.revision();
  const forPods = lap();
  const pods = await createPods(cluster, wanted, performance.now() + withinMs, forPods);
  const podsLap = forPods();
  const writes = (await cluster.storage.revision()) - firstRevision;
  const delivered = counted();
  const peakMb = residentMb();
  visitor.end();
  await visiting;

  // History is kept for between five and ten minutes: without it is what stays.
  await cluster.storage.compact(await cluster.storage.revision());
  collect();
  const fullHeap = process.memoryUsage();
  const forRest = lap();
  await cluster.clock.sleep(restMs);
  const rest = forRest();
  await cluster.stop();
  const each = (from: NodeJS.MemoryUsage, to: NodeJS.MemoryUsage, count: number): number =>
    (to.heapUsed + to.external - from.heapUsed - from.external) / 1024 / count;
  return [
    { name: `${nodes} nodes registered`, value: nodesLap.tookMs / 1000, unit: "s" },
    { name: "  processor time of each", value: nodesLap.cpuMs / nodes, unit: "ms" },
    { name: "  memory of each", value: each(emptyHeap, nodesHeap, nodes), unit: "KB" },
    { name: `${pods} pods from creation to Running`, value: podsLap.tookMs / 1000, unit: "s" },
    { name: "  processor time of each", value: podsLap.cpuMs / pods, unit: "ms" },
    { name: "  processor time of all", value: podsLap.cpuMs / 1000, unit: "s" },
    { name: "  memory of each, everything included", value: each(nodesHeap, fullHeap, pods), unit: "KB" },
    { name: "writes to the store", value: writes / (podsLap.tookMs / 1000), unit: "/s" },
    {
      name: "events delivered to one watcher of pods",
      value: delivered / (podsLap.tookMs / 1000),
      unit: "/s",
    },
    {
      name: `API calls meanwhile (${visitor.durationsMs.length}): median`,
      value: quantile(visitor.durationsMs, 0.5),
      unit: "ms",
    },
    { name: "API calls meanwhile: p99", value: quantile(visitor.durationsMs, 0.99), unit: "ms" },
    { name: "resident at the end of the fill, history included", value: peakMb, unit: "MB" },
    { name: "resident, history forgotten", value: residentMb(), unit: "MB" },
    { name: "processor time at rest", value: (100 * rest.cpuMs) / rest.tookMs, unit: "% of a core" },
  ];
}

function countEvents(cluster: Cluster): () => number {
  let count = 0;
  const heard = (): void => {
    count++;
  };
  cluster.informers.informer(resources.pods).addHandler({ added: heard, updated: heard });
  return () => count;
}

/** Resolves with how many were created, when all of them run. */
async function createPods(
  cluster: Cluster,
  wanted: number,
  untilMs: number,
  sofar: () => Lap,
): Promise<number> {
  const client = cluster.client().resource(resources.pods);
  const running = new Set<string>();
  let count = wanted;
  let next = 0;
  const all = Promise.withResolvers<void>();
  /** Creators that are too far ahead, each waiting for one more pod that runs. */
  const waiting: (() => void)[] = [];
  cluster.informers.informer(resources.pods).addHandler({
    updated: (_, { metadata: { name = "" }, status }) => {
      if (status?.phase !== "Running" || running.has(name)) return;
      running.add(name);
      if (running.size % 10_000 === 0) progress(`${running.size} pods`, sofar());
      if (running.size === count) all.resolve();
      waiting.shift()?.();
    },
  });
  async function create(): Promise<void> {
    while (next < count) {
      if (performance.now() > untilMs) count = Math.max(1, next);
      if (next - running.size > aheadMax) {
        await new Promise<void>((resolve) => waiting.push(resolve));
        continue;
      }
      const name = `pod-${next++}`;
      await client.create({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name, namespace: "default", labels: { app: "web" } },
        spec: {
          containers: [
            {
              name: "main",
              image: "registry.example.com/app:1",
              resources: { requests: { cpu: "100m", memory: "64Mi" } },
            },
          ],
        },
      });
    }
  }
  await Promise.all(Array.from({ length: creators }, create));
  if (running.size < count) await all.promise;
  return count;
}

function progress(what: string, { tookMs, cpuMs, wallMs }: Lap): void {
  const [took, cpu, wall] = [tookMs, cpuMs, wallMs].map((ms) => (ms / 1000).toFixed(0));
  const resident = residentMb().toFixed(0);
  console.log(
    `  ${what.padEnd(14)} after ${took} s, ${cpu} s of all threads (${wall} s by the wall), ${resident} MB`,
  );
}
