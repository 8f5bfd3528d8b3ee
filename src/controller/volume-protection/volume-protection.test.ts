import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../api/types/core-v1.ts";
import type { VolumeAttributesClass } from "../../api/types/storage-v1.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { newClaim, newVolume } from "../testing/volumes.ts";
import {
  attributesClassProtectionController,
  claimProtectionController,
  volumeProtectionController,
} from "./index.ts";

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([
    claimProtectionController,
    volumeProtectionController,
    attributesClassProtectionController,
  ]);
});
afterEach(async () => run.stop());

const claim = () => run.transport.get(resources.persistentvolumeclaims, "data");
const volume = () => run.transport.get(resources.persistentvolumes, "pv");

const user = (extra: Partial<Pod> = {}, volumes?: Pod["spec"]["volumes"]): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "default", uid: "pod-1" },
  spec: {
    nodeName: "n1",
    containers: [],
    volumes: volumes ?? [{ name: "v", persistentVolumeClaim: { claimName: "data" } }],
  },
  status: { phase: "Running" },
  ...extra,
});

async function deleteClaim(...pods: Pod[]): Promise<void> {
  run.transport.seed(newClaim(), ...pods);
  await run.settle();
  await run.client.resource(resources.persistentvolumeclaims).delete("data", { namespace: "default" });
  await run.settle();
}

describe("claim protection", () => {
  it("puts the finalizer on claims that lack it, and lets unused ones go", async () => {
    run.transport.seed(newClaim());
    await run.settle();
    expect(claim()?.metadata.finalizers).toEqual(["kubernetes.io/pvc-protection"]);
    await run.client.resource(resources.persistentvolumeclaims).delete("data", { namespace: "default" });
    await run.settle();
    expect(claim()).toBeUndefined();
  });

  it("lets a claim go that waits for its own pod, which waits for the claim", async () => {
    const deleted = { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["foregroundDeletion"] };
    const metadata = { name: "p", namespace: "default", uid: "pod-1", ...deleted };
    const own = newClaim();
    own.metadata.ownerReferences = [{ apiVersion: "v1", kind: "Pod", name: "p", uid: "pod-1" }];
    run.transport.seed(own, user({ metadata: { ...metadata, deletionGracePeriodSeconds: 30 } }));
    await run.settle();
    await run.client.resource(resources.persistentvolumeclaims).delete("data", { namespace: "default" });
    await run.settle();
    expect(claim()).toBeDefined();
    // The kubelet has seen the pod's end.
    run.transport.modify(resources.pods, "p", (pod) => {
      pod.metadata.deletionGracePeriodSeconds = 0;
    });
    await run.settle();
    expect(claim()).toBeUndefined();
  });

  it("holds a claim until the last pod that uses it is gone", async () => {
    await deleteClaim(user());
    expect(claim()?.metadata.deletionTimestamp).toBeDefined();
    run.transport.remove(resources.pods, "p");
    await run.settle();
    expect(claim()).toBeUndefined();
  });

  it.each<[string, Pod, boolean]>([
    ["has ended", user({ status: { phase: "Succeeded" } }), true],
    ["has no node", user({ spec: { ...user().spec, nodeName: undefined } }), false],
    ["uses another claim", user({}, [{ name: "v", persistentVolumeClaim: { claimName: "x" } }]), false],
  ])("for a pod that %s", async (_, pod, held) => {
    await deleteClaim(pod);
    expect(claim() !== undefined).toBe(held);
  });

  const ending = { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["example.com/hold"] };
  it.each<[string, string, Partial<Pod["metadata"]>, boolean]>([
    ["while its pod runs", "Running", {}, true],
    ["of a pod that has failed", "Failed", {}, true],
    ["while its pod winds down", "Running", { ...ending, deletionGracePeriodSeconds: 30 }, true],
    ["not of a pod that is shut down", "Failed", { ...ending, deletionGracePeriodSeconds: 0 }, false],
  ])("holds the claim of an ephemeral volume %s", async (_when, phase, more, held) => {
    const metadata = { name: "p", namespace: "default", uid: "pod-1", ...more };
    const pod = user({ metadata, status: { phase } }, []);
    const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "pod-1", controller: true };
    run.transport.seed(
      user({ ...pod, spec: { ...pod.spec, volumes: [{ name: "v", ephemeral: {} }] } }),
      newClaim({}, { name: "p-v", ownerReferences: [owner] }),
    );
    await run.settle();
    await run.client.resource(resources.persistentvolumeclaims).delete("p-v", { namespace: "default" });
    await run.settle();
    expect(run.transport.get(resources.persistentvolumeclaims, "p-v") !== undefined).toBe(held);
  });
});

it("a volume stays as long as it is bound", async () => {
  run.transport.seed({ ...newVolume("pv"), status: { phase: "Bound" } });
  await run.settle();
  expect(volume()?.metadata.finalizers).toEqual(["kubernetes.io/pv-protection"]);
  await run.client.resource(resources.persistentvolumes).delete("pv");
  await run.settle();
  expect(volume()).toBeDefined();
  run.transport.modify(resources.persistentvolumes, "pv", (object) => {
    object.status = { phase: "Released" };
  });
  await run.settle();
  expect(volume()).toBeUndefined();
});

describe("protection of a class of volume attributes", () => {
  const found = () => run.transport.get(resources.volumeattributesclasses, "fast");

  const fast: VolumeAttributesClass = {
    apiVersion: "storage.k8s.io/v1",
    kind: "VolumeAttributesClass",
    metadata: { name: "fast" },
    driverName: "d",
  };

  async function deleteClass(...users: readonly (PersistentVolumeClaim | PersistentVolume)[]): Promise<void> {
    run.transport.seed(fast, ...users);
    await run.settle();
    expect(found()?.metadata.finalizers).toEqual(["kubernetes.io/vac-protection"]);
    await run.client.resource(resources.volumeattributesclasses).delete("fast");
    await run.settle();
  }

  it("lets one go that nothing uses", async () => {
    await deleteClass(newClaim(), newVolume("pv"));
    expect(found()).toBeUndefined();
  });

  it("holds one that a claim asks for until the claim is gone", async () => {
    const claim = newClaim();
    await deleteClass({ ...claim, spec: { ...claim.spec, volumeAttributesClassName: "fast" } });
    expect(found()?.metadata.deletionTimestamp).toBeDefined();
    await run.client.resource(resources.persistentvolumeclaims).delete("data", { namespace: "default" });
    await run.settle();
    expect(found()).toBeUndefined();
  });

  it("holds one that a volume has", async () => {
    const volume = newVolume("pv");
    await deleteClass({ ...volume, spec: { ...volume.spec, volumeAttributesClassName: "fast" } });
    expect(found()).toBeDefined();
  });
});
