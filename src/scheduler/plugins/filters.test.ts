import { afterEach, describe, expect, test } from "vitest";
import type { PodSpec } from "../../api/types/core-v1.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import {
  claim,
  type NodeOptions,
  node,
  type PodOptions,
  pod,
  storageClass,
  volume,
} from "../testing/objects.ts";
import { TestScheduler } from "../testing/test-scheduler.ts";

/**
 * Each case: a pod, what there is, and the node that takes it, or why none does, in Kubernetes' words. What preemption
 * adds to the message has its own tests.
 */
interface Case {
  readonly name: string;
  readonly pod: PodOptions;
  readonly nodes: Readonly<Record<string, NodeOptions>>;
  readonly others?: readonly KubernetesObject[];
  /** The node, or undefined. */
  readonly on?: string;
  readonly message?: string;
}

const running: TestScheduler[] = [];

afterEach(() => {
  for (const scheduler of running.splice(0)) scheduler.stop();
});

function table(title: string, cases: readonly Case[]): void {
  describe(`plugin ${title}`, () => {
    for (const { name, pod: options, nodes, others = [], on, message } of cases) {
      test(`${title}: ${name}`, async () => {
        const scheduler = await TestScheduler.start(
          ...Object.entries(nodes).map(([nodeName, given]) => node(nodeName, given)),
          ...others,
          pod("subject", options),
        );
        running.push(scheduler);
        const why = scheduler.whyNot("subject")?.replace(/ ?preemption: .*/, "");
        expect({ on: scheduler.nodeOf("subject"), message: why }).toEqual({ on, message });
      });
    }
  });
}

const tainted = (key: string, effect: string, value = ""): NodeOptions => ({
  taints: [{ key, effect, value }],
});
const inZone = (zone: string): NodeOptions => ({ labels: { "topology.kubernetes.io/zone": zone } });

function nodeAffinity(required: object): Partial<PodSpec> {
  const requiredDuringSchedulingIgnoredDuringExecution = { nodeSelectorTerms: [required] };
  return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution } } };
}

table("NodeUnschedulable", [
  {
    name: "a cordoned node takes nothing",
    pod: {},
    nodes: { a: { unschedulable: true } },
    message: "0/1 nodes are available: 1 node(s) were unschedulable.",
  },
  {
    name: "unless the pod tolerates it",
    pod: { spec: { tolerations: [{ key: "node.kubernetes.io/unschedulable", operator: "Exists" }] } },
    nodes: { a: { unschedulable: true } },
    on: "a",
  },
]);

table("TaintToleration", [
  {
    name: "NoSchedule and NoExecute taints keep pods away, PreferNoSchedule does not",
    pod: {},
    nodes: {
      a: tainted("x", "NoSchedule"),
      b: tainted("y", "NoExecute"),
      c: tainted("z", "PreferNoSchedule"),
    },
    on: "c",
  },
  {
    name: "says how many nodes are tainted",
    pod: {},
    nodes: { a: tainted("x", "NoSchedule"), b: tainted("y", "NoExecute") },
    message: "0/2 nodes are available: 2 node(s) had untolerated taint(s).",
  },
  {
    name: "a toleration with the same value tolerates",
    pod: { spec: { tolerations: [{ key: "x", value: "1", effect: "NoSchedule" }] } },
    nodes: { a: tainted("x", "NoSchedule", "1") },
    on: "a",
  },
  {
    name: "one with another value does not",
    pod: { spec: { tolerations: [{ key: "x", value: "2" }] } },
    nodes: { a: tainted("x", "NoSchedule", "1") },
    message: "0/1 nodes are available: 1 node(s) had untolerated taint(s).",
  },
  {
    name: "one with Exists and no key tolerates all",
    pod: { spec: { tolerations: [{ operator: "Exists" }] } },
    nodes: { a: tainted("x", "NoExecute") },
    on: "a",
  },
  {
    name: "nodes with fewer soft taints are preferred",
    pod: {},
    nodes: { a: tainted("x", "PreferNoSchedule"), b: {} },
    on: "b",
  },
]);

table("NodeAffinity", [
  {
    name: "nodeSelector chooses by labels",
    pod: { spec: { nodeSelector: { disk: "ssd" } } },
    nodes: { a: {}, b: { labels: { disk: "ssd" } } },
    on: "b",
  },
  {
    name: "without a match says so",
    pod: { spec: { nodeSelector: { disk: "ssd" } } },
    nodes: { a: {}, b: { labels: { disk: "hdd" } } },
    message: "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
  },
  {
    name: "Gt compares numbers",
    pod: { spec: nodeAffinity({ matchExpressions: [{ key: "size", operator: "Gt", values: ["9"] }] }) },
    nodes: { a: { labels: { size: "8" } }, b: { labels: { size: "10" } } },
    on: "b",
  },
  {
    name: "NotIn matches a node without the label",
    pod: { spec: nodeAffinity({ matchExpressions: [{ key: "k", operator: "NotIn", values: ["x"] }] }) },
    nodes: { a: { labels: { k: "x" } }, b: {} },
    on: "b",
  },
  {
    name: "a node named by field is the only one that is looked at",
    pod: { spec: nodeAffinity({ matchFields: [{ key: "metadata.name", operator: "In", values: ["b"] }] }) },
    nodes: { a: {}, b: { unschedulable: true }, c: {} },
    message:
      "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't satisfy plugin(s) [NodeAffinity].",
  },
  {
    name: "an empty term matches no node",
    pod: { spec: nodeAffinity({}) },
    nodes: { a: {} },
    message: "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
  },
  {
    name: "the heavier preference wins",
    pod: {
      spec: {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 10, preference: { matchExpressions: [{ key: "k", operator: "In", values: ["a"] }] } },
              { weight: 90, preference: { matchExpressions: [{ key: "k", operator: "In", values: ["b"] }] } },
            ],
          },
        },
      },
    },
    nodes: { a: { labels: { k: "a" } }, b: { labels: { k: "b" } }, c: {} },
    on: "b",
  },
]);

table("NodePorts", [
  {
    name: "a port in use on the node is not free",
    pod: { hostPort: 80 },
    nodes: { a: {} },
    others: [pod("other", { on: "a", hostPort: 80 })],
    message: "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
  },
  {
    name: "another port, or another node, is",
    pod: { hostPort: 80 },
    nodes: { a: {}, b: {} },
    others: [pod("other", { on: "a", hostPort: 80 }), pod("third", { on: "b", hostPort: 81 })],
    on: "b",
  },
]);

table("NodeResourcesFit", [
  {
    name: "names each resource that lacks",
    pod: { cpu: "2", memory: "6Gi", requests: { "example.com/gpu": "1" } },
    nodes: { a: {} },
    others: [pod("other", { on: "a", cpu: "3", memory: "4Gi" })],
    message:
      "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient example.com/gpu, 1 Insufficient memory.",
  },
  {
    name: "counts reasons over nodes",
    pod: { cpu: "5" },
    nodes: { a: {}, b: tainted("x", "NoSchedule"), c: {} },
    message: "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu.",
  },
  {
    name: "a node takes no more pods than it allows",
    pod: {},
    nodes: { a: { pods: "1" } },
    others: [pod("other", { on: "a" })],
    message: "0/1 nodes are available: 1 Too many pods.",
  },
  {
    name: "finished pods take no room",
    pod: { cpu: "3" },
    nodes: { a: {} },
    others: [pod("done", { on: "a", cpu: "3", status: { phase: "Succeeded" } })],
    on: "a",
  },
  {
    name: "the emptier node is preferred",
    pod: { cpu: "1" },
    nodes: { a: {}, b: {} },
    others: [pod("other", { on: "a", cpu: "2", memory: "4Gi" })],
    on: "b",
  },
  {
    name: "a pod that would unbalance a node goes elsewhere",
    pod: { cpu: "1", memory: "4Gi" },
    nodes: { a: {}, b: {} },
    others: [
      pod("cpu", { on: "a", cpu: "2", memory: "1Gi" }),
      pod("memory", { on: "b", cpu: "1", memory: "3Gi" }),
    ],
    on: "a",
  },
]);

table("ImageLocality", [
  {
    name: "a node that has the large image is preferred",
    pod: { cpu: "100m", memory: "128Mi" },
    nodes: { a: {}, b: { images: [{ names: ["app:1"], sizeBytes: 900 * 1024 * 1024 }] }, c: {} },
    on: "b",
  },
]);

function spread(overrides: object = {}, labels: Record<string, string> = { app: "web" }): PodOptions {
  const constraint = {
    maxSkew: 1,
    topologyKey: "topology.kubernetes.io/zone",
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: { matchLabels: { app: "web" } },
    ...overrides,
  };
  return { labels, spec: { topologySpreadConstraints: [constraint] } };
}

const web = (name: string, on: string, options: PodOptions = {}): KubernetesObject =>
  pod(name, { on, labels: { app: "web" }, ...options });

table("PodTopologySpread", [
  {
    name: "goes where there are fewer",
    pod: spread(),
    nodes: { a: inZone("1"), b: inZone("2") },
    others: [web("w1", "a")],
    on: "b",
  },
  {
    name: "waits when the emptier zone has no room",
    pod: spread(),
    nodes: { a: inZone("1"), b: { ...inZone("2"), unschedulable: true } },
    others: [web("w1", "a")],
    message:
      "0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) were unschedulable.",
  },
  {
    name: "nodes without the label cannot take it",
    pod: spread(),
    nodes: { a: {} },
    message:
      "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label).",
  },
  {
    name: "pods of other namespaces and pods that are going away do not count",
    pod: spread(),
    nodes: { a: inZone("1"), b: { ...inZone("2"), unschedulable: true } },
    others: [
      web("w1", "a", { namespace: "other" }),
      web("w2", "a", { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }),
    ],
    on: "a",
  },
  {
    name: "too few domains count as an empty one",
    pod: spread({ minDomains: 2 }),
    nodes: { a: inZone("1") },
    others: [web("w1", "a")],
    message: "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints.",
  },
  {
    name: "zones that the pod's selector excludes do not count",
    pod: { ...spread(), spec: { ...spread().spec, nodeSelector: { "topology.kubernetes.io/zone": "1" } } },
    nodes: { a: inZone("1"), b: inZone("2") },
    others: [web("w1", "a")],
    on: "a",
  },
  {
    name: "matchLabelKeys parts the pods of one revision from those of another",
    pod: spread({ matchLabelKeys: ["rev"] }, { app: "web", rev: "2" }),
    nodes: { a: inZone("1"), b: { ...inZone("2"), unschedulable: true } },
    others: [web("w1", "a", { labels: { app: "web", rev: "1" } })],
    on: "a",
  },
  {
    name: "ScheduleAnyway only prefers",
    pod: spread({ whenUnsatisfiable: "ScheduleAnyway" }),
    nodes: { a: inZone("1"), b: { ...inZone("2"), unschedulable: true } },
    others: [web("w1", "a"), web("w2", "a")],
    on: "a",
  },
  {
    name: "pods of a Service are spread by default",
    pod: { labels: { app: "web" } },
    nodes: { a: {}, b: {} },
    others: [
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "web", namespace: "default" },
        spec: { selector: { app: "web" } },
      } as KubernetesObject,
      web("w1", "a"),
      pod("loner", { on: "b" }),
    ],
    on: "b",
  },
]);

function podAffinity(kind: "podAffinity" | "podAntiAffinity", overrides: object = {}): Partial<PodSpec> {
  const term = {
    topologyKey: "kubernetes.io/hostname",
    labelSelector: { matchLabels: { app: "web" } },
    ...overrides,
  };
  return { affinity: { [kind]: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } };
}

table("InterPodAffinity", [
  {
    name: "goes to the node that has the pod it wants",
    pod: { spec: podAffinity("podAffinity") },
    nodes: { a: {}, b: {} },
    others: [web("w1", "b")],
    on: "b",
  },
  {
    name: "cannot go anywhere without it",
    pod: { spec: podAffinity("podAffinity") },
    nodes: { a: {} },
    message: "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
  },
  {
    name: "the first of a group may start it",
    pod: { labels: { app: "web" }, spec: podAffinity("podAffinity") },
    nodes: { a: {} },
    on: "a",
  },
  {
    name: "stays away from what it does not want",
    pod: { spec: podAffinity("podAntiAffinity") },
    nodes: { a: {} },
    others: [web("w1", "a")],
    message: "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.",
  },
  {
    name: "stays away from pods that do not want it",
    pod: { labels: { app: "web" } },
    nodes: { a: {} },
    others: [pod("loner", { on: "a", spec: podAffinity("podAntiAffinity") })],
    message: "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
  },
  {
    name: "a term without namespaces means the pod's own",
    pod: { spec: podAffinity("podAntiAffinity") },
    nodes: { a: {} },
    others: [web("w1", "a", { namespace: "other" })],
    on: "a",
  },
  {
    name: "an empty namespace selector means all",
    pod: { spec: podAffinity("podAntiAffinity", { namespaceSelector: {} }) },
    nodes: { a: {} },
    others: [web("w1", "a", { namespace: "other" })],
    message: "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.",
  },
  {
    name: "a preference for company decides between equal nodes",
    pod: {
      spec: {
        affinity: {
          podAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              {
                weight: 100,
                podAffinityTerm: {
                  topologyKey: "kubernetes.io/hostname",
                  labelSelector: { matchLabels: { app: "web" } },
                },
              },
            ],
          },
        },
      },
    },
    nodes: { a: {}, b: {}, c: {} },
    others: [web("w1", "b"), pod("x", { on: "a" }), pod("y", { on: "c" })],
    on: "b",
  },
]);

table("VolumeRestrictions", [
  {
    name: "a claim for one pod only is not shared",
    pod: { claim: "data" },
    nodes: { a: {}, b: {} },
    others: [
      claim("data", { volume: "v", modes: ["ReadWriteOncePod"] }),
      volume("v", { phase: "Bound" }),
      pod("other", { on: "a", claim: "data" }),
    ],
    message:
      "0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.",
  },
]);

table("VolumeBinding", [
  {
    name: "goes where the bound volume is",
    pod: { claim: "data" },
    nodes: { a: {}, b: {} },
    others: [claim("data", { volume: "v" }), volume("v", { on: "b", phase: "Bound" })],
    on: "b",
  },
  {
    name: "waits when that node is gone",
    pod: { claim: "data" },
    nodes: { a: {} },
    others: [claim("data", { volume: "v" }), volume("v", { on: "b", phase: "Bound" })],
    message: "0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity.",
  },
  {
    name: "waits for a claim that is not there",
    pod: { claim: "data" },
    nodes: { a: {} },
    message: '0/1 nodes are available: persistentvolumeclaim "data" not found.',
  },
  {
    name: "waits for a claim that others bind",
    pod: { claim: "data" },
    nodes: { a: {} },
    others: [claim("data"), storageClass("local", { volumeBindingMode: "Immediate" })],
    message: "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
  },
  {
    name: "does not start on a claim that is being deleted",
    pod: { claim: "data" },
    nodes: { a: {} },
    others: [
      claim("data", {
        volume: "v",
        metadata: { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["x"] },
      }),
    ],
    message: '0/1 nodes are available: persistentvolumeclaim "data" is being deleted.',
  },
  {
    name: "waits for the claim of an ephemeral volume",
    pod: { spec: { volumes: [{ name: "scratch", ephemeral: {} }] } },
    nodes: { a: {} },
    message:
      '0/1 nodes are available: waiting for ephemeral volume controller to create the persistentvolumeclaim "subject-scratch".',
  },
  {
    name: "says when the bound volume does not exist",
    pod: { claim: "data" },
    nodes: { a: {} },
    others: [claim("data", { volume: "gone" })],
    message:
      "0/1 nodes are available: 1 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).",
  },
  {
    name: "a class without provisioner needs a volume that is there",
    pod: { claim: "data" },
    nodes: { a: {} },
    others: [
      claim("data", { size: "2Gi" }),
      volume("small"),
      storageClass("local", { provisioner: "kubernetes.io/no-provisioner" }),
    ],
    message: "0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind.",
  },
]);
