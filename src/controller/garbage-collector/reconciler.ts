import type { OwnerReference } from "../../apimachinery/meta-v1.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { ResourceClient, ResourceReference } from "../../client/client.ts";
import type { ControllerContext } from "../controller.ts";
import { foregroundFinalizer, type GraphNode, type OwnerGraph, orphanFinalizer } from "./graph.ts";

/**
 * Deletes objects whose owners are all gone. Keys are uids. Nothing is deleted on the graph's word alone: the object and
 * its owners are read from the API server first. Behaviour mirrors pkg/controller/garbagecollector.
 */
export class GarbageCollector {
  readonly #context: ControllerContext;
  readonly #graph: OwnerGraph;
  readonly #referenceFor: (apiVersion: string, kind: string) => ResourceReference | undefined;

  constructor(
    context: ControllerContext,
    graph: OwnerGraph,
    referenceFor: (apiVersion: string, kind: string) => ResourceReference | undefined,
  ) {
    this.#context = context;
    this.#graph = graph;
    this.#referenceFor = referenceFor;
  }

  /** Answers the uids that must be looked at next. */
  async reconcile(uid: string): Promise<string[]> {
    const node = this.#graph.get(uid);
    if (node === undefined) return [];
    const reference = node.resource ?? this.#referenceFor(node.apiVersion, node.kind);
    // A kind that is not served may come back: its dependents stay.
    if (reference === undefined) return [];
    const live = await this.#read(reference, node);
    if (live === undefined) return this.#graph.remove(uid);
    if (node.resource === undefined) return [];
    if (node.orphaning) return await this.#orphan(node, live, reference);
    if (node.deletingDependents) return await this.#processForeground(node, live, reference);
    if (live.metadata.deletionTimestamp !== undefined) return [];
    await this.#collect(node, live, reference);
    return [];
  }

  #client(reference: ResourceReference): ResourceClient<KubernetesObject> {
    return this.#context.client.resource(reference);
  }

  /** The object with this uid, or undefined when it is gone or another took its name. */
  async #read(reference: ResourceReference, node: GraphNode): Promise<KubernetesObject | undefined> {
    try {
      const namespace = reference.namespaced ? node.namespace : undefined;
      const live = await this.#client(reference).get(node.name, { namespace });
      return live.metadata.uid === node.uid ? live : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Deletes the object when no owner is left; drops references to owners that are gone when one is. */
  async #collect(node: GraphNode, live: KubernetesObject, reference: ResourceReference): Promise<void> {
    const owners = live.metadata.ownerReferences ?? [];
    if (owners.length === 0) return;
    const states = await Promise.all(owners.map((owner) => this.#ownerState(owner, live)));
    const solid = owners.filter((_, index) => states[index] === "solid");
    const waiting = owners.filter((_, index) => states[index] === "waiting");
    if (solid.length > 0) {
      const drop = owners.filter((owner) => !solid.includes(owner));
      if (drop.length > 0) await this.#setOwners(live, reference, solid);
      return;
    }
    if (states.includes("unknown")) return;
    let propagationPolicy: "Foreground" | "Background" | "Orphan" = "Background";
    if (waiting.length > 0 && node.dependents.size > 0) {
      // The owner waits for this object, and this one for its own dependents.
      propagationPolicy = "Foreground";
    } else if (live.metadata.finalizers?.includes(orphanFinalizer) === true) propagationPolicy = "Orphan";
    else if (live.metadata.finalizers?.includes(foregroundFinalizer) === true)
      propagationPolicy = "Foreground";
    try {
      await this.#client(reference).delete(node.name, {
        namespace: live.metadata.namespace,
        propagationPolicy,
        preconditions: { uid: node.uid, resourceVersion: live.metadata.resourceVersion ?? "" },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #ownerState(
    owner: OwnerReference,
    dependent: KubernetesObject,
  ): Promise<"solid" | "gone" | "waiting" | "unknown"> {
    const reference = this.#referenceFor(owner.apiVersion, owner.kind);
    if (reference === undefined) return "unknown";
    const namespace = reference.namespaced ? dependent.metadata.namespace : undefined;
    // An object of no namespace cannot be owned by one that has a namespace.
    if (reference.namespaced && namespace === undefined) return "unknown";
    try {
      const live = await this.#client(reference).get(owner.name, { namespace });
      if (live.metadata.uid !== owner.uid) return "gone";
      const foreground =
        live.metadata.deletionTimestamp !== undefined &&
        live.metadata.finalizers?.includes(foregroundFinalizer) === true;
      return foreground ? "waiting" : "solid";
    } catch (error) {
      if (isNotFound(error)) return "gone";
      throw error;
    }
  }

  /** The object goes when no dependent blocks it any more; until then each dependent is looked at. */
  async #processForeground(
    node: GraphNode,
    live: KubernetesObject,
    reference: ResourceReference,
  ): Promise<string[]> {
    const blocking = this.#graph
      .dependentsOf(node)
      .filter((dependent) =>
        dependent.owners.some((owner) => owner.uid === node.uid && owner.blockOwnerDeletion === true),
      );
    if (blocking.length === 0) {
      await this.#removeFinalizer(live, reference, foregroundFinalizer);
      return [];
    }
    return [...node.dependents];
  }

  async #orphan(node: GraphNode, live: KubernetesObject, reference: ResourceReference): Promise<string[]> {
    for (const dependent of this.#graph.dependentsOf(node)) {
      if (dependent.resource === undefined) continue;
      const object = await this.#read(dependent.resource, dependent);
      if (object === undefined) continue;
      const owners = (object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== node.uid);
      await this.#setOwners(object, dependent.resource, owners);
    }
    await this.#removeFinalizer(live, reference, orphanFinalizer);
    return [];
  }

  async #removeFinalizer(
    live: KubernetesObject,
    reference: ResourceReference,
    finalizer: string,
  ): Promise<void> {
    const finalizers = (live.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    await this.#patchMetadata(live, reference, { finalizers });
  }

  async #setOwners(
    live: KubernetesObject,
    reference: ResourceReference,
    ownerReferences: readonly OwnerReference[],
  ): Promise<void> {
    await this.#patchMetadata(live, reference, { ownerReferences });
  }

  /** A merge patch that only applies to the state that was read; a lost race is tried again with backoff. */
  async #patchMetadata(
    live: KubernetesObject,
    reference: ResourceReference,
    change: Record<string, unknown>,
  ): Promise<void> {
    const { name = "", namespace, uid, resourceVersion } = live.metadata;
    try {
      await this.#client(reference).patch(
        name,
        { metadata: { ...change, uid, resourceVersion } },
        { type: "merge", namespace },
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
