import type { PersistentVolume, PersistentVolumeClaim } from "../../api/types/core-v1.ts";
import type { StorageClass } from "../../api/types/storage-v1.ts";

/** A claim `data` for 1Gi of no class. */
export const newClaim = (
  spec: Partial<PersistentVolumeClaim["spec"]> = {},
  metadata: PersistentVolumeClaim["metadata"] = {},
): PersistentVolumeClaim => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "data", namespace: "default", uid: "claim-1", ...metadata },
  spec: {
    accessModes: ["ReadWriteOnce"],
    resources: { requests: { storage: "1Gi" } },
    storageClassName: "",
    ...spec,
  },
});

/** An available volume of that size, without class. */
export const newVolume = (
  name: string,
  spec: Partial<PersistentVolume["spec"]> = {},
  metadata: PersistentVolume["metadata"] = {},
): PersistentVolume => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name, ...metadata },
  spec: {
    accessModes: ["ReadWriteOnce"],
    capacity: { storage: "1Gi" },
    persistentVolumeReclaimPolicy: "Retain",
    hostPath: { path: `/data/${name}` },
    ...spec,
  },
  status: { phase: "Available" },
});

export const newClass = (name: string, extra: Partial<StorageClass> = {}): StorageClass => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name },
  provisioner: "example.com/disks",
  reclaimPolicy: "Delete",
  volumeBindingMode: "Immediate",
  ...extra,
});
