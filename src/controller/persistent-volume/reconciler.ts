import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../api/types/core-v1.ts";
import type { StorageClass } from "../../api/types/storage-v1.ts";
import { isBeingDeleted } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext } from "../controller.ts";
import {
  bestVolume,
  classOf,
  defaultClass,
  isReservedFor,
  leavesClassOpen,
  mismatchOf,
  sameMode,
  waitsForConsumer,
} from "./matching.ts";
import { BindingWriter, bindCompleted } from "./writer.ts";

export const provisionerAnnotation = "volume.kubernetes.io/storage-provisioner";
const betaProvisionerAnnotation = "volume.beta.kubernetes.io/storage-provisioner";
export const selectedNodeAnnotation = "volume.kubernetes.io/selected-node";
export const provisionedBy = "pv.kubernetes.io/provisioned-by";

/** Provisioners of this prefix are built into Kubernetes; none is built in here. */
const builtInPrefix = "kubernetes.io/";

/**
 * Binds claims to volumes, one step at a time: the volume names the claim, then the claim names the volume; the next pass
 * goes on from where the last one ended. Keys are `claim NAMESPACE/NAME` and `volume NAME`.
 * (Mirrors pkg/controller/volume/persistentvolume/pv_controller.go.)
 */
export class PersistentVolumeReconciler {
  readonly #context: ControllerContext;
  readonly #writer: BindingWriter;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;
  readonly #pods: Informer<Pod>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#writer = new BindingWriter(context);
    this.#claims = context.informers.informer(resources.persistentvolumeclaims);
    this.#volumes = context.informers.informer(resources.persistentvolumes);
    this.#classes = context.informers.informer(resources.storageclasses);
    this.#pods = context.informers.informer(resources.pods);
  }

  async reconcile(key: string): Promise<void> {
    const [what = "", name = ""] = key.split(" ");
    try {
      if (what === "claim") await this.#syncClaim(name);
      else await this.#syncVolume(name);
    } catch (error) {
      // Deleted meanwhile: its event brings here what is left to do.
      if (!isNotFound(error)) throw error;
    }
  }

  async #syncClaim(key: string): Promise<void> {
    const claim = this.#claims.getByKey(key);
    if (claim === undefined) return;
    if (claim.metadata.annotations?.[bindCompleted] !== undefined) await this.#syncBound(claim);
    else if ((claim.spec.volumeName ?? "") !== "") await this.#bindNamed(claim, claim.spec.volumeName ?? "");
    else await this.#findVolume(claim);
  }

  async #findVolume(claim: PersistentVolumeClaim): Promise<void> {
    const storageClass = this.#classes.get(classOf(claim));
    const selectedNode = claim.metadata.annotations?.[selectedNodeAnnotation];
    const delayed = waitsForConsumer(storageClass) && selectedNode === undefined;
    const found = bestVolume(claim, this.#volumes.list(), { onlyReserved: delayed });
    if (found !== undefined) return await this.#writer.bind(claim, found);
    const fallback = leavesClassOpen(claim) ? defaultClass(this.#classes.list()) : undefined;
    if (fallback !== undefined) {
      const annotations = { ...claim.metadata.annotations };
      await this.#writer.updateClaim(claim, annotations, { storageClassName: fallback.metadata.name });
      return;
    }
    const waiting = delayed ? this.#tellDelay(claim) : await this.#provision(claim, storageClass);
    await this.#writer.setClaimPhase(waiting, "Pending");
  }

  #tellDelay(claim: PersistentVolumeClaim): PersistentVolumeClaim {
    const { events } = this.#context;
    const pod = this.#pods
      .list(claim.metadata.namespace)
      .find(
        ({ metadata, spec }) =>
          (spec.nodeName ?? "") === "" &&
          (spec.volumes ?? []).some(
            ({ name, persistentVolumeClaim, ephemeral }) =>
              persistentVolumeClaim?.claimName === claim.metadata.name ||
              (ephemeral !== undefined && `${metadata.name}-${name}` === claim.metadata.name),
          ),
      );
    if (pod !== undefined) {
      const message = `waiting for pod ${pod.metadata.name} to be scheduled`;
      events.event(claim, "Normal", "WaitForPodScheduled", message);
    } else {
      const message = "waiting for first consumer to be created before binding";
      events.event(claim, "Normal", "WaitForFirstConsumer", message);
    }
    return claim;
  }

  /** Asks the class's provisioner for a volume; answers the claim as it is then. */
  async #provision(
    claim: PersistentVolumeClaim,
    storageClass: StorageClass | undefined,
  ): Promise<PersistentVolumeClaim> {
    const { events } = this.#context;
    const refuse = (type: "Normal" | "Warning", reason: string, message: string): PersistentVolumeClaim => {
      events.event(claim, type, reason, message);
      return claim;
    };
    if (isBeingDeleted(claim)) return claim;
    if (classOf(claim) === "") {
      const message = "no persistent volumes available for this claim and no storage class is set";
      return refuse("Normal", "FailedBinding", message);
    }
    if (storageClass === undefined) {
      const message = `storageclass.storage.k8s.io "${classOf(claim)}" not found`;
      return refuse("Warning", "ProvisioningFailed", message);
    }
    const { provisioner } = storageClass;
    if (provisioner.startsWith(builtInPrefix)) {
      return refuse("Warning", "ProvisioningFailed", `no volume plugin matched name: ${provisioner}`);
    }
    let current = claim;
    if (claim.metadata.annotations?.[provisionerAnnotation] !== provisioner) {
      current = await this.#writer.updateClaim(
        claim,
        {
          ...claim.metadata.annotations,
          [betaProvisionerAnnotation]: provisioner,
          [provisionerAnnotation]: provisioner,
        },
        {},
      );
    }
    const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
    events.event(claim, "Normal", "ExternalProvisioning", message);
    return current;
  }

  async #bindNamed(claim: PersistentVolumeClaim, volumeName: string): Promise<void> {
    const { events } = this.#context;
    const volume = this.#volumes.get(volumeName);
    if (volume === undefined) return await this.#writer.setClaimPhase(claim, "Pending");
    if (volume.spec.claimRef === undefined) {
      const mismatch = mismatchOf(volume, claim);
      if (mismatch === undefined) return await this.#writer.bind(claim, volume);
      const message = `Cannot bind to requested volume "${volumeName}": ${mismatch}`;
      events.event(claim, "Warning", "VolumeMismatch", message);
      return await this.#writer.setClaimPhase(claim, "Pending");
    }
    if (isReservedFor(volume, claim)) return await this.#writer.bind(claim, volume);
    const message = `volume "${volumeName}" already bound to a different claim.`;
    events.event(claim, "Warning", "FailedBinding", message);
    await this.#writer.setClaimPhase(claim, "Pending");
  }

  async #syncBound(claim: PersistentVolumeClaim): Promise<void> {
    const { volumeName = "" } = claim.spec;
    const volume = this.#volumes.get(volumeName);
    if (volumeName === "") {
      const message = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!";
      return await this.#lose(claim, "ClaimLost", message);
    }
    if (volume === undefined) {
      const message = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
      return await this.#lose(claim, "ClaimLost", message);
    }
    const reference = volume.spec.claimRef;
    if (reference === undefined || reference.uid === claim.metadata.uid)
      return await this.#writer.bind(claim, volume);
    const message = "Two claims are bound to the same volume, this one is bound incorrectly";
    await this.#lose(claim, "ClaimMisbound", message);
  }

  async #lose(claim: PersistentVolumeClaim, reason: string, message: string): Promise<void> {
    if (claim.status?.phase !== "Lost") this.#context.events.event(claim, "Warning", reason, message);
    await this.#writer.setClaimPhase(claim, "Lost");
  }

  async #syncVolume(name: string): Promise<void> {
    const volume = this.#volumes.get(name);
    if (volume === undefined) return;
    const reference = volume.spec.claimRef;
    if (reference === undefined || (reference.uid ?? "") === "") {
      await this.#writer.setVolumePhase(volume, "Available");
      return;
    }
    const claim = await this.#liveClaim(reference.namespace ?? "", reference.name ?? "", reference.uid ?? "");
    if (claim === undefined) return await this.#reclaim(volume);
    if ((claim.spec.volumeName ?? "") === "") return this.#tellMismatch(volume, claim);
    if (claim.spec.volumeName === name) {
      await this.#writer.setVolumePhase(volume, "Bound");
      return;
    }
    // The claim is bound elsewhere.
    const provisioned = volume.metadata.annotations?.[provisionedBy] !== undefined;
    if (provisioned && volume.spec.persistentVolumeReclaimPolicy === "Delete") await this.#reclaim(volume);
    else await this.#writer.unbindVolume(volume);
  }

  /** The claim that the volume names has yet to name the volume: its own pass does that, unless it never can. */
  #tellMismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): void {
    if (sameMode(volume, claim)) return;
    const { events } = this.#context;
    const forVolume = `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${claim.metadata.name}" due to incompatible volumeMode.`;
    events.event(volume, "Warning", "VolumeMismatch", forVolume);
    const forClaim = `Cannot bind PersistentVolume "${volume.metadata.name}" to requested PersistentVolumeClaim due to incompatible volumeMode.`;
    events.event(claim, "Warning", "VolumeMismatch", forClaim);
  }

  /** The claim is gone. What the reclaim policy says is done by the provisioner, which owns the data. */
  async #reclaim(volume: PersistentVolume): Promise<void> {
    const phase = volume.status?.phase;
    if (phase === "Failed") return;
    if (volume.spec.persistentVolumeReclaimPolicy !== "Recycle") {
      await this.#writer.setVolumePhase(volume, "Released");
      return;
    }
    const message = "No recycler plugin found for the volume!";
    this.#context.events.event(volume, "Warning", "VolumeFailedRecycle", message);
    await this.#writer.setVolumePhase(volume, "Failed", message);
  }

  /** From the API server when the cache has none: a volume must not be released because a cache lags. */
  async #liveClaim(namespace: string, name: string, uid: string): Promise<PersistentVolumeClaim | undefined> {
    const cached = this.#claims.get(name, namespace);
    if (cached?.metadata.uid === uid) return cached;
    try {
      const client = this.#context.client.resource(resources.persistentvolumeclaims);
      const live = await client.get(name, { namespace });
      return live.metadata.uid === uid ? live : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}
