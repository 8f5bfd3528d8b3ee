import { expect, test } from "vitest";
import type { Pod } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { createCluster } from "./create-cluster.ts";

const definitionOf = (kind: string, plural: string, scope = "Cluster", group = "kwok.x-k8s.io") => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
    scope,
    versions: [
      {
        name: "v1alpha1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
});

const definition = definitionOf("Stage", "stages");

const stage = (name: string, kind: string, spec: object, apiGroup = "v1") => ({
  apiVersion: "kwok.x-k8s.io/v1alpha1",
  kind: "Stage",
  metadata: { name },
  spec: { resourceRef: { apiGroup, kind }, ...spec },
});

const absent = (key: string) => ({ matchExpressions: [{ key, operator: "DoesNotExist" }] });

const configMap = (name: string, annotations: Record<string, string> = {}) => ({
  apiVersion: "v1" as const,
  kind: "ConfigMap" as const,
  metadata: { name, namespace: "default", annotations },
});

const slow = { timeout: 300_000 };

type Cluster = Awaited<ReturnType<typeof createCluster>>;

const eventsOf = async (cluster: Cluster, wanted: string) =>
  (await cluster.client.resource(resources.events).list()).items.filter(({ reason }) => reason === wanted);

test("steps are done in the name of users, who may do what they may", slow, async () => {
  const patch = (template: string, username: string) => ({
    patch: { root: "metadata", type: "merge", template, impersonation: { username } },
  });
  await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
  const role = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "edit" };
  await cluster.apply([
    definition,
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "jane", namespace: "default" },
      roleRef: role,
      subjects: [{ apiGroup: role.apiGroup, kind: "User", name: "jane" }],
    },
    stage("named", "ConfigMap", {
      selector: absent(".metadata.labels.by"),
      steps: [patch("labels: { by: jane }", "jane"), patch("labels: { by: nobody }", "nobody")],
    }),
    configMap("c"),
  ]);
  await cluster.clock.advance("5s");
  expect((await cluster.get("configmap", "c")).metadata.labels).toEqual({ by: "jane" });
  const [failed] = (await eventsOf(cluster, "StageFailed")).filter(
    ({ involvedObject }) => involvedObject.name === "c",
  );
  expect(failed?.message).toContain('configmaps "c" is forbidden: User "nobody" cannot patch');
});

test("objects of their own are made, and changed where they are there", slow, async () => {
  const template = (value: string) => `
apiVersion: v1
kind: ConfigMap
metadata: { name: "{{ .metadata.name }}-copy" }
data: { value: ${value} }
`;
  const original = { matchLabels: { original: "true" } };
  await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
  const c = configMap("c");
  await cluster.apply([
    definition,
    stage("copied", "ConfigMap", {
      selector: { ...original, ...absent(".metadata.labels.done") },
      steps: [
        { apply: { template: template("first") } },
        { apply: { template: template("second"), type: "merge" } },
        { patch: { root: "metadata", template: 'labels: { done: "true" }' } },
      ],
    }),
    { ...c, metadata: { ...c.metadata, labels: { original: "true" } } },
  ]);
  await cluster.clock.advance("5s");
  expect(await cluster.get("configmap", "c-copy")).toMatchObject({ data: { value: "second" } });
  expect((await cluster.get("configmap", "c")).metadata.labels).toMatchObject({ done: "true" });
});

test("what the server could not do for now is done later, and no more than once", slow, async () => {
  await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
  await cluster.apply([
    definition,
    stage("labelled", "ConfigMap", {
      selector: absent(".metadata.labels.staged"),
      steps: [
        { event: { type: "Normal", reason: "Staged", message: "once" } },
        { patch: { root: "metadata", template: 'labels: { staged: "true" }' } },
      ],
    }),
  ]);
  await cluster.clock.advance("5s");
  cluster.faults.add({ verb: "patch", resource: "configmaps", times: 3, error: "ServiceUnavailable" });
  await cluster.client.resource(resources.configmaps).create(configMap("c"));
  await cluster.clock.advance("1s");
  expect((await cluster.get("configmap", "c")).metadata.labels).toBeUndefined();
  await cluster.clock.advance("1m");
  expect((await cluster.get("configmap", "c")).metadata.labels).toEqual({ staged: "true" });
  const staged = (await eventsOf(cluster, "Staged")).filter(
    ({ involvedObject }) => involvedObject.name === "c",
  );
  expect(staged.map(({ count }) => count)).toEqual([1]);
});

test("a change while a delay runs begins it anew", slow, async () => {
  await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
  await cluster.apply([
    definition,
    stage("late", "ConfigMap", {
      selector: absent(".metadata.labels.late"),
      delay: { durationMilliseconds: 10_000 },
      next: { patches: [{ root: "metadata", template: 'labels: { late: "true" }' }] },
    }),
    configMap("c"),
  ]);
  await cluster.clock.advance("8s");
  await cluster.apply(configMap("c", { changed: "true" }));
  await cluster.clock.advance("8s");
  expect((await cluster.get("configmap", "c")).metadata.labels).toBeUndefined();
  await cluster.clock.advance("4s");
  expect((await cluster.get("configmap", "c")).metadata.labels).toEqual({ late: "true" });
});

test("Stages may be there before the definition of what they are for", slow, async () => {
  await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
  const group = "example.com";
  const ready = { selector: absent(".status.ready"), next: { statusTemplate: "ready: true" } };
  await cluster.apply([definition, stage("ready", "Widget", ready, `${group}/v1alpha1`)]);
  await cluster.clock.advance("10s");
  const [waits] = await eventsOf(cluster, "StageWaits");
  expect(waits).toMatchObject({ involvedObject: { kind: "Stage", name: "ready" } });
  expect(waits?.message).toContain("Widget of example.com/v1alpha1 is not served");
  await cluster.apply(definitionOf("Widget", "widgets", "Namespaced", group));
  await cluster.clock.advance("10s");
  const metadata = { name: "w", namespace: "default" };
  await cluster.apply({ apiVersion: `${group}/v1alpha1`, kind: "Widget", metadata });
  await cluster.clock.advance("10s");
  expect(await cluster.get("widget", "w")).toMatchObject({ status: { ready: true } });
});

test("kwok's other kinds are refused by an event that names what there is instead", slow, async () => {
  await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
  await cluster.apply([
    definition,
    definitionOf("Logs", "logs", "Namespaced"),
    definitionOf("ClusterExec", "clusterexecs"),
  ]);
  const apiVersion = "kwok.x-k8s.io/v1alpha1";
  await cluster.apply([
    { apiVersion, kind: "Logs", metadata: { name: "l", namespace: "default" } },
    { apiVersion, kind: "ClusterExec", metadata: { name: "e" } },
  ]);
  await cluster.clock.advance("10s");
  const told = (await eventsOf(cluster, "NotFollowed")).map(({ involvedObject, message = "" }) => ({
    kind: involvedObject.kind,
    message,
  }));
  expect(told.find(({ kind }) => kind === "Logs")?.message).toContain("simulated.sampan.dev/log");
  expect(told.find(({ kind }) => kind === "ClusterExec")?.message).toContain("nothing runs");
});

test("pods have addresses of their own, of their node's range where it has one", slow, async () => {
  const up = "phase: Running\npodIP: {{ PodIP | Quote }}\npodIPs: [{ ip: {{ PodIP | Quote }} }]";
  const node = (name: string, podCIDR?: string) => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, annotations: { "kwok.x-k8s.io/node": "fake" } },
    ...(podCIDR !== undefined && { spec: { podCIDR, podCIDRs: [podCIDR] } }),
  });
  const pod = (name: string, nodeName: string) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: { nodeName, containers: [{ name: "main", image: "app" }] },
  });
  await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
  await cluster.apply([
    definition,
    stage("up", "Pod", { selector: absent(".status.podIP"), next: { statusTemplate: up } }),
    node("ranged", "10.3.7.0/24"),
    node("plain"),
  ]);
  await cluster.clock.advance("1s");
  await cluster.apply([pod("a", "ranged"), pod("b", "ranged"), pod("c", "plain")]);
  await cluster.clock.advance("5s");
  const pods = (await cluster.list("pods")) as unknown as Pod[];
  expect(pods.map(({ status }) => status?.podIP ?? "")).toEqual(["10.3.7.1", "10.3.7.2", "10.0.0.1"]);
});
