/**
 * The API over TLS against the real server process with its state in SQLite: creates and updates by 1 and 64 clients, creates beside etcd
 * alone on the same disk, gets over up to 1,000 connections, lists of 10,000 pods and a fan-out to 1,000 watchers beside a
 * process that only pushes the same bytes through TLS sockets, and the memory that a stored pod takes.
 *
 *   npm run bench -- api [--seconds 4] [--rounds 3] [--pods 10000] [--watchers 1000] [--program FOLDER]
 *     [--parts memory,creates,updates,gets,lists,watches]
 *
 * etcd's part is left out by name where it is not installed (Debian: apt-get install etcd-server).
 */
import { parseArgs } from "node:util";
import { BenchCluster, repository } from "./parts/bench-cluster.ts";
import { type Etcd, startEtcd } from "./parts/etcd.ts";
import { type Figure, median, report } from "./parts/figures.ts";
import { gets } from "./parts/gets.ts";
import { lists } from "./parts/lists.ts";
import {
  ask,
  configMaps,
  endpointOf,
  fillPods,
  measure,
  newConfigMap,
  newPod,
  nextSerial,
  pods,
  type Speed,
} from "./parts/load.ts";
import { memoryPerPod } from "./parts/memory.ts";
import { busyNote, emptyNode } from "./parts/processes.ts";
import { RawClient, type RawEndpoint } from "./parts/raw-client.ts";
import { updates } from "./parts/updates.ts";
import { watches } from "./parts/watches.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "3" },
    pods: { type: "string", default: "10000" },
    watchers: { type: "string", default: "1000" },
    program: { type: "string", default: repository },
    parts: { type: "string", default: "memory,creates,updates,gets,lists,watches" },
  },
});
const durationMs = Number(options.seconds) * 1000;
const rounds = Number(options.rounds);
const podCount = Number(options.pods);
const watcherCount = Number(options.watchers);
const parts = new Set(options.parts.split(","));

/** As `measure`, of the server under test unless told otherwise. */
const measured = (
  workers: readonly (() => Promise<unknown>)[],
  forMs = durationMs,
  pid = cluster.serverPid,
): Promise<Speed> => measure(workers, forMs, pid);

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
        const put = (): Promise<void> =>
          etcd.put(`/registry/configmaps/default/bench-${nextSerial()}`, value);
        theirs.push(
          await measured(
            clients.map(() => put),
            durationMs,
            etcd.pid,
          ),
        );
      }
      ours.push(
        await measured(clients.map((client) => () => ask(client, "POST", configMaps, newConfigMap()))),
      );
      ofPods.push(await measured(clients.map((client) => () => ask(client, "POST", pods, newPod()))));
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

const cluster = new BenchCluster({ runtime: "simulated", program: options.program });
try {
  await cluster.up();
  if (parts.has("memory")) report("Memory", await memoryPerPod(cluster, 2 * podCount));
  const endpoint = endpointOf(cluster);
  const { startMs } = await emptyNode(cluster.node);
  console.log(`An empty Node starts in ${startMs.toFixed(0)} ms; ${busyNote()}.`);
  if (parts.has("creates")) {
    const etcd = await startEtcd(cluster.home);
    if (etcd === undefined) console.log("etcd: left out, it is not installed (apt-get install etcd-server)");
    report("Creates, durable, over TLS; etcd without TLS", await creates(endpoint, etcd));
    await etcd?.stop();
  }
  if (parts.has("updates")) report("Updates, durable", await updates(cluster, durationMs, rounds));
  if (parts.has("gets")) report("Gets", await gets(cluster, durationMs / 2));
  if (parts.has("lists")) {
    const client = await RawClient.open(endpoint);
    await ask(client, "DELETE", pods);
    client.close();
    await fillPods(endpoint, podCount);
    report("Lists", await lists(cluster, { rounds, forMs: durationMs / 4, podCount }));
  }
  if (parts.has("watches")) report("Watches", await watches(cluster, { rounds, watcherCount }));
} finally {
  await cluster.remove();
}
