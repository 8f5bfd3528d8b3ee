import { expect, it } from "vitest";
import { resources } from "../../client/resources.ts";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";

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

async function addresses(cluster: EmbeddedCluster): Promise<(string | undefined)[]> {
  const { items } = await cluster.client.resource(resources.pods).list({ namespace: "default" });
  return items.map(({ status }) => status?.podIP);
}

async function isReady(cluster: EmbeddedCluster, replicas: number): Promise<boolean> {
  return (await cluster.get("deployment", "web")).status?.["readyReplicas"] === replicas;
}

it("nodes of a fork go on with their own ranges of addresses, in whatever order they came", async () => {
  await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 2 });
  await cluster.nodes.crash("node-1");
  await cluster.nodes.add({ name: "node-1" });
  await cluster.apply(web(4));
  await cluster.until(() => isReady(cluster, 4), { timeout: "10m" });
  await using fork = await cluster.fork();
  await fork.nodes.add({ name: "node-3" });
  await fork.apply(web(12));
  await fork.until(() => isReady(fork, 12), { timeout: "10m" });
  const given = await addresses(fork);
  expect(new Set(given).size).toBe(given.length);
});

it("a node that had crashed before the fork gives out no address that its pods of before still show", async () => {
  await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 2 });
  await cluster.apply(web(8));
  await cluster.until(() => isReady(cluster, 8), { timeout: "10m" });
  const running = cluster.nodes.save().get("node-1")?.sandboxes ?? [];
  const shown = running.flatMap(({ ips }) => ips);
  expect(shown.length).toBeGreaterThan(0);
  await cluster.nodes.crash("node-1");
  await using fork = await cluster.fork();
  await fork.nodes.add({ name: "node-1" });
  await fork.clock.advance("1m");
  const again = (fork.nodes.save().get("node-1")?.sandboxes ?? []).flatMap(({ ips }) => ips);
  expect(again).toHaveLength(shown.length);
  expect(again.filter((address) => shown.includes(address))).toEqual([]);
});

it("a node of a fork that crashes comes back empty", async () => {
  await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 1 });
  await cluster.apply(web(2));
  await cluster.until(() => isReady(cluster, 2));
  await using fork = await cluster.fork();
  expect(fork.nodes.save().get("node-1")?.sandboxes).toHaveLength(2);
  await fork.nodes.crash("node-1");
  const starting = fork.nodes.add({ name: "node-1" });
  expect(fork.nodes.save().get("node-1")?.sandboxes).toEqual([]);
  await starting;
});
