import { describe, expect, test } from "vitest";
import type { ResourceQuota as ResourceQuotaObject } from "../../api/types/core-v1.ts";
import { newConflict, staleObject } from "../../apimachinery/status.ts";
import { ResourceQuota } from "./resource-quota.ts";
import { attributesOf, coreObject, podWith, type Request, run, verdictOf } from "./testing/attributes.ts";
import { FakeReader } from "./testing/fake-reader.ts";

function quota(
  name: string,
  hard: Record<string, string>,
  used: Record<string, string> = {},
  spec: object = {},
) {
  const zeros = Object.fromEntries(Object.keys(hard).map((key) => [key, "0"]));
  return coreObject("ResourceQuota", name, {
    spec: { hard, ...spec },
    status: { hard, used: { ...zeros, ...used } },
  }) as ResourceQuotaObject;
}

function setup(...quotas: ResourceQuotaObject[]) {
  const reader = new FakeReader().put("resourcequotas", ...quotas);
  const writes: ResourceQuotaObject[] = [];
  let races = 0;
  const plugin = new ResourceQuota({
    reader,
    nowMs: () => Date.UTC(2026, 0, 1),
    async writeStatus(updated) {
      await Promise.resolve();
      if (races-- > 0) throw newConflict({ group: "", resource: "resourcequotas" }, "q", staleObject);
      writes.push(updated);
      reader.put("resourcequotas", structuredClone(updated));
    },
  });
  const used = (name = "q") =>
    reader.get<ResourceQuotaObject>({ group: "", resource: "resourcequotas" }, "default", name)?.status?.used;
  return {
    plugin,
    writes,
    used,
    reader,
    lose: (count: number): void => {
      races = count;
    },
  };
}

const podOf = (requests: object = {}, limits: object = {}, spec: object = {}) =>
  podWith({ containers: [{ name: "c", resources: { requests, limits } }], ...spec });
const service = (type: string, count: number, spec: object = {}) =>
  coreObject("Service", "s", {
    spec: { type, ports: Array.from({ length: count }, (_, port) => ({ port })), ...spec },
  });
const claim = (storage: string, storageClassName?: string) =>
  coreObject("PersistentVolumeClaim", "c", {
    spec: { storageClassName, resources: { requests: { storage } } },
  });

describe("ResourceQuota", () => {
  test.each<[string, ResourceQuotaObject, Request, string]>([
    ["another pod fits", quota("q", { pods: "2" }, { pods: "1" }), { object: podWith() }, "admitted"],
    [
      "a pod that is given a deadline passes to the quota of those that have one",
      quota("q", { pods: "1" }, { pods: "1" }, { scopes: ["Terminating"] }),
      {
        operation: "UPDATE",
        object: podWith({ activeDeadlineSeconds: 60 }),
        old: podWith(),
      },
      "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1",
    ],
    [
      "a pod whose deadline changes stays in its quota",
      quota("q", { pods: "1" }, { pods: "1" }, { scopes: ["Terminating"] }),
      {
        operation: "UPDATE",
        object: podWith({ activeDeadlineSeconds: 60 }),
        old: podWith({ activeDeadlineSeconds: 90 }),
      },
      "admitted",
    ],
    [
      "another pod does not fit",
      quota("q", { pods: "2" }, { pods: "2" }),
      { object: podWith() },
      'pods "web" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
    ],
    [
      "compute fits exactly",
      quota("q", { cpu: "2", memory: "1Gi" }, { cpu: "1500m" }),
      { object: podOf({ cpu: "500m", memory: "1Gi" }) },
      "admitted",
    ],
    [
      "compute does not fit",
      quota("q", { cpu: "2", memory: "1Gi" }, { cpu: "1500m" }),
      { object: podOf({ cpu: "600m", memory: "2Gi" }) },
      "exceeded quota: q, requested: cpu=600m,memory=2Gi, used: cpu=1500m,memory=0, limited: cpu=2,memory=1Gi",
    ],
    [
      "limits do not fit",
      quota("q", { "limits.cpu": "1" }),
      { object: podOf({}, { cpu: "2" }) },
      "exceeded quota: q, requested: limits.cpu=2, used: limits.cpu=0, limited: limits.cpu=1",
    ],
    [
      "a container does not say what it needs",
      quota("q", { "requests.cpu": "1", "limits.memory": "1Gi" }),
      { object: podOf() },
      "failed quota: q: must specify limits.memory for: c; requests.cpu for: c",
    ],
    [
      "an extended resource does not fit",
      quota("q", { "requests.example.com/gpu": "1" }),
      { object: podOf({ "example.com/gpu": "2" }) },
      "exceeded quota: q, requested: requests.example.com/gpu=2",
    ],
    ["a quota of other things", quota("q", { configmaps: "0" }), { object: podWith() }, "admitted"],
    [
      "a config map does not fit",
      quota("q", { configmaps: "1" }, { configmaps: "1" }),
      { object: coreObject("ConfigMap", "m") },
      "exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: configmaps=1",
    ],
    [
      "objects are counted by name",
      quota("q", { "count/deployments.apps": "0" }),
      { resource: "deployments.apps", object: coreObject("Deployment", "d") },
      "exceeded quota: q, requested: count/deployments.apps=1",
    ],
    [
      "custom objects too",
      quota("q", { "count/things.example.com": "1" }),
      { resource: "things.example.com", object: coreObject("Thing", "t") },
      "admitted",
    ],
    [
      "a service does not fit",
      quota("q", { services: "0" }),
      { object: service("ClusterIP", 1) },
      "exceeded quota: q, requested: services=1",
    ],
    [
      "node ports do not fit",
      quota("q", { "services.nodeports": "1" }),
      { object: service("NodePort", 2) },
      "requested: services.nodeports=2",
    ],
    [
      "load balancers do not fit",
      quota("q", { "services.loadbalancers": "0" }),
      { object: service("LoadBalancer", 1) },
      "requested: services.loadbalancers=1",
    ],
    [
      "a load balancer without node ports",
      quota("q", { "services.nodeports": "0" }),
      { object: service("LoadBalancer", 3, { allocateLoadBalancerNodePorts: false }) },
      "admitted",
    ],
    [
      "storage does not fit",
      quota("q", { "requests.storage": "1Gi" }),
      { object: claim("2Gi") },
      "requested: requests.storage=2Gi",
    ],
    [
      "storage of a class does not fit",
      quota("q", { "gold.storageclass.storage.k8s.io/requests.storage": "1Gi" }),
      { object: claim("2Gi", "gold") },
      "gold.storageclass.storage.k8s.io/requests.storage=2Gi",
    ],
    [
      "storage of another class",
      quota("q", { "gold.storageclass.storage.k8s.io/requests.storage": "1Gi" }),
      { object: claim("2Gi", "silver") },
      "admitted",
    ],
    [
      "a service grows node ports",
      quota("q", { "services.nodeports": "1" }, { "services.nodeports": "1" }),
      { operation: "UPDATE", object: service("NodePort", 2), old: service("NodePort", 1) },
      "requested: services.nodeports=1",
    ],
    [
      "a service shrinks",
      quota("q", { "services.nodeports": "0" }, { "services.nodeports": "2" }),
      { operation: "UPDATE", object: service("NodePort", 1), old: service("NodePort", 2) },
      "admitted",
    ],
    [
      "a claim grows",
      quota("q", { "requests.storage": "2Gi" }, { "requests.storage": "1Gi" }),
      { operation: "UPDATE", object: claim("3Gi"), old: claim("1Gi") },
      "requested: requests.storage=2Gi, used: requests.storage=1Gi",
    ],
    [
      "events are not counted",
      quota("q", { "count/events": "0" }),
      { object: coreObject("Event", "e") },
      "admitted",
    ],
    [
      "subresources are not counted",
      quota("q", { pods: "0" }),
      { resource: "pods/eviction", object: coreObject("Eviction", "e") },
      "admitted",
    ],
  ])("%s", async (_what, given, request, verdict) => {
    expect(await verdictOf(setup(given).plugin, attributesOf(request))).toContain(verdict);
  });

  const pinned = (values: string[]) => ({
    scopeSelector: { matchExpressions: [{ scopeName: "PriorityClass", operator: "In", values }] },
  });
  test.each<[string, object, object, boolean]>([
    ["BestEffort, a pod that asks for nothing", { scopes: ["BestEffort"] }, podOf(), true],
    ["BestEffort, a pod that asks", { scopes: ["BestEffort"] }, podOf({ cpu: "1" }), false],
    ["NotBestEffort, a pod that asks for nothing", { scopes: ["NotBestEffort"] }, podOf(), false],
    [
      "Terminating, a pod with a deadline",
      { scopes: ["Terminating"] },
      podOf({}, {}, { activeDeadlineSeconds: 5 }),
      true,
    ],
    ["Terminating, a pod without", { scopes: ["Terminating"] }, podOf(), false],
    [
      "NotTerminating, a pod with a deadline",
      { scopes: ["NotTerminating"] },
      podOf({}, {}, { activeDeadlineSeconds: 5 }),
      false,
    ],
    ["both of two scopes", { scopes: ["NotTerminating", "BestEffort"] }, podOf(), true],
    ["one of two scopes", { scopes: ["Terminating", "BestEffort"] }, podOf(), false],
    ["PriorityClass high, a pod of it", pinned(["high"]), podOf({}, {}, { priorityClassName: "high" }), true],
    ["PriorityClass high, another pod", pinned(["high"]), podOf({}, {}, { priorityClassName: "low" }), false],
    ["PriorityClass high, a pod of none", pinned(["high"]), podOf(), false],
    [
      "CrossNamespacePodAffinity, a pod of such",
      { scopes: ["CrossNamespacePodAffinity"] },
      podOf(
        {},
        {},
        {
          affinity: {
            podAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "a", namespaces: ["x"] }],
            },
          },
        },
      ),
      true,
    ],
  ])("scope %s: charged %s", async (_what, spec, object, charged) => {
    const { plugin, used } = setup(quota("q", { pods: "9" }, {}, spec));
    await run(plugin, attributesOf({ object }));
    expect(used()).toEqual({ pods: charged ? "1" : "0" });
  });

  test("what is admitted is charged before it is stored", async () => {
    const { plugin, used } = setup(quota("q", { pods: "9", "requests.cpu": "9" }));
    await run(plugin, attributesOf({ object: podOf({ cpu: "250m" }) }));
    expect(used()).toEqual({ pods: "1", "requests.cpu": "250m" });
  });

  test("an init container that needs more counts instead, a sidecar besides", async () => {
    const { plugin, used } = setup(quota("q", { "requests.cpu": "9" }));
    const needs = (name: string, cpu: string, rest: object = {}) => ({
      name,
      resources: { requests: { cpu } },
      ...rest,
    });
    const object = podWith({
      containers: [needs("a", "1"), needs("b", "1")],
      initContainers: [needs("sidecar", "1", { restartPolicy: "Always" }), needs("init", "3")],
      overhead: { cpu: "500m" },
    });
    await run(plugin, attributesOf({ object }));
    expect(used()).toEqual({ "requests.cpu": "4500m" });
  });

  test("all quotas of the namespace must agree", async () => {
    const { plugin, used } = setup(quota("a", { pods: "9" }), quota("b", { pods: "0" }));
    expect(await verdictOf(plugin, attributesOf({ object: podWith() }))).toContain("exceeded quota: b");
    expect(used("a")).toEqual({ pods: "0" });
  });

  test("a hundred requests at once cannot slip past, and share their writes", async () => {
    const { plugin, used, writes } = setup(quota("q", { pods: "30" }));
    const attempts = Array.from({ length: 100 }, (_, index) =>
      verdictOf(plugin, attributesOf({ object: podWith({}, { name: `web-${index}` }) })),
    );
    const verdicts = await Promise.all(attempts);
    expect(verdicts.filter((verdict) => verdict === "admitted")).toHaveLength(30);
    expect(used()).toEqual({ pods: "30" });
    expect(writes.length).toBeLessThan(10);
  });

  test("a race that is lost is run again against what is stored now", async () => {
    const { plugin, used, lose, reader } = setup(quota("q", { pods: "2" }));
    lose(1);
    const verdict = verdictOf(plugin, attributesOf({ object: podWith() }));
    reader.put("resourcequotas", quota("q", { pods: "2" }, { pods: "1" }));
    expect(await verdict).toBe("admitted");
    expect(used()).toEqual({ pods: "2" });
  });

  test("races that are always lost end as 503", async () => {
    const { plugin, lose } = setup(quota("q", { pods: "2" }));
    lose(99);
    expect(await verdictOf(plugin, attributesOf({ object: podWith() }))).toMatch(/could not be updated/);
  });

  test("a dry run is checked and charged nothing", async () => {
    const { plugin, used } = setup(quota("q", { pods: "1" }));
    expect(await verdictOf(plugin, attributesOf({ object: podWith(), dryRun: true }))).toBe("admitted");
    expect(used()).toEqual({ pods: "0" });
    expect(
      await verdictOf(
        setup(quota("q", { pods: "0" })).plugin,
        attributesOf({ object: podWith(), dryRun: true }),
      ),
    ).toContain("exceeded");
  });

  test("a quota bounds nothing before its status says what, and lets nothing through without known usage", async () => {
    const fresh = coreObject("ResourceQuota", "q", {
      spec: { hard: { pods: "0" } },
    }) as ResourceQuotaObject;
    const pod = attributesOf({ object: podOf({ cpu: "1" }) });
    expect(await verdictOf(setup(fresh).plugin, pod)).toBe("admitted");
    const half = { ...fresh, status: { hard: { pods: "5", cpu: "1" } } };
    expect(await verdictOf(setup(half).plugin, pod)).toContain(
      "status unknown for quota: q, resources: cpu,pods",
    );
  });
});
