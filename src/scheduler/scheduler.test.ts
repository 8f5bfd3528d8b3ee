import { afterEach, describe, expect, test } from "vitest";
import type { Pod } from "../api/types/core-v1.ts";
import type { PodDisruptionBudget } from "../api/types/policy-v1.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { newServiceUnavailable } from "../apimachinery/status.ts";
import { resources } from "../client/resources.ts";
import { claim, node, type PodOptions, pod, storageClass, volume } from "./testing/objects.ts";
import { TestScheduler } from "./testing/test-scheduler.ts";

const running: TestScheduler[] = [];

async function start(...objects: readonly KubernetesObject[]): Promise<TestScheduler> {
  const scheduler = await TestScheduler.start(...objects);
  running.push(scheduler);
  return scheduler;
}

afterEach(() => {
  for (const scheduler of running.splice(0)) scheduler.stop();
});

describe("binding", () => {
  test("binds a pod through its binding subresource and says so in an event", async () => {
    const scheduler = await start(node("a"), pod("p"));
    const binding = scheduler.transport.requests.find(({ path }) => path.endsWith("/pods/p/binding"));
    expect(binding?.body).toEqual({
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name: "p", namespace: "default", uid: scheduler.pod("p")?.metadata.uid },
      target: { kind: "Node", name: "a" },
    });
    const [event] = scheduler.events("Scheduled");
    expect(event).toMatchObject({
      type: "Normal",
      message: "Successfully assigned default/p to a",
      source: { component: "default-scheduler" },
    });
  });

  test("leaves pods of other schedulers, placed pods and finished pods alone", async () => {
    const scheduler = await start(
      node("a"),
      pod("foreign", { spec: { schedulerName: "other" } }),
      pod("placed", { on: "a" }),
      pod("done", { status: { phase: "Failed" } }),
    );
    expect(scheduler.events("Scheduled")).toEqual([]);
    expect(scheduler.nodeOf("foreign")).toBeUndefined();
  });

  test("pods that are being bound take room before the server has answered", async () => {
    const scheduler = await start(node("a", { cpu: "2" }), pod("p", { cpu: "2" }), pod("q", { cpu: "2" }));
    expect([scheduler.nodeOf("p"), scheduler.nodeOf("q")]).toEqual(["a", undefined]);
    expect(scheduler.transport.requests.filter(({ path }) => path.endsWith("/binding"))).toHaveLength(1);
  });

  test("a binding that fails frees the room, and is tried again after a second", async () => {
    const scheduler = await start(node("a"));
    const recover = scheduler.transport.react(({ path }) => {
      if (path.endsWith("/binding")) throw newServiceUnavailable("down");
    });
    await scheduler.add(pod("p", { cpu: "4" }));
    expect(scheduler.nodeOf("p")).toBeUndefined();
    expect(scheduler.events("FailedScheduling").map(({ message }) => message)).toEqual(["down"]);
    expect(scheduler.pod("p")?.status?.conditions?.[0]).toMatchObject({ reason: "SchedulerError" });
    recover();
    await scheduler.clock.advance(900);
    expect(scheduler.nodeOf("p")).toBeUndefined();
    await scheduler.clock.advance(200);
    expect(scheduler.nodeOf("p")).toBe("a");
  });

  test("a pod that was deleted before its binding is forgotten", async () => {
    const scheduler = await start(node("a"));
    scheduler.transport.react(({ path }) => {
      if (path.endsWith("/pods/p/binding")) scheduler.transport.remove(resources.pods, "p");
    });
    await scheduler.add(pod("p", { cpu: "4" }));
    await scheduler.add(pod("q", { cpu: "4" }));
    expect(scheduler.events("FailedScheduling")).toEqual([]);
    expect(scheduler.nodeOf("q")).toBe("a");
  });

  test("higher priority goes first", async () => {
    const scheduler = await start(
      node("a", { cpu: "1" }),
      pod("low", { cpu: "1", priority: 1 }),
      pod("high", { cpu: "1", priority: 2 }),
    );
    expect(scheduler.nodeOf("high")).toBe("a");
    expect(scheduler.nodeOf("low")).toBeUndefined();
  });
});

describe("a pod without a node", () => {
  test("gets the condition PodScheduled with reason Unschedulable and a warning", async () => {
    const scheduler = await start(node("a", { cpu: "1" }), pod("p", { cpu: "2" }));
    const message =
      "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
    expect(scheduler.pod("p")?.status?.conditions).toMatchObject([
      { type: "PodScheduled", status: "False", reason: "Unschedulable", message },
    ]);
    expect(scheduler.events("FailedScheduling")).toMatchObject([{ type: "Warning", message }]);
  });

  test("is told when there are no nodes at all", async () => {
    const scheduler = await start(pod("p"));
    expect(scheduler.whyNot("p")).toBe("no nodes available to schedule pods");
    await scheduler.add(node("a"));
    await scheduler.clock.advance(1000);
    expect(scheduler.nodeOf("p")).toBe("a");
  });

  test("its own condition does not make it try again", async () => {
    const scheduler = await start(node("a", { cpu: "1" }), pod("p", { cpu: "2" }));
    await scheduler.clock.advance(60_000);
    expect(scheduler.events("FailedScheduling")[0]?.count ?? 1).toBe(1);
  });

  const wakers: {
    name: string;
    options: PodOptions;
    objects: readonly KubernetesObject[];
    act: (scheduler: TestScheduler) => void;
  }[] = [
    {
      name: "a node with room comes",
      options: { cpu: "6" },
      objects: [],
      act: ({ transport }) => transport.seed(node("b", { cpu: "8" })),
    },
    {
      name: "a node grows",
      options: { cpu: "6" },
      objects: [],
      act: ({ transport }) =>
        void transport.modify(resources.nodes, "a", (a) => {
          a.status = { ...a.status, allocatable: { cpu: "8", memory: "8Gi", pods: "110" } };
        }),
    },
    {
      name: "a pod goes",
      options: { cpu: "3" },
      objects: [pod("other", { on: "a", cpu: "3" })],
      act: ({ transport }) => transport.remove(resources.pods, "other"),
    },
    {
      name: "a taint is taken off",
      options: {},
      objects: [node("a", { taints: [{ key: "k", effect: "NoSchedule" }] })],
      act: ({ transport }) =>
        void transport.modify(resources.nodes, "a", (a) => {
          a.spec = {};
        }),
    },
    {
      name: "the node is uncordoned",
      options: {},
      objects: [node("a", { unschedulable: true })],
      act: ({ transport }) =>
        void transport.modify(resources.nodes, "a", (a) => {
          a.spec = {};
        }),
    },
    {
      name: "the node is labeled",
      options: { spec: { nodeSelector: { disk: "ssd" } } },
      objects: [],
      act: ({ transport }) =>
        void transport.modify(resources.nodes, "a", (a) => {
          a.metadata.labels = { ...a.metadata.labels, disk: "ssd" };
        }),
    },
    {
      name: "its claim is bound",
      options: { claim: "data" },
      objects: [storageClass("local", { volumeBindingMode: "Immediate" }), claim("data"), volume("v")],
      act: ({ transport }) => transport.seed(claim("data", { volume: "v" })),
    },
    {
      name: "the company that it wants comes",
      options: {
        spec: {
          affinity: {
            podAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                {
                  topologyKey: "kubernetes.io/hostname",
                  labelSelector: { matchLabels: { app: "web" } },
                },
              ],
            },
          },
        },
      },
      objects: [],
      act: ({ transport }) => transport.seed(pod("web", { on: "a", labels: { app: "web" } })),
    },
  ];
  for (const { name, options, objects, act } of wakers) {
    test(`is tried again when ${name}`, async () => {
      const scheduler = await start(node("a"), ...objects, pod("p", options));
      expect(scheduler.nodeOf("p")).toBeUndefined();
      await scheduler.clock.advance(2000);
      act(scheduler);
      await scheduler.settle();
      expect(scheduler.nodeOf("p")).toBeDefined();
    });
  }

  test("is not tried again by events that cannot help", async () => {
    const scheduler = await start(node("a"), pod("p", { spec: { nodeSelector: { disk: "ssd" } } }));
    await scheduler.clock.advance(2000);
    await scheduler.add(pod("other", { on: "a" }), storageClass("x"));
    scheduler.transport.remove(resources.pods, "other");
    await scheduler.settle();
    expect(scheduler.events("FailedScheduling")).toHaveLength(1);
    expect(scheduler.events("FailedScheduling")[0]?.count ?? 1).toBe(1);
  });

  test("is tried again after five minutes, should an event have been missed", async () => {
    const scheduler = await start(node("a", { cpu: "1" }), pod("p", { cpu: "2" }));
    await scheduler.clock.advance(340_000);
    expect(scheduler.events("FailedScheduling")[0]?.count).toBeGreaterThan(1);
  });

  test("with scheduling gates waits until they are gone, in silence", async () => {
    const scheduler = await start(node("a"), pod("p", { spec: { schedulingGates: [{ name: "x" }] } }));
    expect(scheduler.nodeOf("p")).toBeUndefined();
    expect(scheduler.events("FailedScheduling")).toEqual([]);
    scheduler.transport.modify(resources.pods, "p", (p) => {
      if (p.spec !== undefined) p.spec.schedulingGates = [];
    });
    await scheduler.settle();
    expect(scheduler.nodeOf("p")).toBe("a");
  });
});

describe("claims that wait for the first consumer", () => {
  test("name the chosen node, and the pod is bound once they are", async () => {
    const scheduler = await start(
      node("a"),
      node("b", { unschedulable: true }),
      storageClass("local"),
      claim("data"),
      pod("p", { claim: "data" }),
    );
    const stored = scheduler.transport.get(resources.persistentvolumeclaims, "data");
    expect(stored?.metadata.annotations).toEqual({ "volume.kubernetes.io/selected-node": "a" });
    expect(scheduler.nodeOf("p")).toBeUndefined();
    await scheduler.add(volume("v", { on: "a", phase: "Bound" }));
    scheduler.transport.modify(resources.persistentvolumeclaims, "data", (data) => {
      data.spec.volumeName = "v";
      data.status = { phase: "Bound" };
    });
    await scheduler.settle();
    expect(scheduler.nodeOf("p")).toBe("a");
  });

  test("start over when the provisioner gives up on the node", async () => {
    const scheduler = await start(
      node("a"),
      storageClass("local"),
      claim("data"),
      pod("p", { claim: "data" }),
    );
    scheduler.transport.modify(resources.persistentvolumeclaims, "data", (data) => {
      data.metadata.annotations = {};
    });
    await scheduler.settle();
    expect(scheduler.events("FailedScheduling").map(({ message }) => message)).toEqual([
      'provisioning failed for PVC "default/data"',
    ]);
    await scheduler.clock.advance(2000);
    const stored = scheduler.transport.get(resources.persistentvolumeclaims, "data");
    expect(stored?.metadata.annotations).toEqual({ "volume.kubernetes.io/selected-node": "a" });
  });

  test("take the smallest volume that will do, and only one pod gets it", async () => {
    const none = { provisioner: "kubernetes.io/no-provisioner" };
    const scheduler = await start(
      node("a"),
      storageClass("local", none),
      volume("large", { on: "a", size: "9Gi" }),
      volume("fits", { on: "a", size: "2Gi" }),
      volume("small", { on: "a", size: "100Mi" }),
      claim("one"),
      claim("two"),
      claim("three"),
      pod("p1", { claim: "one" }),
      pod("p2", { claim: "two" }),
      pod("p3", { claim: "three" }),
    );
    const boundTo = (name: string): string | undefined =>
      scheduler.transport.get(resources.persistentvolumes, name)?.spec.claimRef?.name;
    expect([boundTo("fits"), boundTo("large"), boundTo("small")]).toEqual(["one", "two", undefined]);
    expect(scheduler.whyNot("p3")).toMatch("1 node(s) didn't find available persistent volumes to bind");
  });

  test("go only where their class allows", async () => {
    const allowedTopologies = [{ matchLabelExpressions: [{ key: "kubernetes.io/hostname", values: ["b"] }] }];
    const scheduler = await start(
      node("a"),
      node("b"),
      storageClass("local", { allowedTopologies }),
      claim("data"),
      pod("p", { claim: "data" }),
    );
    const stored = scheduler.transport.get(resources.persistentvolumeclaims, "data");
    expect(stored?.metadata.annotations?.["volume.kubernetes.io/selected-node"]).toBe("b");
  });
});

describe("preemption", () => {
  const important: PodOptions = { cpu: "4", priority: 100 };

  /** Ends the victims, as their kubelet would. */
  async function finish(scheduler: TestScheduler, ...names: readonly string[]): Promise<void> {
    for (const name of names) scheduler.transport.remove(resources.pods, name);
    await scheduler.settle();
    await scheduler.clock.advance(2000);
  }

  function victimsOf(scheduler: TestScheduler): string[] {
    return scheduler.transport
      .list<Pod>(resources.pods)
      .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
      .map(({ metadata }) => metadata.name ?? "");
  }

  test("evicts less important pods, names the node, and takes it when they are gone", async () => {
    const scheduler = await start(node("a"), pod("low", { on: "a", cpu: "2" }), pod("high", important));
    expect(victimsOf(scheduler)).toEqual(["low"]);
    expect(scheduler.pod("high")?.status?.nominatedNodeName).toBe("a");
    expect(scheduler.whyNot("high")).toBe("0/1 nodes are available: 1 Insufficient cpu.");
    expect(scheduler.pod("low")?.status?.conditions).toMatchObject([
      {
        type: "DisruptionTarget",
        status: "True",
        reason: "PreemptionByScheduler",
        message: "default-scheduler: preempting to accommodate a higher priority pod",
      },
    ]);
    const uid = scheduler.pod("high")?.metadata.uid;
    expect(scheduler.events("Preempted")).toMatchObject([{ message: `Preempted by pod ${uid} on node a` }]);
    await finish(scheduler, "low");
    expect(scheduler.nodeOf("high")).toBe("a");
  });

  test("evicts no more than needed, the least important first", async () => {
    const scheduler = await start(
      node("a"),
      pod("p1", { on: "a", cpu: "1", priority: 1 }),
      pod("p2", { on: "a", cpu: "1", priority: 2 }),
      pod("p3", { on: "a", cpu: "1", priority: 3 }),
      pod("high", { cpu: "3", priority: 100 }),
    );
    expect(victimsOf(scheduler)).toEqual(["p1", "p2"]);
  });

  test("chooses the node whose victims matter least", async () => {
    const scheduler = await start(
      node("a"),
      node("b"),
      node("c"),
      pod("a1", { on: "a", cpu: "4", priority: 50 }),
      pod("b1", { on: "b", cpu: "2", priority: 10 }),
      pod("b2", { on: "b", cpu: "2", priority: 10 }),
      pod("c1", { on: "c", cpu: "4", priority: 10 }),
      pod("high", important),
    );
    expect(victimsOf(scheduler)).toEqual(["c1"]);
  });

  test("spares pods that a disruption budget protects when it can", async () => {
    const budget: PodDisruptionBudget = {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: "web", namespace: "default" },
      spec: { selector: { matchLabels: { app: "web" } } },
      status: { disruptionsAllowed: 0 },
    };
    const scheduler = await start(
      node("a"),
      node("b"),
      budget,
      pod("a1", { on: "a", cpu: "4", priority: 1, labels: { app: "web" } }),
      pod("b1", { on: "b", cpu: "4", priority: 90 }),
      pod("high", important),
    );
    expect(victimsOf(scheduler)).toEqual(["b1"]);
  });

  const refused: { name: string; pods: readonly Pod[]; message: string }[] = [
    {
      name: "a policy of Never",
      pods: [
        pod("low", { on: "a", cpu: "2" }),
        pod("high", { ...important, spec: { preemptionPolicy: "Never" } }),
      ],
      message: "preemption: not eligible due to preemptionPolicy=Never.",
    },
    {
      name: "nobody less important",
      pods: [pod("same", { on: "a", cpu: "2", priority: 100 }), pod("high", important)],
      message: "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
    },
    {
      name: "a pod that would not fit on the empty node",
      pods: [pod("low", { on: "a", cpu: "2" }), pod("high", { cpu: "5", priority: 100 })],
      message: "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    },
  ];
  for (const { name, pods, message } of refused) {
    test(`does not evict for ${name}`, async () => {
      const scheduler = await start(node("a"), ...pods);
      expect(victimsOf(scheduler)).toEqual([]);
      expect(scheduler.whyNot("high")).toBe(`0/1 nodes are available: 1 Insufficient cpu. ${message}`);
    });
  }

  test("makes room in topologies too: the victim may be what anti-affinity minds", async () => {
    const scheduler = await start(
      node("a"),
      pod("low", { on: "a", labels: { app: "web" } }),
      pod("high", {
        priority: 100,
        spec: {
          affinity: {
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                {
                  topologyKey: "kubernetes.io/hostname",
                  labelSelector: { matchLabels: { app: "web" } },
                },
              ],
            },
          },
        },
      }),
    );
    expect(victimsOf(scheduler)).toEqual(["low"]);
    await finish(scheduler, "low");
    expect(scheduler.nodeOf("high")).toBe("a");
  });

  test("keeps the room for the pod that it was made for", async () => {
    const scheduler = await start(node("a"), pod("low", { on: "a", cpu: "4" }), pod("high", important));
    await scheduler.add(pod("late", { cpu: "4", priority: 1 }));
    await finish(scheduler, "low");
    expect(scheduler.nodeOf("high")).toBe("a");
    expect(scheduler.nodeOf("late")).toBeUndefined();
  });

  test("does not evict a second time while victims are ending", async () => {
    const scheduler = await start(
      node("a"),
      pod("low", { on: "a", cpu: "2" }),
      pod("other", { on: "a", cpu: "2", priority: 99 }),
      pod("high", { cpu: "2", priority: 100 }),
    );
    expect(victimsOf(scheduler)).toEqual(["low"]);
    await scheduler.add(node("tiny", { cpu: "1" }));
    await scheduler.clock.advance(5000);
    expect(victimsOf(scheduler)).toEqual(["low"]);
    expect(scheduler.whyNot("high")).toMatch("not eligible due to a terminating pod on the nominated node.");
  });
});
