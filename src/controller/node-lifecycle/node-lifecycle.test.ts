import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Node, Pod, Taint } from "../../api/types/core-v1.ts";
import { formatMicroTime } from "../../apimachinery/clock.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { ZoneHealth } from "./health.ts";
import { nodeLifecycleController } from "./index.ts";

const conditions = (ready: string, others: Record<string, string> = {}) =>
  Object.entries({ Ready: ready, ...others }).map(([type, status]) => ({ type, status }));

const node = (name: string, ready?: string, others?: Record<string, string>, zone = ""): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: {
    name,
    creationTimestamp: "2026-01-01T00:00:00Z",
    labels: { "topology.kubernetes.io/zone": zone },
  },
  spec: {},
  status: ready === undefined ? {} : { conditions: conditions(ready, others) },
});

let run: ControllerRun;
let renewing: string[];
beforeEach(() => {
  run = runControllers([nodeLifecycleController]);
  renewing = ["n1", "n2"];
  run.clock.every(10_000, () => renewing.forEach(renew));
});
afterEach(async () => run.stop());

function renew(name: string): void {
  run.transport.seed({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace: "kube-node-lease" },
    spec: { renewTime: formatMicroTime(run.clock.now()) },
  });
}

const stored = (name = "n1") => run.transport.get(resources.nodes, name);
const taints = (name = "n1"): string[] =>
  (stored(name)?.spec.taints ?? []).map(({ key, effect }) => `${key.split("/")[1] ?? key}:${effect}`);
const ready = (name = "n1") => stored(name)?.status?.conditions?.find(({ type }) => type === "Ready");

describe("a node", () => {
  it("that renews its lease is left alone", async () => {
    run.transport.seed(node("n1", "True"));
    await run.settle(300_000);
    expect(ready()).toEqual({ type: "Ready", status: "True" });
    expect(taints()).toEqual([]);
    expect(run.events()).toEqual(["Normal RegisteredNode Node n1 event: Registered Node n1 in Controller"]);
  });

  it("whose status is renewed without a lease is left alone, too", async () => {
    renewing = [];
    run.transport.seed(node("n1", "True"));
    const heartbeat = run.clock.every(10_000, () => {
      run.transport.modify(resources.nodes, "n1", ({ status }) => {
        const [first] = status?.conditions ?? [];
        if (first !== undefined) first.lastHeartbeatTime = formatMicroTime(run.clock.now());
      });
    });
    await run.settle(120_000);
    heartbeat.stop();
    expect(ready()?.status).toBe("True");
  });

  it("that falls silent is unknown after 50 s, is tainted, and its pods are not ready", async () => {
    run.transport.seed(node("n1", "True"), node("n2", "True"), {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p" },
      spec: { nodeName: "n1", containers: [] },
      status: { conditions: [{ type: "Ready", status: "True" }] },
    });
    await run.settle(20_000);
    renewing = ["n2"];
    await run.settle(45_000);
    expect(ready()?.status).toBe("True");
    await run.settle(15_000);
    expect(ready()).toMatchObject({
      status: "Unknown",
      reason: "NodeStatusUnknown",
      message: "Kubelet stopped posting node status.",
    });
    expect(stored()?.status?.conditions?.map(({ type, status }) => `${type} ${status}`)).toEqual([
      "Ready Unknown",
      "MemoryPressure Unknown",
      "DiskPressure Unknown",
      "PIDPressure Unknown",
    ]);
    expect(stored()?.status?.conditions?.[1]?.reason).toBe("NodeStatusNeverUpdated");
    expect(taints()).toEqual(["unreachable:NoSchedule", "unreachable:NoExecute"]);
    const pod = run.transport.get(resources.pods, "p") as Pod;
    expect(pod.status?.conditions?.[0]?.status).toBe("False");
    expect(run.events()).toEqual(
      expect.arrayContaining([
        "Normal NodeNotReady Node n1 status is now: NodeNotReady",
        "Warning NodeNotReady Node is not ready",
      ]),
    );
    run.transport.modify(resources.nodes, "n1", (object) => {
      object.status = { conditions: conditions("True") };
    });
    renewing = ["n1", "n2"];
    renew("n1");
    await run.settle(10_000);
    expect(taints()).toEqual([]);
  });

  it("that renews its lease is not looked at for it, and is missed 50 s after its last sign of life", async () => {
    run.transport.seed(node("n1", "True"), node("n2", "True"));
    await run.settle(125_000);
    const silentSinceMs = run.clock.now();
    renewing = ["n2"];
    const since = (): number => run.clock.now() - silentSinceMs;
    await run.clock.runUntil(() => ready()?.status === "Unknown", 120_000);
    // It renewed every ten seconds.
    expect(since()).toBeGreaterThan(40_000);
    expect(since()).toBeLessThanOrEqual(50_000);
  });

  it("that never reported has a minute, then is unknown", async () => {
    renewing = ["n2"];
    run.transport.seed(node("n1"), node("n2", "True"));
    await run.settle(55_000);
    expect(ready()).toBeUndefined();
    await run.settle(10_000);
    expect(ready()).toMatchObject({
      status: "Unknown",
      reason: "NodeStatusNeverUpdated",
      message: "Kubelet never posted node status.",
      lastHeartbeatTime: "2026-01-01T00:00:00Z",
    });
  });

  it.each<[Record<string, string>, string, string[]]>([
    [{}, "False", ["not-ready:NoSchedule", "not-ready:NoExecute"]],
    [{ MemoryPressure: "True" }, "True", ["memory-pressure:NoSchedule"]],
    [{ DiskPressure: "True" }, "True", ["disk-pressure:NoSchedule"]],
    [{ PIDPressure: "True" }, "True", ["pid-pressure:NoSchedule"]],
    [{ NetworkUnavailable: "True" }, "True", ["network-unavailable:NoSchedule"]],
    [{ MemoryPressure: "False" }, "True", []],
  ])("with %j and Ready %s has the taints %j", async (others, isReady, expected) => {
    run.transport.seed(node("n1", isReady, others), node("n2", "True"));
    await run.settle();
    expect(taints()).toEqual(expected);
  });

  it("that is cordoned is tainted until it is uncordoned; taints of others stay", async () => {
    const own: Taint[] = [
      { key: "dedicated", effect: "NoExecute", value: "db" },
      { key: "node.kubernetes.io/not-ready", effect: "PreferNoSchedule" },
    ];
    run.transport.seed({ ...node("n1", "True"), spec: { unschedulable: true, taints: own } });
    await run.settle();
    expect(stored()?.spec.taints).toEqual([
      ...own,
      {
        key: "node.kubernetes.io/unschedulable",
        effect: "NoSchedule",
        timeAdded: "2026-01-01T00:00:00Z",
      },
    ]);
    run.transport.modify(resources.nodes, "n1", ({ spec }) => delete spec.unschedulable);
    await run.settle();
    expect(stored()?.spec.taints).toEqual(own);
  });

  it("that is the only one keeps its pods: it may be the control plane that is cut off", async () => {
    renewing = [];
    run.transport.seed(node("n1", "True"));
    await run.settle(60_000);
    expect(ready()?.status).toBe("Unknown");
    expect(taints()).toEqual(["unreachable:NoSchedule"]);
  });
});

describe("ZoneHealth", () => {
  const zone = (readyCount: number, unreadyCount: number, name: string): Node[] => [
    ...Array.from({ length: readyCount }, (_, index) => node(`${name}-r${index}`, "True", {}, name)),
    ...Array.from({ length: unreadyCount }, (_, index) => node(`${name}-u${index}`, "Unknown", {}, name)),
  ];
  const bad = node("bad", "Unknown", {}, "a");

  it.each<[string, Node[], boolean]>([
    ["one of three is not ready", zone(2, 0, "a"), true],
    ["nobody is ready", zone(0, 3, "a"), false],
    ["most of a small zone is not ready", zone(2, 3, "a"), false],
    ["most of a large zone is not ready", zone(20, 40, "a"), true],
    ["a whole zone is not ready, and another is", [...zone(0, 3, "a"), ...zone(3, 0, "b")], true],
  ])("tells whether to evict when %s", (_, others, expected) => {
    const health = new ZoneHealth();
    const passing = Array.from({ length: 60 }, (_, index) => node(`p${index}`, "Unknown", {}, "a"));
    for (const each of [...passing, bad, ...others.map((other) => ({ ...other, status: {} })), ...others])
      health.set(each);
    for (const left of passing) health.delete(left);
    expect(health.mayEvict(bad)).toBe(expected);
  });
});
