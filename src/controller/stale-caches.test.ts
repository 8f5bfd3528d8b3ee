import { afterEach, expect, it } from "vitest";
import type { ControllerRevision, DaemonSet, StatefulSet } from "../api/types/apps-v1.ts";
import { findCondition } from "../apimachinery/conditions.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import { newForbidden } from "../apimachinery/status.ts";
import { resources } from "../client/resources.ts";
import { cronJobController } from "./cronjob/index.ts";
import { daemonSetController } from "./daemonset/index.ts";
import { endpointSliceController } from "./endpointslice/index.ts";
import { jobController } from "./job/index.ts";
import { replicaSetController } from "./replicaset/index.ts";
import { replicationControllerController } from "./replicationcontroller/index.ts";
import { statefulSetController } from "./statefulset/index.ts";
import { type ControllerRun, runControllers } from "./testing/run-controllers.ts";
import { newEndpointPod, newNode, newService } from "./testing/services.ts";

const minuteMs = 60_000;

let run: ControllerRun;
afterEach(async () => run.stop());

const labels = { app: "web" };
const workload = (
  apiVersion: string,
  kind: string,
  spec: Record<string, unknown> = {},
): UnstructuredObject => ({
  apiVersion,
  kind,
  metadata: { name: "web", namespace: "default", uid: "owner-1" },
  spec: {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: "main", image: "v1" }] } },
    ...spec,
  },
});

/** Requests of the method for the resource, or for one object of it. */
const asked = (method: string, plural: string, name = ""): number =>
  run.transport.requests.filter(
    ({ method: asked, path, query }) =>
      asked === method &&
      query?.["watch"] !== "true" &&
      path.endsWith(name === "" ? `/${plural}` : `/${plural}/${name}`),
  ).length;

it.each([
  ["a ReplicaSet", replicaSetController, workload("apps/v1", "ReplicaSet", { replicas: 2 })],
  [
    "a ReplicationController",
    replicationControllerController,
    workload("v1", "ReplicationController", { replicas: 2, selector: labels }),
  ],
  [
    "a StatefulSet",
    statefulSetController,
    workload("apps/v1", "StatefulSet", { replicas: 2, podManagementPolicy: "Parallel" }),
  ],
  ["a DaemonSet", daemonSetController, workload("apps/v1", "DaemonSet")],
  ["a Job", jobController, workload("batch/v1", "Job", { completions: 2, parallelism: 2 })],
])("%s makes no pod twice, however long its cache is behind", async (_, controller, object) => {
  run = runControllers([controller]);
  run.transport.seed(newNode("n1"), newNode("n2"));
  await run.settle();
  const release = await run.holdBack("pods");
  run.transport.seed(object);
  await run.settle(20 * minuteMs);
  // Somebody has it look again.
  for (const name of ["n1", "n2"])
    run.transport.modify(resources.nodes, name, ({ metadata }) => (metadata.labels = { a: "b" }));
  await run.settle(20 * minuteMs);
  expect(asked("POST", "pods")).toBe(2);
  await release();
  expect(run.transport.list(resources.pods)).toHaveLength(2);
  // What waited goes on.
  for (const { metadata } of run.transport.list(resources.pods))
    run.transport.remove(resources.pods, metadata.name ?? "");
  await run.settle(10 * minuteMs);
  expect(run.transport.list(resources.pods)).toHaveLength(2);
});

it("a ReplicaSet that its cache shows as before its status was written is not decided by", async () => {
  run = runControllers([replicaSetController]);
  run.transport.seed(workload("apps/v1", "ReplicaSet", { replicas: 1 }));
  await run.settle();
  const release = await run.holdBack("replicasets");
  const allow = run.transport.react(({ method, path }) => {
    if (method !== "POST" || !path.endsWith("/pods")) return;
    throw newForbidden({ group: "", resource: "pods" }, "", "no");
  });
  const failedAt = (): unknown =>
    findCondition(run.transport.get(resources.replicasets, "web")?.status?.conditions, "ReplicaFailure")
      ?.lastTransitionTime;
  run.transport.remove(resources.pods, run.transport.list(resources.pods)[0]?.metadata.name ?? "");
  await run.settle();
  const first = failedAt();
  expect(first).toBeDefined();
  await run.settle(10 * minuteMs);
  expect(failedAt()).toBe(first);
  allow();
  await release();
  await run.settle(20 * minuteMs);
  expect(run.transport.list(resources.pods)).toHaveLength(1);
  expect(failedAt()).toBeUndefined();
});

it("a StatefulSet that its cache shows as before its status was written is not decided by", async () => {
  run = runControllers([statefulSetController]);
  run.transport.seed(workload("apps/v1", "StatefulSet", { replicas: 2, podManagementPolicy: "Parallel" }));
  await run.settle();
  const release = await run.holdBack("statefulsets");
  const end = async (name: string): Promise<void> => {
    run.transport.modify(
      resources.pods,
      name,
      (pod) => (pod.status = { phase: "Running", conditions: [{ type: "Ready", status: "True" }] }),
    );
    await run.settle();
  };
  const before = asked("GET", "statefulsets", "web");
  await end("web-0");
  await end("web-1");
  await run.settle(minuteMs);
  // Who writes by an old state meets a conflict, and has to ask.
  expect(asked("GET", "statefulsets", "web")).toBe(before);
  await release();
  expect(run.transport.get(resources.statefulsets, "web")?.status).toMatchObject({ readyReplicas: 2 });
});

it("a StatefulSet writes no claim twice while its cache of claims is behind", async () => {
  run = runControllers([statefulSetController]);
  const volumeClaimTemplates = [{ metadata: { name: "data" }, spec: {} }];
  run.transport.seed(workload("apps/v1", "StatefulSet", { replicas: 1, volumeClaimTemplates }));
  await run.settle();
  run.transport.modify(
    resources.pods,
    "web-0",
    (pod) => (pod.status = { phase: "Running", conditions: [{ type: "Ready", status: "True" }] }),
  );
  await run.settle();
  const release = await run.holdBack("persistentvolumeclaims");
  const modify = (change: (set: StatefulSet) => void): void =>
    void run.transport.modify(resources.statefulsets, "web", change);
  modify(
    ({ spec }) =>
      (spec.persistentVolumeClaimRetentionPolicy = { whenDeleted: "Delete", whenScaled: "Retain" }),
  );
  await run.settle(minuteMs);
  modify(({ metadata }) => (metadata.annotations = { a: "b" }));
  await run.settle(minuteMs);
  expect(asked("PUT", "persistentvolumeclaims", "data-web-0")).toBe(1);
  modify(
    ({ spec }) =>
      (spec.persistentVolumeClaimRetentionPolicy = { whenDeleted: "Retain", whenScaled: "Retain" }),
  );
  await release();
  expect(
    run.transport.get(resources.persistentvolumeclaims, "data-web-0")?.metadata.ownerReferences ?? [],
  ).toEqual([]);
});

it("revisions of a DaemonSet are numbered one after the other, though the cache does not show the last", async () => {
  run = runControllers([daemonSetController]);
  run.transport.seed(workload("apps/v1", "DaemonSet"));
  await run.settle();
  const release = await run.holdBack("controllerrevisions");
  for (const image of ["v2", "v3"]) {
    run.transport.modify(resources.daemonsets, "web", ({ spec }: DaemonSet) => {
      if (spec.template.spec !== undefined) spec.template.spec.containers = [{ name: "main", image }];
    });
    await run.settle(minuteMs);
  }
  await release();
  const numbers = run.transport
    .list(resources.controllerrevisions)
    .map(({ revision }: ControllerRevision) => revision);
  expect(numbers.toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
});

it("a Service gets its slices once, however long the cache of slices is behind", async () => {
  run = runControllers([endpointSliceController]);
  run.transport.seed(newNode("n1"));
  await run.settle();
  const release = await run.holdBack("endpointslices");
  run.transport.seed(newService(), newEndpointPod(1));
  await run.settle(5 * minuteMs);
  run.transport.seed(newEndpointPod(2));
  await run.settle(5 * minuteMs);
  expect(asked("POST", "endpointslices")).toBe(1);
  await release();
  const slices = run.transport.list(resources.endpointslices);
  expect(slices.map(({ endpoints = [] }) => endpoints.length)).toEqual([2]);
});

it("a Job that has ended and gone is not made again for the same minute", async () => {
  run = runControllers([cronJobController]);
  run.transport.seed(
    workload("batch/v1", "CronJob", { schedule: "*/5 * * * *", jobTemplate: { spec: { template: {} } } }),
  );
  await run.settle(4 * minuteMs);
  const release = await run.holdBack("cronjobs");
  await run.settle(minuteMs);
  const [job] = run.transport.list(resources.jobs);
  expect(job).toBeDefined();
  run.transport.remove(resources.jobs, job?.metadata.name ?? "");
  await run.settle(2 * minuteMs);
  expect(asked("POST", "jobs")).toBe(1);
  await release();
  await run.settle(3 * minuteMs);
  expect(asked("POST", "jobs")).toBe(2);
});
