/**
 * Clusters of createCluster(): what one more costs in processor time and memory, a hundred at once, a fork of many objects, and a
 * thousand that come and go. All in this process, from sources; times are of the processor, all threads counted.
 *
 *   npm run bench -- library [--clusters 60] [--objects 10000] [--cycles 1000]
 */
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type CreateClusterOptions, createCluster, type EmbeddedCluster } from "../src/cluster/index.ts";
import { type Figure, median, report } from "./parts/figures.ts";
import { busyNote } from "./parts/processes.ts";

const { values: options } = parseArgs({
  options: {
    clusters: { type: "string", default: "60" },
    objects: { type: "string", default: "10000" },
    cycles: { type: "string", default: "1000" },
  },
});

/** Of this run alone: others may make clusters too. */
const folder = mkdtempSync(join(tmpdir(), "sampan-bench-"));
process.env["TMPDIR"] = folder;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Milliseconds of the processor that the work took. */
async function cpuOf<T>(work: () => Promise<T>): Promise<{ readonly cpuMs: number; readonly result: T }> {
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1000, result };
}

/** What is held when all that can be collected is. */
async function heldMb(): Promise<number> {
  // What hangs on ends of streams and signals goes in turns.
  for (let turn = 0; turn < 3; turn++) {
    await wait(50);
    collect();
  }
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
}

const residentMb = (): number => process.memoryUsage().rss / 1e6;

async function closeAll(clusters: readonly EmbeddedCluster[]): Promise<void> {
  await Promise.all(clusters.map((cluster) => cluster.close()));
}

/** The first with an option pays for loading and compiling; the others show what one costs. */
async function fresh(count: number, given: CreateClusterOptions): Promise<Figure[]> {
  const first = await cpuOf(() => createCluster(given));
  const clusters = [first.result];
  const beforeMb = await heldMb();
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const { cpuMs, result } = await cpuOf(() => createCluster(given));
    times.push(cpuMs);
    clusters.push(result);
  }
  const eachMb = ((await heldMb()) - beforeMb) / count;
  await closeAll(clusters);
  const clock = given.clock ?? "real";
  return [
    { name: `${clock} clock: the first one`, value: first.cpuMs, unit: "ms" },
    { name: `${clock} clock: the next ten, median`, value: median(times.slice(0, 10)), unit: "ms" },
    {
      name: `${clock} clock: later ones, median`,
      value: median(times.slice(count >> 1)),
      unit: "ms",
      atMost: 20,
    },
    { name: `${clock} clock: memory of each`, value: eachMb, unit: "MB", atMost: 2 },
  ];
}

async function manyAtOnce(count: number): Promise<Figure[]> {
  await (await createCluster()).close();
  const beforeMb = residentMb();
  const { cpuMs, result } = await cpuOf(() =>
    Promise.all(Array.from({ length: count }, () => createCluster())),
  );
  const mb = residentMb();
  await closeAll(result);
  return [
    { name: `${count} clusters at once, each`, value: cpuMs / count, unit: "ms" },
    {
      name: `${count} clusters in one process`,
      value: mb,
      unit: "MB",
      atMost: 500,
      note: `resident; ${beforeMb.toFixed(0)} MB before`,
    },
  ];
}

async function forkOf(objects: number): Promise<Figure[]> {
  const cluster = await createCluster({ clock: "virtual" });
  const numbers = Array.from({ length: objects }, (_, n) => n);
  const settings = await cluster.resource("configmaps");
  for (let n = 0; n < objects; n += 500) {
    await Promise.all(
      numbers.slice(n, n + 500).map((each) =>
        settings.create({
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name: `settings-${each}`, namespace: "default" },
          data: { number: String(each) },
        }),
      ),
    );
  }
  await cluster.clock.settle();
  const times: number[] = [];
  for (let n = 0; n < 9; n++) {
    const { cpuMs, result } = await cpuOf(() => cluster.fork());
    times.push(cpuMs);
    await result.close();
  }
  await cluster.close();
  const name = `a fork of ${objects.toLocaleString("en")} objects`;
  return [{ name, value: median(times), unit: "ms", atMost: 100, note: "median of 9" }];
}

interface Held {
  readonly mb: number;
  readonly handles: number;
  readonly descriptors: number;
  readonly sockets: number;
  readonly files: number;
}

async function held(): Promise<Held> {
  const mb = await heldMb();
  const open = readdirSync("/proc/self/fd").flatMap((name) => {
    try {
      return [readlinkSync(`/proc/self/fd/${name}`)];
    } catch {
      // The one through which the folder was read.
      return [];
    }
  });
  return {
    mb,
    handles: process.getActiveResourcesInfo().length,
    descriptors: open.length,
    sockets: open.filter((target) => target.startsWith("socket:")).length,
    files: readdirSync(tmpdir()).filter((name) => name.startsWith("sampan-cluster-")).length,
  };
}

/** Every tenth opens a port and writes a kubeconfig. */
async function cycles(count: number): Promise<Figure[]> {
  const cycle = async (n: number): Promise<void> => {
    await using cluster = await createCluster({ clock: n % 2 === 0 ? "virtual" : "real" });
    if (n % 10 === 0) await cluster.kubeconfig();
  };
  const warm = Math.min(100, count);
  for (let n = 0; n < warm; n++) await cycle(n);
  const before = await held();
  for (let n = 0; n < count; n++) await cycle(n);
  const after = await held();
  const growth = (name: keyof Held, unit: string, atMost: number): Figure => ({
    name: `${count.toLocaleString("en")} created and closed: growth of ${name === "mb" ? "memory" : name}`,
    value: after[name] - before[name],
    unit,
    atMost,
    note: `${before[name].toFixed(0)} → ${after[name].toFixed(0)}`,
  });
  return [
    growth("mb", "MB", 5),
    growth("handles", "", 0),
    growth("descriptors", "", 0),
    growth("sockets", "", 0),
    growth("files", "", 0),
  ];
}

const figures = [
  // First: what comes before leaves memory to the process.
  ...(await manyAtOnce(100)),
  ...(await fresh(Number(options.clusters), {})),
  ...(await fresh(Number(options.clusters), { clock: "virtual" })),
  ...(await forkOf(Number(options.objects))),
  ...(await cycles(Number(options.cycles))),
];
report(`Clusters of createCluster(), each with one node; ${busyNote()}`, figures);
rmSync(folder, { recursive: true, force: true });
process.exit();
