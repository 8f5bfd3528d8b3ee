import assert from "node:assert/strict";
import test from "node:test";
import { type CreateClusterOptions, createCluster, resources, StatusError } from "sampan";
import { withCluster } from "sampan/node-test";
import { web } from "./workload.ts";

const options: CreateClusterOptions = { clock: "virtual", nodes: 2, seed: 7 };

await test("createCluster", async () => {
  await using cluster = await createCluster(options);
  await cluster.apply(web);
  await cluster.until(async () => (await cluster.get("deployment", "web")).status?.["readyReplicas"] === 3);
  const pods = await cluster.client.resource(resources.pods).list({ namespace: "default" });
  const nodes: (string | undefined)[] = pods.items.map((pod) => pod.spec.nodeName);
  assert.deepEqual(new Set(nodes), new Set(["node-1", "node-2"]));
  await assert.rejects(
    cluster.get("pod", "none"),
    (error) => error instanceof StatusError && error.code === 404,
  );
});

await test(
  "withCluster",
  withCluster(options, async (t, cluster) => {
    assert.equal(t.name, "withCluster");
    await cluster.clock.advance("10m");
  }),
);
