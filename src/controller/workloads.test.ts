import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Deployment } from "../api/types/apps-v1.ts";
import type { Pod } from "../api/types/core-v1.ts";
import { VirtualClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import { SeededRandom } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import { newEventRecorder } from "../client/event-recorder.ts";
import { resources } from "../client/resources.ts";
import { SharedInformerFactory } from "../client/shared-informer-factory.ts";
import { Cluster } from "../cluster/cluster.ts";
import { ControllerManager } from "./manager.ts";
import { pretendKubelet } from "./testing/pretend-kubelet.ts";

/** The workload controllers with the real API server, its defaults, validation, admission and RBAC. */
let clock: VirtualClock;
let cluster: Cluster;
let client: Client;
let stop: AbortController;
const problems: string[] = [];
const logger = {
  ...silentLogger,
  warn: (message: string, fields?: Record<string, unknown>) =>
    void problems.push(`${message} ${JSON.stringify(fields)}`),
  error: (message: string, fields?: Record<string, unknown>) =>
    void problems.push(`${message} ${JSON.stringify(fields)}`),
  named: () => logger,
};

beforeEach(async () => {
  problems.length = 0;
  clock = new VirtualClock();
  const random = new SeededRandom(3);
  stop = new AbortController();
  cluster = new Cluster({
    clock,
    random,
    logger,
    scheduler: false,
    controllers: (name) => !["node-lifecycle-controller", "taint-eviction-controller"].includes(name),
  });
  await cluster.startApi();
  await cluster.bootstrap();
  await cluster.startControllers();
  client = cluster.client();
  const informers = new SharedInformerFactory({ client, clock, logger });
  const events = newEventRecorder({ client, clock, random, component: "kubelet" });
  const kubelet = new ControllerManager({
    registrations: [pretendKubelet({ readyAfterMs: 1000, stopAfterMs: 1000, brokenImages: ["bad"] })],
    clock,
    logger,
    newContext: (_, signal) => ({ client, informers, events, clock, random, logger, signal }),
  });
  kubelet.startAll();
  informers.start(stop.signal).catch(() => undefined);
  const nodes = client.resource(resources.nodes);
  for (const name of ["n1", "n2"]) {
    await nodes.create({ apiVersion: "v1", kind: "Node", metadata: { name }, spec: {} });
    // New nodes are tainted until they are ready; nobody here reports that.
    await nodes.patch(name, { spec: { taints: null } }, { type: "merge" });
  }
  await clock.advance(1000);
});
afterEach(async () => {
  stop.abort();
  await cluster.stop();
});

const kinds = { Deployment: "deployments", StatefulSet: "statefulsets", DaemonSet: "daemonsets" } as const;
type Kind = keyof typeof kinds;

const untyped = (kind: Kind) =>
  client.resource<UnstructuredObject>({
    group: "apps",
    version: "v1",
    resource: kinds[kind],
    kind,
    namespaced: true,
  });

const apply = async (kind: Kind, spec: object): Promise<void> => {
  await untyped(kind).create({
    apiVersion: "apps/v1",
    kind,
    metadata: { name: "web", namespace: "default" },
    spec: { selector: { matchLabels: { app: "web" } }, template: template(), ...spec },
  });
};

const setImage = async (kind: Kind, image: string): Promise<void> => {
  const patch = { spec: { template: { spec: { containers: [{ name: "main", image }] } } } };
  await untyped(kind).patch("web", patch, { type: "strategic", namespace: "default" });
};

const template = (image = "v1") => ({
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "main", image }] },
});
const pods = async (): Promise<Pod[]> =>
  (await client.resource(resources.pods).list({ namespace: "default" })).items;
const images = async () =>
  (await pods())
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ spec }) => spec.containers[0]?.image);
describe("with the real API server", () => {
  it("a Deployment rolls out, back and away", async () => {
    const deployments = client.resource(resources.deployments);
    await apply("Deployment", { replicas: 3 });
    await clock.advance(5000);
    const first: Deployment = await deployments.get("web", { namespace: "default" });
    expect(first.status).toMatchObject({ replicas: 3, availableReplicas: 3, observedGeneration: 1 });
    expect(first.metadata.generation).toBe(1);
    expect(first.metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("1");
    await setImage("Deployment", "v2");
    await clock.advance(30_000);
    expect(await images()).toEqual(["v2", "v2", "v2"]);
    await setImage("Deployment", "v1");
    await clock.advance(30_000);
    expect(await images()).toEqual(["v1", "v1", "v1"]);
    expect((await client.resource(resources.replicasets).list()).items).toHaveLength(2);
    const last = await deployments.get("web", { namespace: "default" });
    expect(last.metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("3");
    expect(last.status?.conditions?.find(({ type }) => type === "Progressing")?.reason).toBe(
      "NewReplicaSetAvailable",
    );
    await deployments.delete("web", { namespace: "default", propagationPolicy: "Background" });
    await clock.advance(30_000);
    expect(await pods()).toEqual([]);
    expect(problems).toEqual([]);
  });

  it("a Deployment at rest is left alone", async () => {
    await apply("Deployment", { replicas: 2 });
    await clock.advance(10_000);
    const before = (await client.resource(resources.deployments).list()).metadata.resourceVersion;
    await clock.advance(20_000);
    expect((await client.resource(resources.deployments).list()).metadata.resourceVersion).toBe(before);
  });

  it("a StatefulSet keeps names and claims through an update and a rollback", async () => {
    const claim = {
      metadata: { name: "data" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    };
    await apply("StatefulSet", { replicas: 2, serviceName: "web", volumeClaimTemplates: [claim] });
    await clock.advance(10_000);
    expect((await pods()).map(({ metadata }) => metadata.name)).toEqual(["web-0", "web-1"]);
    await setImage("StatefulSet", "v2");
    await clock.advance(20_000);
    expect(await images()).toEqual(["v2", "v2"]);
    await setImage("StatefulSet", "v1");
    await clock.advance(20_000);
    const revisions = (await client.resource(resources.controllerrevisions).list()).items;
    expect(revisions.map(({ revision }) => revision).toSorted((a, b) => a - b)).toEqual([2, 3]);
    const set = await client.resource(resources.statefulsets).get("web", { namespace: "default" });
    expect(set.status).toMatchObject({
      replicas: 2,
      readyReplicas: 2,
      currentReplicas: 2,
      updatedReplicas: 2,
    });
    expect(set.status?.currentRevision).toBe(set.status?.updateRevision);
    const claims = (await client.resource(resources.persistentvolumeclaims).list()).items;
    expect(claims.map(({ metadata }) => metadata.name)).toEqual(["data-web-0", "data-web-1"]);
    expect(problems).toEqual([]);
  });

  it("a DaemonSet covers every node and follows its template", async () => {
    await apply("DaemonSet", {});
    await clock.advance(5000);
    expect(
      (await pods()).map(({ spec }) => spec.nodeName ?? "").toSorted((a, b) => a.localeCompare(b)),
    ).toEqual(["n1", "n2"]);
    await setImage("DaemonSet", "v2");
    await clock.advance(20_000);
    expect(await images()).toEqual(["v2", "v2"]);
    const set = await client.resource(resources.daemonsets).get("web", { namespace: "default" });
    expect(set.status).toMatchObject({
      desiredNumberScheduled: 2,
      numberAvailable: 2,
      updatedNumberScheduled: 2,
    });
    expect(problems).toEqual([]);
  });

  it("a ReplicationController scales through its subresource", async () => {
    const controllers = client.resource(resources.replicationcontrollers);
    await controllers.create(
      {
        apiVersion: "v1",
        kind: "ReplicationController",
        metadata: { name: "web" },
        spec: { replicas: 1, template: template() },
      },
      { namespace: "default" },
    );
    await clock.advance(3000);
    expect(await pods()).toHaveLength(1);
    await controllers.patch(
      "web",
      { spec: { replicas: 3 } },
      { type: "merge", subresource: "scale", namespace: "default" },
    );
    await clock.advance(3000);
    const stored = await controllers.get("web", { namespace: "default" });
    expect(stored.status).toMatchObject({ replicas: 3, readyReplicas: 3, availableReplicas: 3 });
    expect(problems).toEqual([]);
  });

  it("a Job runs its pods to completion and lets them go", async () => {
    const jobs = client.resource(resources.jobs);
    const spec = {
      completions: 3,
      parallelism: 2,
      completionMode: "Indexed",
      template: { spec: { restartPolicy: "Never", containers: [{ name: "main", image: "v1" }] } },
    };
    await jobs.create({
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "work", namespace: "default" },
      spec,
    });
    await clock.advance(3000);
    for (let round = 0; round < 3; round++) {
      for (const pod of await pods()) {
        if (pod.status?.phase !== "Running") continue;
        const status = { ...pod.status, phase: "Succeeded" };
        await client.resource(resources.pods).updateStatus({ ...pod, status });
      }
      await clock.advance(3000);
    }
    const job = await jobs.get("work", { namespace: "default" });
    expect(job.status).toMatchObject({ succeeded: 3, completedIndexes: "0-2" });
    expect(job.status?.conditions?.map(({ type }) => type)).toEqual(["SuccessCriteriaMet", "Complete"]);
    expect((await pods()).flatMap(({ metadata }) => metadata.finalizers ?? [])).toEqual([]);
    await jobs.delete("work", { namespace: "default", propagationPolicy: "Background" });
    await clock.advance(3000);
    expect(await pods()).toEqual([]);
    expect(problems).toEqual([]);
  });
});
