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
  readonly #undecided = new Set<string>();
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
    if (node.beingDeleted && !node.deletingDependents && !node.orphaning) return [];
    const reference = node.resource ?? this.#referenceFor(node.apiVersion, node.kind);
    // A kind that is not served may come: then its dependents are looked at.
    if (reference === undefined) {
      this.#undecided.add(uid);
      return [];
    }
    const live = await this.#read(reference, node);
    if (live === undefined) return this.#graph.remove(uid);
    if (node.resource === undefined) return [];
    if (node.orphaning) return await this.#orphan(node, live, reference);
    if (node.deletingDependents) return await this.#processForeground(node, live, reference);
    if (live.metadata.deletionTimestamp !== undefined) return [];
    this.#reportInvalidOwners(node, live);
    await this.#collect(node, live, reference);
    return [];
  }

  /** Objects whose owners' kinds were not served when they were looked at; forgets them. */
  takeUndecided(): string[] {
    const uids = [...this.#undecided];
    this.#undecided.clear();
    return uids;
  }

  #reportInvalidOwners(node: GraphNode, live: KubernetesObject): void {
    const { ownerReferences = [], namespace = "" } = live.metadata;
    for (const { apiVersion, kind, name, uid } of this.#graph.invalidOwnersOf(node, ownerReferences)) {
      const reference = `[${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}]`;
      const message = `ownerRef ${reference} does not exist in namespace ${JSON.stringify(namespace)}`;
      this.#context.events.event(live, "Warning", "OwnerRefInvalidNamespace", message);
    }
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
    if (states.includes("unknown")) {
      this.#undecided.add(node.uid);
      return;
    }
    const solid = owners.filter((_, index) => states[index] === "solid");
    if (solid.length > 0) {
      // References to owners that wait must go too, or those would wait for an object that stays.
      if (solid.length < owners.length) await this.#setOwners(live, reference, solid);
      return;
    }
    const waits = states.includes("waiting") && node.dependents.size > 0;
    const current = waits ? await this.#unblockCycle(node, live, reference) : live;
    const propagationPolicy = waits ? "Foreground" : policyOf(live);
    const { namespace, resourceVersion = "" } = current.metadata;
    try {
      await this.#client(reference).delete(node.name, {
        namespace,
        propagationPolicy,
        preconditions: { uid: node.uid, resourceVersion },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Two objects that each wait for the other would wait for ever: one stops being waited for. */
  async #unblockCycle(
    node: GraphNode,
    live: KubernetesObject,
    reference: ResourceReference,
  ): Promise<KubernetesObject> {
    const owners = live.metadata.ownerReferences ?? [];
    const blocks = owners.some(({ blockOwnerDeletion }) => blockOwnerDeletion === true);
    const cyclic = this.#graph.dependentsOf(node).some(({ deletingDependents }) => deletingDependents);
    if (!blocks || !cyclic) return live;
    const unblocked = owners.map((owner) => ({ ...owner, blockOwnerDeletion: false }));
    return (await this.#setOwners(live, reference, unblocked)) ?? live;
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
    return blocking.filter(({ deletingDependents }) => !deletingDependents).map(({ uid }) => uid);
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
  ): Promise<KubernetesObject | undefined> {
    return await this.#patchMetadata(live, reference, { ownerReferences });
  }

  /** A merge patch that only applies to the state that was read; a lost race is tried again with backoff. */
  async #patchMetadata(
    live: KubernetesObject,
    reference: ResourceReference,
    change: Record<string, unknown>,
  ): Promise<KubernetesObject | undefined> {
    const { name = "", namespace, uid, resourceVersion } = live.metadata;
    try {
      return await this.#client(reference).patch(
        name,
        { metadata: { ...change, uid, resourceVersion } },
        { type: "merge", namespace },
      );
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

/** What was asked of the object itself before is honoured. */
function policyOf({ metadata }: KubernetesObject): "Orphan" | "Foreground" | "Background" {
  if (metadata.finalizers?.includes(orphanFinalizer) === true) return "Orphan";
  return metadata.finalizers?.includes(foregroundFinalizer) === true ? "Foreground" : "Background";
}
