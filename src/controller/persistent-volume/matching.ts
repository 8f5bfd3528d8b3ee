import type { PersistentVolume, PersistentVolumeClaim } from "../../api/types/core-v1.ts";
import type { StorageClass } from "../../api/types/storage-v1.ts";
import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import { isBeingDeleted } from "../../apimachinery/object.ts";
import { Quantity } from "../../apimachinery/quantity.ts";

/** Pure questions about claims and volumes; answers mirror pkg/controller/volume/persistentvolume. */

const classAnnotation = "volume.beta.kubernetes.io/storage-class";

/** The class a claim or a volume names; "" for none. The annotation is older than the field and wins. */
export function classOf(object: PersistentVolumeClaim | PersistentVolume): string {
  return object.metadata.annotations?.[classAnnotation] ?? object.spec.storageClassName ?? "";
}

/** The claim leaves the class to the cluster's default; an empty name is a choice, too. */
export const leavesClassOpen = ({ metadata, spec }: PersistentVolumeClaim): boolean =>
  metadata.annotations?.[classAnnotation] === undefined && spec.storageClassName === undefined;

/** The newest of the classes that are marked as default. */
export function defaultClass(classes: readonly StorageClass[]): StorageClass | undefined {
  const marks = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
  ];
  return classes
    .filter(({ metadata }) => marks.some((mark) => metadata.annotations?.[mark] === "true"))
    .toSorted((a, b) => {
      const [first = "", second = ""] = [a, b].map(({ metadata }) => metadata.creationTimestamp ?? "");
      if (first !== second) return first < second ? 1 : -1;
      return (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1;
    })[0];
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

/**
 * The volume that fits best: one reserved for the claim, else, among those that can do least beyond what is asked, the
 * smallest that is large enough. With `onlyReserved` the choice among free volumes is the scheduler's.
 */
export function bestVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  { onlyReserved }: { readonly onlyReserved: boolean },
): PersistentVolume | undefined {
  const fitting = volumes
    .filter(
      (volume) =>
        !isBeingDeleted(volume) &&
        hasAccessModes(volume, claim) &&
        sameMode(volume, claim) &&
        sameAttributes(volume, claim) &&
        capacityOf(volume).compare(requestOf(claim)) >= 0,
    )
    .toSorted((a, b) => modesOf(a).length - modesOf(b).length || capacityOf(a).compare(capacityOf(b)));
  const reserved = fitting.find((volume) => isReservedFor(volume, claim));
  if (reserved !== undefined || onlyReserved) return reserved;
  const selector =
    claim.spec.selector === undefined ? undefined : selectorFromLabelSelector(claim.spec.selector);
  return fitting.find(
    (volume) =>
      volume.spec.claimRef === undefined &&
      volume.status?.phase === "Available" &&
      classOf(volume) === classOf(claim) &&
      (selector === undefined || selector.matches(volume.metadata.labels)),
  );
}

/** Why the volume that a claim asks for by name does not do; undefined when it does. */
export function mismatchOf(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (capacityOf(volume).compare(requestOf(claim)) < 0) return "requested PV is too small";
  if (classOf(volume) !== classOf(claim)) return "storageClassName does not match";
  if (!sameMode(volume, claim)) return "incompatible volumeMode";
  if (!hasAccessModes(volume, claim)) return "incompatible accessMode";
  return sameAttributes(volume, claim) ? undefined : "volumeAttributesClassName does not match";
}

const modesOf = (volume: PersistentVolume): readonly string[] => volume.spec.accessModes ?? [];

function hasAccessModes(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (claim.spec.accessModes ?? []).every((mode) => modesOf(volume).includes(mode));
}

export const sameMode = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (volume.spec.volumeMode ?? "Filesystem") === (claim.spec.volumeMode ?? "Filesystem");

const sameAttributes = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (volume.spec.volumeAttributesClassName ?? "") === (claim.spec.volumeAttributesClassName ?? "");

export const capacityOf = (volume: PersistentVolume): Quantity =>
  Quantity.parse(volume.spec.capacity?.["storage"] ?? "0");

export const requestOf = (claim: PersistentVolumeClaim): Quantity =>
  Quantity.parse(claim.spec.resources?.requests?.["storage"] ?? "0");
