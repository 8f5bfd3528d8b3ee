import { afterEach, expect, it } from "vitest";
import type { Node } from "../api/types/core-v1.ts";
import { resources } from "../client/resources.ts";
import { Cluster } from "./cluster.ts";
import { reachableAddress } from "./host-address.ts";
import type { InstanceSettings } from "./instance.ts";
import { startSimulatedNodes } from "./simulated-nodes.ts";

const clusters: Cluster[] = [];
afterEach(async () => {
  await Promise.all(clusters.splice(0).map((cluster) => cluster.stop()));
});

async function started(): Promise<Cluster> {
  const cluster = new Cluster();
  clusters.push(cluster);
  await cluster.startApi();
  await cluster.bootstrap();
  await cluster.startControllers();
  return cluster;
}

const settings = (nodes?: number): InstanceSettings => ({
  index: 0,
  runtime: "simulated",
  apiPort: 6443,
  podCidr: "10.244.0.0/16",
  serviceCidr: "10.96.0.0/16",
  dnsAddress: "10.96.0.10",
  interfacePrefix: "s0test",
  ...(nodes !== undefined && { nodes }),
});

const namesIn = async (cluster: Cluster): Promise<(string | undefined)[]> =>
  (await cluster.client().resource(resources.nodes).list()).items.map(({ metadata }) => metadata.name);

it("there is one node where nobody has said how many", async () => {
  const cluster = await started();
  await startSimulatedNodes(cluster, settings(), () => undefined);
  expect(await namesIn(cluster)).toEqual(["simulated"]);
});

it("there are as many as were asked for, and progress is told", { timeout: 60_000 }, async () => {
  const cluster = await started();
  let told = 0;
  await startSimulatedNodes(cluster, settings(100), () => told++);
  expect(await namesIn(cluster)).toHaveLength(100);
  expect(told).toBe(2);
});

it("those of a start that had more of them go, and nodes of others stay", async () => {
  const cluster = await started();
  const stop = await startSimulatedNodes(cluster, settings(3), () => undefined);
  const fake: Node = { apiVersion: "v1", kind: "Node", metadata: { name: "kwok-1" }, spec: {} };
  await cluster.client().resource(resources.nodes).create(fake);
  await stop();
  await startSimulatedNodes(cluster, settings(1), () => undefined);
  expect(await namesIn(cluster)).toEqual(["kwok-1", "node-1"]);
});

it.each([undefined, "", "127.0.0.1", "0.0.0.0", "::1"])("no endpoint is at %j", (address) => {
  expect(reachableAddress(address)).toBe(reachableAddress());
});
it("an endpoint is where the server was told to listen", () => {
  expect(reachableAddress("192.0.2.7")).toBe("192.0.2.7");
});
