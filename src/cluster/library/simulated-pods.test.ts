import { describe, expect, test } from "vitest";
import type { Node, Pod } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { createCluster } from "./create-cluster.ts";

const pod = (name: string, annotations: Record<string, string> = {}, container: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", labels: { app: name }, annotations },
  spec: { containers: [{ name: "main", image: "app", ...container }] },
});

const p = "simulated.sampan.dev/";
const seconds = (time = ""): number => new Date(time).getTime() / 1000;

describe("simulated pods", () => {
  test("do what a rule says, from a pattern of their names on", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1 });
    cluster.pods.script({ name: "web-*" }, { readyAfter: "30s", crashEvery: "10m" });
    const probe = { readinessProbe: { httpGet: { port: 80 }, periodSeconds: 1 } };
    await cluster.apply([pod("web-1", {}, probe), pod("other", {}, probe)]);
    const ready = async (name: string) => {
      const { status } = (await cluster.get("pod", name)) as unknown as Pod;
      return status?.conditions?.find(({ type }) => type === "Ready")?.status;
    };
    await cluster.clock.advance("20s");
    expect([await ready("web-1"), await ready("other")]).toEqual(["False", "True"]);
    await cluster.clock.advance("20s");
    expect(await ready("web-1")).toBe("True");
    await cluster.clock.advance("11m");
    const [status] = ((await cluster.get("pod", "web-1")) as unknown as Pod).status?.containerStatuses ?? [];
    expect(status).toMatchObject({
      restartCount: 1,
      lastState: { terminated: { exitCode: 1, reason: "Error" } },
    });
  });

  test("that use more memory than they may are killed for it, again and again", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1 });
    const limits = { resources: { limits: { memory: "64Mi" } } };
    await cluster.apply(pod("fat", { [`${p}memory`]: "32Mi,1m=80Mi" }, limits));
    await cluster.clock.advance("3m");
    const { status } = (await cluster.get("pod", "fat")) as unknown as Pod;
    expect(status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 2,
      lastState: { terminated: { exitCode: 137, reason: "OOMKilled" } },
    });
  });

  test("a script that cannot be followed is told by an event that names annotation and value", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1 });
    await cluster.apply(pod("odd", { [`${p}run-duration`]: "10 parsecs", [`${p}redy-after`]: "1s" }));
    await cluster.clock.advance("10s");
    const events = await cluster.client.resource(resources.events).list({ namespace: "default" });
    const told = events.items.filter(({ reason }) => reason === "InvalidScript");
    expect(told.map(({ type }) => type)).toEqual(["Warning", "Warning"]);
    expect(told.map(({ message }) => message ?? "").join("\n")).toMatch(
      /run-duration: "10 parsecs" is not followed[\s\S]*redy-after: "1s" is not followed: there is no setting/,
    );
  });

  test("report what they use where metrics are read", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: [{ name: "n1" }] });
    await cluster.apply(pod("busy", { [`${p}cpu`]: "100m,1m=900m", [`${p}memory`]: "64Mi" }));
    const usage = async (): Promise<unknown> => {
      const path = "/api/v1/nodes/n1/proxy/stats/summary";
      const { body } = await cluster.client.transport.request({ method: "GET", path });
      const { pods } = body as { pods: { cpu: { usageNanoCores: number }; memory: object }[] };
      return [pods[0]?.cpu.usageNanoCores, pods[0]?.memory];
    };
    await cluster.clock.advance("30s");
    expect(await usage()).toEqual([100_000_000, expect.objectContaining({ workingSetBytes: 64 * 2 ** 20 })]);
    await cluster.clock.advance("2m");
    await usage();
    await cluster.clock.advance("1m");
    expect((await usage()) as unknown[]).toContain(900_000_000);
  });

  test("keep their rules in a fork", async () => {
    const scripts = [{ pods: { labels: "app=job" }, script: { runDuration: "10s", exitCode: 3 } }];
    await using cluster = await createCluster({ clock: "virtual", seed: 1, scripts });
    await using branch = await cluster.fork();
    const job = pod("job");
    await branch.apply({ ...job, spec: { ...job.spec, restartPolicy: "Never" } });
    await branch.clock.advance("20s");
    expect(((await branch.get("pod", "job")) as unknown as Pod).status?.phase).toBe("Failed");
  });
});

describe("simulated nodes", () => {
  const nodeOf = async (cluster: Awaited<ReturnType<typeof createCluster>>, name: string) =>
    (await cluster.get("node", name)) as unknown as Node;

  test("have zones, capacities and taints, and pods are placed by them", async () => {
    const taint = { key: "gpu", value: "yes", effect: "NoSchedule" };
    await using cluster = await createCluster({
      clock: "virtual",
      seed: 1,
      nodes: [
        { name: "a1", zone: "a", region: "r", capacity: { cpu: "2", pods: "5" }, reserved: { cpu: "500m" } },
        { name: "b1", zone: "b", labels: { disk: "ssd" } },
        { name: "g1", zone: "a", taints: [taint], capacity: { "example.com/gpu": "4" } },
      ],
    });
    const a1 = await nodeOf(cluster, "a1");
    expect(a1.metadata.labels).toMatchObject({
      "topology.kubernetes.io/zone": "a",
      "topology.kubernetes.io/region": "r",
    });
    expect(a1.status?.capacity).toMatchObject({ cpu: "2", pods: "5", memory: "32Gi" });
    expect(a1.status?.allocatable?.["cpu"]).toBe("1500m");
    const g1 = await nodeOf(cluster, "g1");
    expect(g1.spec.taints).toEqual([taint]);
    expect(g1.status?.allocatable?.["example.com/gpu"]).toBe("4");
    const spread = {
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: "topology.kubernetes.io/zone",
          whenUnsatisfiable: "DoNotSchedule",
          labelSelector: { matchLabels: { app: "web" } },
        },
      ],
    };
    const web = (name: string) => {
      const one = pod(name);
      return {
        ...one,
        metadata: { ...one.metadata, labels: { app: "web" } },
        spec: { ...one.spec, ...spread },
      };
    };
    await cluster.apply([web("w1"), web("w2"), web("w3"), web("w4")]);
    await cluster.clock.advance("10s");
    const placed = (await cluster.list("pods")).map((each) => (each as unknown as Pod).spec.nodeName);
    expect(placed.map(String).toSorted()).toEqual(["a1", "a1", "b1", "b1"]);
  });

  test.each([
    [{ name: "n", capacity: { cpu: "lots" } }, 'capacity of cpu: "lots" is no quantity'],
    [{ name: "n", labels: { "not a key": "x" } }, "not a key"],
    [
      { name: "n", failures: [{ kind: "not-ready", after: "1s", for: "1m", every: "30s" }] },
      'a failure of a node that comes every 30s has to end before: "for" is 1m',
    ],
  ] as const)("that cannot be are refused: %j", async (node, why) => {
    await expect(createCluster({ clock: "virtual", seed: 1, nodes: [node] })).rejects.toThrow(why);
  });

  test("flap when they are told to, and are tainted each time", async () => {
    await using cluster = await createCluster({
      clock: "virtual",
      seed: 1,
      nodes: [
        { name: "n1", failures: [{ kind: "not-ready", after: "1m", for: "20s", every: "2m" }] },
        { name: "n2" },
      ],
    });
    const changes: string[] = [];
    let last = "";
    for (let second = 0; second <= 260; second += 5) {
      const n1 = await nodeOf(cluster, "n1");
      const ready = n1.status?.conditions?.find(({ type }) => type === "Ready");
      const now = `${ready?.status} ${(n1.spec.taints ?? []).map(({ effect }) => effect).join("+")}`;
      if (now !== last) changes.push(`${second} ${now}`);
      last = now;
      await cluster.clock.advance("5s");
    }
    expect(changes).toEqual([
      "0 True ",
      "60 False NoSchedule+NoExecute",
      "80 True ",
      "180 False NoSchedule+NoExecute",
      "200 True ",
    ]);
  });

  test("come back empty after a crash that was planned", async () => {
    await using cluster = await createCluster({
      clock: "virtual",
      seed: 1,
      nodes: [{ name: "n1", failures: [{ kind: "crash", after: "1m", for: "30s" }] }],
    });
    await cluster.apply(pod("web"));
    await cluster.clock.advance("70s");
    expect(cluster.nodes.names()).toEqual([]);
    await cluster.clock.advance("2m");
    expect(cluster.nodes.names()).toEqual(["n1"]);
    const { status } = (await cluster.get("pod", "web")) as unknown as Pod;
    const running = status?.containerStatuses?.[0]?.state?.running;
    expect(seconds(running?.startedAt)).toBeGreaterThanOrEqual(seconds("2026-01-01T00:01:30Z"));
  });

  test("under pressure have the condition and the taint, until they are relieved", async () => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 2 });
    await cluster.nodes.pressure("node-1", "disk");
    await cluster.clock.advance("10s");
    const taints = async () => (await nodeOf(cluster, "node-1")).spec.taints?.map(({ key }) => key);
    expect(await taints()).toEqual(["node.kubernetes.io/disk-pressure"]);
    await cluster.nodes.pressure("node-1", "disk", false);
    await cluster.clock.advance("10s");
    expect(await taints()).toBeUndefined();
  });
});
