import type { PersistentVolume, PersistentVolumeClaim } from "../../api/types/core-v1.ts";
import type { StorageClass } from "../../api/types/storage-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { isBeingDeleted, keyOf } from "../../apimachinery/object.ts";
import { isConflict, isNotFound } from "../../apimachinery/status.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext } from "../controller.ts";
import { bestVolume, classOf, isReservedFor, waitsForConsumer } from "./matching.ts";

export const bindCompleted = "pv.kubernetes.io/bind-completed";
const boundByController = "pv.kubernetes.io/bound-by-controller";
export const provisionerAnnotation = "volume.kubernetes.io/storage-provisioner";
const betaProvisionerAnnotation = "volume.beta.kubernetes.io/storage-provisioner";
export const selectedNodeAnnotation = "volume.kubernetes.io/selected-node";
const noProvisioner = "kubernetes.io/no-provisioner";

/**
 * Binds claims to volumes, one step at a time: the volume names the claim, then the claim names the volume; each step can
 * be the last before a crash, and the next pass goes on from there. Keys are `claim NAMESPACE/NAME` and `volume NAME`.
 */
export class PersistentVolumeReconciler {
  readonly #context: ControllerContext;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#claims = context.informers.informer(resources.persistentvolumeclaims);
    this.#volumes = context.informers.informer(resources.persistentvolumes);
    this.#classes = context.informers.informer(resources.storageclasses);
  }

  async reconcile(key: string): Promise<void> {
    const [what = "", name = ""] = key.split(" ");
    if (what === "claim") await this.#syncClaim(name);
    else await this.#syncVolume(name);
  }

  async #syncClaim(key: string): Promise<void> {
    const claim = this.#claims.getByKey(key);
    if (claim === undefined) return;
    if (claim.metadata.annotations?.[bindCompleted] !== undefined) return await this.#syncBound(claim);
    const { volumeName } = claim.spec;
    if (volumeName !== undefined && volumeName !== "") return await this.#bindNamed(claim, volumeName);
    if (isBeingDeleted(claim)) return;

    const storageClass = this.#classes.get(classOf(claim));
    const selectedNode = claim.metadata.annotations?.[selectedNodeAnnotation];
    const delayed = waitsForConsumer(storageClass) && selectedNode === undefined;
    const reserved = this.#volumes.list().find((volume) => isReservedFor(volume, claim));
    const found = delayed && reserved === undefined ? undefined : bestVolume(claim, this.#volumes.list());
    if (found !== undefined) return await this.#bind(claim, found);
    await this.#waitForVolume(claim, storageClass, delayed);
  }

  /** Says what the claim waits for, and asks the class's provisioner when it is its turn. */
  async #waitForVolume(
    claim: PersistentVolumeClaim,
    storageClass: StorageClass | undefined,
    delayed: boolean,
  ): Promise<void> {
    const { events } = this.#context;
    let current = claim;
    if (delayed) {
      events.event(
        claim,
        "Normal",
        "WaitForFirstConsumer",
        "waiting for first consumer to be created before binding",
      );
    } else if (classOf(claim) === "") {
      events.event(
        claim,
        "Normal",
        "FailedBinding",
        "no persistent volumes available for this claim and no storage class is set",
      );
    } else if (storageClass === undefined) {
      events.event(
        claim,
        "Warning",
        "ProvisioningFailed",
        `storageclass.storage.k8s.io "${classOf(claim)}" not found`,
      );
    } else if (storageClass.provisioner === noProvisioner) {
      events.event(
        claim,
        "Normal",
        "FailedBinding",
        "no persistent volumes available for this claim and no storage class is set",
      );
    } else {
      const { provisioner } = storageClass;
      if (claim.metadata.annotations?.[provisionerAnnotation] !== provisioner) {
        current = await this.#context.client.resource(resources.persistentvolumeclaims).update({
          ...claim,
          metadata: {
            ...claim.metadata,
            annotations: {
              ...claim.metadata.annotations,
              [provisionerAnnotation]: provisioner,
              [betaProvisionerAnnotation]: provisioner,
            },
          },
        });
      }
      events.event(
        claim,
        "Normal",
        "ExternalProvisioning",
        `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
      );
    }
    await this.#setClaimPhase(current, "Pending");
  }

  async #bindNamed(claim: PersistentVolumeClaim, volumeName: string): Promise<void> {
    const volume = this.#volumes.get(volumeName);
    if (volume === undefined) return await this.#setClaimPhase(claim, "Pending");
    if (volume.spec.claimRef === undefined || isReservedFor(volume, claim))
      return await this.#bind(claim, volume);
    const { namespace, name } = volume.spec.claimRef;
    this.#context.events.event(
      claim,
      "Warning",
      "FailedBinding",
      `volume "${volumeName}" already bound to a different claim.`,
    );
    this.#context.logger.debug("claim asks for a volume that is taken", {
      claim: keyOf(claim),
      by: `${namespace}/${name}`,
    });
    await this.#setClaimPhase(claim, "Pending");
  }

  async #bind(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    const bound = await this.#bindVolume(volume, claim);
    const complete = await this.#bindClaim(claim, bound);
    await this.#setClaimBound(complete, bound);
  }

  async #bindVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<PersistentVolume> {
    const client = this.#context.client.resource(resources.persistentvolumes);
    let current = volume;
    if (volume.spec.claimRef?.uid !== claim.metadata.uid) {
      const annotations = { ...volume.metadata.annotations };
      if (volume.spec.claimRef === undefined) annotations[boundByController] = "yes";
      const claimRef = {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        namespace: claim.metadata.namespace,
        name: claim.metadata.name,
        uid: claim.metadata.uid,
        resourceVersion: claim.metadata.resourceVersion,
      };
      current = await client.update({
        ...volume,
        metadata: { ...volume.metadata, annotations },
        spec: { ...volume.spec, claimRef },
      });
    }
    return await this.#setVolumePhase(current, "Bound");
  }

  async #bindClaim(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<PersistentVolumeClaim> {
    const annotations: Record<string, string> = { ...claim.metadata.annotations, [bindCompleted]: "yes" };
    if (claim.spec.volumeName !== volume.metadata.name) annotations[boundByController] = "yes";
    if (claim.spec.volumeName === volume.metadata.name && deepEqual(annotations, claim.metadata.annotations))
      return claim;
    return await this.#context.client.resource(resources.persistentvolumeclaims).update({
      ...claim,
      metadata: { ...claim.metadata, annotations },
      spec: { ...claim.spec, volumeName: volume.metadata.name },
    });
  }

  async #syncBound(claim: PersistentVolumeClaim): Promise<void> {
    const volume = this.#volumes.get(claim.spec.volumeName ?? "");
    if (volume === undefined) {
      return await this.#lose(
        claim,
        "ClaimLost",
        "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
      );
    }
    if (volume.spec.claimRef === undefined || isReservedFor(volume, claim))
      return await this.#bind(claim, volume);
    await this.#lose(
      claim,
      "ClaimMisbound",
      "Two claims are bound to the same volume, this one is bound incorrectly",
    );
  }

  async #lose(claim: PersistentVolumeClaim, reason: string, message: string): Promise<void> {
    if (claim.status?.phase !== "Lost") this.#context.events.event(claim, "Warning", reason, message);
    await this.#setClaimPhase(claim, "Lost");
  }

  async #syncVolume(name: string): Promise<void> {
    const volume = this.#volumes.get(name);
    if (volume === undefined) return;
    const reference = volume.spec.claimRef;
    if (reference === undefined || reference.uid === undefined || reference.uid === "") {
      await this.#setVolumePhase(volume, "Available");
      return;
    }
    const claim = await this.#liveClaim(reference.namespace ?? "", reference.name ?? "");
    if (claim !== undefined && claim.metadata.uid === reference.uid) {
      if (claim.spec.volumeName === name) await this.#setVolumePhase(volume, "Bound");
      return;
    }
    // The claim is gone: what the reclaim policy says happens in the provisioner, which owns the data.
    if (volume.status?.phase === "Failed") return;
    if (volume.spec.persistentVolumeReclaimPolicy === "Recycle") {
      const message =
        "recycling is not supported: use the reclaim policy Delete with a provisioner, or Retain";
      this.#context.events.event(volume, "Warning", "VolumeFailedRecycle", message);
      await this.#setVolumePhase(volume, "Failed", message);
      return;
    }
    await this.#setVolumePhase(volume, "Released");
  }

  /** From the API server when the cache has none: a volume must not be released because a cache lags. */
  async #liveClaim(namespace: string, name: string): Promise<PersistentVolumeClaim | undefined> {
    const cached = this.#claims.get(name, namespace);
    if (cached !== undefined) return cached;
    try {
      return await this.#context.client.resource(resources.persistentvolumeclaims).get(name, { namespace });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #setVolumePhase(
    volume: PersistentVolume,
    phase: string,
    message?: string,
  ): Promise<PersistentVolume> {
    if (volume.status?.phase === phase && volume.status.message === message) return volume;
    const status = { ...volume.status, phase, ...(message === undefined ? {} : { message }) };
    if (message === undefined) delete status.message;
    return await this.#context.client
      .resource(resources.persistentvolumes)
      .updateStatus({ ...volume, status });
  }

  async #setClaimPhase(claim: PersistentVolumeClaim, phase: string): Promise<void> {
    if (claim.status?.phase === phase) return;
    await this.#writeClaimStatus({ ...claim, status: { ...claim.status, phase } });
  }

  async #setClaimBound(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    const status = {
      ...claim.status,
      phase: "Bound",
      accessModes: volume.spec.accessModes,
      capacity: { ...volume.spec.capacity, ...claim.status?.capacity },
    };
    if (!deepEqual(status, claim.status)) await this.#writeClaimStatus({ ...claim, status });
  }

  async #writeClaimStatus(claim: PersistentVolumeClaim): Promise<void> {
    try {
      await this.#context.client.resource(resources.persistentvolumeclaims).updateStatus(claim);
    } catch (error) {
      // Somebody changed or deleted it: the event of that change brings it back here.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }
}
