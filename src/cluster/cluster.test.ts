import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Deployment } from "../api/types/apps-v1.ts";
import { RealClock } from "../apimachinery/clock.ts";
import { isForbidden } from "../apimachinery/status.ts";
import { resources } from "../client/resources.ts";
import { Cluster } from "./cluster.ts";
import { SimulatedNode } from "./simulated-node.ts";

let cluster: Cluster;
let node: SimulatedNode;

beforeEach(async () => {
  cluster = new Cluster({ clock: new RealClock() });
  await cluster.startApi();
  await cluster.bootstrap();
  await cluster.startControllers();
  node = new SimulatedNode(cluster, { podCidr: "10.244.0.0/24", dnsAddress: "10.96.0.10" });
  await node.start();
});
afterEach(async () => {
  await node.stop();
  await cluster.stop();
});

async function eventually<T>(read: () => Promise<T>, done: (value: T) => boolean): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const value = await read();
    if (done(value) || attempt > 400) return value;
    await cluster.clock.sleep(10);
  }
}

const web: Deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "default" },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "web", image: "nginx" }] },
    },
  },
};

describe("a cluster in this process", () => {
  it("runs a Deployment down to pods and cleans up after it", async () => {
    const client = cluster.client();
    const deployments = client.resource(resources.deployments);
    await deployments.create(web);
    const ready = await eventually(
      () => deployments.get("web", { namespace: "default" }),
      ({ status }) => status?.availableReplicas === 2,
    );
    expect(ready.status).toMatchObject({ replicas: 2, readyReplicas: 2, availableReplicas: 2 });

    await deployments.delete("web", { namespace: "default" });
    const pods = await eventually(
      () => client.resource(resources.pods).list({ namespace: "default" }),
      ({ items }) => items.length === 0,
    );
    expect(pods.items).toEqual([]);
  });

  it("makes what every cluster has", async () => {
    const client = cluster.client();
    const namespaces = await client.resource(resources.namespaces).list();
    expect(new Set(namespaces.items.map(({ metadata }) => metadata.name))).toEqual(
      new Set(["default", "kube-node-lease", "kube-public", "kube-system"]),
    );
    const kubernetes = await client.resource(resources.services).get("kubernetes", { namespace: "default" });
    expect(kubernetes.spec.clusterIP).toBe("10.96.0.1");
    const range = await eventually(
      () => client.resource(resources.servicecidrs).list(),
      ({ items }) => items[0]?.status?.conditions?.[0]?.status === "True",
    );
    expect(range.items).toMatchObject([
      { metadata: { name: "kubernetes" }, spec: { cidrs: ["10.96.0.0/16"] } },
    ]);
    const published = await eventually(
      () => client.resource(resources.configmaps).list({ fieldSelector: "metadata.name=kube-root-ca.crt" }),
      ({ items }) => items.length === 4,
    );
    expect(published.items).toHaveLength(4);
  });

  it("empties a namespace that is deleted", async () => {
    const client = cluster.client();
    await client
      .resource(resources.namespaces)
      .create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "gone" }, spec: {} });
    await client.resource(resources.configmaps).create({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "kept", namespace: "gone", finalizers: ["example.com/hold"] },
    });
    await client.resource(resources.namespaces).delete("gone");
    const held = await eventually(
      () => client.resource(resources.namespaces).get("gone"),
      ({ status }) =>
        status?.conditions?.some(
          ({ type, status: state }) => type === "NamespaceFinalizersRemaining" && state === "True",
        ) === true,
    );
    expect(held.status?.phase).toBe("Terminating");
    await client
      .resource(resources.configmaps)
      .patch("kept", { metadata: { finalizers: null } }, { type: "merge", namespace: "gone" });
    const names = await eventually(
      async () =>
        (await client.resource(resources.namespaces).list()).items.map(({ metadata }) => metadata.name),
      (list) => !list.includes("gone"),
    );
    expect(names).not.toContain("gone");
  });

  it("enforces RBAC on clients of this process too", async () => {
    const jane = cluster.client({ name: "jane", uid: "", groups: ["system:authenticated"], extra: {} });
    const refusal = await jane
      .resource(resources.secrets)
      .list({ namespace: "default" })
      .catch((error: unknown) => error);
    expect(isForbidden(refusal)).toBe(true);
  });
});
