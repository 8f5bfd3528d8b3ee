import { describe, expect, it } from "vitest";
import type { ConfigMap } from "../../api/types/core-v1.ts";
import { RealClock } from "../../apimachinery/clock.ts";
import type { KubernetesObject, UnstructuredObject } from "../../apimachinery/object.ts";
import { newClient } from "../../client/client.ts";
import { HttpsTransport } from "../../client/https-transport.ts";
import { loadKubeconfig, resolveContext } from "../../client/kubeconfig.ts";
import { resources } from "../../client/resources.ts";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";

const web = (replicas = 3): string => `
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

const configMap = (name: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
});

const readyReplicas = async (cluster: EmbeddedCluster): Promise<unknown> =>
  (await cluster.get("deployment", "web")).status?.["readyReplicas"];
const refused = { name: "ConnectionError", code: "ECONNREFUSED" };
const broken = { name: "ConnectionError", code: "ECONNRESET" };

describe("server.crash() and restart()", { timeout: 60_000 }, () => {
  it.each(["services", "configmaps", "clusterrolebindings"] as const)(
    "let watches of %s go on without a gap",
    async (name) => {
      await using cluster = await createCluster({ clock: "virtual", seed: 3, nodes: 0, controllers: "none" });
      const objects = cluster.client.resource<KubernetesObject>(resources[name]);
      const reference = resources[name];
      const { apiVersion, kind } = {
        apiVersion: reference.group === "" ? "v1" : `${reference.group}/v1`,
        kind: reference.kind,
      };
      const rest = {
        services: { spec: { ports: [{ port: 80 }] } },
        configmaps: {},
        clusterrolebindings: {
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
        },
      }[name];
      const namespace = reference.namespaced ? { namespace: "default" } : {};
      const { metadata } = await objects.list();
      await objects.create({
        apiVersion,
        kind,
        metadata: { name: "x", ...namespace },
        ...rest,
      });
      for (const n of ["1", "2"])
        await objects.patch("x", { metadata: { labels: { n } } }, { type: "merge", ...namespace });
      await cluster.server.restart();
      await objects.patch("x", { metadata: { labels: { n: "3" } } }, { type: "merge", ...namespace });
      const seen: string[] = [];
      for await (const { object } of objects.watch({ resourceVersion: metadata.resourceVersion ?? "" })) {
        seen.push(object.metadata.labels?.["n"] ?? "new");
        if (seen.length === 4) break;
      }
      expect(seen).toEqual(["new", "1", "2", "3"]);
    },
  );

  it("leave what Services hold to them: addresses, node ports, and ranges that were added", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 7, nodes: 0 });
    const service = (name: string, spec: object): UnstructuredObject => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name },
      spec: { ports: [{ port: 80 }], ...spec },
    });
    const nodePort = { type: "NodePort", ports: [{ port: 80, nodePort: 30_123 }] };
    await cluster.apply([
      {
        apiVersion: "networking.k8s.io/v1",
        kind: "ServiceCIDR",
        metadata: { name: "more" },
        spec: { cidrs: ["10.7.0.0/24"] },
      },
      service("a", { clusterIP: "10.96.7.1" }),
      service("n", nodePort),
    ]);
    await cluster.clock.advance("1m");
    await cluster.server.restart();
    await cluster.clock.advance("1m");
    await cluster.apply(service("c", { clusterIP: "10.7.0.9" }));
    const already = /already allocated/;
    await expect(cluster.apply(service("b", { clusterIP: "10.96.7.1" }))).rejects.toThrow(already);
    await expect(cluster.apply(service("m", nodePort))).rejects.toThrow(already);
  });

  it("fail every request, and what was acknowledged is there afterwards", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
    const maps = cluster.client.resource(resources.configmaps);
    const made = await maps.create(configMap("a"));
    await cluster.server.crash();
    expect(cluster.server.isRunning).toBe(false);
    await expect(maps.get("a", { namespace: "default" })).rejects.toMatchObject(refused);
    await expect(maps.list().then(() => undefined)).rejects.toMatchObject(refused);
    await cluster.server.restart();
    expect(cluster.server.isRunning).toBe(true);
    const { metadata } = await maps.get("a", { namespace: "default" });
    expect(metadata).toEqual(made.metadata);
  });

  it("break off what is under way: a request that waits, and a watch", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
    const maps = cluster.client.resource(resources.configmaps);
    cluster.faults.add({ verb: "get", resource: "configmaps", delay: "1h" });
    const waiting = maps.get("a", { namespace: "default" }).catch((error: unknown) => error);
    const { metadata } = await maps.list();
    const watching = (async () => {
      for await (const _ of maps.watch({ resourceVersion: metadata.resourceVersion ?? "" }));
    })();
    const ended = watching.catch((error: unknown) => error);
    await cluster.clock.settle();
    await cluster.server.crash();
    expect(await waiting).toMatchObject(broken);
    expect(await ended).toMatchObject(broken);
  });

  it("leave no write in between: one that was under way is there whole, or not at all", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
    const maps = cluster.client.resource(resources.configmaps);
    const names = Array.from({ length: 40 }, (_, index) => `map-${index}`);
    const answers: Promise<string>[] = [];
    for (const name of names) {
      const answer = maps.create(configMap(name)).then(
        () => "acknowledged",
        () => "unknown",
      );
      answers.push(answer);
      // The first ones are answered, and the last ones are anywhere between the client and the store.
      if (answers.length <= 10) await answer;
      else await Promise.resolve();
    }
    await cluster.server.crash();
    const outcomes = await Promise.all(answers);
    await cluster.server.restart();
    const there = new Set((await maps.list()).items.map(({ metadata }) => metadata.name));
    const lost = names.filter((name, index) => outcomes[index] === "acknowledged" && !there.has(name));
    expect(lost).toEqual([]);
    expect(new Set(outcomes)).toEqual(new Set(["acknowledged", "unknown"]));
  });

  it("let nothing of the life before reach the store any more", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
    const maps = cluster.client.resource(resources.configmaps);
    const slow = cluster.faults.add({ verb: "create", resource: "configmaps", delay: "10s" });
    const answer = maps.create(configMap("late")).catch((error: unknown) => error);
    await cluster.clock.settle();
    expect(slow.hits).toBe(1);
    await cluster.server.restart();
    await cluster.clock.advance("1m");
    expect(await answer).toMatchObject(broken);
    await expect(maps.get("late", { namespace: "default" })).rejects.toMatchObject({ reason: "NotFound" });
  });

  it("let controllers, the scheduler and nodes go on from where they were", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 2 });
    await cluster.apply(web(3));
    await cluster.until(async () => (await readyReplicas(cluster)) === 3);
    const before = (await cluster.list("pods")).map(({ metadata }) => metadata.uid);
    await cluster.apply(web(6));
    await cluster.server.crash();
    await cluster.clock.advance("30s");
    await cluster.server.restart();
    await cluster.until(async () => (await readyReplicas(cluster)) === 6);
    const after = (await cluster.list("pods")).map(({ metadata }) => metadata.uid);
    expect(after).toEqual(expect.arrayContaining(before));
    expect(after).toHaveLength(6);
  });

  it("do not make nodes suspicious when the server is back soon, and pods go on while it is gone", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 1 });
    await cluster.apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "short", annotations: { "simulated.sampan.dev/run-duration": "2m" } },
      spec: { restartPolicy: "Never", containers: [{ name: "c", image: "busybox" }] },
    });
    await cluster.until(async () => (await cluster.get("pod", "short")).status?.["phase"] === "Running");
    await cluster.server.crash();
    await cluster.clock.advance("10m");
    await cluster.server.restart();
    await cluster.until(async () => (await cluster.get("pod", "short")).status?.["phase"] === "Succeeded");
    const short = await cluster.client.resource(resources.pods).get("short", { namespace: "default" });
    const { startedAt = "", finishedAt = "" } = short.status?.containerStatuses?.[0]?.state?.terminated ?? {};
    expect(Date.parse(finishedAt) - Date.parse(startedAt)).toBe(120_000);
    const { status: node } = await cluster.client.resource(resources.nodes).get("node-1");
    expect(node?.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
  });

  it("leave controllers stopped that were", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 1 });
    await cluster.stopController("replicaset-controller");
    await cluster.server.restart();
    await cluster.apply(web());
    await cluster.clock.advance("1m");
    expect(await cluster.list("pods")).toHaveLength(0);
    cluster.startController("replicaset-controller");
    await cluster.until(async () => (await readyReplicas(cluster)) === 3);
  });

  it("repeat byte for byte", async () => {
    const history = async (): Promise<string> => {
      await using cluster = await createCluster({ clock: "virtual", seed: 5, nodes: 2 });
      const seen: string[] = [];
      void (async () => {
        for await (const batch of cluster.changes())
          for (const { revision, key, value } of batch)
            seen.push(
              `${revision} ${key} ${value === undefined ? "" : Buffer.from(value).toString("base64")}`,
            );
      })();
      await cluster.apply(web());
      await cluster.clock.advance("2s");
      await cluster.server.crash();
      await cluster.clock.advance("1m");
      await cluster.server.restart();
      await cluster.clock.advance("2m");
      return seen.join("\n");
    };
    expect(await history()).toBe(await history());
  });

  it("serve HTTPS at the same port with the same certificates, and break its connections", async () => {
    await using cluster = await createCluster({ nodes: 0 });
    const kubeconfig = await cluster.kubeconfig();
    const { transport } = resolveContext(loadKubeconfig([kubeconfig]));
    const https = new HttpsTransport({ ...transport, clock: new RealClock() });
    const maps = newClient(https).resource(resources.configmaps);
    await maps.create(configMap("a"));
    const { metadata } = await maps.list();
    const watching = (async () => {
      for await (const _ of maps.watch({ resourceVersion: metadata.resourceVersion ?? "" }));
    })().then(
      () => "ended",
      (error: unknown) => String(error),
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    await cluster.server.crash();
    expect(await watching).not.toBe("");
    await expect(maps.get("a", { namespace: "default" })).rejects.toMatchObject({ name: "ConnectionError" });
    await cluster.server.restart();
    expect((await maps.get("a", { namespace: "default" })).metadata.name).toBe("a");
    expect(await cluster.kubeconfig()).toBe(kubeconfig);
  });

  it("can follow each other many times without anything left behind", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 1 });
    await cluster.apply(web());
    for (let round = 0; round < 5; round++) {
      await cluster.server.crash();
      await cluster.server.crash();
      await cluster.clock.advance("5s");
      await cluster.server.restart();
      await cluster.clock.advance("5s");
    }
    await cluster.until(async () => (await readyReplicas(cluster)) === 3);
    expect(cluster.faults.log.entries.filter(({ what }) => what === "the server crashed")).toHaveLength(5);
  });
});
