import { describe, expect, it } from "vitest";
import type { Pod } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";
import type { CreateClusterOptions } from "./options.ts";

const start = (options: CreateClusterOptions = {}): Promise<EmbeddedCluster> =>
  createCluster({ clock: "virtual", seed: 1, ...options });

/** On the node without being scheduled, as a static decision that the scheduler has no part in. */
const podOn = (node: string, name: string, image = "nginx"): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default" },
  spec: {
    nodeName: node,
    tolerations: [{ operator: "Exists" }],
    containers: [{ name: "c", image }],
  },
});

const phaseOf = async (cluster: EmbeddedCluster, name: string): Promise<unknown> =>
  (await cluster.get("pod", name)).status?.["phase"];
const restartsOf = async (cluster: EmbeddedCluster, name: string): Promise<number> => {
  const { status } = await cluster.client.resource(resources.pods).get(name, { namespace: "default" });
  return status?.containerStatuses?.[0]?.restartCount ?? 0;
};
const readyOf = async (cluster: EmbeddedCluster, node: string): Promise<string | undefined> =>
  (await cluster.client.resource(resources.nodes).get(node)).status?.conditions?.find(
    ({ type }) => type === "Ready",
  )?.status;

describe("a node that is cut off", { timeout: 60_000 }, () => {
  it("hears nothing of new pods until it is connected again", async () => {
    await using cluster = await start({ nodes: 2 });
    const pods = cluster.client.resource(resources.pods);
    cluster.nodes.partition("node-1");
    await pods.create(podOn("node-1", "unheard"));
    await pods.create(podOn("node-2", "heard"));
    await cluster.clock.advance("20s");
    expect(await phaseOf(cluster, "heard")).toBe("Running");
    expect(await phaseOf(cluster, "unheard")).toBe("Pending");
    const healedMs = cluster.clock.now();
    cluster.nodes.heal("node-1");
    await cluster.until(async () => (await phaseOf(cluster, "unheard")) === "Running", { timeout: "2m" });
    // It had not begun before and kept quiet about it.
    const { status } = await pods.get("unheard", { namespace: "default" });
    const { startedAt = "" } = status?.containerStatuses?.[0]?.state?.running ?? {};
    expect(Date.parse(startedAt)).toBeGreaterThanOrEqual(healedMs);
  });

  it("runs what was taken from it until it hears of it", async () => {
    await using cluster = await start({ nodes: 1 });
    const pods = cluster.client.resource(resources.pods);
    await pods.create(podOn("node-1", "doomed"));
    await cluster.until(async () => (await phaseOf(cluster, "doomed")) === "Running");
    cluster.nodes.partition("node-1");
    await pods.delete("doomed", { namespace: "default" });
    await cluster.clock.advance("3m");
    // Only the node can say that it has stopped.
    expect((await cluster.get("pod", "doomed")).metadata.deletionTimestamp).toBeDefined();
    cluster.nodes.heal("node-1");
    await cluster.until(async () => (await cluster.list("pods")).length === 0, { timeout: "5m" });
  });

  it("stops what was replaced by another of the same name", async () => {
    await using cluster = await start({ nodes: 1 });
    const pods = cluster.client.resource(resources.pods);
    const first = await pods.create(podOn("node-1", "one"));
    await cluster.until(async () => (await phaseOf(cluster, "one")) === "Running");
    cluster.nodes.partition("node-1");
    await pods.delete("one", { namespace: "default", gracePeriodSeconds: 0 });
    const second = await pods.create(podOn("node-1", "one", "httpd"));
    await cluster.clock.advance("10s");
    expect(await phaseOf(cluster, "one")).toBe("Pending");
    cluster.nodes.heal("node-1");
    await cluster.until(async () => (await phaseOf(cluster, "one")) === "Running", { timeout: "5m" });
    expect(second.metadata.uid).not.toBe(first.metadata.uid);
  });

  it("is out of reach for logs, and within reach again", async () => {
    await using cluster = await start({ nodes: 1 });
    const pods = cluster.client.resource(resources.pods);
    await pods.create(podOn("node-1", "talks"));
    await cluster.until(async () => (await phaseOf(cluster, "talks")) === "Running");
    const log = (): Promise<unknown> => pods.getSubresource("talks", "log", { namespace: "default" });
    cluster.nodes.partition("node-1");
    await expect(log()).rejects.toThrow("node-1");
    cluster.nodes.heal("node-1");
    expect(await log()).toEqual(expect.anything());
  });

  it("stays cut off over a restart of the server", async () => {
    await using cluster = await start({ nodes: 1 });
    cluster.nodes.partition("node-1");
    await cluster.client.resource(resources.pods).create(podOn("node-1", "unheard"));
    await cluster.server.restart();
    await cluster.clock.advance("30s");
    expect(await phaseOf(cluster, "unheard")).toBe("Pending");
    cluster.nodes.heal("node-1");
    await cluster.until(async () => (await phaseOf(cluster, "unheard")) === "Running", { timeout: "2m" });
    await cluster.until(async () => (await readyOf(cluster, "node-1")) === "True", { timeout: "2m" });
  });

  it("is not healed by clearing the rules", async () => {
    await using cluster = await start({ nodes: 1 });
    cluster.nodes.partition("node-1");
    cluster.faults.clear();
    await cluster.clock.advance("2m");
    expect(await readyOf(cluster, "node-1")).toBe("Unknown");
  });
});

describe("a clock that is wrong", { timeout: 60_000 }, () => {
  it.each(["2h", "-2h"])("of a node, by %s, dates what it writes and nothing else", async (by) => {
    await using cluster = await start({ nodes: 2 });
    cluster.nodes.skew("node-1", by);
    await cluster.clock.advance("10m");
    const { spec } = await cluster.client
      .resource(resources.leases)
      .get("node-1", { namespace: "kube-node-lease" });
    const offMs = Date.parse(spec?.renewTime ?? "") - cluster.clock.now();
    expect(Math.abs(offMs - (by === "2h" ? 7_200_000 : -7_200_000))).toBeLessThan(20_000);
    // Whether a node lives is judged by whether its lease changes.
    expect(await readyOf(cluster, "node-1")).toBe("True");
    await cluster.client.resource(resources.pods).create(podOn("node-1", "there"));
    await cluster.until(async () => (await phaseOf(cluster, "there")) === "Running");
    cluster.nodes.skew("node-1", 0);
  });

  it("of a node, set back while a container crashes, restarts it as often as before", async () => {
    await using cluster = await start({ nodes: 1 });
    cluster.nodes.skew("node-1", "10m");
    const crashing = podOn("node-1", "crashing");
    crashing.metadata.annotations = { "simulated.sampan.dev/crash-every": "9s" };
    await cluster.client.resource(resources.pods).create(crashing);
    await cluster.clock.advance("5s");
    cluster.nodes.skew("node-1", 0);
    await cluster.until(async () => (await restartsOf(cluster, "crashing")) === 2, { timeout: "20m" });
    // What was made before the clock was set back is older than what was made since.
    const { status } = await cluster.client
      .resource(resources.pods)
      .get("crashing", { namespace: "default" });
    expect(status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode).toBe(1);
    await cluster.clock.advance("5m");
    expect(await restartsOf(cluster, "crashing")).toBeLessThan(12);
  });

  it("of the server lets tokens expire early, or go on", async () => {
    await using cluster = await start({ nodes: 0 });
    await cluster.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot" } });
    const { status } = await cluster.client
      .resource(resources.serviceaccounts)
      .postSubresource<{ status: { token: string } }>(
        "robot",
        "token",
        { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 3600 } },
        { namespace: "default" },
      );
    const isGood = async (): Promise<unknown> => {
      const review = await cluster.client.resource(resources.tokenreviews).create({
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenReview",
        metadata: {},
        spec: { token: status.token },
      });
      return review.status?.authenticated === true;
    };
    expect(await isGood()).toBe(true);
    cluster.server.skew("2h");
    expect(await isGood()).toBe(false);
    cluster.server.skew("-30m");
    await cluster.clock.advance("70m");
    expect(await isGood()).toBe(true);
    cluster.server.skew(0);
    expect(await isGood()).toBe(false);
  });

  it("of somebody else: cluster.clock.skewed() is a clock for them", async () => {
    await using cluster = await start({ nodes: 0 });
    const clock = cluster.clock.skewed("-90s");
    expect(clock.now()).toBe(cluster.clock.now() - 90_000);
    let isOver = false;
    clock.after(10_000, () => {
      isOver = true;
    });
    await cluster.clock.advance("9s");
    expect(isOver).toBe(false);
    await cluster.clock.advance("1s");
    expect(isOver).toBe(true);
    expect(() => cluster.clock.skewed("later")).toThrow('"later" is no duration');
  });
});
