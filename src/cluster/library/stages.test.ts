import { expect, test } from "vitest";
import type { Node, Pod } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { createCluster } from "./create-cluster.ts";

const definition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "stages.kwok.x-k8s.io" },
  spec: {
    group: "kwok.x-k8s.io",
    names: { kind: "Stage", listKind: "StageList", plural: "stages", singular: "stage" },
    scope: "Cluster",
    versions: [
      {
        name: "v1alpha1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};

const stage = (name: string, kind: string, spec: object, apiGroup = "v1") => ({
  apiVersion: "kwok.x-k8s.io/v1alpha1",
  kind: "Stage",
  metadata: { name },
  spec: { resourceRef: { apiGroup, kind }, ...spec },
});

const is = (key: string, ...values: string[]) => ({ key, operator: "In", values });
const absent = (key: string) => ({ key, operator: "DoesNotExist" });

const podReady = stage("pod-ready", "Pod", {
  selector: { matchExpressions: [absent(".metadata.deletionTimestamp"), absent(".status.podIP")] },
  delay: { durationMilliseconds: 5_000 },
  next: {
    event: { type: "Normal", reason: "Staged", message: "up" },
    statusTemplate: `
{{ $now := Now }}
phase: Running
podIP: {{ PodIPWith .spec.nodeName false .metadata.uid .metadata.name .metadata.namespace | Quote }}
startTime: {{ $now | Quote }}
conditions:
- { type: Ready, status: "True", lastTransitionTime: {{ $now | Quote }} }
containerStatuses:
{{ range .spec.containers }}
- { name: {{ .name }}, image: {{ .image }}, imageID: "", ready: true, restartCount: 0, state: { running: { startedAt: {{ $now | Quote }} } } }
{{ end }}
`,
  },
});
const podFails = stage("pod-fails", "Pod", {
  selector: { matchLabels: { fails: "true" }, matchExpressions: [is(".status.phase", "Running")] },
  delay: { durationMilliseconds: 60_000 },
  next: { statusTemplate: "phase: Failed\nreason: Broken" },
});
const podDelete = stage("pod-delete", "Pod", {
  selector: { matchExpressions: [{ key: ".metadata.deletionTimestamp", operator: "Exists" }] },
  next: { finalizers: { empty: true }, delete: true },
});

const pod = (name: string, metadata: object = {}, spec: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", ...metadata },
  spec: { containers: [{ name: "main", image: "app" }], ...spec },
});

const podOf = async (cluster: Awaited<ReturnType<typeof createCluster>>, name: string) =>
  (await cluster.get("pod", name)) as unknown as Pod;

test("pods of simulated nodes go through the Stages that lie in the cluster", async () => {
  await using cluster = await createCluster({ clock: "virtual", seed: 1 });
  await cluster.apply(pod("before"));
  await cluster.clock.advance("1s");
  await cluster.apply([definition, podReady, podFails, podDelete]);
  await cluster.apply([pod("web"), pod("bad", { labels: { fails: "true" }, finalizers: ["example.com/x"] })]);
  await cluster.clock.advance("4s");
  expect((await podOf(cluster, "before")).status?.phase).toBe("Running");
  expect((await podOf(cluster, "web")).status).toMatchObject({ phase: "Pending" });
  await cluster.clock.advance("1s");
  const web = await podOf(cluster, "web");
  expect(web.status).toMatchObject({ phase: "Running", podIP: expect.stringMatching(/^10\.0\.0\.\d+$/) });
  // What the scheduler wrote is still there: the template is a strategic patch.
  expect(web.status?.conditions?.map(({ type }) => type).toSorted()).toEqual(["PodScheduled", "Ready"]);
  await cluster.clock.advance("1m");
  expect((await podOf(cluster, "bad")).status).toMatchObject({ phase: "Failed", reason: "Broken" });
  expect((await podOf(cluster, "web")).status?.phase).toBe("Running");
  await cluster.delete("pod", "bad");
  await cluster.delete("pod", "before");
  await cluster.clock.advance("1m");
  expect((await cluster.list("pods")).map(({ metadata }) => metadata.name)).toEqual(["web"]);
  const events = await cluster.client.resource(resources.events).list({ namespace: "default" });
  expect(events.items.filter(({ reason }) => reason === "Staged").length).toBe(2);
});

test("nodes without an agent live by Stages, with leases, and so do their pods", async () => {
  const nodeReady = stage("node-ready", "Node", {
    selector: {
      matchExpressions: [
        {
          key: '.status.conditions.[] | select( .type == "Ready" ) | .status',
          operator: "NotIn",
          values: ["True"],
        },
      ],
    },
    next: {
      statusTemplate: `
conditions:
{{ range NodeConditions }}
- { type: {{ .type }}, status: {{ .status | Quote }}, reason: {{ .reason }}, message: {{ .message | Quote }}, lastHeartbeatTime: {{ Now | Quote }}, lastTransitionTime: {{ Now | Quote }} }
{{ end }}
addresses: [{ type: Hostname, address: {{ NodeName }} }]
allocatable: { cpu: "4", memory: 8Gi, pods: "10" }
`,
    },
  });
  await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
  await cluster.apply([definition, nodeReady, podReady, podDelete]);
  const fake = { metadata: { name: "fake", annotations: { "kwok.x-k8s.io/node": "fake" } } };
  await cluster.apply([{ apiVersion: "v1", kind: "Node", ...fake }, pod("web")]);
  await cluster.clock.advance("10m");
  const node = (await cluster.get("node", "fake")) as unknown as Node;
  expect(node.status?.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
  expect(node.spec.taints).toBeUndefined();
  expect(await podOf(cluster, "web")).toMatchObject({
    spec: { nodeName: "fake" },
    status: { phase: "Running" },
  });
});

test("Stages tell how simulated nodes are, instead of their agents", async () => {
  const notReady = stage("not-ready", "Node", {
    selector: { matchLabels: { broken: "true" }, matchExpressions: [is(".status.phase", "Running")] },
    delay: { durationMilliseconds: 30_000 },
    next: {
      statusTemplate:
        'conditions: [{ type: Ready, status: "False", reason: nodeFailed, message: node failed }]',
    },
  });
  await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 2 });
  await cluster.apply([definition, notReady]);
  const broken = { metadata: { labels: { broken: "true" } } };
  await cluster.client.resource(resources.nodes).patch("node-1", broken, { type: "merge" });
  await cluster.clock.advance("5m");
  const ready = async (name: string) =>
    ((await cluster.get("node", name)) as unknown as Node).status?.conditions?.find(
      ({ type }) => type === "Ready",
    );
  expect(await ready("node-1")).toMatchObject({ status: "False", reason: "nodeFailed" });
  expect(await ready("node-2")).toMatchObject({ status: "True" });
});

test("objects of other kinds go through Stages of theirs", async () => {
  const done = stage("labelled", "ConfigMap", {
    selector: { matchExpressions: [absent('.metadata.labels["staged"]')] },
    next: { patches: [{ root: "metadata", template: "labels: { staged: {{ .metadata.name | Quote }} }" }] },
  });
  await using cluster = await createCluster({ clock: "virtual", seed: 1 });
  await cluster.apply([definition, done]);
  await cluster.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "default" } });
  await cluster.clock.advance("5s");
  expect((await cluster.get("configmap", "c")).metadata.labels).toEqual({ staged: "c" });
});

test("a Stage that cannot be followed is refused by an event that says why", async () => {
  await using cluster = await createCluster({ clock: "virtual", seed: 1 });
  const bad = stage("bad", "Pod", { selector: {}, next: { statusTemplate: "phase: {{ env }}" } });
  await cluster.apply([definition, bad]);
  await cluster.apply(pod("web"));
  await cluster.clock.advance("5s");
  const events = await cluster.client.resource(resources.events).list({ namespace: "default" });
  const [refused] = events.items.filter(({ reason }) => reason === "StageRefused");
  expect(refused).toMatchObject({ type: "Warning", involvedObject: { kind: "Stage", name: "bad" } });
  expect(refused?.message).toContain('function "env" not defined');
  // Nobody rules the pod, so its node's agent does.
  expect((await podOf(cluster, "web")).status?.phase).toBe("Running");
});

test("after a restart of the server Stages are followed as before", async () => {
  await using cluster = await createCluster({ clock: "virtual", seed: 1 });
  await cluster.apply([definition, podReady, podFails, podDelete]);
  await cluster.server.restart();
  await cluster.clock.advance("30s");
  await cluster.apply(pod("web"));
  await cluster.clock.advance("30s");
  expect((await podOf(cluster, "web")).status).toMatchObject({ phase: "Running", podIP: "10.0.0.1" });
});
