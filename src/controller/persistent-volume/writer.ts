import type { PersistentVolume, PersistentVolumeClaim } from "../../api/types/core-v1.ts";
import { sameFields } from "../../apimachinery/json.ts";
import type { ResourceClient } from "../../client/client.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext } from "../controller.ts";
import { isReservedFor } from "./matching.ts";

export const bindCompleted = "pv.kubernetes.io/bind-completed";
const boundByController = "pv.kubernetes.io/bound-by-controller";

/**
 * The writes that bind a claim and a volume. Each changes something only if it differs, and answers the object as it is
 * then; each can be the last before a crash. A conflict is thrown: the cache was behind.
 */
export class BindingWriter {
  readonly #claims: ResourceClient<PersistentVolumeClaim>;
  readonly #volumes: ResourceClient<PersistentVolume>;

  constructor({ client }: ControllerContext) {
    this.#claims = client.resource(resources.persistentvolumeclaims);
    this.#volumes = client.resource(resources.persistentvolumes);
  }

  /** First the volume names the claim, then the claim names the volume. */
  async bind(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    const reserved = await this.setVolumePhase(await this.#reserve(volume, claim), "Bound");
    const named = await this.#nameVolume(claim, reserved);
    await this.#setClaimBound(named, reserved);
  }

  async #reserve(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<PersistentVolume> {
    const { namespace, name, uid, resourceVersion } = claim.metadata;
    if (volume.spec.claimRef?.uid === uid) return volume;
    const annotations = { ...volume.metadata.annotations };
    if (!isReservedFor(volume, claim)) annotations[boundByController] = "yes";
    const kind = { apiVersion: "v1", kind: "PersistentVolumeClaim" };
    return await this.#volumes.update({
      ...volume,
      metadata: { ...volume.metadata, annotations },
      spec: { ...volume.spec, claimRef: { ...kind, namespace, name, uid, resourceVersion } },
    });
  }

  async #nameVolume(
    claim: PersistentVolumeClaim,
    { metadata }: PersistentVolume,
  ): Promise<PersistentVolumeClaim> {
    const annotations: Record<string, string> = { ...claim.metadata.annotations, [bindCompleted]: "yes" };
    const isNamed = claim.spec.volumeName === metadata.name;
    if (!isNamed) annotations[boundByController] = "yes";
    if (isNamed && sameFields(annotations, claim.metadata.annotations)) return claim;
    return await this.updateClaim(claim, annotations, { volumeName: metadata.name });
  }

  async #setClaimBound(claim: PersistentVolumeClaim, { spec }: PersistentVolume): Promise<void> {
    const { volumeAttributesClassName: attributes } = spec;
    const status = {
      ...claim.status,
      phase: "Bound",
      accessModes: spec.accessModes,
      ...(claim.status?.phase === "Bound" ? {} : { capacity: spec.capacity }),
      ...(attributes === undefined ? {} : { currentVolumeAttributesClassName: attributes }),
    };
    if (!sameFields(status, claim.status)) await this.#claims.updateStatus({ ...claim, status });
  }

  async updateClaim(
    claim: PersistentVolumeClaim,
    annotations: Record<string, string>,
    spec: Partial<PersistentVolumeClaim["spec"]>,
  ): Promise<PersistentVolumeClaim> {
    return await this.#claims.update({
      ...claim,
      metadata: { ...claim.metadata, annotations },
      spec: { ...claim.spec, ...spec },
    });
  }

  /** Of a claim that has no volume: nothing is said of its size. */
  async setClaimPhase(claim: PersistentVolumeClaim, phase: string): Promise<void> {
    const { accessModes: _modes, capacity: _capacity, ...rest } = claim.status ?? {};
    const status = { ...rest, phase };
    if (!sameFields(status, claim.status)) await this.#claims.updateStatus({ ...claim, status });
  }

  async setVolumePhase(volume: PersistentVolume, phase: string, message?: string): Promise<PersistentVolume> {
    if (volume.status?.phase === phase && volume.status.message === message) return volume;
    const { message: _before, ...rest } = volume.status ?? {};
    const status = { ...rest, phase, ...(message === undefined ? {} : { message }) };
    return await this.#volumes.updateStatus({ ...volume, status });
  }

  /** Frees a volume whose claim is bound elsewhere. A reference that somebody wrote by hand stays, but for its uid. */
  async unbindVolume(volume: PersistentVolume): Promise<void> {
    const { [boundByController]: ours, ...annotations } = volume.metadata.annotations ?? {};
    const { claimRef, ...spec } = volume.spec;
    const { uid: _uid, ...reference } = claimRef ?? {};
    const freed = await this.#volumes.update({
      ...volume,
      metadata: { ...volume.metadata, annotations },
      spec: ours === undefined ? { ...spec, claimRef: reference } : spec,
    });
    await this.setVolumePhase(freed, "Available");
  }
}
