import type { StatefulSet } from "../../api/types/apps-v1.ts";
import type { PersistentVolumeClaim, Pod } from "../../api/types/core-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import type { OwnerReference } from "../../apimachinery/meta-v1.ts";
import { isBeingDeleted, type KubernetesObject, keyOf, newControllerRef } from "../../apimachinery/object.ts";
import { isAlreadyExists } from "../../apimachinery/status.ts";
import type { ResourceClient } from "../../client/client.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext } from "../controller.ts";
import type { OwnWrites } from "../own-writes.ts";
import { messageOf } from "../pod-control.ts";
import { isWanted, newClaims, ordinalOf } from "./identity.ts";

/** The claims of a StatefulSet's pods: made before the pod, kept after it unless the retention policy says otherwise. */
export class StatefulClaims {
  readonly #context: ControllerContext;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #resource: ResourceClient<PersistentVolumeClaim>;
  readonly #written: OwnWrites;

  constructor(context: ControllerContext, written: OwnWrites) {
    this.#context = context;
    this.#written = written;
    this.#claims = context.informers.informer(resources.persistentvolumeclaims);
    this.#resource = context.client.resource(resources.persistentvolumeclaims);
  }

  /** Makes those that are missing. Throws when one is being deleted: the pod must not get its old data back. */
  async createMissing(set: StatefulSet, pod: Pod): Promise<void> {
    let failure: Error | undefined;
    for (const wanted of newClaims(set, ordinalOf(pod))) {
      const { name = "", namespace } = wanted.metadata;
      const present = this.#claims.get(name, namespace);
      if (present !== undefined) {
        if (isBeingDeleted(present)) failure ??= new Error(`pvc ${name} is being deleted`);
        continue;
      }
      const ownerReferences = ownersOf(wanted, set, pod);
      if (ownerReferences.length > 0) wanted.metadata.ownerReferences = ownerReferences;
      try {
        this.#written.wrote(keyOf(set), this.#claims, await this.#resource.create(wanted));
        this.#say(
          set,
          `create Claim ${name} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} success`,
        );
      } catch (error) {
        // The cache was behind: it is there, from a round before.
        if (isAlreadyExists(error)) continue;
        const where = `Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
        this.#say(set, `create Claim ${name} for ${where} failed error: ${messageOf(error)}`, true);
        failure ??= new Error(`failed to create PVC ${name}: ${messageOf(error)}`, { cause: error });
      }
    }
    if (failure !== undefined) throw failure;
  }

  /** Brings the owners of the pod's claims in line with the retention policy. */
  async applyRetention(set: StatefulSet, pod: Pod): Promise<void> {
    for (const wanted of newClaims(set, ordinalOf(pod))) {
      const claim = this.#claims.get(wanted.metadata.name ?? "", wanted.metadata.namespace);
      if (claim === undefined) continue;
      const ownerReferences = ownersOf(claim, set, pod);
      if (deepEqual(claim.metadata.ownerReferences ?? [], ownerReferences)) continue;
      const metadata = { ...claim.metadata, ownerReferences };
      this.#written.wrote(keyOf(set), this.#claims, await this.#resource.update({ ...claim, metadata }));
    }
  }

  /** A claim still belongs to an earlier pod of that name and will go with it: the new pod must wait for that. */
  hasStale(set: StatefulSet, pod: Pod): boolean {
    if (set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled !== "Delete") return false;
    return newClaims(set, ordinalOf(pod)).some(({ metadata }) => {
      const claim = this.#claims.get(metadata.name ?? "", metadata.namespace);
      return (claim?.metadata.ownerReferences ?? []).some(
        ({ kind, name, uid }) => kind === "Pod" && name === pod.metadata.name && uid !== pod.metadata.uid,
      );
    });
  }

  #say(set: StatefulSet, message: string, failed = false): void {
    const { events } = this.#context;
    if (failed) events.event(set, "Warning", "FailedCreate", message);
    else events.event(set, "Normal", "SuccessfulCreate", message);
  }
}

/**
 * Who a claim belongs to: what it belongs to is deleted together with it. A claim of a pod that is to be scaled away
 * belongs to that pod, any other to the set, each only where the policy says Delete. Claims that another controller
 * manages are left to it. (Mirrors updateClaimOwnerRefForSetAndPod.)
 */
function ownersOf(claim: PersistentVolumeClaim, set: StatefulSet, pod: Pod): OwnerReference[] {
  const isOurs = (reference: OwnerReference): boolean => refersTo(reference, set) || refersTo(reference, pod);
  const others = (claim.metadata.ownerReferences ?? []).filter((reference) => !isOurs(reference));
  if (others.some(({ controller }) => controller === true)) return others;
  const { whenScaled = "Retain", whenDeleted = "Retain" } =
    set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  const wanted = isWanted(set, ordinalOf(pod));
  if (!wanted && whenScaled === "Delete") {
    return pod.metadata.uid === undefined ? others : [...others, newControllerRef(pod)];
  }
  return whenDeleted === "Delete" ? [...others, newControllerRef(set)] : others;
}

function refersTo(reference: OwnerReference, { kind, metadata }: KubernetesObject): boolean {
  if (reference.kind !== kind) return false;
  return reference.uid === metadata.uid || (kind === "Pod" && reference.name === metadata.name);
}
