import type { Deployment, DeploymentStatus, ReplicaSet } from "../../api/types/apps-v1.ts";
import type { Pod } from "../../api/types/core-v1.ts";
import { findCondition } from "../../apimachinery/conditions.ts";
import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import { isBeingDeleted } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { ResourceClient } from "../../client/client.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ReconcileResult } from "../controller.ts";
import { claimObjects, indexByController, ownedAndOrphaned, ownedBy } from "../controller-ref-manager.ts";
import { isPodTerminal } from "../pods.ts";
import { sameStatus } from "../write-status.ts";
import { byRevision, desiredReplicas, sameAnnotations, withSizes } from "./annotations.ts";
import { isComplete, progressCheckMs, rolloutStatusOf, setFinding, statusOf } from "./conditions.ts";
import {
  activeOf,
  actualPods,
  byAge,
  isRollingUpdate,
  maxSurge,
  progressDeadlineMs,
  replicasOf,
  wantedPods,
} from "./limits.ts";
import { NewestReplicaSet } from "./newest.ts";
import { newestSize, proportionOf, scaleDownSteps } from "./sizes.ts";

/** A Deployment with what belongs to it, as one round sees them. */
interface Round {
  readonly deployment: Deployment;
  /** Of the current template; undefined while none was made. */
  readonly newest: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
  readonly all: readonly ReplicaSet[];
}

/**
 * Leads a Deployment's pods from one template to the next by scaling its ReplicaSets. Each round takes one step and
 * relies on the change that it makes to be woken again. (Mirrors pkg/controller/deployment.)
 */
export class DeploymentReconciler {
  readonly #context: ControllerContext;
  readonly #deployments: Informer<Deployment>;
  readonly #replicaSets: Informer<ReplicaSet>;
  readonly #pods: Informer<Pod>;
  readonly #resource: ResourceClient<Deployment>;
  readonly #replicaSetResource: ResourceClient<ReplicaSet>;
  readonly #newest: NewestReplicaSet;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#deployments = context.informers.informer(resources.deployments);
    this.#replicaSets = context.informers.informer(resources.replicasets);
    this.#pods = context.informers.informer(resources.pods);
    this.#resource = context.client.resource(resources.deployments);
    this.#replicaSetResource = context.client.resource(resources.replicasets);
    this.#newest = new NewestReplicaSet(context);
    indexByController(this.#replicaSets);
    indexByController(this.#pods);
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const deployment = this.#deployments.getByKey(key);
    if (deployment === undefined) return undefined;
    const selector = selectorFromLabelSelector(deployment.spec.selector);
    if (selector.isEmpty()) return await this.#refuseToSelectAll(deployment);
    const replicaSets = await claimObjects(ownedAndOrphaned(this.#replicaSets, deployment), {
      client: this.#context.client,
      reference: resources.replicasets,
      owner: deployment,
      ownerReference: resources.deployments,
      selector,
    });
    if (isBeingDeleted(deployment)) {
      return await this.#writeStatus(await this.#survey(deployment, replicaSets, false), statusOf);
    }
    return await this.#advance(await this.#notePause(deployment), replicaSets);
  }

  async #advance(
    deployment: Deployment,
    replicaSets: readonly ReplicaSet[],
  ): Promise<ReconcileResult | undefined> {
    if (deployment.spec.paused === true || this.#wasScaled(deployment, replicaSets)) {
      return await this.#scaleOnly(await this.#survey(deployment, replicaSets, false));
    }
    if (isRollingUpdate(deployment))
      return await this.#roll(await this.#survey(deployment, replicaSets, true));
    return await this.#recreate(await this.#survey(deployment, replicaSets, false), replicaSets);
  }

  async #refuseToSelectAll(deployment: Deployment): Promise<undefined> {
    const message = "This deployment is selecting all pods. A non-empty selector is required.";
    this.#context.events.event(deployment, "Warning", "SelectingAll", message);
    const { generation } = deployment.metadata;
    if ((deployment.status?.observedGeneration ?? 0) < (generation ?? 0)) {
      const status = { ...deployment.status, observedGeneration: generation };
      await this.#resource.updateStatus({ ...deployment, status });
    }
    return undefined;
  }

  /** Finds the newest and the old ReplicaSets, and brings revisions up to date. */
  async #survey(given: Deployment, replicaSets: readonly ReplicaSet[], create: boolean): Promise<Round> {
    const { deployment, newest } = await this.#newest.find(given, replicaSets, create);
    const old = replicaSets.filter(({ metadata }) => metadata.uid !== newest?.metadata.uid);
    return { deployment, newest, old, all: newest === undefined ? old : [...old, newest] };
  }

  /** A pause is said in the Progressing condition, so that its time does not count against the deadline. */
  async #notePause(deployment: Deployment): Promise<Deployment> {
    if (progressDeadlineMs(deployment) === undefined) return deployment;
    const { conditions } = deployment.status ?? {};
    const reason = findCondition(conditions, "Progressing")?.reason;
    if (reason === "ProgressDeadlineExceeded") return deployment;
    const paused = deployment.spec.paused === true;
    if (paused === (reason === "DeploymentPaused")) return deployment;
    const finding = {
      type: "Progressing",
      status: "Unknown",
      reason: paused ? "DeploymentPaused" : "DeploymentResumed",
      message: paused ? "Deployment is paused" : "Deployment is resumed",
    } as const;
    const nowMs = this.#context.clock.now();
    const status = { ...deployment.status, conditions: setFinding(conditions, finding, nowMs) };
    return await this.#resource.updateStatus({ ...deployment, status });
  }

  /** Somebody changed spec.replicas since the ReplicaSets were last scaled. */
  #wasScaled(deployment: Deployment, replicaSets: readonly ReplicaSet[]): boolean {
    return activeOf(replicaSets).some((replicaSet) => {
      const desired = desiredReplicas(replicaSet);
      return desired !== undefined && desired !== replicasOf(deployment);
    });
  }

  async #scaleOnly(round: Round): Promise<ReconcileResult | undefined> {
    const scaled = await this.#scaleAll(round);
    if (round.deployment.spec.paused === true) await this.#cleanUp(scaled);
    return await this.#writeStatus(scaled, statusOf);
  }

  /**
   * Gives a new size to all ReplicaSets alike, in proportion, so that scaling in the middle of a rollout does not
   * hasten it.
   */
  async #scaleAll(round: Round): Promise<Round> {
    const { deployment, newest, old, all } = round;
    const only = activeOrLatest(newest, old);
    if (only !== undefined) return await this.#scaleIn(round, [[only, replicasOf(deployment)]]);
    if (newest !== undefined && isSaturated(deployment, newest)) {
      return await this.#scaleIn(
        round,
        activeOf(old).map((replicaSet) => [replicaSet, 0]),
      );
    }
    if (!isRollingUpdate(deployment)) return round;
    const wanted = replicasOf(deployment);
    const allowed = wanted > 0 ? wanted + maxSurge(deployment) : 0;
    const active = activeOf(all);
    const toAdd = allowed - wantedPods(active);
    const sorted = active.toSorted(
      (a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? byAge(b, a) : byAge(a, b)),
    );
    let added = 0;
    const sizes = sorted.map((replicaSet): [ReplicaSet, number] => {
      const share = toAdd === 0 ? 0 : proportionOf(replicaSet, deployment, toAdd, added);
      added += share;
      return [replicaSet, replicasOf(replicaSet) + share];
    });
    // What rounding leaves goes to the largest.
    const [largest] = sizes;
    if (largest !== undefined && toAdd !== 0) largest[1] = Math.max(0, largest[1] + toAdd - added);
    return await this.#scaleIn(round, sizes);
  }

  async #scaleIn(round: Round, sizes: readonly (readonly [ReplicaSet, number])[]): Promise<Round> {
    let { newest } = round;
    const scaled = new Map<string, ReplicaSet>();
    for (const [replicaSet, size] of sizes) {
      scaled.set(replicaSet.metadata.uid ?? "", await this.#scale(replicaSet, size, round.deployment));
    }
    const current = (replicaSet: ReplicaSet): ReplicaSet =>
      scaled.get(replicaSet.metadata.uid ?? "") ?? replicaSet;
    newest = newest === undefined ? undefined : current(newest);
    return { deployment: round.deployment, newest, old: round.old.map(current), all: round.all.map(current) };
  }

  /** Also notes the Deployment's size in the ReplicaSet, by which a later scaling is recognised. */
  async #scale(replicaSet: ReplicaSet, size: number, deployment: Deployment): Promise<ReplicaSet> {
    const from = replicasOf(replicaSet);
    const annotations = withSizes(replicaSet.metadata.annotations, deployment);
    if (from === size && sameAnnotations(replicaSet.metadata.annotations, annotations)) return replicaSet;
    const { metadata, spec } = replicaSet;
    const updated = await this.#replicaSetResource.update({
      ...replicaSet,
      metadata: { ...metadata, annotations: { ...annotations } },
      spec: { ...spec, replicas: size },
    });
    if (from !== size) {
      const message = `Scaled ${size > from ? "up" : "down"} replica set ${metadata.name} from ${from} to ${size}`;
      this.#context.events.event(deployment, "Normal", "ScalingReplicaSet", message);
    }
    return updated;
  }

  async #roll(round: Round): Promise<ReconcileResult | undefined> {
    const { deployment, newest, old, all } = round;
    if (newest !== undefined) {
      const size = newestSize(deployment, all, newest);
      if (size !== replicasOf(newest)) {
        return await this.#writeStatus(await this.#scaleIn(round, [[newest, size]]), rolloutStatusOf);
      }
    }
    const steps = scaleDownSteps(deployment, activeOf(old), newest);
    if (steps.length > 0) {
      return await this.#writeStatus(await this.#scaleIn(round, steps), rolloutStatusOf);
    }
    if (isComplete(deployment, deployment.status ?? {})) await this.#cleanUp(round);
    return await this.#writeStatus(round, rolloutStatusOf);
  }

  /** All old pods end before the first new one starts. */
  async #recreate(round: Round, replicaSets: readonly ReplicaSet[]): Promise<ReconcileResult | undefined> {
    const active = activeOf(round.old);
    if (active.length > 0) {
      const scaled = await this.#scaleIn(
        round,
        active.map((replicaSet) => [replicaSet, 0]),
      );
      return await this.#writeStatus(scaled, rolloutStatusOf);
    }
    if (this.#oldPodsRun(round)) return await this.#writeStatus(round, rolloutStatusOf);
    const { deployment, newest } = round;
    const ready = newest === undefined ? await this.#survey(deployment, replicaSets, true) : round;
    const sizes: [ReplicaSet, number][] =
      ready.newest === undefined ? [] : [[ready.newest, replicasOf(deployment)]];
    const scaled = await this.#scaleIn(ready, sizes);
    if (isComplete(deployment, deployment.status ?? {})) await this.#cleanUp(scaled);
    return await this.#writeStatus(scaled, rolloutStatusOf);
  }

  #oldPodsRun({ old }: Round): boolean {
    if (actualPods(old) > 0) return true;
    return old.some(({ metadata }) =>
      ownedBy(this.#pods, metadata.uid ?? "").some((pod) => !isPodTerminal(pod)),
    );
  }

  /** Deletes ReplicaSets beyond the history limit: the oldest revisions, and none that still has pods. */
  async #cleanUp({ deployment, old }: Round): Promise<void> {
    const limit = deployment.spec.revisionHistoryLimit;
    if (limit === undefined || limit === 2 ** 31 - 1) return;
    const kept = old.filter((replicaSet) => !isBeingDeleted(replicaSet));
    const excess = kept.length - limit;
    if (excess <= 0) return;
    const oldest = kept.toSorted((a, b) => byRevision(a, b) || byAge(a, b)).slice(0, excess);
    for (const { metadata, spec, status } of oldest) {
      const settled = (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0);
      if ((status?.replicas ?? 0) !== 0 || spec.replicas !== 0 || !settled) continue;
      try {
        const { name = "", namespace, uid = "" } = metadata;
        await this.#replicaSetResource.delete(name, {
          namespace,
          preconditions: { uid },
          propagationPolicy: "Background",
        });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }

  async #writeStatus(round: Round, judge: typeof statusOf): Promise<ReconcileResult | undefined> {
    const { deployment, newest, all } = round;
    const nowMs = this.#context.clock.now();
    const status: DeploymentStatus = judge(deployment, all, newest, nowMs);
    if (!sameStatus(deployment.status, status)) {
      await this.#resource.updateStatus({ ...deployment, status });
      return undefined;
    }
    const requeueAfterMs = progressCheckMs(deployment, status, nowMs);
    return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
  }
}

/** The ReplicaSet that takes every change of size: the only active one, or the latest when none is. */
function activeOrLatest(newest: ReplicaSet | undefined, old: readonly ReplicaSet[]): ReplicaSet | undefined {
  const active = activeOf(newest === undefined ? old : [...old, newest]);
  if (active.length === 1) return active[0];
  return active.length === 0 ? (newest ?? old.toSorted(byAge).at(-1)) : undefined;
}

/** The newest ReplicaSet has taken over completely. */
function isSaturated(deployment: Deployment, newest: ReplicaSet): boolean {
  const wanted = replicasOf(deployment);
  return (
    replicasOf(newest) === wanted &&
    desiredReplicas(newest) === wanted &&
    (newest.status?.availableReplicas ?? 0) === wanted
  );
}
