import { test as base, type TestAPI } from "vitest";
import type { EmbeddedCluster } from "../embedded-cluster.ts";
import { TestCluster, type TestClusterOptions } from "./test-cluster.ts";

/** What the tests of `sampan/vitest` are given, each anew. */
export interface ClusterFixtures {
  /** Made for the test that asks for it, and closed after it. */
  readonly cluster: EmbeddedCluster;
  /** Of what the cluster is made; to be replaced by `test.extend` or `test.override`, in Vitest 3 by `test.scoped`. */
  readonly clusterOptions: TestClusterOptions;
}

/**
 * Vitest's `test`, with a cluster for each test that asks for one:
 *
 *   import { test as base } from "sampan/vitest";
 *
 *   const test = base.extend({ clusterOptions: { clock: "virtual", nodes: 3 } });
 *
 *   test("a lost node's pods move", async ({ cluster }) => { … });
 *
 * When the test fails, its seed is printed, and what the cluster tells of it.
 */
export const test: TestAPI<ClusterFixtures> = base.extend<ClusterFixtures>({
  clusterOptions: {},
  cluster: async ({ clusterOptions, task }, use) => {
    const own = await TestCluster.start(clusterOptions);
    try {
      await use(own.cluster);
    } finally {
      const { state, errors } = task.result ?? {};
      const told = await own.end(state === "fail" ? { name: task.name, error: errors?.[0] } : undefined);
      if (told !== undefined) console.error(told);
    }
  },
});

export { test as it };
