import { describe, expect, it } from "vitest";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";
import type { RandomFaultKind, RandomFaultOptions } from "./faults.ts";

/** Time costs more than faults do: there are many of them in little time, and as many nodes as it takes. */
const start = (seed = 1, nodes = 2): Promise<EmbeddedCluster> =>
  createCluster({ clock: "virtual", seed, nodes });
const web = (replicas: number): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: nginx }] }
`;
const readyReplicas = async (cluster: EmbeddedCluster): Promise<unknown> =>
  (await cluster.get("deployment", "web")).status?.["readyReplicas"];
const every: readonly RandomFaultKind[] = [
  "error",
  "conflict",
  "lost-answer",
  "delay",
  "dropped-watches",
  "expired-watches",
  "stale",
  "pages",
  "webhook",
  "disk-full",
  "controller-crash",
  "server-crash",
  "node-crash",
  "partition",
  "skew",
];

describe("faults.random()", { timeout: 120_000 }, () => {
  it.each([3, 4])("breaks much, and the cluster gets over all of it: seed %d", async (seed) => {
    await using cluster = await start(seed, 3);
    await cluster.apply(web(4));
    const chaos = cluster.faults.random({ rate: 24 });
    await cluster.clock.advance("150s");
    await chaos.stop();
    expect(chaos.count).toBeGreaterThan(30);
    expect(cluster.server.isRunning).toBe(true);
    expect(cluster.nodes.names().toSorted()).toEqual(["node-1", "node-2", "node-3"]);
    await cluster.apply(web(5));
    await cluster.until(async () => (await readyReplicas(cluster)) === 5, { timeout: "30m" });
    await cluster.until(
      async () =>
        (await cluster.list("pods")).filter(({ metadata }) => !metadata.deletionTimestamp).length === 5,
      { timeout: "30m" },
    );
    const { count } = chaos;
    await cluster.clock.advance("1m");
    expect(chaos.count).toBe(count);
  });

  it("repeats for a seed, and differs for another", async () => {
    const logOf = async (options: RandomFaultOptions): Promise<string> => {
      await using cluster = await start();
      const chaos = cluster.faults.random({ rate: 40, ...options });
      await cluster.apply(web(2)).catch(() => undefined);
      await cluster.clock.advance("1m");
      await chaos.stop();
      return String(cluster.faults.log);
    };
    const first = await logOf({ seed: 9 });
    expect(first).toContain("random faults begin with seed 9");
    expect(await logOf({ seed: 9 })).toBe(first);
    expect(await logOf({ seed: 10 })).not.toBe(first);
    // Without one it comes from the cluster's seed.
    expect(await logOf({})).toBe(await logOf({}));
  });

  it.each(every)("%s alone is told in the log, and ends by itself", async (kind) => {
    await using cluster = await start();
    await cluster.apply(web(2));
    const chaos = cluster.faults.random({ kinds: [kind], rate: 8, seed: 2 });
    await cluster.clock.advance("2m");
    await chaos.stop();
    expect(chaos.count).toBeGreaterThan(2);
    expect(String(cluster.faults.log)).toContain(`random fault: ${kind} for `);
    expect(String(cluster.faults.log)).not.toContain("went wrong itself");
    await cluster.until(async () => (await readyReplicas(cluster)) === 2, { timeout: "30m" });
  });

  it("spares the test's own client", async () => {
    await using cluster = await start();
    cluster.faults.random({ kinds: ["error", "conflict", "lost-answer"], rate: 300, seed: 2 });
    for (let round = 0; round < 30; round++) {
      await cluster.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: `map-${round}` } });
      await cluster.clock.advance("1s");
    }
    expect(await cluster.list("configmaps", { namespace: "default" })).toHaveLength(31);
  });

  const refused = [
    [{ rate: 0 }, "rate: 0 is no number of faults in a minute"],
    [{ kinds: [] }, "kinds: there are none"],
    [{ kinds: ["servercrash"] }, 'Did you mean "server-crash"?'],
    [{ seed: 1.5 }, "seed: 1.5 is no whole number"],
    [{ rates: 1 }, 'Did you mean "rate"?'],
  ] as [RandomFaultOptions, string][];

  it("refuses options that make no sense", async () => {
    await using cluster = await createCluster({ clock: "virtual", nodes: 0 });
    for (const [options, message] of refused) {
      expect(() => cluster.faults.random(options), JSON.stringify(options)).toThrow(message);
    }
  });
});
