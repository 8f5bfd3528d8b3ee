import { formatApiVersion } from "../../apimachinery/gvk.ts";
import type { OwnerReference } from "../../apimachinery/meta-v1.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { ResourceReference } from "../../client/client.ts";

/** One object, or an owner that others name and nobody has seen. */
export interface GraphNode {
  readonly uid: string;
  /** Of an owner that was only named: as the first that named it believes. */
  namespace: string;
  name: string;
  apiVersion: string;
  kind: string;
  /** Absent for an owner that was only named: whether it exists must be asked. */
  resource: ResourceReference | undefined;
  owners: readonly OwnerReference[];
  readonly dependents: ReadonlySet<string>;
  beingDeleted: boolean;
  /** It waits in the API server until its blocking dependents are gone (finalizer foregroundDeletion). */
  deletingDependents: boolean;
  /** Its dependents are to be left behind (finalizer orphan). */
  orphaning: boolean;
}

/** Most objects have no dependents, and a cluster has many objects: a set is made for those that have some. */
class ObjectNode implements GraphNode {
  readonly uid: string;
  namespace: string;
  name: string;
  apiVersion: string;
  kind: string;
  resource: ResourceReference | undefined = undefined;
  owners: readonly OwnerReference[] = noOwners;
  beingDeleted = false;
  deletingDependents = false;
  orphaning = false;
  #dependents: Set<string> | undefined = undefined;

  constructor(uid: string, namespace: string, name: string, { apiVersion, kind }: Kind) {
    this.uid = uid;
    this.namespace = namespace;
    this.name = name;
    this.apiVersion = apiVersion;
    this.kind = kind;
  }

  get dependents(): ReadonlySet<string> {
    return this.#dependents ?? noDependents;
  }

  addDependent(uid: string): void {
    this.#dependents ??= new Set();
    this.#dependents.add(uid);
  }

  removeDependent(uid: string): void {
    this.#dependents?.delete(uid);
  }
}

interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
}

const noDependents: ReadonlySet<string> = new Set();
const noOwners: readonly OwnerReference[] = [];

export const foregroundFinalizer = "foregroundDeletion";
export const orphanFinalizer = "orphan";

/**
 * Who owns whom, by uid, over every resource. Invariant: for each owner reference of a node, the owner's node exists and
 * lists the node among its dependents.
 */
export class OwnerGraph {
  readonly #nodes = new Map<string, ObjectNode>();
  readonly #kinds = new WeakMap<ResourceReference, Kind>();

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** Takes in the newest state of an object's metadata; answers the uids that deserve a look because of it. */
  put(resource: ResourceReference, object: Pick<KubernetesObject, "metadata">): string[] {
    const { uid = "", ownerReferences: owners = [], finalizers = [], deletionTimestamp } = object.metadata;
    const known = this.#nodes.get(uid);
    const node = known ?? this.#add(uid, this.#kindOf(resource), object.metadata);
    if (known === undefined && owners.length === 0 && deletionTimestamp === undefined) {
      // As most are: nobody has named it, it names nobody, and nothing is to be done about it.
      node.resource = resource;
      return [];
    }
    const interesting = new Set<string>();
    const wasOwnedBy = new Set(node.owners.map((owner) => owner.uid));
    if (known !== undefined && known.resource === undefined) {
      // Who named it first may have been wrong about all but the uid.
      const { namespace = "", name = "" } = object.metadata;
      Object.assign(node, { namespace, name, ...this.#kindOf(resource) });
      // Those that named it may believe it to be elsewhere: each is looked at again.
      for (const dependent of node.dependents)
        if (this.#misnames(dependent, node)) interesting.add(dependent);
    }
    node.resource = resource;
    for (const owner of owners) {
      if (wasOwnedBy.delete(owner.uid)) continue;
      this.#ensureOwner(owner, node.namespace);
      this.#nodes.get(owner.uid)?.addDependent(uid);
      // An owner nobody has seen, or that is kept for others that still name it, may not exist: then this object is garbage.
      if (this.#nodes.get(owner.uid)?.resource === undefined) interesting.add(owner.uid);
      if (
        this.#nodes.get(owner.uid)?.resource !== undefined &&
        this.invalidOwnersOf(node, [owner]).length > 0
      )
        interesting.add(uid);
    }
    for (const former of wasOwnedBy) {
      this.#unlink(former, uid);
      interesting.add(former);
    }
    node.owners = owners;
    const beingDeleted = deletionTimestamp !== undefined;
    const deletingDependents = beingDeleted && finalizers.includes(foregroundFinalizer);
    const orphaning = beingDeleted && finalizers.includes(orphanFinalizer);
    if ((deletingDependents && !node.deletingDependents) || (orphaning && !node.orphaning))
      interesting.add(uid);
    // Whatever the owner waits for is to go now.
    if (deletingDependents && !node.deletingDependents)
      for (const dependent of node.dependents) interesting.add(dependent);
    // An owner that waits in the foreground counts a dependent no more once it stopped blocking.
    if (owners.length > 0 && known === undefined) interesting.add(uid);
    for (const owner of owners)
      if (this.#nodes.get(owner.uid)?.deletingDependents === true) interesting.add(owner.uid);
    Object.assign(node, { beingDeleted, deletingDependents, orphaning });
    return [...interesting];
  }

  /** The object is gone; answers those that it leaves behind, and owners that waited for it. */
  remove(uid: string): string[] {
    const node = this.#nodes.get(uid);
    if (node === undefined) return [];
    const waiting = node.owners
      .map((owner) => owner.uid)
      .filter((owner) => this.#nodes.get(owner)?.deletingDependents === true);
    for (const owner of node.owners) this.#unlink(owner.uid, uid);
    const dependents = [...node.dependents];
    this.#nodes.delete(uid);
    // Dependents still name it: keep an empty place for them, so that the invariant holds.
    if (dependents.length > 0) {
      const ghost = this.#add(uid, node, node);
      for (const dependent of dependents) ghost.addDependent(dependent);
    }
    return [...dependents, ...waiting];
  }

  /** The dependents that are known, with their nodes. */
  dependentsOf(node: GraphNode): GraphNode[] {
    return [...node.dependents].flatMap((uid) => this.#nodes.get(uid) ?? []);
  }

  /** Owners that are seen in another namespace than the object's: such a reference never holds. */
  invalidOwnersOf(node: GraphNode, owners: readonly OwnerReference[]): OwnerReference[] {
    return owners.filter((reference) => {
      const owner = this.#nodes.get(reference.uid);
      return owner?.resource?.namespaced === true && owner.namespace !== node.namespace;
    });
  }

  #misnames(dependent: string, owner: GraphNode): boolean {
    const node = this.#nodes.get(dependent);
    return node !== undefined && owner.namespace !== "" && node.namespace !== owner.namespace;
  }

  #add(
    uid: string,
    kind: Kind,
    {
      namespace = "",
      name = "",
    }: { readonly namespace?: string | undefined; readonly name?: string | undefined },
  ): ObjectNode {
    const node = new ObjectNode(uid, namespace, name, kind);
    this.#nodes.set(uid, node);
    return node;
  }

  #kindOf(resource: ResourceReference): Kind {
    const known = this.#kinds.get(resource);
    if (known !== undefined) return known;
    const kind = { apiVersion: formatApiVersion(resource), kind: resource.kind };
    this.#kinds.set(resource, kind);
    return kind;
  }

  /** There is a place for the owner from here on. Its namespace is the dependent's until its resource says it has none. */
  #ensureOwner(owner: OwnerReference, namespace: string): void {
    if (!this.#nodes.has(owner.uid)) this.#add(owner.uid, owner, { namespace, name: owner.name });
  }

  #unlink(owner: string, dependent: string): void {
    const node = this.#nodes.get(owner);
    node?.removeDependent(dependent);
    if (node?.resource === undefined && node?.dependents.size === 0) this.#nodes.delete(owner);
  }
}
