/**
 * A loaded cluster that comes back: saved, restored and forked in this process, and by `sampan snapshot` until its API
 * answers, beside a cluster that begins with nothing.
 *
 *   npm run bench -- snapshots [--objects 10000] [--runs 5] [--program FOLDER]
 */
import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import type { Client } from "../src/client/client.ts";
import { resources } from "../src/client/resources.ts";
import { createCluster, type EmbeddedCluster } from "../src/cluster/index.ts";
import { BenchCluster } from "./parts/bench-cluster.ts";
import { definitionNamed, madeShapes, realShapes } from "./parts/definitions.ts";
import { median, report } from "./parts/figures.ts";
import { busyNote } from "./parts/processes.ts";

const { values: options } = parseArgs({
  options: {
    objects: { type: "string", default: "10000" },
    runs: { type: "string", default: "5" },
    program: { type: "string" },
  },
});
const objects = Number(options.objects);
const runs = Number(options.runs);
const definitions = 20;

/** ConfigMaps of half a kilobyte, and definitions of real sizes. */
async function load(client: Client): Promise<void> {
  const real = realShapes();
  const shapes = real.length > 0 ? real : madeShapes().slice(0, 3);
  for (let serial = 0; serial < definitions; serial++) {
    const shape = shapes[serial % shapes.length];
    if (shape === undefined) break;
    const body: unknown = JSON.parse(definitionNamed(shape, serial).body);
    await client.transport.request({
      method: "POST",
      path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
      body,
    });
  }
  const maps = client.resource(resources.configmaps);
  for (let made = 0; made < objects; ) {
    const batch = Math.min(200, objects - made);
    const first = made;
    await Promise.all(
      Array.from({ length: batch }, (_, n) =>
        maps.create({
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name: `map-${first + n}`, namespace: "default", labels: { bench: "snapshots" } },
          data: { text: `${first + n} `.repeat(60) },
        }),
      ),
    );
    made += batch;
  }
}

interface Taken {
  readonly ms: number[];
  readonly cpuMs: number[];
}

const none = (): Taken => ({ ms: [], cpuMs: [] });

async function timed<T>(taken: Taken, work: () => Promise<T>): Promise<T> {
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  const result = await work();
  const { user, system } = process.cpuUsage(cpu);
  taken.ms.push(performance.now() - startedMs);
  taken.cpuMs.push((user + system) / 1000);
  return result;
}

async function inThisProcess(): Promise<void> {
  const cluster = await createCluster();
  await load(cluster.client);
  const [fresh, save, restore, fork] = [none(), none(), none(), none()];
  let sizeMb = 0;
  for (let run = 0; run <= runs; run++) {
    const end = (other: EmbeddedCluster): Promise<void> => other.close();
    await end(await timed(fresh, () => createCluster()));
    const bytes = await timed(save, () => cluster.save());
    sizeMb = bytes.byteLength / 1e6;
    await end(await timed(restore, () => createCluster({ from: bytes })));
    await end(await timed(fork, () => cluster.fork()));
    // The first of each compiles.
    if (run === 0) for (const taken of [fresh, save, restore, fork]) taken.ms.length = taken.cpuMs.length = 0;
  }
  await cluster.close();
  const row = (name: string, { ms, cpuMs }: Taken, atMost?: number) => ({
    name,
    value: median(ms),
    unit: "ms",
    note: `${Math.round(median(cpuMs))} ms of CPU`,
    ...(atMost !== undefined && { atMost }),
  });
  report(`${objects} objects and ${definitions} definitions in this process (${busyNote()})`, [
    row("a cluster that begins with nothing", fresh),
    row("save", save),
    { name: "size of the file", value: sizeMb, unit: "MB" },
    row("restore, until controllers and a node run", restore, 1000),
    row("fork, until controllers and a node run", fork),
  ]);
}

/** Milliseconds until the API was ready, and until the command had ended. */
interface Restored {
  readonly apiMs: number;
  readonly doneMs: number;
}

async function onTheCommandLine(): Promise<void> {
  const cluster = new BenchCluster({
    runtime: "simulated",
    ...(options.program !== undefined && { program: options.program }),
  });
  const sampan = async (...args: string[]): Promise<{ output: string; ms: number }> => {
    const startedMs = performance.now();
    const child = spawn(cluster.node, [...cluster.main, ...args], { env: cluster.environment });
    let output = "";
    child.stdout.on("data", (text: Buffer) => (output += text.toString()));
    child.stderr.on("data", (text: Buffer) => (output += text.toString()));
    const code = await new Promise((resolve) => child.once("close", resolve));
    if (code !== 0) throw new Error(`sampan ${args.join(" ")} ended with ${String(code)}:\n${output}`);
    return { output, ms: performance.now() - startedMs };
  };
  const msOf = (text: string | undefined): number => {
    const [, value = "0", unit] = /^([\d.]+) (m?s)$/.exec(text ?? "") ?? [];
    return Number(value) * (unit === "s" ? 1000 : 1);
  };
  try {
    const empty = await cluster.up();
    await load(cluster.newClient());
    const saves: number[] = [];
    const restores: Restored[] = [];
    for (let run = 0; run < runs; run++) {
      saves.push((await sampan("snapshot", "save", `s${run}`, "--cluster", cluster.name)).ms);
      await sampan("down", "--purge", "--name", cluster.name);
      const { output, ms } = await sampan("snapshot", "restore", `s${run}`);
      const [, made] = /objects of .*\(([\d.]+ m?s)\)/.exec(output) ?? [];
      const [, api] = /API ready after ([\d.]+ m?s)/.exec(output) ?? [];
      restores.push({ apiMs: msOf(made) + msOf(api), doneMs: ms });
    }
    report(`${objects} objects and ${definitions} definitions, sampan snapshot (${busyNote()})`, [
      { name: "an empty cluster: command to API", value: empty.apiMs, unit: "ms" },
      { name: "save, of the cluster that runs", value: median(saves), unit: "ms" },
      {
        name: "restore: made, and API ready",
        value: median(restores.map(({ apiMs }) => apiMs)),
        unit: "ms",
        atMost: 1000,
      },
      { name: "restore: the whole command", value: median(restores.map(({ doneMs }) => doneMs)), unit: "ms" },
    ]);
  } finally {
    await cluster.remove();
  }
}

await inThisProcess();
await onTheCommandLine();
