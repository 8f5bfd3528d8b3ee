import type { ControllerRevision, StatefulSet, StatefulSetStatus } from "../../api/types/apps-v1.ts";
import type { Pod } from "../../api/types/core-v1.ts";
import { resolveIntOrPercent } from "../../apimachinery/int-or-string.ts";
import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import { isBeingDeleted, keyOf } from "../../apimachinery/object.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../apimachinery/status.ts";
import type { ResourceClient } from "../../client/client.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerWatch, ReconcileResult } from "../controller.ts";
import { claimObjects, indexByController, ownedAndOrphaned } from "../controller-ref-manager.ts";
import { RevisionHistory } from "../history.ts";
import { OwnWrites } from "../own-writes.ts";
import { watchOwnedPods } from "../owned-pods.ts";
import { messageOf, slowStartBatch } from "../pod-control.ts";
import { isPodAvailable, isPodReady, isPodTerminal, nextAvailableMs } from "../pods.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { writeStatus } from "../write-status.ts";
import { StatefulClaims } from "./claims.ts";
import {
  isMemberOf,
  isWanted,
  newStatefulPod,
  ordinalOf,
  podIndexLabel,
  podNameLabel,
  replicasOf,
  revisionNameOf,
  startOrdinal,
} from "./identity.ts";

/** A set with its pods, as one round sees them. */
interface Round {
  readonly set: StatefulSet;
  /** The revision that the last complete rollout has reached, and the one of the current template. */
  readonly current: ControllerRevision;
  readonly update: ControllerRevision;
  /** One for each ordinal wanted, in their order: the pod there is, or the one to be made (without a phase). */
  readonly replicas: Pod[];
  /** How many more are wanted that are not there and that this round does not make. */
  readonly leftOut: number;
  /** Pods beyond what is wanted, the highest ordinal first. */
  readonly condemned: readonly Pod[];
  /** One step after the other, each waiting for the pods before it. */
  readonly ordered: boolean;
}

/** True: this was all that may be done for now. */
type Step = boolean;

/**
 * Keeps pods with an identity: each ordinal has its name, its address and its claims for good. Pods are made from the
 * lowest ordinal up and taken away from the highest down; with OrderedReady, which is the default, each step waits
 * until all pods before it are available. (Mirrors stateful_set_control.go.)
 */
export class StatefulSetReconciler {
  readonly #context: ControllerContext;
  readonly #sets: Informer<StatefulSet>;
  readonly #pods: Informer<Pod>;
  readonly #setResource: ResourceClient<StatefulSet>;
  readonly #podResource: ResourceClient<Pod>;
  readonly #history: RevisionHistory<StatefulSet>;
  readonly #claims: StatefulClaims;
  readonly #written = new OwnWrites();

  constructor(context: ControllerContext) {
    const { client, informers } = context;
    this.#context = context;
    this.#sets = informers.informer(resources.statefulsets);
    this.#pods = informers.informer(resources.pods);
    this.#setResource = client.resource(resources.statefulsets);
    this.#podResource = client.resource(resources.pods);
    this.#history = new RevisionHistory({
      client,
      informers,
      ownerReference: resources.statefulsets,
      hashLabel: "controller.kubernetes.io/hash",
      written: this.#written,
    });
    this.#claims = new StatefulClaims(context, this.#written);
    indexByController(this.#pods);
  }

  watches(): ControllerWatch[] {
    const pods = watchOwnedPods({
      pods: this.#pods,
      owners: this.#sets,
      kind: "StatefulSet",
      selectorOf: ({ spec }) => selectorFromLabelSelector(spec.selector),
    });
    return [watch(this.#sets, enqueueSelf), pods, this.#written.watch()];
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const set = this.#sets.getByKey(key);
    if (set === undefined) {
      this.#written.forget(key);
      return undefined;
    }
    if (!this.#written.isSeen(key)) return undefined;
    const selector = selectorFromLabelSelector(set.spec.selector);
    const revisions = await this.#history.list(set, selector);
    const pods = await claimObjects(ownedAndOrphaned(this.#pods, set), {
      client: this.#context.client,
      reference: resources.pods,
      owner: set,
      ownerReference: resources.statefulsets,
      selector,
      accepts: (pod) => isMemberOf(set, pod),
      wrote: (pod) => this.#written.wrote(key, this.#pods, pod),
    });
    const found = await this.#history.current(set, revisions, set.status?.collisionCount ?? 0);
    const update = found.revision;
    const current = found.all.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? update;
    const round = roundOf(set, pods, current, update);
    const status = await this.#act(round, found.collisionCount);
    const live = new Set([
      current.metadata.name ?? "",
      update.metadata.name ?? "",
      ...pods.map(revisionNameOf),
    ]);
    await this.#history.truncate(set, found.all, live);
    const { minReadySeconds = 0 } = set.spec;
    if ((status.availableReplicas ?? 0) === replicasOf(set)) return undefined;
    const requeueAfterMs = nextAvailableMs(pods, minReadySeconds, this.#context.clock.now());
    return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
  }

  /** The status is written also when a step failed: it tells how far the set came. */
  async #act(round: Round, collisionCount: number): Promise<StatefulSetStatus> {
    let failure: { error: unknown } | undefined;
    try {
      if (!isBeingDeleted(round.set)) await this.#steps(round);
    } catch (error) {
      failure = { error };
    }
    const status = this.#statusOf(round, collisionCount);
    const written = await writeStatus(this.#setResource, round.set, status);
    this.#written.wrote(keyOf(written), this.#sets, written);
    if (failure !== undefined) throw failure.error;
    return status;
  }

  async #steps(round: Round): Promise<void> {
    const { replicas, condemned } = round;
    const firstUnhealthy = [...replicas, ...condemned.toReversed()].find((pod) =>
      this.#isUnavailable(round, pod),
    );
    if (await forEach(round, replicas, (_, index) => this.#keep(round, index))) return;
    for (const pod of condemned) await this.#claims.applyRetention(round.set, pod);
    if (await forEach(round, condemned, (pod) => this.#remove(round, pod, firstUnhealthy))) return;
    if (round.set.spec.updateStrategy?.type !== "OnDelete") await this.#updateOld(round);
  }

  /** Makes the pod of the ordinal, or sees that it is well. */
  async #keep(round: Round, index: number): Promise<Step> {
    const { set, replicas, ordered } = round;
    let pod = replicas[index];
    if (pod === undefined) return false;
    if (isPodTerminal(pod)) {
      // An ended pod is made anew, whatever its exit code: evicted ones may have succeeded. First it must go.
      if (!isBeingDeleted(pod)) await this.#deletePod(set, pod);
      return true;
    }
    if (!isCreated(pod)) {
      if (this.#claims.hasStale(set, pod)) return true;
      pod = await this.#createPod(set, pod);
      replicas[index] = pod;
      if (ordered) return true;
    }
    if (pod.status?.phase === "Pending") await this.#claims.createMissing(set, pod);
    if (ordered && this.#isUnavailable(round, pod)) return true;
    await this.#repairIdentity(set, pod);
    await this.#claims.applyRetention(set, pod);
    return false;
  }

  async #remove(round: Round, pod: Pod, firstUnhealthy: Pod | undefined): Promise<Step> {
    if (isBeingDeleted(pod)) return round.ordered;
    // Taking away a pod that works while one below it does not would leave fewer that serve.
    if (round.ordered && this.#isUnavailable(round, pod) && pod !== firstUnhealthy) return true;
    await this.#deletePod(round.set, pod);
    return true;
  }

  /** Deletes pods of another revision, the highest ordinal first; they come back with the new one. */
  async #updateOld(round: Round): Promise<void> {
    const { set, replicas, update } = round;
    const { rollingUpdate } = set.spec.updateStrategy ?? {};
    const partition = rollingUpdate?.partition ?? 0;
    const allowed = maxUnavailable(set);
    let unavailable = round.leftOut + replicas.filter((pod) => this.#isUnavailable(round, pod)).length;
    for (const pod of replicas.toReversed()) {
      if (ordinalOf(pod) - startOrdinal(set) < partition) return;
      const isOld = revisionNameOf(pod) !== update.metadata.name && !isBeingDeleted(pod);
      const costs = !this.#isUnavailable(round, pod);
      if (isOld && allowed === 1) {
        await this.#deletePod(set, pod);
        return;
      }
      // One at a time, a pod that is not back yet is waited for; with more, as many may be away at once.
      if (allowed === 1 && !costs) return;
      if (!isOld || (costs && unavailable >= allowed)) continue;
      await this.#deletePod(set, pod);
      if (costs) unavailable++;
    }
  }

  async #createPod(set: StatefulSet, pod: Pod): Promise<Pod> {
    try {
      await this.#claims.createMissing(set, pod);
      const created = await this.#podResource.create(pod);
      this.#written.wrote(keyOf(set), this.#pods, created);
      this.#sayPod(set, "create", pod);
      return created;
    } catch (error) {
      if (!isAlreadyExists(error)) this.#sayPod(set, "create", pod, error);
      throw error;
    }
  }

  async #deletePod(set: StatefulSet, pod: Pod): Promise<void> {
    const { name = "", namespace, uid = "" } = pod.metadata;
    try {
      await this.#podResource.delete(name, { namespace, preconditions: { uid } });
      this.#sayPod(set, "delete", pod);
    } catch (error) {
      if (isNotFound(error)) return;
      if (!isConflict(error)) this.#sayPod(set, "delete", pod, error);
      throw error;
    }
  }

  /** Adopted pods may lack the labels by which Services find a single pod. */
  async #repairIdentity(set: StatefulSet, pod: Pod): Promise<void> {
    const { name = "", labels } = pod.metadata;
    if (labels?.[podNameLabel] === name && labels[podIndexLabel] !== undefined) return;
    const identity = { [podNameLabel]: name, [podIndexLabel]: String(ordinalOf(pod)) };
    const metadata = { ...pod.metadata, labels: { ...labels, ...identity } };
    try {
      this.#written.wrote(keyOf(set), this.#pods, await this.#podResource.update({ ...pod, metadata }));
      this.#sayPod(set, "update", pod);
    } catch (error) {
      if (!isConflict(error)) this.#sayPod(set, "update", pod, error);
      throw error;
    }
  }

  #sayPod(set: StatefulSet, verb: "create" | "update" | "delete", pod: Pod, error?: unknown): void {
    const reason = `${verb.charAt(0).toUpperCase()}${verb.slice(1)}`;
    const what = `${verb} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    const { events } = this.#context;
    if (error === undefined) events.event(set, "Normal", `Successful${reason}`, `${what} successful`);
    else events.event(set, "Warning", `Failed${reason}`, `${what} failed error: ${messageOf(error)}`);
  }

  #isAvailable({ set }: Round, pod: Pod): boolean {
    return (
      isRunningAndReady(pod) && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, this.#context.clock.now())
    );
  }

  #isUnavailable(round: Round, pod: Pod): boolean {
    return isBeingDeleted(pod) || !this.#isAvailable(round, pod);
  }

  #statusOf(round: Round, collisionCount: number): StatefulSetStatus {
    const { set, current, update, replicas, condemned } = round;
    const pods = [...replicas, ...condemned].filter(isCreated);
    const count = (test: (pod: Pod) => boolean): number => pods.filter(test).length;
    const ofRevision =
      ({ metadata }: ControllerRevision) =>
      (pod: Pod) =>
        !isBeingDeleted(pod) && revisionNameOf(pod) === metadata.name;
    const status: StatefulSetStatus = {
      observedGeneration: set.metadata.generation,
      replicas: pods.length,
      readyReplicas: count(isRunningAndReady),
      availableReplicas: count((pod) => this.#isAvailable(round, pod)),
      currentReplicas: count(ofRevision(current)),
      updatedReplicas: count(ofRevision(update)),
      currentRevision: current.metadata.name,
      updateRevision: update.metadata.name,
      collisionCount,
    };
    const wanted = replicasOf(set);
    const { updatedReplicas, readyReplicas } = status;
    const complete = updatedReplicas === wanted && readyReplicas === wanted && status.replicas === wanted;
    if (complete && set.spec.updateStrategy?.type !== "OnDelete") {
      status.currentReplicas = updatedReplicas;
      status.currentRevision = status.updateRevision;
    }
    for (const field of ["readyReplicas", "currentReplicas", "updatedReplicas"] as const) {
      if (status[field] === 0) delete status[field];
    }
    const { conditions } = set.status ?? {};
    return conditions === undefined ? status : { ...status, conditions };
  }
}

/** Pods that one round makes; the next makes more. Somebody may ask for two billion, which no memory holds. */
const missingPerRound = 500;

function roundOf(
  set: StatefulSet,
  pods: readonly Pod[],
  current: ControllerRevision,
  update: ControllerRevision,
): Round {
  const start = startOrdinal(set);
  const present = new Map(pods.map((pod) => [ordinalOf(pod), pod]));
  const replicas: Pod[] = [];
  let missing = 0;
  let index = 0;
  for (; index < replicasOf(set) && missing < missingPerRound; index++) {
    const ordinal = start + index;
    const found = present.get(ordinal);
    if (found === undefined) missing++;
    const revision = startsAtCurrent(set, index) ? current : update;
    replicas.push(found ?? newStatefulPod(set, revision, ordinal));
  }
  const behind = pods
    .filter((pod) => ordinalOf(pod) >= start + index && isWanted(set, ordinalOf(pod)))
    .toSorted((a, b) => ordinalOf(a) - ordinalOf(b));
  const leftOut = replicasOf(set) - index - behind.length;
  const condemned = pods
    .filter((pod) => ordinalOf(pod) >= 0 && !isWanted(set, ordinalOf(pod)))
    .toSorted((a, b) => ordinalOf(b) - ordinalOf(a));
  const ordered = set.spec.podManagementPolicy !== "Parallel";
  return { set, current, update, replicas: [...replicas, ...behind], leftOut, condemned, ordered };
}

/** Pods below the partition are made of the revision of before, the others of the new one. */
function startsAtCurrent(set: StatefulSet, index: number): boolean {
  const { type = "RollingUpdate", rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type !== "RollingUpdate") return false;
  return index < (rollingUpdate?.partition ?? 0);
}

/** At least one, or an update could not move. */
function maxUnavailable(set: StatefulSet): number {
  const share = set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1;
  return Math.max(1, resolveIntOrPercent(share, replicasOf(set), false));
}

/** A pod that was read from the server has a phase; one that is only meant to be made has none. */
const isCreated = (pod: Pod): boolean => (pod.status?.phase ?? "") !== "";

const isRunningAndReady = (pod: Pod): boolean => pod.status?.phase === "Running" && isPodReady(pod);

/** In order until a step says stop, or all at once in growing batches. True: nothing more may be done for now. */
async function forEach(
  { ordered }: Round,
  pods: readonly Pod[],
  step: (pod: Pod, index: number) => Promise<Step>,
): Promise<Step> {
  if (!ordered) {
    const { error } = await slowStartBatch(pods.length, async (index) => {
      const pod = pods[index];
      if (pod !== undefined) await step(pod, index);
    });
    if (error !== undefined) throw error;
    return false;
  }
  for (const [index, pod] of pods.entries()) if (await step(pod, index)) return true;
  return false;
}
