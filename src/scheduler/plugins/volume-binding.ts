import type { Node, PersistentVolume, PersistentVolumeClaim } from "../../api/types/core-v1.ts";
import type { StorageClass } from "../../api/types/storage-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { deepCopy } from "../../apimachinery/json.ts";
import { isBeingDeleted, keyOf } from "../../apimachinery/object.ts";
import { Quantity, tryParseQuantity } from "../../apimachinery/quantity.ts";
import type { Client } from "../../client/client.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import { type ClusterEvent, nodeChanged } from "../cluster-event.ts";
import { type Plugin, type Rejection, type Reservation, unresolvable } from "../framework.ts";
import type { NodeInfo } from "../node-info.ts";
import { nodeSelectorPredicate } from "../node-matching.ts";
import { type ClaimUse, type PodInfo, parseSelector } from "../pod-info.ts";

const bindCompleted = "pv.kubernetes.io/bind-completed";
const boundByController = "pv.kubernetes.io/bound-by-controller";
const selectedNode = "volume.kubernetes.io/selected-node";
const noProvisioner = "kubernetes.io/no-provisioner";

const missingVolume = unresolvable(
  "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",
);
const volumeElsewhere = unresolvable("node(s) didn't match PersistentVolume's node affinity");
const nothingToBind = unresolvable("node(s) didn't find available persistent volumes to bind");
const unboundImmediate = unresolvable("pod has unbound immediate PersistentVolumeClaims");

/** How long a pod waits on its node for its volumes. */
const bindTimeoutMs = 600_000;

export interface VolumeBindingContext {
  readonly client: Client;
  readonly clock: Clock;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly storageClasses: Informer<StorageClass>;
}

/** What a node offers to the claims that are not bound yet. */
interface Decision {
  readonly bind: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[];
  readonly provision: readonly PersistentVolumeClaim[];
}

/**
 * A pod goes where its volumes are or can be (pkg/scheduler/framework/plugins/volumebinding). Claims whose class waits
 * for the first consumer are bound here: to a volume that is there, or by asking the provisioner for one on the node.
 */
export function volumeBinding(context: VolumeBindingContext): Plugin {
  const binder = new VolumeBinder(context);
  return {
    name: "VolumeBinding",
    preFilter(pod) {
      if (pod.claims.length === 0) return undefined;
      const wrong = binder.problemOf(pod);
      if (wrong !== undefined) return { rejection: unresolvable(wrong) };
      const sorted = binder.sortClaims(pod);
      if (sorted.immediate.length > 0) return { rejection: unboundImmediate };
      return { filter: { filter: (node) => binder.check(sorted, node) } };
    },
    reserve: (pod, node) => binder.reserve(pod, node),
    wakes: wakesOn,
  };
}

function wakesOn(event: ClusterEvent, pod: PodInfo): boolean {
  switch (event.type) {
    case "claimChanged":
      return (
        event.claim.metadata.namespace === pod.namespace &&
        pod.claims.some(({ name }) => name === event.claim.metadata.name)
      );
    case "volumeChanged":
    case "storageClassChanged":
      return true;
    default:
      return nodeChanged(event, "labels");
  }
}

interface SortedClaims {
  readonly bound: readonly PersistentVolumeClaim[];
  /** Whoever binds them does not wait for the pod; the pod waits for them. */
  readonly immediate: readonly PersistentVolumeClaim[];
  /** Bound once the pod has a node. */
  readonly waiting: readonly PersistentVolumeClaim[];
}

class VolumeBinder {
  readonly #context: VolumeBindingContext;
  /** Volumes promised to a claim whose binding is under way, by name. */
  readonly #promised = new Map<string, string>();
  /** Called at each change of a claim or volume. */
  readonly #waiters = new Set<() => void>();

  constructor(context: VolumeBindingContext) {
    this.#context = context;
    const wake = (): void => {
      for (const waiter of this.#waiters) waiter();
    };
    const handler = { added: wake, updated: wake, deleted: wake };
    context.claims.addHandler(handler);
    context.volumes.addHandler(handler);
  }

  /** What is wrong with the claims themselves. */
  problemOf(pod: PodInfo): string | undefined {
    for (const use of pod.claims) {
      const problem = this.#problemOfClaim(use, pod);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #problemOfClaim({ name, ephemeral }: ClaimUse, pod: PodInfo): string | undefined {
    const claim = this.#context.claims.get(name, pod.namespace);
    if (claim === undefined) {
      return ephemeral
        ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
        : `persistentvolumeclaim "${name}" not found`;
    }
    if (claim.status?.phase === "Lost") {
      const { volumeName = "" } = claim.spec;
      return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${volumeName}"`;
    }
    if (isBeingDeleted(claim)) return `persistentvolumeclaim "${name}" is being deleted`;
    const owned = claim.metadata.ownerReferences?.some(({ uid }) => uid === pod.uid) === true;
    if (ephemeral && !owned) {
      return `PVC ${keyOf(claim)} was not created for pod ${pod.key} (pod is not owner)`;
    }
    return undefined;
  }

  sortClaims(pod: PodInfo): SortedClaims {
    const [bound, immediate, waiting]: PersistentVolumeClaim[][] = [[], [], []];
    for (const { name } of pod.claims) {
      const claim = this.#context.claims.get(name, pod.namespace);
      if (claim === undefined) continue;
      if (isBound(claim)) bound?.push(claim);
      else if (this.#waitsForConsumer(claim) && (claim.spec.volumeName ?? "") === "") waiting?.push(claim);
      else immediate?.push(claim);
    }
    return { bound: bound ?? [], immediate: immediate ?? [], waiting: waiting ?? [] };
  }

  #waitsForConsumer(claim: PersistentVolumeClaim): boolean {
    return this.#classOf(claim)?.volumeBindingMode === "WaitForFirstConsumer";
  }

  #classOf(claim: PersistentVolumeClaim): StorageClass | undefined {
    return this.#context.storageClasses.get(classNameOf(claim));
  }

  check(claims: SortedClaims, node: NodeInfo): Rejection | undefined {
    for (const claim of claims.bound) {
      const volume = this.#context.volumes.get(claim.spec.volumeName ?? "");
      if (volume === undefined) return missingVolume;
      if (!reaches(volume, node.node)) return volumeElsewhere;
    }
    return this.#decide(claims.waiting, node.node) === undefined ? nothingToBind : undefined;
  }

  /** Finds a volume, or a provisioner, for each claim; undefined when one finds neither. */
  #decide(claims: readonly PersistentVolumeClaim[], node: Node): Decision | undefined {
    const bind: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = [];
    const provision: PersistentVolumeClaim[] = [];
    const taken = new Set<string>();
    for (const claim of claims) {
      const chosenNode = claim.metadata.annotations?.[selectedNode];
      if (chosenNode !== undefined && chosenNode !== node.metadata.name) return undefined;
      const volume = chosenNode === undefined ? this.#findVolume(claim, node, taken) : undefined;
      if (volume !== undefined) {
        taken.add(volume.metadata.name ?? "");
        bind.push({ claim, volume });
      } else if (this.#canProvision(claim, node)) {
        provision.push(claim);
      } else {
        return undefined;
      }
    }
    return { bind, provision };
  }

  /** The smallest volume that will do. */
  #findVolume(
    claim: PersistentVolumeClaim,
    node: Node,
    taken: ReadonlySet<string>,
  ): PersistentVolume | undefined {
    let best: { readonly volume: PersistentVolume; readonly size: Quantity } | undefined;
    for (const volume of this.#context.volumes.list()) {
      const name = volume.metadata.name ?? "";
      const promisedTo = this.#promised.get(name);
      if (taken.has(name) || (promisedTo !== undefined && promisedTo !== keyOf(claim))) continue;
      if (!suits(volume, claim) || !reaches(volume, node)) continue;
      const size = sizeOf(volume.spec.capacity);
      if (best === undefined || size.compare(best.size) < 0) best = { volume, size };
    }
    return best?.volume;
  }

  #canProvision(claim: PersistentVolumeClaim, node: Node): boolean {
    const storageClass = this.#classOf(claim);
    const { provisioner = "", allowedTopologies = [] } = storageClass ?? {};
    if (provisioner === "" || provisioner === noProvisioner) return false;
    if (allowedTopologies.length === 0) return true;
    const labels = node.metadata.labels ?? {};
    return allowedTopologies.some(({ matchLabelExpressions = [] }) =>
      matchLabelExpressions.every(({ key, values }) => values.includes(labels[key] ?? "")),
    );
  }

  reserve(pod: PodInfo, { node }: NodeInfo): Reservation | undefined {
    const { waiting } = this.sortClaims(pod);
    const decision = waiting.length === 0 ? undefined : this.#decide(waiting, node);
    if (decision === undefined) return undefined;
    for (const { claim, volume } of decision.bind)
      this.#promised.set(volume.metadata.name ?? "", keyOf(claim));
    const release = (): void => {
      for (const { volume } of decision.bind) this.#promised.delete(volume.metadata.name ?? "");
    };
    return {
      preBind: async (signal) => {
        try {
          await this.#carryOut(decision, node, signal);
        } finally {
          release();
        }
      },
      cancel: release,
    };
  }

  async #carryOut({ bind, provision }: Decision, node: Node, signal: AbortSignal): Promise<void> {
    for (const { claim, volume } of bind) await this.#bind(claim, volume);
    for (const claim of provision) await this.#select(claim, node);
    const keys = [...bind.map(({ claim }) => claim), ...provision].map(keyOf);
    const seenSelected = new Set<string>();
    await this.#waitUntil(() => this.#allBound(keys, seenSelected), signal);
  }

  async #bind(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    const next = deepCopy(volume);
    const { namespace, name, uid, resourceVersion } = claim.metadata;
    next.spec.claimRef = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      namespace,
      name,
      uid,
      resourceVersion,
    };
    next.metadata.annotations = { ...next.metadata.annotations, [boundByController]: "yes" };
    await this.#context.client.resource(resources.persistentvolumes).update(next);
  }

  async #select(claim: PersistentVolumeClaim, node: Node): Promise<void> {
    const name = node.metadata.name ?? "";
    if (claim.metadata.annotations?.[selectedNode] === name) return;
    const next = deepCopy(claim);
    next.metadata.annotations = { ...next.metadata.annotations, [selectedNode]: name };
    await this.#context.client.resource(resources.persistentvolumeclaims).update(next);
  }

  /** Throws when one of the claims will not be bound. `seenSelected` remembers from one look to the next. */
  #allBound(keys: readonly string[], seenSelected: Set<string>): boolean {
    let all = true;
    for (const key of keys) {
      const claim = this.#context.claims.getByKey(key);
      if (claim === undefined) throw new Error(`persistentvolumeclaim "${key}" not found`);
      if (isBound(claim)) continue;
      all = false;
      const selected = claim.metadata.annotations?.[selectedNode] !== undefined;
      // Once seen, the annotation goes away only when the provisioner has given up on the node.
      if (!selected && seenSelected.has(key)) throw new Error(`provisioning failed for PVC "${key}"`);
      if (selected) seenSelected.add(key);
    }
    return all;
  }

  async #waitUntil(done: () => boolean, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (): void => {
      try {
        if (done()) resolve();
      } catch (error) {
        reject(error);
      }
    };
    const abort = (): void => reject(signal.reason);
    const timer = this.#context.clock.after(bindTimeoutMs, () =>
      reject(new Error("binding volumes: context deadline exceeded")),
    );
    this.#waiters.add(look);
    signal.addEventListener("abort", abort, { once: true });
    look();
    try {
      await promise;
    } finally {
      timer.stop();
      this.#waiters.delete(look);
      signal.removeEventListener("abort", abort);
    }
  }
}

function isBound({ metadata, spec, status }: PersistentVolumeClaim): boolean {
  if ((spec.volumeName ?? "") === "") return false;
  return metadata.annotations?.[bindCompleted] !== undefined || status?.phase === "Bound";
}

function classNameOf({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? spec.storageClassName ?? "";
}

/** Whether pods on the node can use the volume. */
function reaches({ spec }: PersistentVolume, node: Node): boolean {
  const required = spec.nodeAffinity?.required;
  return required === undefined || nodeSelectorPredicate(required)(node);
}

function suits({ metadata, spec, status }: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { claimRef } = spec;
  if (claimRef !== undefined) {
    const own = claimRef.name === claim.metadata.name && claimRef.namespace === claim.metadata.namespace;
    if (!own || (claimRef.uid !== undefined && claimRef.uid !== claim.metadata.uid)) return false;
  } else if (status?.phase !== undefined && status.phase !== "Available") {
    return false;
  }
  const requested = sizeOf(claim.spec.resources?.requests);
  const offered = new Set(spec.accessModes ?? []);
  return (
    metadata.deletionTimestamp === undefined &&
    (spec.storageClassName ?? "") === classNameOf(claim) &&
    (spec.volumeMode ?? "Filesystem") === (claim.spec.volumeMode ?? "Filesystem") &&
    (claim.spec.accessModes ?? []).every((mode) => offered.has(mode)) &&
    (claim.spec.selector === undefined || parseSelector(claim.spec.selector).matches(metadata.labels)) &&
    sizeOf(spec.capacity).compare(requested) >= 0
  );
}

function sizeOf(list: Readonly<Record<string, string>> | undefined): Quantity {
  return tryParseQuantity(list?.["storage"]) ?? Quantity.fromInteger(0);
}
