import type { PersistentVolume, PersistentVolumeClaim } from "../../api/types/core-v1.ts";
import type { StorageClass } from "../../api/types/storage-v1.ts";
import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import { isBeingDeleted } from "../../apimachinery/object.ts";
import { Quantity } from "../../apimachinery/quantity.ts";

/** Pure questions about claims and volumes; answers mirror pkg/controller/volume/persistentvolume. */

/** The class a claim or a volume names; "" for none. The annotation is older than the field and wins. */
export function classOf(object: PersistentVolumeClaim | PersistentVolume): string {
  return (
    object.metadata.annotations?.["volume.beta.kubernetes.io/storage-class"] ??
    object.spec.storageClassName ??
    ""
  );
}

export const waitsForConsumer = (storageClass: StorageClass | undefined): boolean =>
  storageClass?.volumeBindingMode === "WaitForFirstConsumer";

/** Whether the volume's claimRef names this claim; a reference without uid was written by hand, before the claim. */
export function isReservedFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const reference = volume.spec.claimRef;
  return (
    reference?.name === claim.metadata.name &&
    reference?.namespace === claim.metadata.namespace &&
    (reference?.uid === undefined || reference.uid === "" || reference.uid === claim.metadata.uid)
  );
}

/** The volume that fits best: one reserved for the claim, else the smallest that is large enough. */
export function bestVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
): PersistentVolume | undefined {
  const selector =
    claim.spec.selector === undefined ? undefined : selectorFromLabelSelector(claim.spec.selector);
  const fitting = volumes.filter(
    (volume) =>
      !isBeingDeleted(volume) &&
      hasAccessModes(volume, claim) &&
      (volume.spec.volumeMode ?? "Filesystem") === (claim.spec.volumeMode ?? "Filesystem") &&
      capacityOf(volume).compare(requestOf(claim)) >= 0,
  );
  const reserved = fitting.find((volume) => isReservedFor(volume, claim));
  if (reserved !== undefined) return reserved;
  return fitting
    .filter(
      (volume) =>
        volume.spec.claimRef === undefined &&
        classOf(volume) === classOf(claim) &&
        (volume.status?.phase ?? "Available") === "Available" &&
        (selector === undefined || selector.matches(volume.metadata.labels)),
    )
    .toSorted((a, b) => capacityOf(a).compare(capacityOf(b)))[0];
}

function hasAccessModes(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (claim.spec.accessModes ?? []).every((mode) => (volume.spec.accessModes ?? []).includes(mode));
}

export const capacityOf = (volume: PersistentVolume): Quantity =>
  Quantity.parse(volume.spec.capacity?.["storage"] ?? "0");

export const requestOf = (claim: PersistentVolumeClaim): Quantity =>
  Quantity.parse(claim.spec.resources?.requests?.["storage"] ?? "0");
