import type { BenchCluster } from "./bench-cluster.ts";
import { type Figure, median } from "./figures.ts";
import { ask, configMaps, endpointOf, measure, newConfigMap, nextSerial, type Speed } from "./load.ts";
import { RawClient } from "./raw-client.ts";

/** Durable updates and merge patches of ConfigMaps, each client's its own, so that none waits for another. */
export async function updates(cluster: BenchCluster, forMs: number, rounds: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const count of [1, 64]) {
    const clients = await Promise.all(
      Array.from({ length: count }, async () => {
        const client = await RawClient.open(endpointOf(cluster));
        const name = `bench-${nextSerial()}`;
        await ask(client, "POST", configMaps, newConfigMap(name));
        return { client, name, path: `${configMaps}/${name}` };
      }),
    );
    const speeds: Record<"updates" | "merge patches", Speed[]> = { updates: [], "merge patches": [] };
    for (let round = 0; round < rounds; round++) {
      speeds.updates.push(
        await measure(
          clients.map(
            ({ client, path, name }) =>
              () =>
                ask(client, "PUT", path, changed(name)),
          ),
          forMs,
          cluster.serverPid,
        ),
      );
      speeds["merge patches"].push(
        await measure(
          clients.map(
            ({ client, path }) =>
              () =>
                ask(client, "PATCH", path, patch(), mergePatch),
          ),
          forMs,
          cluster.serverPid,
        ),
      );
    }
    for (const [name, of] of Object.entries(speeds)) {
      const middle = (value: (speed: Speed) => number): number => median(of.map(value));
      figures.push({
        name: `${name}, ${count === 1 ? "1 client" : `${count} clients`}`,
        value: middle(({ perSecond }) => perSecond),
        unit: "/s",
        note: [
          `p50 ${middle(({ p50Ms }) => p50Ms).toFixed(2)} ms`,
          `p99 ${middle(({ p99Ms }) => p99Ms).toFixed(1)} ms`,
          `${middle(({ cpuMicros }) => cpuMicros).toFixed(0)} µs of CPU each`,
        ].join(", "),
      });
    }
    for (const { client } of clients) client.close();
  }
  return figures;
}

const mergePatch = "application/merge-patch+json";

/** The ConfigMap with something in it that it never had: a write that changes nothing is none. */
function changed(name: string): string {
  const object = JSON.parse(newConfigMap(name)) as { data: Record<string, string> };
  object.data["turn"] = String(nextSerial());
  return JSON.stringify(object);
}

const patch = (): string => JSON.stringify({ data: { turn: String(nextSerial()) } });
