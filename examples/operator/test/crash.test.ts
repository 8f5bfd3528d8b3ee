import { describe, expect } from "vitest";
import { dyingClient } from "./dying-client.ts";
import { account, manifest, runOperator, testWithoutOperator, untilReady } from "./fixtures.ts";

/** Finalizer, Deployment, Service, backup and status: a crash after each of its writes, and after the first one more. */
const crashes = [1, 2, 3, 4, 5, 6];

// At the hour of the backup, so that one is made at once.
const test = testWithoutOperator.extend({
  clusterOptions: { clock: "virtual", nodes: 1, startTime: "2026-03-02T03:00:00Z" },
});

describe("an operator that crashes", () => {
  for (const writes of crashes) {
    test(`after write ${writes} leaves the rest to the next`, async ({ installed: cluster, dns }) => {
      const { client, died } = dyingClient(cluster.clientOf(account), writes);
      void runOperator(cluster, dns, client);
      await cluster.apply(manifest("site"));
      let isDead = false;
      void died.then(() => (isDead = true));
      await cluster.clock.runUntil(() => isDead);

      await using _ = await runOperator(cluster, dns);
      await untilReady(cluster);
      expect(await cluster.list("deployments")).toHaveLength(1);
      expect(await cluster.list("jobs")).toHaveLength(1);
      expect(dns.names.size).toBe(1);
    });
  }
});
