/**
 * Hundreds of CustomResourceDefinitions of real sizes: resident memory of each, time until its objects are served, what others
 * notice while they are created, and starts with them stored beside starts without.
 *
 *   npm run bench -- crds [--count 500] [--runs 5] [--rest 15] [--shapes real|made] [--program FOLDER]
 *
 * The shapes are those of the Prometheus operator, Gateway API and cert-manager where Go's module cache has them, otherwise
 * shapes of equal sizes made here.
 */
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { BenchCluster, repository, type StageTimes } from "./parts/bench-cluster.ts";
import { definitionNamed, madeShapes, realShapes, type Shape } from "./parts/definitions.ts";
import { type Figure, median, quantile, report } from "./parts/figures.ts";
import { ask, endpointOf } from "./parts/load.ts";
import { Prober } from "./parts/prober.ts";
import { busyNote, cpuNanoseconds, memoryOf } from "./parts/processes.ts";
import { RawClient } from "./parts/raw-client.ts";

const { values: options } = parseArgs({
  options: {
    count: { type: "string", default: "500" },
    runs: { type: "string", default: "5" },
    rest: { type: "string", default: "15" },
    shapes: { type: "string", default: "real" },
    program: { type: "string", default: repository },
  },
});
const count = Number(options.count);
const runs = Number(options.runs);
const restMs = Number(options.rest) * 1000;

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

function shapesToUse(): Shape[] {
  const real = options.shapes === "real" ? realShapes() : [];
  if (real.length > 0) return real;
  if (options.shapes === "real")
    console.log("Go's module cache has no real definitions: shapes of equal sizes are made.");
  return madeShapes();
}

/** Asks until it is there; milliseconds from `sinceMs` on. */
async function until(client: RawClient, path: string, sinceMs: number): Promise<number> {
  for (;;) {
    const { status } = await client.request("GET", path);
    if (status === 200) return performance.now() - sinceMs;
    if (status !== 404) throw new Error(`GET ${path}: ${status}`);
    await wait(1);
  }
}

/** Creates all, one after the other as an installation does; each is waited for. */
async function created(cluster: BenchCluster, shapes: readonly Shape[]): Promise<Figure[]> {
  const endpoint = endpointOf(cluster);
  const [client, watcher] = [await RawClient.open(endpoint), await RawClient.open(endpoint)];
  const prober = await Prober.open(endpoint);
  const quiet = await prober.during(() => wait(1000));
  const createMs: number[] = [];
  const servedMs: number[] = [];
  const cpuBefore = cpuNanoseconds(cluster.serverPid);
  const others = await prober.during(async () => {
    for (let serial = 0; serial < count; serial++) {
      const shape = shapes[serial % shapes.length];
      if (shape === undefined) throw new Error("there are no shapes");
      const { path, body } = definitionNamed(shape, serial);
      const startedMs = performance.now();
      await ask(client, "POST", definitions, body);
      const answeredMs = performance.now();
      createMs.push(answeredMs - startedMs);
      servedMs.push(await until(watcher, path, answeredMs));
    }
  });
  const cpuMs = (cpuNanoseconds(cluster.serverPid) - cpuBefore) / 1e6 / count;
  for (const each of [client, watcher, prober]) each.close();
  const asUsual = `without: p50 ${quiet.p50Ms.toFixed(1)} ms, p99 ${quiet.p99Ms.toFixed(1)} ms, max ${quiet.maxMs.toFixed(0)} ms`;
  return [
    {
      name: "creation of one, p50",
      value: median(createMs),
      unit: "ms",
      note: `p99 ${quantile(createMs, 0.99).toFixed(0)} ms; ${cpuMs.toFixed(1)} ms of CPU`,
    },
    {
      name: "from its answer until its objects are served, p50",
      value: median(servedMs),
      unit: "ms",
      note: `p99 ${quantile(servedMs, 0.99).toFixed(0)} ms`,
    },
    { name: "reads of others meanwhile, p50", value: others.p50Ms, unit: "ms", note: asUsual },
    {
      name: "… p99",
      value: others.p99Ms,
      unit: "ms",
      note: `max ${others.maxMs.toFixed(0)} ms`,
    },
  ];
}

/** What old clients read, all of it in one document. */
async function openApi(cluster: BenchCluster): Promise<Figure[]> {
  const endpoint = endpointOf(cluster);
  const client = await RawClient.open(endpoint);
  const prober = await Prober.open(endpoint);
  const startedMs = performance.now();
  const others = await prober.during(() => ask(client, "GET", "/openapi/v2"));
  const tookMs = performance.now() - startedMs;
  client.close();
  prober.close();
  return [
    { name: "version 2 of all of them, when first asked for", value: tookMs, unit: "ms" },
    { name: "longest read of others meanwhile", value: others.maxMs, unit: "ms" },
  ];
}

async function residentAtRest(cluster: BenchCluster): Promise<number> {
  await wait(restMs);
  return memoryOf(cluster.serverPid).residentMb;
}

const shapes = shapesToUse();
const meanKb =
  Array.from({ length: count }, (_, serial) => shapes[serial % shapes.length]?.sizeBytes ?? 0).reduce(
    (sum, each) => sum + each,
    0,
  ) /
  count /
  1024;
const largest = shapes.toSorted((a, b) => b.sizeBytes - a.sizeBytes)[0];
console.log(
  `${count} definitions of ${shapes.length} shapes, ${meanKb.toFixed(0)} KB of JSON each; ` +
    `the largest: ${largest?.of}, ${((largest?.sizeBytes ?? 0) / 1024).toFixed(0)} KB; ${busyNote()}`,
);
const full = new BenchCluster({ runtime: "simulated", program: options.program });
const empty = new BenchCluster({ runtime: "simulated", program: options.program });
try {
  await full.up();
  const emptyMb = await residentAtRest(full);
  report("Created one after the other", await created(full, shapes));
  const perDefinition = (mb: number): number => (mb - emptyMb) / count;
  const filledMb = await residentAtRest(full);
  const starts: Record<"with" | "without", StageTimes[]> = { with: [], without: [] };
  await full.down();
  await empty.up();
  await empty.down();
  for (let run = 0; run < runs; run++) {
    starts.with.push(await full.up());
    await full.down();
    starts.without.push(await empty.up());
    await empty.down();
  }
  await full.up();
  const againMb = await residentAtRest(full);
  report("Memory", [
    {
      name: "memory per definition, just written",
      value: perDefinition(filledMb),
      unit: "MB",
      atMost: 0.5,
      note: `${emptyMb.toFixed(0)} → ${filledMb.toFixed(0)} MB resident`,
    },
    {
      name: "memory per definition, after a restart",
      value: perDefinition(againMb),
      unit: "MB",
      atMost: 0.5,
      note: `${againMb.toFixed(0)} MB resident`,
    },
  ]);
  const stage = (name: string, of: (times: StageTimes) => number): Figure => ({
    name,
    value: median(starts.with.map(of)),
    unit: "ms",
    note: `without: ${median(starts.without.map(of)).toFixed(0)} ms`,
  });
  report(`Starts with them stored, beside starts without, ${runs} of each in turn`, [
    stage("API ready", ({ apiMs }) => apiMs),
    stage("node Ready", ({ nodeMs }) => nodeMs),
    stage("CPU time of the server", ({ cpuMs }) => cpuMs),
  ]);
  report("OpenAPI", await openApi(full));
} finally {
  await full.remove();
  await empty.remove();
}
