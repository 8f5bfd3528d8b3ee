import type { Selector } from "../apimachinery/labels.ts";
import {
  controllerOf,
  isBeingDeleted,
  type KubernetesObject,
  newControllerRef,
} from "../apimachinery/object.ts";
import { isInvalid, isNotFound } from "../apimachinery/status.ts";
import type { Client, ResourceReference } from "../client/client.ts";
import type { Informer } from "../client/informer.ts";

const index = "controllerOrOrphan";

/** Adds the index that `ownedAndOrphaned` reads. */
export function indexByController<T extends KubernetesObject>(informer: Informer<T>): void {
  informer.addIndex(index, (object) => [
    controllerOf(object)?.uid ?? `orphan in ${object.metadata.namespace ?? ""}`,
  ]);
}

/** The objects that the owner controls, and those of its namespace that nobody does: candidates to be claimed. */
export function ownedAndOrphaned<T extends KubernetesObject>(
  informer: Informer<T>,
  owner: KubernetesObject,
): T[] {
  const { uid = "", namespace = "" } = owner.metadata;
  return [...informer.byIndex(index, uid), ...informer.byIndex(index, `orphan in ${namespace}`)];
}

/** The objects that the owner with this uid controls. */
export function ownedBy<T extends KubernetesObject>(informer: Informer<T>, uid: string): T[] {
  return informer.byIndex(index, uid);
}

export interface ClaimOptions<T extends KubernetesObject, O extends KubernetesObject> {
  readonly client: Client;
  /** Of the objects to claim. */
  readonly reference: ResourceReference<T>;
  readonly owner: O;
  readonly ownerReference: ResourceReference<O>;
  readonly selector: Selector;
  /** Objects that it refuses are left alone. */
  readonly accepts?: (object: T) => boolean;
  /** Set on objects that are taken over, and taken off those that are let go. */
  readonly finalizer?: string;
  /** Told of each object that was taken over or let go, as it is then. */
  readonly wrote?: (object: T) => void;
}

/**
 * Settles who controls what: takes over matching objects that nobody controls, lets go of those that no longer match,
 * and returns those that are the owner's. Before the first adoption the owner is read from the server, because a cache
 * may still show one that was deleted. Adoption and release are attempted for every object; the first error is thrown
 * at the end. (Mirrors controller_ref_manager.go.)
 */
export async function claimObjects<T extends KubernetesObject, O extends KubernetesObject>(
  objects: readonly T[],
  options: ClaimOptions<T, O>,
): Promise<T[]> {
  const claims = new Claims(options);
  const claimed: T[] = [];
  let failure: { error: unknown } | undefined;
  for (const object of objects) {
    try {
      if (await claims.claim(object)) claimed.push(object);
    } catch (error) {
      failure ??= { error };
    }
  }
  if (failure !== undefined) throw failure.error;
  return claimed;
}

class Claims<T extends KubernetesObject, O extends KubernetesObject> {
  readonly #options: ClaimOptions<T, O>;
  /** Settled once per round of claims. */
  #mayAdopt: Promise<void> | undefined;

  constructor(options: ClaimOptions<T, O>) {
    this.#options = options;
  }

  /** True when the object is, or has become, the owner's. */
  async claim(object: T): Promise<boolean> {
    const { owner } = this.#options;
    const controller = controllerOf(object);
    if (controller !== undefined) {
      if (controller.uid !== owner.metadata.uid) return false;
      if (this.#matches(object)) return true;
      if (!isBeingDeleted(owner)) await this.#release(object);
      return false;
    }
    if (isBeingDeleted(owner) || isBeingDeleted(object) || !this.#matches(object)) return false;
    if (object.metadata.namespace !== owner.metadata.namespace) return false;
    return await this.#adopt(object);
  }

  #matches(object: T): boolean {
    const { selector, accepts } = this.#options;
    return selector.matches(object.metadata.labels) && (accepts?.(object) ?? true);
  }

  async #adopt(object: T): Promise<boolean> {
    this.#mayAdopt ??= this.#checkOwner();
    await this.#mayAdopt;
    const references = [...(object.metadata.ownerReferences ?? []), newControllerRef(this.#options.owner)];
    const { finalizer } = this.#options;
    const finalizers = [
      ...new Set([...(object.metadata.finalizers ?? []), ...(finalizer === undefined ? [] : [finalizer])]),
    ];
    try {
      await this.#patchOwners(object, references, finalizer === undefined ? undefined : finalizers);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async #release(object: T): Promise<void> {
    const { uid } = this.#options.owner.metadata;
    const references = (object.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== uid);
    const { finalizer } = this.#options;
    const finalizers = (object.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    try {
      await this.#patchOwners(
        object,
        references.length === 0 ? null : references,
        finalizer === undefined ? undefined : finalizers,
      );
    } catch (error) {
      // Gone, or made anew under the same name: either way it is no longer the owner's.
      if (!isNotFound(error) && !isInvalid(error)) throw error;
    }
  }

  /** The uid and revision make the patch fail when the object is another one or has changed since. */
  async #patchOwners(
    { metadata }: T,
    ownerReferences: unknown,
    finalizers: readonly string[] | undefined,
  ): Promise<void> {
    const { name = "", namespace, uid, resourceVersion } = metadata;
    const change = finalizers === undefined ? {} : { finalizers };
    const patch = { metadata: { uid, resourceVersion, ownerReferences, ...change } };
    const { client, reference, wrote } = this.#options;
    const patched = await client.resource(reference).patch(name, patch, { type: "merge", namespace });
    wrote?.(patched);
  }

  async #checkOwner(): Promise<void> {
    const { client, owner, ownerReference } = this.#options;
    const { name = "", namespace, uid } = owner.metadata;
    const fresh = await client.resource(ownerReference).get(name, { namespace });
    if (fresh.metadata.uid !== uid) {
      throw new Error(
        `original ${owner.kind} ${namespace}/${name} is gone: got uid ${fresh.metadata.uid}, wanted ${uid}`,
      );
    }
    if (isBeingDeleted(fresh)) {
      throw new Error(`${namespace}/${name} has just been deleted at ${fresh.metadata.deletionTimestamp}`);
    }
  }
}
