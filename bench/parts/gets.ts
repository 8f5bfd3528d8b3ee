/** Gets of one object over one connection and over many. */
import type { BenchCluster } from "./bench-cluster.ts";
import type { Figure } from "./figures.ts";
import { ask, configMaps, endpointOf, measure, newConfigMap, openClients } from "./load.ts";
import { memoryOf } from "./processes.ts";

export async function gets(cluster: BenchCluster, forMs: number): Promise<Figure[]> {
  const endpoint = endpointOf(cluster);
  const beforeMb = memoryOf(cluster.serverPid).residentMb;
  const clients = await openClients(endpoint, 1_000);
  const [first] = clients;
  if (first === undefined) return [];
  await ask(first, "POST", configMaps, newConfigMap("bench-get"));
  const path = `${configMaps}/bench-get`;
  const figures: Figure[] = [];
  for (const count of [1, 64, 1_000]) {
    const workers = clients.slice(0, count).map((client) => () => ask(client, "GET", path));
    const speed = await measure(workers, forMs, cluster.serverPid);
    const grownKb = ((memoryOf(cluster.serverPid).residentMb - beforeMb) * 1024) / clients.length;
    figures.push({
      name: `gets, ${count.toLocaleString("en")} ${count === 1 ? "connection" : "connections"}`,
      value: speed.perSecond,
      unit: "/s",
      note: [
        `p50 ${speed.p50Ms.toFixed(2)} ms`,
        `p99 ${speed.p99Ms.toFixed(1)} ms`,
        `${speed.cpuMicros.toFixed(0)} µs of CPU each`,
        ...(count === clients.length ? [`${grownKb.toFixed(0)} KB of memory per connection`] : []),
      ].join(", "),
    });
  }
  for (const client of clients) client.close();
  return figures;
}
