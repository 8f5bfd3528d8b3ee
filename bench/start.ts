/**
 * Start of a cluster as its user sees it: from the command to API, node and first pod, then memory and CPU at rest. An
 * empty Node process in the same run says what the machine is worth at the moment; medians over several runs.
 *
 *   npm run bench -- start [--runs 5] [--rest 10] [--idle 60] [--runtime crun|simulated] [--program FOLDER]
 *
 * `--rest` is the time in seconds until memory is read, `--idle` the time over which CPU is counted.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { hostImageName } from "../src/images/host-image.ts";
import { BenchCluster, repository, type StageTimes } from "./parts/bench-cluster.ts";
import { type Figure, median, report } from "./parts/figures.ts";
import { busyNote, cpuNanoseconds, emptyNode, memoryOf, timeOf } from "./parts/processes.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    rest: { type: "string", default: "10" },
    idle: { type: "string", default: "60" },
    runtime: { type: "string", default: "crun" },
    program: { type: "string", default: repository },
  },
});
const runs = Number(options.runs);
const runtime = options.runtime === "simulated" ? "simulated" : "crun";

/** It ends when it is asked to: as process 1 it would not otherwise. */
const program = `setInterval(() => {}, 1e6); process.on("SIGTERM", () => process.exit(0));`;

const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "first" },
  spec: {
    containers: [{ name: "main", image: hostImageName, command: ["node", "-e", program] }],
  },
};

const cluster = new BenchCluster({ runtime, program: options.program });

interface Starts {
  readonly first: StageTimes[];
  readonly again: StageTimes[];
  readonly pod: StageTimes[];
  readonly down: number[];
  readonly purge: number[];
  readonly empty: number[];
}

/** Everything once: a first start, a restart with its state, one with a pod whose image is there, and the ends. */
async function once(starts: Starts): Promise<void> {
  const each = new BenchCluster({ runtime, program: options.program });
  try {
    starts.empty.push((await emptyNode(each.node)).startMs);
    starts.first.push(await each.up());
    const file = join(each.home, "pod.yaml");
    writeFileSync(file, JSON.stringify(pod));
    await each.apply([file]);
    starts.down.push(await each.down());
    starts.again.push(await each.up());
    await each.down();
    // The pod is there from before, but its container ended: the kubelet makes it anew. A new one counts from nothing.
    writeFileSync(file, JSON.stringify({ ...pod, metadata: { name: "second" } }));
    starts.pod.push(await each.up([file]));
  } finally {
    starts.purge.push(await each.remove());
  }
}

async function atRest(): Promise<Figure[]> {
  await cluster.up();
  const { serverPid: pid } = cluster;
  await wait(Number(options.rest) * 1000);
  const { residentMb, anonymousMb } = memoryOf(pid);
  const empty = (await emptyNode(cluster.node)).memory;
  const [beforeMs, beforeCpu] = [performance.now(), cpuNanoseconds(pid)];
  await wait(Number(options.idle) * 1000);
  const cpuPercent = ((cpuNanoseconds(pid) - beforeCpu) / 1e6 / (performance.now() - beforeMs)) * 100;
  const times = residentMb / empty.residentMb;
  return [
    {
      name: `resident after ${options.rest} s`,
      value: residentMb,
      unit: "MB",
      atMost: 150,
      note: `${times.toFixed(1)}× an empty Node (${empty.residentMb.toFixed(0)} MB); ${anonymousMb.toFixed(0)} MB of its own`,
    },
    { name: `CPU over ${options.idle} s at rest`, value: cpuPercent, unit: "%", atMost: 1 },
  ];
}

/** The launcher beside the program that it hands over to. */
async function launcher(): Promise<Figure> {
  const [direct, launched]: [number[], number[]] = [[], []];
  for (let run = 0; run < Math.max(runs, 5); run++) {
    direct.push(await timeOf(cluster.node, [...cluster.main, "version"]));
    launched.push(await timeOf(join(cluster.program, "sampan"), ["version"]));
  }
  return {
    name: "the launcher adds",
    value: median(launched) - median(direct),
    unit: "ms",
    atMost: 50,
    note: `sampan version: ${median(direct).toFixed(0)} ms without it`,
  };
}

const starts: Starts = { first: [], again: [], pod: [], down: [], purge: [], empty: [] };
try {
  // A launcher that has to build does it here, before anything is timed.
  await timeOf(join(cluster.program, "sampan"), ["version"]);
  for (let run = 0; run < runs; run++) await once(starts);
  const emptyMs = median(starts.empty);
  const stage = (name: string, times: readonly number[], atMost?: number): Figure => ({
    name,
    value: median(times),
    unit: "ms",
    note: `${(median(times) / emptyMs).toFixed(1)}× an empty Node (${emptyMs.toFixed(0)} ms); at most ${Math.max(...times).toFixed(0)} ms`,
    ...(atMost === undefined ? {} : { atMost }),
  });
  const apiMs = ({ apiMs: value }: StageTimes): number => value;
  const nodeMs = ({ nodeMs: value }: StageTimes): number => value;
  const cpuMs = ({ cpuMs: value }: StageTimes): number => value;
  const doneMs = ({ doneMs: value }: StageTimes): number => value;
  report(`From the command on, medians of ${runs} runs (${runtime}; ${busyNote()})`, [
    stage("first start: API ready", starts.first.map(apiMs), 300),
    stage("first start: node Ready", starts.first.map(nodeMs), 500),
    stage("first start: the command ends", starts.first.map(doneMs)),
    stage("restart: API ready", starts.again.map(apiMs), 300),
    stage("restart: node Ready", starts.again.map(nodeMs), 500),
    stage("restart: the command ends", starts.again.map(doneMs)),
    stage("CPU time of the server, first start", starts.first.map(cpuMs)),
    stage("CPU time of the server, restart", starts.again.map(cpuMs)),
    stage("up FILE: a pod runs, image present", starts.pod.map(doneMs), 1000),
    stage("down, a pod running", starts.down),
    stage("down --purge, a pod running", starts.purge),
    await launcher(),
  ]);
  report("At rest", await atRest());
} finally {
  await cluster.remove();
}
