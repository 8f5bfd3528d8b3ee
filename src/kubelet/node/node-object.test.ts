import { expect, it } from "vitest";
import { createCluster } from "../../cluster/library/create-cluster.ts";

it("a node at rest tells its status every five minutes and not each time it looks", async () => {
  await using cluster = await createCluster({ clock: "virtual", seed: 1 });
  await cluster.clock.runUntilIdle();
  const writes: number[] = [];
  const from = Number((await cluster.get("node", "node-1")).metadata.resourceVersion);
  void (async () => {
    for await (const batch of cluster.changes()) {
      for (const { key, revision } of batch) {
        if (key === "/registry/core/nodes/node-1" && revision > from) writes.push(revision);
      }
    }
  })();
  await cluster.clock.advance("30m");
  expect(writes).toHaveLength(6);
});
