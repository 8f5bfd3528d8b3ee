import { describe, expect, it } from "vitest";
import type { ConfigMap } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";

const namespace = "default";
const configMap = (name: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace },
});
const maps = (cluster: EmbeddedCluster) => cluster.client.resource(resources.configmaps);

/** Notes the names of what a watch from here on tells, as it comes. */
async function watched(cluster: EmbeddedCluster): Promise<string[]> {
  const seen: string[] = [];
  const { resourceVersion = "" } = (await maps(cluster).list({ namespace })).metadata;
  void (async () => {
    for await (const { type, object } of maps(cluster).watch({ namespace, resourceVersion }))
      seen.push(`${type} ${object.metadata.name ?? ""}`);
  })();
  await cluster.clock.settle();
  return seen;
}

describe("a watch that a fault holds back", { timeout: 120_000 }, () => {
  it.each([{ delay: "30s" }, { stale: "30s" }, { stale: Infinity }, { delay: "10s", stale: "20s" }])(
    "is told what it missed when the fault is removed, and is in time from then on: %j",
    async (effect) => {
      await using cluster = await createCluster({ clock: "virtual", nodes: 0, controllers: "none" });
      const fault = cluster.faults.add({ verb: "watch", resource: "configmaps", ...effect });
      const seen = await watched(cluster);
      await maps(cluster).create(configMap("a"));
      await cluster.clock.advance("1s");
      await maps(cluster).create(configMap("b"));
      await cluster.clock.advance("1s");
      expect(seen).toEqual([]);
      fault.remove();
      await cluster.clock.settle();
      expect(seen).toEqual(["ADDED a", "ADDED b"]);
      await maps(cluster).delete("a", { namespace });
      await cluster.clock.settle();
      expect(seen).toEqual(["ADDED a", "ADDED b", "DELETED a"]);
      // Nothing comes a second time.
      await cluster.clock.advance("1m");
      expect(seen).toHaveLength(3);
    },
  );

  it("stays held back by the others", async () => {
    await using cluster = await createCluster({ clock: "virtual", nodes: 0, controllers: "none" });
    const fault = cluster.faults.add({ verb: "watch", resource: "configmaps", stale: "20s" });
    cluster.faults.add({ verb: "watch", resource: "configmaps", delay: "30s" });
    const seen = await watched(cluster);
    await maps(cluster).create(configMap("a"));
    fault.remove();
    await cluster.clock.advance("29s");
    expect(seen).toEqual([]);
    await cluster.clock.advance("2s");
    expect(seen).toEqual(["ADDED a"]);
  });
});

it("a Job whose controller sees it as it was some time ago makes no pod too many", {
  timeout: 60_000,
}, async () => {
  await using cluster = await createCluster({ clock: "virtual", seed: 1 });
  cluster.faults.add({ resource: "jobs.batch", stale: "3m" });
  cluster.faults.dropWatches({ resource: "jobs.batch" });
  await cluster.clock.advance("10s");
  await cluster.apply({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "work" },
    spec: {
      completions: 3,
      parallelism: 1,
      template: {
        metadata: { annotations: { "simulated.sampan.dev/run-duration": "10s" } },
        spec: { restartPolicy: "Never", containers: [{ name: "main", image: "busybox" }] },
      },
    },
  });
  await cluster.clock.advance("20m");
  expect((await cluster.get("job", "work")).status).toMatchObject({ succeeded: 3 });
  expect(await cluster.list("pods", { namespace })).toHaveLength(3);
});
