/**
 * The API over TLS against the real server process with its state in SQLite: creates by 1 and 64 clients beside etcd
 * alone on the same disk, gets, lists of 10,000 pods and a fan-out to 1,000 watchers beside a process that only pushes
 * the same bytes through TLS sockets.
 *
 *   npm run bench -- api [--seconds 4] [--rounds 3] [--pods 10000] [--watchers 1000] [--program FOLDER]
 *
 * etcd's part is left out by name where it is not installed (Debian: apt-get install etcd-server).
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { BenchCluster, repository } from "./parts/bench-cluster.ts";
import { type Etcd, startEtcd } from "./parts/etcd.ts";
import { type Figure, median, quantile, report } from "./parts/figures.ts";
import { busyNote, cpuNanoseconds, emptyNode } from "./parts/processes.ts";
import { RawClient, type RawEndpoint } from "./parts/raw-client.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "3" },
    pods: { type: "string", default: "10000" },
    watchers: { type: "string", default: "1000" },
    program: { type: "string", default: repository },
  },
});
const durationMs = Number(options.seconds) * 1000;
const rounds = Number(options.rounds);
const podCount = Number(options.pods);
const watcherCount = Number(options.watchers);

/** As much as a small pod has. */
const payload = "x".repeat(1800);
let serial = 0;

function newConfigMap(): string {
  const metadata = { name: `bench-${serial++}`, namespace: "default" };
  return JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { payload } });
}

/** Nobody schedules it: what is measured is the API. */
function newPod(): string {
  const metadata = {
    name: `bench-${serial++}`,
    namespace: "default",
    labels: { app: "bench", tier: "none" },
  };
  const container = {
    name: "main",
    image: "registry.example.com/team/app:1.2.3",
    ports: [{ containerPort: 8080 }],
    env: [{ name: "MODE", value: "production" }],
    resources: { requests: { cpu: "100m", memory: "64Mi" } },
  };
  const spec = { schedulerName: "none", containers: [container] };
  return JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata, spec });
}

interface Speed {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the process that served, per operation: unlike speed, hardly touched by what else the machine does. */
  readonly cpuMicros: number;
}

/** Lets each worker repeat its operation for the time given. */
async function measure(
  workers: readonly (() => Promise<unknown>)[],
  forMs = durationMs,
  pid = cluster.serverPid,
): Promise<Speed> {
  const latenciesMs: number[] = [];
  const cpuBefore = cpuNanoseconds(pid);
  const startedMs = performance.now();
  await Promise.all(
    workers.map(async (work) => {
      while (performance.now() - startedMs < forMs) {
        const beforeMs = performance.now();
        await work();
        latenciesMs.push(performance.now() - beforeMs);
      }
    }),
  );
  return {
    perSecond: (latenciesMs.length / (performance.now() - startedMs)) * 1000,
    p50Ms: median(latenciesMs),
    p99Ms: quantile(latenciesMs, 0.99),
    cpuMicros: (cpuNanoseconds(pid) - cpuBefore) / 1000 / latenciesMs.length,
  };
}

async function ask(client: RawClient, method: string, path: string, body?: string): Promise<number> {
  const { status, bodyBytes } = await client.request(method, path, body);
  if (status >= 300) throw new Error(`${method} ${path}: ${status}`);
  return bodyBytes;
}

const configMaps = "/api/v1/namespaces/default/configmaps";
const pods = "/api/v1/namespaces/default/pods";

/** Rounds of ours and etcd's take turns, so that the disk's mood is the same for both. */
async function creates(endpoint: RawEndpoint, etcd: Etcd | undefined): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const count of [1, 64]) {
    const clients = await Promise.all(Array.from({ length: count }, () => RawClient.open(endpoint)));
    const ours: Speed[] = [];
    const ofPods: Speed[] = [];
    const theirs: Speed[] = [];
    const value = Buffer.from(newConfigMap());
    for (let round = 0; round < rounds; round++) {
      if (etcd !== undefined) {
        const put = (): Promise<void> => etcd.put(`/registry/configmaps/default/bench-${serial++}`, value);
        theirs.push(
          await measure(
            clients.map(() => put),
            durationMs,
            etcd.pid,
          ),
        );
      }
      ours.push(
        await measure(clients.map((client) => () => ask(client, "POST", configMaps, newConfigMap()))),
      );
      ofPods.push(await measure(clients.map((client) => () => ask(client, "POST", pods, newPod()))));
    }
    const middle = (speeds: readonly Speed[]): number => median(speeds.map(({ perSecond }) => perSecond));
    const note = (speeds: readonly Speed[]): string => {
      const middleOf = (value: (speed: Speed) => number): number => median(speeds.map(value));
      return [
        `p50 ${middleOf(({ p50Ms }) => p50Ms).toFixed(2)} ms`,
        `p99 ${middleOf(({ p99Ms }) => p99Ms).toFixed(1)} ms`,
        `${middleOf(({ cpuMicros }) => cpuMicros).toFixed(0)} µs of CPU each`,
      ].join(", ");
    };
    const who = count === 1 ? "1 client" : `${count} clients`;
    figures.push(
      { name: `creates of ConfigMaps, ${who}`, value: middle(ours), unit: "/s", note: note(ours) },
      { name: `creates of pods, ${who}`, value: middle(ofPods), unit: "/s", note: note(ofPods) },
    );
    if (theirs.length > 0) {
      const ratio = { value: middle(ours) / middle(theirs), unit: "× etcd" };
      figures.push(
        { name: `etcd alone, ${who}`, value: middle(theirs), unit: "/s", note: note(theirs) },
        {
          name: `ConfigMaps beside etcd, ${who}`,
          ...ratio,
          ...(count === 64 ? { atLeast: 1 } : {}),
          note: `pods: ${(middle(ofPods) / middle(theirs)).toFixed(2)}×`,
        },
      );
    }
    for (const client of clients) client.close();
  }
  return figures;
}

async function gets(endpoint: RawEndpoint): Promise<Figure[]> {
  const clients = await Promise.all(Array.from({ length: 64 }, () => RawClient.open(endpoint)));
  const [first] = clients;
  if (first === undefined) return [];
  await ask(first, "POST", configMaps, newConfigMap());
  const path = `${configMaps}/bench-${serial - 1}`;
  const alone = await measure([() => ask(first, "GET", path)], durationMs / 2);
  const many = await measure(
    clients.map((client) => () => ask(client, "GET", path)),
    durationMs / 2,
  );
  for (const client of clients) client.close();
  return [
    {
      name: "gets, 1 client",
      value: alone.perSecond,
      unit: "/s",
      note: `p50 ${alone.p50Ms.toFixed(2)} ms, ${alone.cpuMicros.toFixed(0)} µs of CPU each`,
    },
    {
      name: "gets, 64 clients",
      value: many.perSecond,
      unit: "/s",
      note: `p50 ${many.p50Ms.toFixed(2)} ms, ${many.cpuMicros.toFixed(0)} µs of CPU each`,
    },
  ];
}

/** Starts the yardstick: a process that only writes bytes to TLS sockets. */
async function plainServer(
  cluster: BenchCluster,
  blobBytes: number,
  lineBytes: number,
): Promise<{ child: ChildProcess; endpoint: RawEndpoint }> {
  const endpoint = endpointOf(cluster);
  const files = [join(cluster.home, "plain.key"), join(cluster.home, "plain.crt")];
  writeFileSync(files[0] ?? "", endpoint.key);
  writeFileSync(files[1] ?? "", endpoint.cert);
  const sizes = [String(blobBytes), String(lineBytes)];
  const child = fork(join(import.meta.dirname, "parts/plain-server.ts"), [...files, ...sizes], {
    execPath: cluster.node,
  });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return { child, endpoint: { ...endpoint, port, anyServer: true } };
}

async function lists(cluster: BenchCluster): Promise<Figure[]> {
  const client = await RawClient.open(endpointOf(cluster));
  const bytes = await ask(client, "GET", pods);
  const { child, endpoint } = await plainServer(cluster, bytes, 1);
  const plainClient = await RawClient.open(endpoint);
  await ask(plainClient, "GET", "/blob");
  const [ours, plain]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    ours.push((await measure([() => ask(client, "GET", pods)], durationMs / 4)).p50Ms);
    plain.push((await measure([() => ask(plainClient, "GET", "/blob")], durationMs / 4)).p50Ms);
  }
  client.close();
  plainClient.close();
  child.disconnect();
  return [
    {
      name: `list of ${podCount.toLocaleString("en")} pods`,
      value: median(ours),
      unit: "ms",
      note: `${(bytes / 1e6).toFixed(1)} MB; the same bytes from a plain process: ${median(plain).toFixed(0)} ms`,
    },
    {
      name: "list beside the plain process",
      value: median(ours) / median(plain),
      unit: "× the time",
      atMost: 2,
    },
  ];
}

/** Opens the watchers, then times how long what is written takes to reach all of them. */
async function fanOut(
  endpoint: RawEndpoint,
  path: string,
  write: (count: number) => Promise<unknown>,
): Promise<{ alone: number; perSecond: number }> {
  const watchers: RawClient[] = [];
  let lines = 0;
  let wanted = Number.POSITIVE_INFINITY;
  let reached = (): void => {};
  // Handshakes in small groups: a server's backlog is finite.
  while (watchers.length < watcherCount) {
    const group = Array.from({ length: Math.min(50, watcherCount - watchers.length) }, () =>
      RawClient.open(endpoint),
    );
    watchers.push(...(await Promise.all(group)));
  }
  for (const watcher of watchers) {
    watcher.watch(path, (count) => {
      lines += count;
      if (lines >= wanted) reached();
    });
  }
  const deliver = async (count: number): Promise<number> => {
    lines = 0;
    wanted = count * watcherCount;
    const { promise, resolve } = Promise.withResolvers<void>();
    reached = resolve;
    const startedMs = performance.now();
    await write(count);
    await promise;
    return performance.now() - startedMs;
  };
  // Until the watches of all are open, what is written is not seen by all.
  await new Promise((resolve) => {
    setTimeout(resolve, 2000);
  });
  const aloneMs: number[] = [];
  for (let n = 0; n < 10; n++) aloneMs.push(await deliver(1));
  const many: number[] = [];
  for (let round = 0; round < rounds; round++) many.push((50 * watcherCount) / ((await deliver(50)) / 1000));
  for (const watcher of watchers) watcher.close();
  return { alone: median(aloneMs), perSecond: median(many) };
}

async function watches(cluster: BenchCluster): Promise<Figure[]> {
  const endpoint = endpointOf(cluster);
  const writers = await Promise.all(Array.from({ length: 10 }, () => RawClient.open(endpoint)));
  const [first] = writers;
  if (first === undefined) return [];
  const response = await cluster
    .newTransport()
    .request({ method: "GET", path: configMaps, query: { limit: "1" } });
  const { resourceVersion } = (response.body as { metadata: { resourceVersion: string } }).metadata;
  const ours = await fanOut(
    endpoint,
    `${configMaps}?watch=true&resourceVersion=${resourceVersion}`,
    async (count) => {
      await Promise.all(
        writers.slice(0, count).map(async (writer) => {
          for (let n = 0; n < Math.max(count / writers.length, 1); n++) {
            await ask(writer, "POST", configMaps, newConfigMap());
          }
        }),
      );
    },
  );
  for (const writer of writers) writer.close();
  const { child, endpoint: plainEndpoint } = await plainServer(cluster, 1, 2400);
  const plain = await fanOut(plainEndpoint, "/watch", async (count) => child.send({ lines: count }));
  child.disconnect();
  const who = `${watcherCount.toLocaleString("en")} watchers`;
  return [
    {
      name: `one write until ${who} have it, p50`,
      value: ours.alone,
      unit: "ms",
      note: `a plain process: ${plain.alone.toFixed(0)} ms`,
    },
    {
      name: `events to ${who}`,
      value: ours.perSecond,
      unit: "events/s",
      note: `a plain process: ${plain.perSecond.toLocaleString("en", { maximumFractionDigits: 0 })}`,
    },
    {
      name: "fan-out beside the plain process",
      value: ours.perSecond / plain.perSecond,
      unit: "×",
      atLeast: 0.5,
    },
  ];
}

function endpointOf(cluster: BenchCluster): RawEndpoint {
  const { server, ca = "", clientCertificate = "", clientKey = "" } = cluster.credentials().transport;
  const { hostname, port } = new URL(server);
  return { host: hostname, port: Number(port), ca, cert: clientCertificate, key: clientKey };
}

async function fillPods(endpoint: RawEndpoint): Promise<void> {
  const clients = await Promise.all(Array.from({ length: 32 }, () => RawClient.open(endpoint)));
  await ask(clients[0] as RawClient, "DELETE", pods);
  let left = podCount;
  await Promise.all(
    clients.map(async (client) => {
      while (left-- > 0) await ask(client, "POST", pods, newPod());
    }),
  );
  for (const client of clients) client.close();
}

const cluster = new BenchCluster({ runtime: "simulated", program: options.program });
try {
  await cluster.up();
  const endpoint = endpointOf(cluster);
  const { startMs } = await emptyNode(cluster.node);
  console.log(`An empty Node starts in ${startMs.toFixed(0)} ms; ${busyNote()}.`);
  const etcd = await startEtcd(cluster.home);
  if (etcd === undefined) console.log("etcd: left out, it is not installed (apt-get install etcd-server)");
  report("Creates, durable, over TLS; etcd without TLS", await creates(endpoint, etcd));
  await etcd?.stop();
  report("Gets", await gets(endpoint));
  await fillPods(endpoint);
  report("Lists", await lists(cluster));
  report("Watches", await watches(cluster));
} finally {
  await cluster.remove();
}
