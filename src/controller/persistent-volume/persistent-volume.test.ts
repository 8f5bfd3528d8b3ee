import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PersistentVolume, PersistentVolumeClaim } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { newClaim, newClass, newVolume } from "../testing/volumes.ts";
import { persistentVolumeController } from "./index.ts";
import { bestVolume, defaultClass } from "./matching.ts";

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([persistentVolumeController]);
});
afterEach(async () => run.stop());

const claim = () => run.transport.get(resources.persistentvolumeclaims, "data");
const volume = (name = "pv") => run.transport.get(resources.persistentvolumes, name);
const later = { volumeBindingMode: "WaitForFirstConsumer" };

describe("bestVolume()", () => {
  const names = (volumes: PersistentVolume[], wanted = newClaim()) =>
    bestVolume(wanted, volumes, { onlyReserved: false })?.metadata.name;

  it.each<[string, PersistentVolume[], Partial<PersistentVolumeClaim["spec"]>, string | undefined]>([
    [
      "the smallest that is large enough",
      [
        newVolume("small", { capacity: { storage: "500Mi" } }),
        newVolume("large", { capacity: { storage: "10Gi" } }),
        newVolume("right", { capacity: { storage: "2Gi" } }),
      ],
      {},
      "right",
    ],
    [
      "the one with the fewest access modes before the smallest",
      [
        newVolume("many", { accessModes: ["ReadWriteOnce", "ReadOnlyMany"] }),
        newVolume("one", { capacity: { storage: "5Gi" } }),
      ],
      {},
      "one",
    ],
    ["none that lacks an access mode", [newVolume("pv")], { accessModes: ["ReadWriteMany"] }, undefined],
    ["none of another mode", [newVolume("pv", { volumeMode: "Block" })], {}, undefined],
    ["none of another class", [newVolume("pv", { storageClassName: "fast" })], {}, undefined],
    [
      "only what the selector selects",
      [newVolume("a"), newVolume("b", { capacity: { storage: "9Gi" } }, { labels: { tier: "gold" } })],
      { selector: { matchLabels: { tier: "gold" } } },
      "b",
    ],
    [
      "the one reserved for it, whatever else fits",
      [newVolume("a"), newVolume("b", { claimRef: { namespace: "default", name: "data" } })],
      {},
      "b",
    ],
    [
      "none reserved for another",
      [newVolume("a", { claimRef: { namespace: "default", name: "other" } })],
      {},
      undefined,
    ],
    ["none that is released", [{ ...newVolume("a"), status: { phase: "Released" } }], {}, undefined],
    [
      "none that is being deleted",
      [newVolume("a", {}, { deletionTimestamp: "2026-01-01T00:00:00Z" })],
      {},
      undefined,
    ],
  ])("takes %s", (_, volumes, spec, expected) => {
    expect(names(volumes, newClaim(spec))).toBe(expected);
  });
});

it("defaultClass() takes the newest of those marked, then the first by name", () => {
  const marked = (name: string, year: number, value = "true") =>
    newClass(name, {
      metadata: {
        name,
        annotations: { "storageclass.kubernetes.io/is-default-class": value },
        creationTimestamp: `${year}-01-01T00:00:00Z`,
      },
    });
  const classes = [marked("old", 2020), marked("b", 2025), marked("a", 2025), marked("no", 2026, "false")];
  expect(defaultClass(classes)?.metadata.name).toBe("a");
  expect(defaultClass([newClass("plain")])).toBeUndefined();
});

describe("a claim", () => {
  it("is bound to a volume that is there, both ways", async () => {
    run.transport.seed(newVolume("pv", { capacity: { storage: "2Gi" } }), newClaim());
    await run.settle();
    expect(claim()).toMatchObject({
      metadata: {
        annotations: {
          "pv.kubernetes.io/bind-completed": "yes",
          "pv.kubernetes.io/bound-by-controller": "yes",
        },
      },
      spec: { volumeName: "pv" },
      status: { phase: "Bound", accessModes: ["ReadWriteOnce"], capacity: { storage: "2Gi" } },
    });
    expect(volume()).toMatchObject({
      metadata: { annotations: { "pv.kubernetes.io/bound-by-controller": "yes" } },
      spec: {
        claimRef: {
          apiVersion: "v1",
          kind: "PersistentVolumeClaim",
          namespace: "default",
          name: "data",
          uid: "claim-1",
        },
      },
      status: { phase: "Bound" },
    });
  });

  it("is bound once a volume comes", async () => {
    run.transport.seed(newClaim());
    await run.settle();
    expect(claim()?.status).toEqual({ phase: "Pending" });
    expect(run.events()).toEqual([
      "Normal FailedBinding no persistent volumes available for this claim and no storage class is set",
    ]);
    run.transport.seed({ ...newVolume("pv"), status: {} });
    await run.settle();
    expect(claim()?.status?.phase).toBe("Bound");
  });

  it("shares no volume with another", async () => {
    run.transport.seed(newClaim(), newClaim({}, { name: "other", uid: "claim-2" }), newVolume("pv"));
    await run.settle(5000);
    const phases = run.transport
      .list(resources.persistentvolumeclaims)
      .map(({ status }) => status?.phase ?? "");
    expect(phases.toSorted((a, b) => a.localeCompare(b))).toEqual(["Bound", "Pending"]);
  });

  it("asks the provisioner of its class", async () => {
    run.transport.seed(newClass("fast"), newClaim({ storageClassName: "fast" }));
    await run.settle();
    expect(claim()?.metadata.annotations).toEqual({
      "volume.beta.kubernetes.io/storage-provisioner": "example.com/disks",
      "volume.kubernetes.io/storage-provisioner": "example.com/disks",
    });
    expect(claim()?.status?.phase).toBe("Pending");
    expect(run.events()[0]).toBe(
      "Normal ExternalProvisioning Waiting for a volume to be created either by the external provisioner 'example.com/disks' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
    );
    const claimRef = { namespace: "default", name: "data", uid: "claim-1" };
    run.transport.seed(newVolume("pvc-1", { storageClassName: "fast", claimRef }));
    await run.settle();
    expect(claim()).toMatchObject({ spec: { volumeName: "pvc-1" }, status: { phase: "Bound" } });
    expect(volume("pvc-1")?.metadata.annotations ?? {}).toEqual({});
  });

  it("waits for its first consumer, then for the pod, then for the provisioner", async () => {
    run.transport.seed(newClass("late", later), newClaim({ storageClassName: "late" }));
    run.transport.seed(newVolume("pv", { storageClassName: "late" }));
    await run.settle();
    expect(run.events()).toEqual([
      "Normal WaitForFirstConsumer waiting for first consumer to be created before binding",
    ]);
    expect(claim()?.metadata.annotations).toBeUndefined();
    run.transport.seed({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p" },
      spec: { containers: [], volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }] },
    });
    run.transport.modify(resources.persistentvolumeclaims, "data", ({ metadata }) => {
      metadata.labels = { a: "b" };
    });
    await run.settle();
    expect(run.events().at(-1)).toBe("Normal WaitForPodScheduled waiting for pod p to be scheduled");
    run.transport.remove(resources.persistentvolumes, "pv");
    run.transport.modify(resources.persistentvolumeclaims, "data", ({ metadata }) => {
      metadata.annotations = { "volume.kubernetes.io/selected-node": "n1" };
    });
    await run.settle();
    expect(claim()?.metadata.annotations?.["volume.kubernetes.io/storage-provisioner"]).toBe(
      "example.com/disks",
    );
  });

  it("that waits for a consumer is bound to the volume that the scheduler reserved", async () => {
    run.transport.seed(newClass("late", later), newClaim({ storageClassName: "late" }));
    const claimRef = { namespace: "default", name: "data", uid: "claim-1" };
    run.transport.seed(newVolume("pv", { storageClassName: "late", claimRef }));
    await run.settle();
    expect(claim()?.status?.phase).toBe("Bound");
  });

  it.each([
    [
      "a class that does not exist",
      "gone",
      undefined,
      'Warning ProvisioningFailed storageclass.storage.k8s.io "gone" not found',
    ],
    [
      "a class without provisioner",
      "manual",
      "kubernetes.io/no-provisioner",
      "Warning ProvisioningFailed no volume plugin matched name: kubernetes.io/no-provisioner",
    ],
  ])("of %s says so", async (_, storageClassName, provisioner, event) => {
    if (provisioner !== undefined) run.transport.seed(newClass(storageClassName, { provisioner }));
    run.transport.seed(newClaim({ storageClassName }));
    await run.settle();
    expect(run.events()).toEqual([event]);
    expect(claim()?.status?.phase).toBe("Pending");
  });

  it("without a class gets the default class, also later", async () => {
    run.transport.seed(newClaim({ storageClassName: undefined }));
    await run.settle();
    expect(claim()?.spec.storageClassName).toBeUndefined();
    const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
    run.transport.seed(newClass("plain"), newClass("new", { metadata: { name: "new", annotations } }));
    await run.settle();
    expect(claim()?.spec.storageClassName).toBe("new");
  });

  it("that chose no class gets none", async () => {
    const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
    run.transport.seed(newClass("any", { metadata: { name: "any", annotations } }), newClaim());
    await run.settle();
    expect(claim()?.spec.storageClassName).toBe("");
  });

  it.each<[string, PersistentVolume | undefined, string, string[]]>([
    ["is there", newVolume("pv"), "Bound", []],
    ["is not there yet", undefined, "Pending", []],
    [
      "is too small",
      newVolume("pv", { capacity: { storage: "1Mi" } }),
      "Pending",
      ['Warning VolumeMismatch Cannot bind to requested volume "pv": requested PV is too small'],
    ],
    [
      "is of another class",
      newVolume("pv", { storageClassName: "x" }),
      "Pending",
      ['Warning VolumeMismatch Cannot bind to requested volume "pv": storageClassName does not match'],
    ],
    [
      "is of another mode",
      newVolume("pv", { volumeMode: "Block" }),
      "Pending",
      ['Warning VolumeMismatch Cannot bind to requested volume "pv": incompatible volumeMode'],
    ],
    [
      "cannot be used so",
      newVolume("pv", { accessModes: ["ReadOnlyMany"] }),
      "Pending",
      ['Warning VolumeMismatch Cannot bind to requested volume "pv": incompatible accessMode'],
    ],
    [
      "is taken",
      newVolume("pv", { claimRef: { namespace: "default", name: "other" } }),
      "Pending",
      ['Warning FailedBinding volume "pv" already bound to a different claim.'],
    ],
  ])("by name of a volume that %s", async (_, named, phase, events) => {
    if (named !== undefined) run.transport.seed(named);
    run.transport.seed(newClaim({ volumeName: "pv" }));
    await run.settle();
    expect(claim()?.status?.phase).toBe(phase);
    expect(run.events()).toEqual(events);
  });

  it("is lost with its volume, and says so once", async () => {
    run.transport.seed(newVolume("pv"), newClaim());
    await run.settle();
    run.transport.remove(resources.persistentvolumes, "pv");
    await run.settle();
    expect(claim()?.status).toEqual({ phase: "Lost" });
    expect(run.events()).toEqual([
      "Warning ClaimLost Bound claim has lost its PersistentVolume. Data on the volume is lost!",
    ]);
  });

  it("that was bound and whose volume is another's by now is lost", async () => {
    const annotations = { "pv.kubernetes.io/bind-completed": "yes" };
    run.transport.seed(
      newVolume("pv", { claimRef: { namespace: "default", name: "other", uid: "claim-9" } }),
      newClaim({}, { name: "other", uid: "claim-9" }),
      newClaim({ volumeName: "pv" }, { annotations }),
    );
    await run.settle();
    expect(claim()?.status?.phase).toBe("Lost");
    expect(run.events()).toContain(
      "Warning ClaimMisbound Two claims are bound to the same volume, this one is bound incorrectly",
    );
  });
});

describe("a volume", () => {
  it.each([
    ["Retain", "Released"],
    ["Delete", "Released"],
    ["Recycle", "Failed"],
  ])("whose claim is gone, with the policy %s, is %s", async (policy, phase) => {
    run.transport.seed(newVolume("pv", { persistentVolumeReclaimPolicy: policy }), newClaim());
    await run.settle();
    run.transport.remove(resources.persistentvolumeclaims, "data");
    await run.settle();
    expect(volume()?.status?.phase).toBe(phase);
    expect(volume()?.spec.claimRef?.uid).toBe("claim-1");
    run.transport.seed(newClaim({}, { uid: "claim-2" }));
    await run.settle();
    expect(claim()?.status?.phase).toBe("Pending");
  });

  it("reserved by hand is available until its claim comes", async () => {
    const claimRef = { namespace: "default", name: "data" };
    run.transport.seed({ ...newVolume("pv", { claimRef }), status: {} });
    await run.settle();
    expect(volume()?.status?.phase).toBe("Available");
    run.transport.seed(newClaim());
    await run.settle();
    expect(volume()).toMatchObject({
      spec: { claimRef: { uid: "claim-1" } },
      status: { phase: "Bound" },
    });
    expect(volume()?.metadata.annotations ?? {}).toEqual({});
  });

  it("that the controller reserved for a claim that went elsewhere is free again", async () => {
    const annotations = { "pv.kubernetes.io/bound-by-controller": "yes" };
    const claimRef = { namespace: "default", name: "data", uid: "claim-1" };
    run.transport.seed(newVolume("elsewhere"), newClaim({ volumeName: "elsewhere" }));
    await run.settle();
    run.transport.seed(newVolume("pv", { claimRef }, { annotations }), newVolume("by-hand", { claimRef }));
    await run.settle();
    expect(volume()?.spec.claimRef).toBeUndefined();
    expect(volume()?.status?.phase).toBe("Available");
    expect(volume("by-hand")?.spec.claimRef).toEqual({ namespace: "default", name: "data" });
  });

  it("of another mode than the claim that it names says so on both", async () => {
    const claimRef = { namespace: "default", name: "data", uid: "claim-1" };
    run.transport.seed(newClaim(), newVolume("pv", { claimRef, volumeMode: "Block" }));
    await run.settle();
    expect(run.events()).toEqual(
      expect.arrayContaining([
        'Warning VolumeMismatch Cannot bind PersistentVolume to requested PersistentVolumeClaim "data" due to incompatible volumeMode.',
        'Warning VolumeMismatch Cannot bind PersistentVolume "pv" to requested PersistentVolumeClaim due to incompatible volumeMode.',
      ]),
    );
  });
});
