import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ReplicaSet } from "../../api/types/apps-v1.ts";
import type { Pod } from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { newForbidden } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import { replicationControllerController } from "../replicationcontroller/index.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { replicaSetController } from "./index.ts";

const replicaSet = (replicas: number, extra: Partial<ReplicaSet["spec"]> = {}): ReplicaSet => ({
  apiVersion: "apps/v1",
  kind: "ReplicaSet",
  metadata: { name: "web", namespace: "default", uid: "rs-1" },
  spec: {
    replicas,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" }, annotations: { note: "x" } },
      spec: { containers: [{ name: "main", image: "nginx" }] },
    },
    ...extra,
  },
});

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([replicaSetController]);
});
afterEach(async () => run.stop());

const pods = (): Pod[] => run.transport.list(resources.pods);
const status = () => run.transport.get(resources.replicasets, "web")?.status;

/** As a kubelet would report it. */
function setReady(pod: Pod, ready = true): void {
  run.transport.modify(resources.pods, pod.metadata.name ?? "", (object) => {
    object.spec.nodeName ??= "n1";
    object.status = {
      phase: "Running",
      conditions: [
        {
          type: "Ready",
          status: ready ? "True" : "False",
          lastTransitionTime: formatTime(run.clock.now()),
        },
      ],
    };
  });
}

describe("a ReplicaSet", () => {
  it("gets the pods it asks for, made from its template", async () => {
    run.transport.seed(replicaSet(3));
    await run.settle();
    expect(pods()).toHaveLength(3);
    expect(pods()[0]).toMatchObject({
      metadata: {
        name: expect.stringMatching(/^web-[a-z0-9]{5}$/),
        labels: { app: "web" },
        annotations: { note: "x" },
        ownerReferences: [
          {
            apiVersion: "apps/v1",
            kind: "ReplicaSet",
            name: "web",
            uid: "rs-1",
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      spec: { containers: [{ name: "main", image: "nginx" }] },
    });
    expect(run.events()).toContainEqual(`Normal SuccessfulCreate Created pod: ${pods()[0]?.metadata.name}`);
    expect(status()).toMatchObject({ replicas: 3, fullyLabeledReplicas: 3, observedGeneration: 1 });
    expect(status()?.readyReplicas).toBeUndefined();
  });

  it("makes no pod twice while its cache is behind", async () => {
    run.transport.seed(replicaSet(20));
    await run.settle();
    run.transport.modify(resources.replicasets, "web", ({ metadata }) => (metadata.annotations = { a: "b" }));
    await run.settle();
    expect(pods()).toHaveLength(20);
    const creates = run.transport.requests.filter(
      ({ method, path }) => method === "POST" && path.endsWith("/pods"),
    );
    expect(creates).toHaveLength(20);
  });

  it("replaces a pod that is deleted or has ended", async () => {
    run.transport.seed(replicaSet(2));
    await run.settle();
    const [first, second] = pods().map(({ metadata }) => metadata.name ?? "");
    run.transport.remove(resources.pods, first ?? "");
    run.transport.modify(resources.pods, second ?? "", (pod) => (pod.status = { phase: "Failed" }));
    await run.settle();
    expect(pods().filter(({ status }) => status?.phase === "Pending")).toHaveLength(2);
    expect(status()?.replicas).toBe(2);
  });

  it("counts ready and available pods, the latter after minReadySeconds", async () => {
    run.transport.seed(replicaSet(2, { minReadySeconds: 10 }));
    await run.settle();
    for (const pod of pods()) setReady(pod);
    await run.settle();
    expect([status()?.readyReplicas, status()?.availableReplicas]).toEqual([2, undefined]);
    await run.settle(10_000);
    expect(status()?.availableReplicas).toBe(2);
  });

  it("deletes those that serve least", async () => {
    run.transport.seed(replicaSet(3));
    await run.settle();
    const [first, second] = pods();
    if (first !== undefined) setReady(first);
    if (second !== undefined) setReady(second);
    await run.settle();
    run.transport.modify(resources.replicasets, "web", ({ spec }) => (spec.replicas = 2));
    await run.settle();
    expect(pods().map(({ metadata }) => metadata.name)).toEqual([
      first?.metadata.name,
      second?.metadata.name,
    ]);
    expect(run.events().at(-1)).toMatch(/^Normal SuccessfulDelete Deleted pod: web-/);
  });

  it("adopts matching pods that nobody controls, and lets go of those that no longer match", async () => {
    run.transport.seed({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "orphan", labels: { app: "web" } },
      spec: { containers: [] },
    });
    run.transport.seed(replicaSet(1));
    await run.settle();
    expect(pods()).toHaveLength(1);
    expect(pods()[0]?.metadata.ownerReferences?.[0]?.uid).toBe("rs-1");
    run.transport.modify(resources.pods, "orphan", ({ metadata }) => (metadata.labels = { app: "other" }));
    await run.settle();
    expect(run.transport.get(resources.pods, "orphan")?.metadata.ownerReferences).toBeUndefined();
    expect(pods()).toHaveLength(2);
  });

  it("that is being deleted makes and adopts nothing", async () => {
    const deleted = replicaSet(2);
    deleted.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
    deleted.metadata.finalizers = ["foregroundDeletion"];
    run.transport.seed(deleted);
    run.transport.seed({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "orphan", labels: { app: "web" } },
      spec: { containers: [] },
    });
    await run.settle();
    expect(pods()).toHaveLength(1);
    expect(pods()[0]?.metadata.ownerReferences).toBeUndefined();
  });

  it("says why pods cannot be made, and goes on once they can", async () => {
    const restore = run.transport.react(({ method, path }) => {
      if (method !== "POST" || !path.endsWith("/pods")) return;
      throw newForbidden({ group: "", resource: "pods" }, "web-x", "exceeded quota");
    });
    run.transport.seed(replicaSet(30));
    await run.settle(4);
    expect(status()?.conditions).toEqual([
      {
        type: "ReplicaFailure",
        status: "True",
        reason: "FailedCreate",
        message: 'pods "web-x" is forbidden: exceeded quota',
        lastTransitionTime: "2026-01-01T00:00:00Z",
      },
    ]);
    expect(run.events()[0]).toBe(
      'Warning FailedCreate Error creating: pods "web-x" is forbidden: exceeded quota',
    );
    restore();
    await run.settle(60_000);
    expect(pods()).toHaveLength(30);
    expect(status()?.conditions ?? []).toEqual([]);
  });

  it("tries one pod first, so a mistake does not cost a call for each", async () => {
    run.transport.react(({ method, path }) => {
      if (method !== "POST" || !path.endsWith("/pods")) return;
      throw newForbidden({ group: "", resource: "pods" }, "", "no");
    });
    run.transport.seed(replicaSet(100));
    await run.settle(1);
    const creates = run.transport.requests.filter(
      ({ method, path }) => method === "POST" && path.endsWith("/pods"),
    );
    // Once, and once more for the status that was written.
    expect(creates).toHaveLength(2);
  });

  it("counts pods that wind down as terminating, and replaces them at once", async () => {
    await run.stop();
    run = runControllers([replicaSetController], { podDeletion: "graceful" });
    run.transport.seed(replicaSet(1));
    await run.settle();
    const [pod] = pods();
    if (pod !== undefined) setReady(pod);
    await run.settle();
    await run.client.resource(resources.pods).delete(pod?.metadata.name ?? "", { namespace: "default" });
    await run.settle();
    expect(pods()).toHaveLength(2);
    expect([status()?.replicas, status()?.terminatingReplicas]).toEqual([1, 1]);
  });
});

it("a ReplicationController works the same with a map as selector", async () => {
  await run.stop();
  run = runControllers([replicationControllerController]);
  run.transport.seed({
    apiVersion: "v1",
    kind: "ReplicationController",
    metadata: { name: "old", uid: "rc-1" },
    spec: {
      replicas: 2,
      selector: { app: "old" },
      template: { metadata: { labels: { app: "old" } }, spec: { containers: [] } },
    },
  });
  await run.settle();
  expect(pods().map(({ metadata }) => metadata.ownerReferences?.[0]?.kind)).toEqual([
    "ReplicationController",
    "ReplicationController",
  ]);
  expect(run.transport.get(resources.replicationcontrollers, "old")?.status).toMatchObject({ replicas: 2 });
});
