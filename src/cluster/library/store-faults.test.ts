import { describe, expect, it } from "vitest";
import type { ConfigMap } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { createCluster } from "./create-cluster.ts";

const configMap = (name: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
});
const noSpace = { code: 507, reason: "InternalError", message: expect.stringContaining("disk is full") };

describe("faults.fillDisk()", { timeout: 60_000 }, () => {
  it("fails writes as a full disk does, lets reads go on, and can be undone", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
    const maps = cluster.client.resource(resources.configmaps);
    await maps.create(configMap("a"));
    const full = cluster.faults.fillDisk();
    await expect(maps.create(configMap("b"))).rejects.toMatchObject(noSpace);
    await expect(maps.delete("a", { namespace: "default" })).rejects.toMatchObject(noSpace);
    expect((await maps.get("a", { namespace: "default" })).metadata.name).toBe("a");
    expect(full.hits).toBeGreaterThanOrEqual(2);
    full.remove();
    await maps.create(configMap("b"));
  });

  it("begins after so many writes, and ends after so many that failed", async () => {
    await using cluster = await createCluster({
      clock: "virtual",
      seed: 1,
      nodes: 0,
      controllers: "none",
      scheduler: false,
    });
    const maps = cluster.client.resource(resources.configmaps);
    cluster.faults.fillDisk({ after: 1, times: 2 });
    await maps.create(configMap("a"));
    await expect(maps.create(configMap("b"))).rejects.toMatchObject(noSpace);
    await expect(maps.create(configMap("b"))).rejects.toMatchObject(noSpace);
    await maps.create(configMap("b"));
    expect(cluster.faults.log.toString()).toMatch(/the disk is full\n(?:.*a write met a full disk\n?){2}$/);
  });

  it("is got over by the cluster's own parts", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 1 });
    await cluster.apply({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: "web" } },
        template: {
          metadata: { labels: { app: "web" } },
          spec: { containers: [{ name: "web", image: "nginx" }] },
        },
      },
    });
    const full = cluster.faults.fillDisk();
    await cluster.clock.advance("3m");
    expect((await cluster.get("deployment", "web")).status?.["readyReplicas"]).not.toBe(3);
    full.remove();
    await cluster.until(
      async () => (await cluster.get("deployment", "web")).status?.["readyReplicas"] === 3,
      { timeout: "20m" },
    );
  });
});
