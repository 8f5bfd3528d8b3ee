import { expect, it } from "vitest";
import type { ObjectMeta } from "../../src/apimachinery/meta-v1.ts";
import type { KubernetesObject, UnstructuredObject } from "../../src/apimachinery/object.ts";
import { type ResourceReference } from "../../src/client/client.ts";
import { resources } from "../../src/client/resources.ts";
import type { SavedRuntime } from "../../src/cri/simulated/index.ts";
import { History, keyOfObject } from "./history.ts";
import { holdFinalizer, newInvariants } from "./invariants.ts";
import { Ledger } from "./ledger.ts";
import { things } from "./objects.ts";
import { Follower } from "./watchers.ts";

/** An object, or with `gone` its removal. */
type Step = UnstructuredObject | { readonly gone: UnstructuredObject };

interface Case {
  readonly steps: readonly Step[];
  readonly runtimes?: Readonly<Record<string, readonly RunningPod[]>>;
  /** Of the steps; by default each has the one after the last. */
  readonly revisions?: readonly number[];
}

interface RunningPod {
  readonly uid: string;
  readonly name?: string;
  readonly ip?: string;
}

const references: readonly ResourceReference[] = [...Object.values(resources), things];
function referenceOf({ apiVersion, kind }: KubernetesObject): ResourceReference {
  const found = references.find(
    (each) =>
      each.kind === kind &&
      apiVersion === (each.group === "" ? each.version : `${each.group}/${each.version}`),
  );
  if (found === undefined) throw new Error(`no resource of ${kind}`);
  return found;
}

let born = 0;
function object(
  apiVersion: string,
  kind: string,
  metadata: ObjectMeta,
  rest: object = {},
): UnstructuredObject {
  const identity = {
    namespace: "default",
    name: "x",
    uid: `uid-${++born}`,
    creationTimestamp: "2026-01-01T00:00:00Z",
  };
  return { apiVersion, kind, metadata: { ...identity, ...metadata }, ...rest };
}
const clusterWide = (
  apiVersion: string,
  kind: string,
  name: string,
  rest: object = {},
  more: ObjectMeta = {},
) => object(apiVersion, kind, { name, namespace: undefined, ...more }, rest);
const owner = (kind: string, uid: string, name = "x") => ({
  apiVersion: "v1",
  kind,
  name,
  uid,
  controller: true,
});
const ready = { conditions: [{ type: "Ready", status: "True" }] };
const pod = (
  metadata: ObjectMeta,
  status: object = {},
  spec: object = { nodeName: "node-1", containers: [] },
) => object("v1", "Pod", metadata, { spec, status: { phase: "Running", ...ready, ...status } });
const service = (metadata: ObjectMeta, spec: object) => object("v1", "Service", metadata, { spec });
const claim = (metadata: ObjectMeta, volumeName: string) =>
  object("v1", "PersistentVolumeClaim", metadata, { spec: { volumeName }, status: { phase: "Bound" } });
const going = { deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: 30 };
const over = (type: string) => ({ conditions: [{ type, status: "True" }] });

function runtimeOf(pods: readonly RunningPod[]): SavedRuntime {
  const sandboxes = pods.map(({ uid, name = "x", ip }) => ({
    id: uid,
    config: { uid, name, namespace: "default" },
    createdAtMs: 0,
    ips: ip === undefined ? [] : [ip],
    ready: true,
  }));
  return {
    sandboxes,
    containers: [],
    addresses: { next: 0, returned: [] },
    logs: {},
  } as unknown as SavedRuntime;
}

/** What is wrong with the history, whose steps are a minute apart, each with the name of the invariant. */
function breaches({ steps, runtimes = {}, revisions }: Case): string[] {
  const history = new History();
  const running = new Map(Object.entries(runtimes).map(([node, pods]) => [node, runtimeOf(pods)]));
  const world = {
    history,
    runtimes: running,
    nowMs: Date.parse("2026-01-01T01:00:00Z"),
    released: new Set<string>(),
    forced: new Set<string>(),
  };
  const invariants = newInvariants();
  const found: string[] = [];
  for (const [index, step] of steps.entries()) {
    const subject = "gone" in step ? (step.gone as UnstructuredObject) : step;
    const key = keyOfObject(referenceOf(subject), subject.metadata);
    const change = history.apply(key, "gone" in step ? undefined : subject, revisions?.[index]);
    for (const { name, always } of invariants)
      for (const text of always?.(change, world) ?? []) found.push(`${name}: ${text}`);
    world.nowMs += 60_000;
  }
  for (const { name, anytime, atRest } of invariants) {
    for (const text of [...(anytime?.(world) ?? []), ...(atRest?.(world) ?? [])])
      found.push(`${name}: ${text}`);
  }
  return found;
}

const deployment = object("apps/v1", "Deployment", {}, { spec: { replicas: 2 }, status: { replicas: 1 } });
const job = (status: object, spec: object = {}) =>
  object(
    "batch/v1",
    "Job",
    { name: "j", uid: "job" },
    { spec: { completions: 1, template: { spec: { containers: [] } }, ...spec }, status },
  );
const cronJobWithUnlisted = (spec: object) => [
  object("batch/v1", "CronJob", { uid: "cron" }, { spec }),
  object("batch/v1", "Job", { ownerReferences: [owner("CronJob", "cron")] }, { spec: {}, status: {} }),
];
const quota = object(
  "v1",
  "ResourceQuota",
  {},
  {
    spec: { hard: { configmaps: "1" } },
    status: { hard: { "count/configmaps": "1" }, used: { "count/configmaps": "1" } },
  },
);
const heldMap = object("v1", "ConfigMap", { finalizers: [holdFinalizer] });
const set = (kind: string, spec: object, status: object) => object("apps/v1", kind, {}, { spec, status });

it.each<[string, Case]>([
  ["revisions-follow", { steps: [pod({}), pod({ name: "y" })], revisions: [1, 3] }],
  ["identity", { steps: [pod({ uid: "a" }), pod({ uid: "b" })] }],
  ["identity", { steps: [pod({ uid: "a" }), pod({ uid: "a", name: "y" })] }],
  ["identity", { steps: [pod({ uid: "a", generation: 2 }), pod({ uid: "a", generation: 1 })] }],
  ["deletion-is-final", { steps: [pod({ uid: "a", ...going }), pod({ uid: "a" })] }],
  [
    "deletion-is-final",
    { steps: [pod({ uid: "a", ...going }), pod({ uid: "a", ...going, finalizers: ["new"] })] },
  ],
  ["finalizers-hold", { steps: [heldMap, { gone: heldMap }] }],
  [
    "bound-once",
    { steps: [pod({ uid: "a" }), pod({ uid: "a" }, {}, { nodeName: "node-2", containers: [] })] },
  ],
  ["ended-for-good", { steps: [pod({ uid: "a" }, { phase: "Failed" }), pod({ uid: "a" })] }],
  ["ended-for-good", { steps: [job(over("Complete")), job({})] }],
  ["pod-addresses", { steps: [pod({}, { podIP: "10.0.0.1" }), pod({ name: "y" }, { podIP: "10.0.0.1" })] }],
  [
    "pod-ranges",
    {
      steps: ["a", "b"].map((name) => clusterWide("v1", "Node", name, { spec: { podCIDR: "10.0.0.0/24" } })),
    },
  ],
  [
    "service-addresses",
    { steps: ["a", "b"].map((name) => service({ name }, { clusterIPs: ["10.96.0.9"] })) },
  ],
  [
    "node-ports",
    { steps: ["a", "b"].map((name) => service({ name }, { ports: [{ port: 80, nodePort: 30_001 }] })) },
  ],
  [
    "quotas-hold",
    { steps: [quota, object("v1", "ConfigMap", { name: "a" }), object("v1", "ConfigMap", { name: "b" })] },
  ],
  ["jobs-count-once", { steps: [job({ succeeded: 1 })] }],
  [
    "jobs-count-once",
    {
      steps: [
        pod({ ownerReferences: [owner("Job", "job")] }, { phase: "Succeeded" }),
        job({ succeeded: 1 }),
        job({ succeeded: 0 }),
      ],
    },
  ],
  ["runs-where-it-is-bound", { steps: [pod({ uid: "a" })], runtimes: { "node-2": [{ uid: "a" }] } }],
  ["runs-where-it-is-bound", { steps: [], runtimes: { "node-1": [{ uid: "a" }], "node-2": [{ uid: "a" }] } }],
  [
    "runs-where-it-is-bound",
    {
      steps: [],
      runtimes: {
        "node-1": [
          { uid: "a", ip: "10.0.0.1" },
          { uid: "b", ip: "10.0.0.1" },
        ],
      },
    },
  ],
  [
    "one-of-each-identity",
    {
      steps: ["node-1", "node-2"].map((name) => clusterWide("v1", "Node", name, { spec: {} })),
      runtimes: { "node-1": [{ uid: "a" }], "node-2": [{ uid: "b" }] },
    },
  ],
  ["nothing-stuck", { steps: [pod(going)] }],
  ["no-orphans", { steps: [pod({ ownerReferences: [owner("ReplicaSet", "nobody")] })] }],
  ["namespaces-whole", { steps: [pod({ namespace: "nowhere" })] }],
  ["namespaces-whole", { steps: [clusterWide("v1", "Namespace", "bare")] }],
  ["nodes-ready", { steps: [], runtimes: { "node-1": [] } }],
  [
    "nodes-ready",
    {
      steps: [
        clusterWide("v1", "Node", "node-1", {
          spec: { taints: [{ key: "a", effect: "NoSchedule" }] },
          status: ready,
        }),
      ],
      runtimes: { "node-1": [] },
    },
  ],
  ["pods-run", { steps: [pod({})], runtimes: { "node-1": [] } }],
  ["pods-run", { steps: [pod({}, {}, { containers: [] })] }],
  ["pods-run", { steps: [pod({ uid: "a" }, { conditions: [] })], runtimes: { "node-1": [{ uid: "a" }] } }],
  ["pods-run", { steps: [], runtimes: { "node-1": [{ uid: "nobody" }] } }],
  ["deployments-converge", { steps: [deployment] }],
  ["replicasets-converge", { steps: [set("ReplicaSet", { replicas: 1, selector: {} }, { replicas: 0 })] }],
  [
    "statefulsets-converge",
    { steps: [set("StatefulSet", { replicas: 1 }, { replicas: 1, readyReplicas: 1, availableReplicas: 1 })] },
  ],
  [
    "daemonsets-converge",
    { steps: [clusterWide("v1", "Node", "node-1", { spec: {} }), set("DaemonSet", {}, { numberReady: 1 })] },
  ],
  ["jobs-finish", { steps: [job({})] }],
  ["jobs-finish", { steps: [job({ ...over("Complete"), succeeded: 0, completionTime: "now" })] }],
  [
    "cronjobs-know-their-jobs",
    { steps: [object("batch/v1", "CronJob", {}, { spec: {}, status: { active: [{ name: "gone" }] } })] },
  ],
  ["cronjobs-know-their-jobs", { steps: cronJobWithUnlisted({ suspend: false }) }],
  [
    "endpoints-are-ready-pods",
    {
      steps: [service({}, { selector: { app: "a" } }), pod({ labels: { app: "a" } }, { podIP: "10.0.0.1" })],
    },
  ],
  [
    "endpoints-are-ready-pods",
    {
      steps: [
        object("discovery.k8s.io/v1", "EndpointSlice", {
          labels: { "kubernetes.io/service-name": "gone" },
          ownerReferences: [owner("Service", "gone")],
        }),
      ],
    },
  ],
  [
    "quota-status-is-usage",
    {
      steps: [
        object(
          "v1",
          "ResourceQuota",
          {},
          { spec: { hard: { pods: "3" } }, status: { hard: { pods: "3" }, used: { pods: "1" } } },
        ),
      ],
    },
  ],
  [
    "budgets-are-current",
    {
      steps: [
        object(
          "policy/v1",
          "PodDisruptionBudget",
          {},
          { spec: { selector: {} }, status: { currentHealthy: 2 } },
        ),
      ],
    },
  ],
  ["volumes-are-bound-one-to-one", { steps: [claim({ name: "a" }, "v"), claim({ name: "b" }, "v")] }],
  [
    "volumes-are-bound-one-to-one",
    { steps: [clusterWide("v1", "PersistentVolume", "v", { spec: { claimRef: { uid: "gone" } } })] },
  ],
  ["service-addresses-are-recorded", { steps: [service({}, { clusterIPs: ["10.96.0.9"] })] }],
  ["definitions-rule", { steps: [object("simulation.sampan.dev/v1", "Thing", {})] }],
])("%s can fail: %#", (name, broken) => {
  expect(breaches(broken).map((text) => text.split(":")[0])).toContain(name);
});

it("every invariant has a name of its own and a claim, and is judged at some time", () => {
  const invariants = newInvariants();
  expect(new Set(invariants.map(({ name }) => name)).size).toBe(invariants.length);
  for (const { claim: text, always, anytime, atRest } of invariants) {
    expect(text).toMatch(/^[A-Z].*\.$/);
    expect(always ?? anytime ?? atRest).toBeDefined();
  }
});

it("a history in order breaks none", () => {
  const node = clusterWide("v1", "Node", "node-1", { spec: {}, status: ready });
  const space = clusterWide("v1", "Namespace", "default");
  const account = object("v1", "ServiceAccount", { name: "default" });
  const root = object("v1", "ConfigMap", { name: "kube-root-ca.crt" });
  const steps = [node, space, account, root, pod({ uid: "a" }, { podIP: "10.0.0.1" })];
  expect(breaches({ steps, runtimes: { "node-1": [{ uid: "a", ip: "10.0.0.1" }] } })).toEqual([]);
});

it("a pod that fails again and again need not be ready where it is to end", () => {
  const spec = { nodeName: "node-1", containers: [], restartPolicy: "OnFailure" };
  const steps = [pod({ uid: "a" }, { conditions: [] }, spec)];
  const told = breaches({ steps, runtimes: { "node-1": [{ uid: "a" }] } });
  expect(told.filter((text) => text.startsWith("pods-run"))).toEqual([]);
});

it("a CronJob that is suspended need not know its last Job", () => {
  const told = breaches({ steps: cronJobWithUnlisted({ suspend: true }) });
  expect(told.filter((text) => text.startsWith("cronjobs-know-their-jobs"))).toEqual([]);
});

it.each<[string, string, string[]]>([
  ["is held while a quota has no room for the next", "1", []],
  ["is not held when there is room", "2", ["jobs-finish", "nothing-stuck"]],
])("the last failed pod of an index %s", (_, hard, complaints) => {
  const held = {
    ...going,
    ownerReferences: [owner("Job", "job", "j")],
    labels: { "batch.kubernetes.io/job-completion-index": "0" },
    finalizers: ["batch.kubernetes.io/job-tracking"],
  };
  const steps = [
    job({}, { backoffLimitPerIndex: 1, completionMode: "Indexed" }),
    pod({ name: "j-0-a", ...held }, { phase: "Failed" }),
    pod({ name: "other" }),
    object("v1", "ResourceQuota", { name: "q" }, { spec: { hard: { pods: hard } } }),
  ];
  const told = breaches({ steps }).map((text) => text.split(":")[0] ?? "");
  expect([...new Set(told)].filter((name) => /^(jobs-finish|nothing-stuck)$/.test(name)).toSorted()).toEqual(
    complaints,
  );
});

it("a write that was acknowledged and is not in the history is told, and one with another content", async () => {
  const history = new History();
  const ledger = new Ledger();
  const answer = (resourceVersion: string, data: string) =>
    object("v1", "ConfigMap", { uid: "a", resourceVersion }, { data: { data } });
  const send = async (body: unknown): Promise<void> => {
    const transport = ledger.over({
      request: () => Promise.resolve({ status: 200, body, warnings: [] }),
      watch: () => {
        throw new Error("no watch");
      },
      stream: () => Promise.reject(new Error("no stream")),
      connect: () => Promise.reject(new Error("no connection")),
    });
    await transport.request({ method: "POST", path: "/api/v1/namespaces/default/configmaps" });
  };
  const { resourceVersion: _, ...metadata } = answer("1", "a").metadata;
  history.apply("/registry/core/configmaps/default/x", { ...answer("1", "a"), metadata });
  await send(answer("1", "a"));
  expect([...ledger.settle(history)]).toEqual([]);
  await send(answer("7", "a"));
  await send(answer("1", "b"));
  expect([...ledger.settle(history)]).toEqual([
    expect.stringContaining("at revision 7, which is not in the history"),
    expect.stringContaining("with another content than the store's: .data"),
  ]);
});

it.each<[string, number[], RegExp]>([
  ["nothing is missing", [1, 2], /^$/],
  ["an event is missing", [2], /instead of ADDED/],
  ["the last event is missing", [1], /was not told of MODIFIED/],
])("a watch is judged: %s", async (_, told, complaint) => {
  const history = new History();
  const [first, second] = ["1", "2"].map((data) =>
    object("v1", "ConfigMap", { uid: "a" }, { data: { data } }),
  );
  const events = [first, second].map((each, index) => ({
    type: index === 0 ? ("ADDED" as const) : ("MODIFIED" as const),
    object: { ...each, metadata: { ...each?.metadata, resourceVersion: String(index + 1) } },
  }));
  for (const each of [first, second]) history.apply("/registry/core/configmaps/default/x", each);
  const watched = Promise.withResolvers<void>();
  const client = {
    resource: () => ({
      list: () => Promise.resolve({ metadata: { resourceVersion: "0" }, items: [] }),
      async *watch() {
        for (const revision of told) yield events[revision - 1];
        watched.resolve();
        await new Promise(() => undefined);
      },
    }),
  } as unknown as ConstructorParameters<typeof Follower>[1]["client"];
  const follower = new Follower(resources.configmaps, {
    client,
    labelSelector: "",
    pause: () => watched.promise,
  });
  void follower.run();
  await watched.promise;
  const found = [...follower.judge(history, true)].join();
  expect(found).toMatch(complaint);
});
