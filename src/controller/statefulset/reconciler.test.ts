import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StatefulSet } from "../../api/types/apps-v1.ts";
import type { Pod } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { isPodReady } from "../pods.ts";
import { pretendKubelet } from "../testing/pretend-kubelet.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { statefulSetController } from "./index.ts";

const statefulSet = (replicas: number, extra: Partial<StatefulSet["spec"]> = {}): StatefulSet => ({
  apiVersion: "apps/v1",
  kind: "StatefulSet",
  metadata: { name: "web", namespace: "default", uid: "s-1" },
  spec: {
    replicas,
    serviceName: "nginx",
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "main", image: "v1" }] },
    },
    ...extra,
  },
});

const claimTemplate = {
  apiVersion: "v1" as const,
  kind: "PersistentVolumeClaim" as const,
  metadata: { name: "data" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
};

let run: ControllerRun;
const start = (
  kubelet = pretendKubelet({ readyAfterMs: 1000, stopAfterMs: 1000, brokenImages: ["bad"] }),
) => {
  run = runControllers([statefulSetController, kubelet], { podDeletion: "graceful" });
};
beforeEach(() => start());
afterEach(async () => run.stop());

const pods = (): Pod[] => run.transport.list(resources.pods);
const names = () => pods().map(({ metadata }) => metadata.name);
const images = () => pods().map(({ spec }) => spec.containers[0]?.image);
const status = () => run.transport.get(resources.statefulsets, "web")?.status;
const claims = () => run.transport.list(resources.persistentvolumeclaims);
const change = (fn: (spec: StatefulSet["spec"]) => void) =>
  run.transport.modify(resources.statefulsets, "web", ({ spec }) => fn(spec));
const setImage = (image: string) =>
  change(({ template }) => {
    if (template.spec !== undefined) template.spec.containers = [{ name: "main", image }];
  });

describe("a new StatefulSet", () => {
  it("gets its pods one after the other, each with its identity", async () => {
    run.transport.seed(statefulSet(2));
    await run.settle(500);
    expect(names()).toEqual(["web-0"]);
    await run.settle(1000);
    expect(names()).toEqual(["web-0", "web-1"]);
    await run.settle(2000);
    const revision = run.transport.list(resources.controllerrevisions)[0]?.metadata.name;
    expect(pods()[1]).toMatchObject({
      metadata: {
        labels: {
          app: "web",
          "statefulset.kubernetes.io/pod-name": "web-1",
          "apps.kubernetes.io/pod-index": "1",
          "controller-revision-hash": revision,
        },
        ownerReferences: [{ kind: "StatefulSet", name: "web", uid: "s-1", controller: true }],
      },
      spec: { hostname: "web-1", subdomain: "nginx" },
    });
    expect(status()).toMatchObject({
      observedGeneration: 1,
      replicas: 2,
      readyReplicas: 2,
      availableReplicas: 2,
      currentReplicas: 2,
      updatedReplicas: 2,
      currentRevision: revision,
      updateRevision: revision,
    });
    expect(run.events()).toEqual([
      "Normal SuccessfulCreate create Pod web-0 in StatefulSet web successful",
      "Normal SuccessfulCreate create Pod web-1 in StatefulSet web successful",
    ]);
  });

  it("starts at the ordinal it is told to", async () => {
    run.transport.seed(statefulSet(2, { ordinals: { start: 5 } }));
    await run.settle(5000);
    expect(names()).toEqual(["web-5", "web-6"]);
  });

  it("gets all pods at once when they are managed in parallel", async () => {
    run.transport.seed(statefulSet(3, { podManagementPolicy: "Parallel" }));
    await run.settle(500);
    expect(names()).toEqual(["web-0", "web-1", "web-2"]);
  });

  it("of more pods than memory holds makes the first ones", async () => {
    run.transport.seed(statefulSet(2_147_483_647));
    await run.settle(500);
    expect(names()).toContain("web-0");
    expect(status()?.replicas).toBeLessThan(10_000);
  });

  it("of more pods than one round makes gets them all, in parallel", async () => {
    run.transport.seed(statefulSet(520, { podManagementPolicy: "Parallel" }));
    await run.settle(3000);
    expect(names()).toHaveLength(520);
  });

  it("waits for minReadySeconds between pods", async () => {
    run.transport.seed(statefulSet(2, { minReadySeconds: 10 }));
    await run.settle(9000);
    expect(names()).toEqual(["web-0"]);
    await run.settle(4000);
    expect(names()).toEqual(["web-0", "web-1"]);
  });

  it("makes claims before the pods that mount them", async () => {
    run.transport.seed(statefulSet(1, { volumeClaimTemplates: [claimTemplate] }));
    await run.settle(2000);
    expect(claims()).toHaveLength(1);
    expect(claims()[0]).toMatchObject({
      metadata: { name: "data-web-0", labels: { app: "web" } },
      spec: claimTemplate.spec,
    });
    expect(claims()[0]?.metadata.ownerReferences).toBeUndefined();
    expect(pods()[0]?.spec.volumes).toEqual([
      { name: "data", persistentVolumeClaim: { claimName: "data-web-0" } },
    ]);
    expect(run.events()).toEqual([
      "Normal SuccessfulCreate create Claim data-web-0 Pod web-0 in StatefulSet web success",
      "Normal SuccessfulCreate create Pod web-0 in StatefulSet web successful",
    ]);
  });
});

describe("a pod", () => {
  it("that is deleted comes back under its name with its claim", async () => {
    run.transport.seed(statefulSet(2, { volumeClaimTemplates: [claimTemplate] }));
    await run.settle(5000);
    const before = run.transport.get(resources.pods, "web-0")?.metadata.uid;
    await run.client.resource(resources.pods).delete("web-0", { namespace: "default" });
    await run.settle(500);
    expect(run.transport.get(resources.pods, "web-0")?.metadata.uid).toBe(before);
    await run.settle(5000);
    const after = run.transport.get(resources.pods, "web-0");
    expect(after?.metadata.uid).not.toBe(before);
    expect(after !== undefined && isPodReady(after)).toBe(true);
    expect(claims().map(({ metadata }) => metadata.name)).toEqual(["data-web-0", "data-web-1"]);
  });

  it("that has ended is made anew", async () => {
    run.transport.seed(statefulSet(1));
    await run.settle(3000);
    const before = pods()[0]?.metadata.uid;
    run.transport.modify(resources.pods, "web-0", (pod) => (pod.status = { phase: "Failed" }));
    await run.settle(5000);
    expect(pods()).toHaveLength(1);
    expect(pods()[0]?.metadata.uid).not.toBe(before);
  });

  it("that nobody controls is adopted when it bears the set's name", async () => {
    for (const name of ["web-0", "other-0"]) {
      run.transport.seed({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name, labels: { app: "web" } },
        spec: { containers: [{ name: "main", image: "v1" }] },
        status: { phase: "Pending" },
      });
    }
    run.transport.seed(statefulSet(1));
    await run.settle(3000);
    expect(run.transport.get(resources.pods, "web-0")?.metadata.ownerReferences?.[0]?.uid).toBe("s-1");
    expect(run.transport.get(resources.pods, "web-0")?.metadata.labels).toMatchObject({
      "statefulset.kubernetes.io/pod-name": "web-0",
    });
    expect(run.transport.get(resources.pods, "other-0")?.metadata.ownerReferences).toBeUndefined();
  });
});

describe("scaling", () => {
  it("down takes the highest ordinal first, one after the other, and keeps the claims", async () => {
    run.transport.seed(statefulSet(3, { volumeClaimTemplates: [claimTemplate] }));
    await run.settle(8000);
    change((spec) => (spec.replicas = 1));
    await run.settle(500);
    const leaving = () =>
      pods()
        .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
        .map(({ metadata }) => metadata.name);
    expect(leaving()).toEqual(["web-2"]);
    await run.settle(1000);
    expect(names()).toEqual(["web-0", "web-1"]);
    expect(leaving()).toEqual(["web-1"]);
    await run.settle(3000);
    expect(names()).toEqual(["web-0"]);
    expect(claims()).toHaveLength(3);
    expect(status()).toMatchObject({ replicas: 1, readyReplicas: 1, observedGeneration: 2 });
  });

  it("makes claims belong to pods that leave, where the policy says so", async () => {
    run.transport.seed(
      statefulSet(2, {
        volumeClaimTemplates: [claimTemplate],
        persistentVolumeClaimRetentionPolicy: { whenScaled: "Delete", whenDeleted: "Delete" },
      }),
    );
    await run.settle(5000);
    const owners = () =>
      claims().map(({ metadata }) => metadata.ownerReferences?.map(({ kind, name }) => `${kind} ${name}`));
    expect(owners()).toEqual([["StatefulSet web"], ["StatefulSet web"]]);
    change((spec) => (spec.replicas = 1));
    await run.settle(500);
    expect(owners()).toEqual([["StatefulSet web"], ["Pod web-1"]]);
    // Scaled up again before the claim was collected: the new pod waits for the old claim to go.
    change((spec) => (spec.replicas = 2));
    await run.settle(5000);
    expect(names()).toEqual(["web-0"]);
    run.transport.remove(resources.persistentvolumeclaims, "data-web-1");
    await run.settle(5000);
    expect(names()).toEqual(["web-0", "web-1"]);
    expect(owners()).toEqual([["StatefulSet web"], ["StatefulSet web"]]);
  });
});

describe("a rolling update", () => {
  it("replaces from the highest ordinal down, waiting for each", async () => {
    run.transport.seed(statefulSet(3));
    await run.settle(8000);
    const first = status()?.currentRevision;
    setImage("v2");
    await run.settle(1500);
    expect(images()).toEqual(["v1", "v1", "v2"]);
    expect(status()?.currentRevision).toBe(first);
    expect(status()?.updateRevision).not.toBe(first);
    expect([status()?.currentReplicas, status()?.updatedReplicas]).toEqual([2, 1]);
    await run.settle(10_000);
    expect(images()).toEqual(["v2", "v2", "v2"]);
    expect(status()?.currentRevision).toBe(status()?.updateRevision);
    expect([status()?.currentReplicas, status()?.updatedReplicas]).toEqual([3, 3]);
  });

  it("leaves pods below the partition, also when they are made anew", async () => {
    run.transport.seed(statefulSet(3, { updateStrategy: { rollingUpdate: { partition: 2 } } }));
    await run.settle(8000);
    setImage("v2");
    await run.settle(8000);
    expect(images()).toEqual(["v1", "v1", "v2"]);
    await run.client.resource(resources.pods).delete("web-0", { namespace: "default" });
    await run.settle(5000);
    expect(images()).toEqual(["v1", "v1", "v2"]);
    expect([status()?.currentReplicas, status()?.updatedReplicas]).toEqual([2, 1]);
  });

  it("may have several pods away at once", async () => {
    run.transport.seed(
      statefulSet(4, {
        updateStrategy: { rollingUpdate: { maxUnavailable: 2 } },
        podManagementPolicy: "Parallel",
      }),
    );
    await run.settle(3000);
    setImage("v2");
    await run.settle(500);
    const away = pods().filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
    expect(away.map(({ metadata }) => metadata.name)).toEqual(["web-2", "web-3"]);
    await run.settle(8000);
    expect(images()).toEqual(["v2", "v2", "v2", "v2"]);
  });

  it("to a broken image stops at the first pod", async () => {
    run.transport.seed(statefulSet(3));
    await run.settle(8000);
    setImage("bad");
    await run.settle(60_000);
    expect(images()).toEqual(["v1", "v1", "bad"]);
    expect(status()?.readyReplicas).toBe(2);
  });

  it("with OnDelete waits for somebody to delete the pods", async () => {
    run.transport.seed(statefulSet(2, { updateStrategy: { type: "OnDelete" } }));
    await run.settle(5000);
    setImage("v2");
    await run.settle(5000);
    expect(images()).toEqual(["v1", "v1"]);
    await run.client.resource(resources.pods).delete("web-1", { namespace: "default" });
    await run.settle(5000);
    expect(images()).toEqual(["v1", "v2"]);
  });
});

describe("the history", () => {
  const history = () =>
    run.transport
      .list(resources.controllerrevisions)
      .toSorted((a, b) => a.revision - b.revision)
      .map(({ revision, data }) => {
        const { template } = (data as { spec: { template: { spec: { containers: { image: string }[] } } } })
          .spec;
        return `${revision} ${template.spec.containers[0]?.image}`;
      });

  it("holds a patch per template, and a rollback gets the newest number", async () => {
    run.transport.seed(statefulSet(1));
    await run.settle(3000);
    setImage("v2");
    await run.settle(5000);
    expect(history()).toEqual(["1 v1", "2 v2"]);
    expect(run.transport.list(resources.controllerrevisions)[0]).toMatchObject({
      metadata: { labels: { app: "web" }, ownerReferences: [{ kind: "StatefulSet", uid: "s-1" }] },
      data: { spec: { template: { $patch: "replace" } } },
    });
    const written = JSON.stringify(run.transport.list(resources.controllerrevisions)[0]?.data);
    expect(written).toMatch(
      /^\{"spec":\{"template":\{"\$patch":"replace","metadata":.*"spec":\{"containers":/,
    );
    setImage("v1");
    await run.settle(5000);
    expect(history()).toEqual(["2 v2", "3 v1"]);
    expect(images()).toEqual(["v1"]);
  });

  it("is cut to its limit", async () => {
    run.transport.seed(statefulSet(1, { revisionHistoryLimit: 1 }));
    for (const image of ["v2", "v3", "v4"]) {
      await run.settle(5000);
      setImage(image);
    }
    await run.settle(5000);
    expect(history()).toEqual(["3 v3", "4 v4"]);
  });
});

it("a set that is being deleted makes no pods, but its status is kept", async () => {
  const deleted = statefulSet(2);
  deleted.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
  deleted.metadata.finalizers = ["foregroundDeletion"];
  run.transport.seed(deleted);
  await run.settle(3000);
  expect(pods()).toEqual([]);
  expect(status()).toMatchObject({ replicas: 0, observedGeneration: 1 });
});
