/** Fan-out: what is written reaches many watchers, beside a plain process that writes the same bytes to as many. */
import type { BenchCluster } from "./bench-cluster.ts";
import { type Figure, median } from "./figures.ts";
import { ask, configMaps, endpointOf, newConfigMap, openClients, startPlainServer } from "./load.ts";
import { cpuNanoseconds } from "./processes.ts";
import type { RawEndpoint } from "./raw-client.ts";

export interface WatchOptions {
  readonly rounds: number;
  readonly watcherCount: number;
}

/** Of one deliver: enough for the writers to overtake the watchers. */
const burst = 50;

interface FanOut {
  /** Milliseconds until one event has reached all. */
  readonly aloneMs: number;
  readonly perSecond: number;
  /** CPU time of the server for one event to one watcher. */
  readonly cpuMicros: number;
}

/** Opens the watchers, then times how long what is written takes to reach all of them. */
async function fanOut(
  endpoint: RawEndpoint,
  path: string,
  pid: number,
  { rounds, watcherCount }: WatchOptions,
  write: (count: number) => Promise<unknown>,
  withStalled = false,
): Promise<FanOut> {
  const watchers = await openClients(endpoint, watcherCount);
  let lines = 0;
  let wanted = Number.POSITIVE_INFINITY;
  let reached = (): void => {};
  for (const watcher of watchers) {
    watcher.watch(path, (count) => {
      lines += count;
      if (lines >= wanted) reached();
    });
  }
  // One more that asks and never reads.
  const [stalled] = withStalled ? await openClients(endpoint, 1) : [];
  stalled?.watch(path, () => undefined);
  stalled?.pause();
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
  const cpu: number[] = [];
  const events = burst * watcherCount;
  for (let round = 0; round < rounds; round++) {
    const cpuBefore = cpuNanoseconds(pid);
    many.push(events / ((await deliver(burst)) / 1000));
    cpu.push((cpuNanoseconds(pid) - cpuBefore) / 1000 / events);
  }
  for (const watcher of watchers) watcher.close();
  stalled?.close();
  return { aloneMs: median(aloneMs), perSecond: median(many), cpuMicros: median(cpu) };
}

/** A watch of what is written from now on. */
async function watchPath(cluster: BenchCluster): Promise<string> {
  const query = { limit: "1" };
  const response = await cluster.newTransport().request({ method: "GET", path: configMaps, query });
  const { resourceVersion } = (response.body as { metadata: { resourceVersion: string } }).metadata;
  return `${configMaps}?watch=true&resourceVersion=${resourceVersion}`;
}

export async function watches(cluster: BenchCluster, options: WatchOptions): Promise<Figure[]> {
  const endpoint = endpointOf(cluster);
  const writers = await openClients(endpoint, 10);
  const write = async (count: number): Promise<void> => {
    await Promise.all(
      writers.slice(0, count).map(async (writer) => {
        for (let n = 0; n < Math.max(count / writers.length, 1); n++) {
          await ask(writer, "POST", configMaps, newConfigMap());
        }
      }),
    );
  };
  const ours = await fanOut(endpoint, await watchPath(cluster), cluster.serverPid, options, write);
  const stalled = await fanOut(endpoint, await watchPath(cluster), cluster.serverPid, options, write, true);
  for (const writer of writers) writer.close();
  const { child, endpoint: plainEndpoint } = await startPlainServer(cluster, 1, 2400);
  const plain = await fanOut(plainEndpoint, "/watch", child.pid ?? 0, options, async (count) =>
    child.send({ lines: count }),
  );
  child.disconnect();
  const who = `${options.watcherCount.toLocaleString("en")} watchers`;
  return [
    {
      name: `one write until ${who} have it, p50`,
      value: ours.aloneMs,
      unit: "ms",
      note: `a plain process: ${plain.aloneMs.toFixed(0)} ms`,
    },
    {
      name: `events to ${who}`,
      value: ours.perSecond,
      unit: "events/s",
      note:
        `${ours.cpuMicros.toFixed(1)} µs of CPU each; a plain process: ${plain.perSecond.toFixed(0)}, ` +
        `${plain.cpuMicros.toFixed(1)} µs`,
    },
    {
      name: "fan-out beside the plain process",
      value: ours.perSecond / plain.perSecond,
      unit: "×",
      atLeast: 0.5,
    },
    {
      name: "fan-out with one watcher that does not read",
      value: stalled.perSecond,
      unit: "events/s",
      note: `${(stalled.perSecond / ours.perSecond).toFixed(2)}× of that without it`,
    },
  ];
}
