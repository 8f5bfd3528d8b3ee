import type { TestContext } from "node:test";
import type { EmbeddedCluster } from "../embedded-cluster.ts";
import { TestCluster, type TestClusterOptions } from "./test-cluster.ts";

/** A test of node:test that has a cluster of its own. */
export type ClusterTest = (t: TestContext, cluster: EmbeddedCluster) => void | Promise<void>;

/**
 * Gives a test of node:test a cluster of its own, which is closed when the test ends:
 *
 *   test("a lost node's pods move", withCluster({ clock: "virtual", nodes: 3 }, async (t, cluster) => { … }));
 *
 * When the test fails, its seed is printed, and what the cluster tells of it.
 */
export function withCluster(body: ClusterTest): (t: TestContext) => Promise<void>;
export function withCluster(
  options: TestClusterOptions,
  body: ClusterTest,
): (t: TestContext) => Promise<void>;
export function withCluster(
  ...given: [ClusterTest] | [TestClusterOptions, ClusterTest]
): (t: TestContext) => Promise<void> {
  const [options, body] = given.length === 1 ? [{}, given[0]] : given;
  return async (t) => {
    const own = await TestCluster.start(options);
    try {
      await body(t, own.cluster);
    } catch (error) {
      const told = await own.end({ name: t.name, error });
      if (told !== undefined) process.stderr.write(`${told}\n`);
      throw error;
    }
    await own.end();
  };
}
