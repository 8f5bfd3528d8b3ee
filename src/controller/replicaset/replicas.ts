import type { ReplicaSetCondition, ReplicaSetStatus } from "../../api/types/apps-v1.ts";
import type { Pod, PodTemplateSpec } from "../../api/types/core-v1.ts";
import { findCondition, removeCondition, setCondition } from "../../apimachinery/conditions.ts";
import { type Selector, selectorFromMap } from "../../apimachinery/labels.ts";
import { controllerOf, isBeingDeleted, type KubernetesObject, keyOf } from "../../apimachinery/object.ts";
import type { ResourceClient, ResourceReference } from "../../client/client.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import {
  type ControllerContext,
  type ControllerWatch,
  type ReconcileResult,
  soonest,
} from "../controller.ts";
import { claimObjects, indexByController, ownedAndOrphaned, ownedBy } from "../controller-ref-manager.ts";
import { Expectations } from "../expectations.ts";
import { OwnWrites } from "../own-writes.ts";
import { watchOwnedPods } from "../owned-pods.ts";
import { isNamespaceTerminating, messageOf, PodControl, slowStartBatch } from "../pod-control.ts";
import {
  comparePodsForDeletion,
  isPodActive,
  isPodAvailable,
  isPodReady,
  isPodTerminating,
  nextAvailableMs,
} from "../pods.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { writeStatus } from "../write-status.ts";

/** What ReplicaSets and ReplicationControllers have in common. */
export interface Replicator extends KubernetesObject {
  readonly spec: {
    readonly replicas?: number | undefined;
    readonly minReadySeconds?: number | undefined;
    readonly template?: PodTemplateSpec | undefined;
  };
  status?: ReplicaSetStatus | undefined;
}

/** What tells one kind of replicator from another. */
export interface ReplicatorKind<R extends Replicator> {
  readonly reference: ResourceReference<R>;
  readonly selectorOf: (replicator: R) => Selector;
}

/** At most so many pods are created or deleted in one go. */
const burst = 500;

/**
 * Keeps as many pods as a ReplicaSet, or a ReplicationController, asks for: adopts, creates, deletes those that serve
 * least, and counts. (Mirrors pkg/controller/replicaset/replica_set.go.)
 */
export class ReplicasReconciler<R extends Replicator> {
  readonly #context: ControllerContext;
  readonly #kind: ReplicatorKind<R>;
  readonly #replicators: Informer<R>;
  readonly #resource: ResourceClient<Replicator>;
  readonly #pods: Informer<Pod>;
  readonly #podControl: PodControl;
  readonly #expectations: Expectations;
  readonly #written = new OwnWrites();

  constructor(context: ControllerContext, kind: ReplicatorKind<R>) {
    this.#context = context;
    this.#kind = kind;
    this.#replicators = context.informers.informer(kind.reference);
    // The kind names the resource; what is written is the replicator that was read, with another status.
    this.#resource = context.client.resource<Replicator>({ ...kind.reference });
    this.#pods = context.informers.informer(resources.pods);
    this.#podControl = new PodControl(context.client, context.events);
    this.#expectations = new Expectations(context.clock);
    indexByController(this.#pods);
    indexByController(this.#replicators);
  }

  watches(): ControllerWatch[] {
    const pods = watchOwnedPods({
      pods: this.#pods,
      owners: this.#replicators,
      kind: this.#kind.reference.kind,
      selectorOf: this.#kind.selectorOf,
      expectations: this.#expectations,
    });
    return [watch(this.#replicators, enqueueSelf), pods, this.#written.watch()];
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const replicator = this.#replicators.getByKey(key);
    if (replicator === undefined) {
      this.#expectations.delete(key);
      this.#written.forget(key);
      return undefined;
    }
    if (!this.#written.isSeen(key)) return undefined;
    // Before the pods are read: what is satisfied afterwards would be judged by an older list.
    const mayManage = this.#expectations.satisfied(key);
    const owned = await this.#claim(key, replicator);
    const active = owned.filter(isPodActive);
    let failure: { error: unknown } | undefined;
    if (mayManage && !isBeingDeleted(replicator)) {
      try {
        await this.#manage(replicator, active);
      } catch (error) {
        failure = { error };
      }
    }
    const status = this.#statusOf(replicator, owned, active, failure?.error);
    const written = await writeStatus<Replicator>(this.#resource, replicator, status);
    this.#written.wrote(key, this.#replicators, written);
    if (failure !== undefined) throw failure.error;
    const { minReadySeconds = 0 } = replicator.spec;
    return soonest(
      nextAvailableMs(active, minReadySeconds, this.#context.clock.now()),
      this.#expectations.remainingMs(key),
    );
  }

  /** Pods that have ended are nobody's business any more, but those that wind down are counted. */
  async #claim(key: string, replicator: R): Promise<Pod[]> {
    const candidates = ownedAndOrphaned(this.#pods, replicator).filter(
      (pod) => isPodActive(pod) || isPodTerminating(pod),
    );
    return await claimObjects(candidates, {
      client: this.#context.client,
      reference: resources.pods,
      owner: replicator,
      ownerReference: this.#kind.reference,
      selector: this.#kind.selectorOf(replicator),
      wrote: (pod) => this.#written.wrote(key, this.#pods, pod),
    });
  }

  async #manage(replicator: R, active: readonly Pod[]): Promise<void> {
    const missing = (replicator.spec.replicas ?? 1) - active.length;
    if (missing > 0) await this.#createPods(replicator, Math.min(missing, burst));
    if (missing < 0) await this.#deletePods(replicator, active, Math.min(-missing, burst));
  }

  async #createPods(replicator: R, count: number): Promise<void> {
    const key = keyOf(replicator);
    this.#expectations.expect(key, { creations: count });
    let refusedByNamespace = 0;
    const { succeeded, error } = await slowStartBatch(count, async () => {
      try {
        const pod = await this.#podControl.create(replicator.spec.template, replicator);
        this.#written.wrote(key, this.#pods, pod);
      } catch (error) {
        if (!isNamespaceTerminating(error)) throw error;
        refusedByNamespace++;
      }
    });
    this.#expectations.creationObserved(key, count - succeeded + refusedByNamespace);
    if (error !== undefined) throw error;
  }

  async #deletePods(replicator: R, active: readonly Pod[], count: number): Promise<void> {
    const key = keyOf(replicator);
    const doomed = this.#leastUseful(replicator, active, count);
    this.#expectations.expect(key, { deletions: doomed.map(keyOf) });
    const results = await Promise.allSettled(
      doomed.map(async (pod) => {
        try {
          await this.#podControl.delete(pod, replicator);
        } catch (error) {
          this.#expectations.deletionObserved(key, keyOf(pod));
          throw error;
        }
      }),
    );
    const failure = results.find((result) => result.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  }

  #leastUseful(replicator: R, active: readonly Pod[], count: number): Pod[] {
    if (count >= active.length) return [...active];
    const perNode = new Map<string, number>();
    for (const pod of this.#relatedPods(replicator)) {
      const node = pod.spec.nodeName ?? "";
      if (isPodActive(pod)) perNode.set(node, (perNode.get(node) ?? 0) + 1);
    }
    const rank = (pod: Pod): number => perNode.get(pod.spec.nodeName ?? "") ?? 0;
    return active.toSorted(comparePodsForDeletion(rank, this.#context.clock.now())).slice(0, count);
  }

  /** Pods of every replicator with the same owner: during a rollout, nodes are crowded by old and new pods alike. */
  #relatedPods(replicator: R): Pod[] {
    const owner = controllerOf(replicator);
    const siblings = owner === undefined ? [replicator] : ownedBy(this.#replicators, owner.uid);
    return siblings.flatMap(({ metadata }) => ownedBy(this.#pods, metadata.uid ?? ""));
  }

  #statusOf(
    { metadata, spec, status }: R,
    owned: readonly Pod[],
    active: readonly Pod[],
    failure: unknown,
  ): ReplicaSetStatus {
    const nowMs = this.#context.clock.now();
    const templateLabels = selectorFromMap(spec.template?.metadata?.labels);
    const count = (test: (pod: Pod) => boolean): number => active.filter(test).length;
    const conditions = conditionsOf(status?.conditions, spec.replicas ?? 1, active.length, failure, nowMs);
    return withoutZeros({
      replicas: active.length,
      fullyLabeledReplicas: count((pod) => templateLabels.matches(pod.metadata.labels)),
      readyReplicas: count(isPodReady),
      availableReplicas: count((pod) => isPodAvailable(pod, spec.minReadySeconds ?? 0, nowMs)),
      ...(this.#kind.reference.kind === "ReplicaSet"
        ? { terminatingReplicas: owned.filter(isPodTerminating).length }
        : {}),
      observedGeneration: metadata.generation ?? 0,
      ...(conditions.length === 0 ? {} : { conditions }),
    });
  }
}

function conditionsOf(
  conditions: readonly ReplicaSetCondition[] | undefined,
  wanted: number,
  present: number,
  failure: unknown,
  nowMs: number,
): ReplicaSetCondition[] {
  if (failure === undefined) return removeCondition(conditions, "ReplicaFailure");
  if (findCondition(conditions, "ReplicaFailure") !== undefined) return [...(conditions ?? [])];
  const reason = present < wanted ? "FailedCreate" : "FailedDelete";
  const condition = { type: "ReplicaFailure", status: "True", reason, message: messageOf(failure) };
  return setCondition<ReplicaSetCondition>(conditions, condition, nowMs);
}

/** Zero is written as absence, except for the two counts that are pointers or required upstream. */
function withoutZeros(status: ReplicaSetStatus): ReplicaSetStatus {
  for (const field of [
    "fullyLabeledReplicas",
    "readyReplicas",
    "availableReplicas",
    "observedGeneration",
  ] as const) {
    if (status[field] === 0) delete status[field];
  }
  return status;
}
