import { afterAll, assert, describe, expect } from "vitest";
import { resources } from "../../../client/resources.ts";
import type { EmbeddedCluster } from "../embedded-cluster.ts";
import { test as base } from "./vitest.ts";

const test = base.extend({ clusterOptions: { clock: "virtual", nodes: 2 } });

describe("test of sampan/vitest", () => {
  const seen: EmbeddedCluster[] = [];

  test("gives a test a cluster as the options say", async ({ cluster }) => {
    seen.push(cluster);
    expect(cluster.nodes.names()).toEqual(["node-1", "node-2"]);
    expect(cluster.clock.isVirtual).toBe(true);
    await cluster.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "left" } });
  });

  test("gives each test its own", async ({ cluster }) => {
    seen.push(cluster);
    expect(cluster).not.toBe(seen[0]);
    await expect(cluster.get("configmap", "left")).rejects.toMatchObject({ reason: "NotFound" });
  });

  test("makes none for a test that asks for none", ({ clusterOptions }) => {
    expect(clusterOptions).toEqual({ clock: "virtual", nodes: 2 });
    expect(seen).toHaveLength(2);
  });

  // What a hook throws fails the file.
  afterAll(async () => {
    for (const cluster of seen) {
      const nodes = cluster.client.resource(resources.nodes).list();
      assert(
        await nodes.then(
          () => false,
          () => true,
        ),
        "a cluster is left open",
      );
    }
  });
});
