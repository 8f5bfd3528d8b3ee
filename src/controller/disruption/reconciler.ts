import type { Pod } from "../../api/types/core-v1.ts";
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from "../../api/types/policy-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { findCondition, setCondition } from "../../apimachinery/conditions.ts";
import { sameFields } from "../../apimachinery/json.ts";
import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import { isBeingDeleted } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ReconcileResult } from "../controller.ts";
import { Pace } from "../pace.ts";
import { messageOf } from "../pod-control.ts";
import { isPodReady, isPodTerminal } from "../pods.ts";
import { type Expectation, Expectations } from "./expectation.ts";

/** A pod that was evicted but still runs counts as disrupted for so long. */
const disruptionTimeoutMs = 120_000;

/** Works out how many pods of each budget may be evicted now. (Mirrors pkg/controller/disruption/disruption.go.) */
export class DisruptionReconciler {
  readonly #context: ControllerContext;
  readonly #budgets: Informer<PodDisruptionBudget>;
  readonly #pods: Informer<Pod>;
  readonly #expectations: Expectations;
  readonly #pace: Pace;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#budgets = context.informers.informer(resources.poddisruptionbudgets);
    this.#pods = context.informers.informer(resources.pods);
    this.#expectations = new Expectations(context);
    this.#pace = new Pace(context.clock);
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const [first = "", podKey] = key.split(" ");
    if (podKey !== undefined) return await this.#clearStaleDisruption(podKey);
    const budget = this.#budgets.getByKey(first);
    if (budget === undefined) {
      this.#pace.forget(first);
      return undefined;
    }
    const waitMs = this.#pace.waitMs(first);
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    const selector = selectorFromLabelSelector(budget.spec.selector);
    const pods = this.#pods
      .list(budget.metadata.namespace)
      .filter((pod) => selector.matches(pod.metadata.labels));
    this.#pace.worksOn(first, pods.length);
    if (pods.length === 0) this.#context.events.event(budget, "Normal", "NoPods", "No matching pods found");
    let expectation: Expectation;
    try {
      expectation = await this.#expectations.of(budget, pods);
    } catch (error) {
      await this.#allowNothing(budget, messageOf(error));
      throw error;
    }
    this.#tellUnmanaged(budget, expectation);
    return await this.#update(budget, pods, expectation);
  }

  #tellUnmanaged(budget: PodDisruptionBudget, { unmanaged }: Expectation): void {
    if (unmanaged.length === 0) return;
    const selector = selectorFromLabelSelector(budget.spec.selector);
    const message = `Pods selected by this PodDisruptionBudget (selector: ${selector}) have no controller, so the budget cannot tell how many there should be. Set ".spec.minAvailable" to a number to count them.`;
    this.#context.events.event(budget, "Warning", "UnmanagedPods", message);
  }

  async #update(
    budget: PodDisruptionBudget,
    pods: readonly Pod[],
    { expected, desired }: Expectation,
  ): Promise<ReconcileResult | undefined> {
    const nowMs = this.#context.clock.now();
    const disrupted = this.#disruptedPods(budget, pods, nowMs);
    const currentHealthy = pods.filter(
      (pod) => !isBeingDeleted(pod) && disrupted[pod.metadata.name ?? ""] === undefined && isPodReady(pod),
    ).length;
    const allowed = expected <= 0 ? 0 : Math.max(0, currentHealthy - desired);
    const { disruptedPods: _before, ...rest } = budget.status ?? {};
    const { generation: observedGeneration } = budget.metadata;
    const status: PodDisruptionBudgetStatus = {
      ...rest,
      ...(observedGeneration === undefined ? {} : { observedGeneration }),
      disruptionsAllowed: allowed,
      currentHealthy,
      desiredHealthy: desired,
      expectedPods: expected,
      ...(Object.keys(disrupted).length > 0 ? { disruptedPods: disrupted } : {}),
      conditions: setCondition(
        budget.status?.conditions,
        {
          type: "DisruptionAllowed",
          status: allowed > 0 ? "True" : "False",
          reason: allowed > 0 ? "SufficientPods" : "InsufficientPods",
          message: "",
          ...(observedGeneration === undefined ? {} : { observedGeneration }),
          lastTransitionTime: formatTime(nowMs),
        },
        nowMs,
      ),
    };
    await this.#write(budget, status);
    const soonest = Object.values(disrupted).map((time) => Date.parse(time) + disruptionTimeoutMs - nowMs);
    return soonest.length === 0 ? undefined : { requeueAfterMs: Math.max(1, Math.min(...soonest)) };
  }

  /** Pods whose eviction was granted and whose deletion is yet to be seen. One that stays was never deleted. */
  #disruptedPods(budget: PodDisruptionBudget, pods: readonly Pod[], nowMs: number): Record<string, string> {
    const disrupted: Record<string, string> = {};
    for (const pod of pods) {
      const { name = "" } = pod.metadata;
      const since = budget.status?.disruptedPods?.[name];
      if (since === undefined || isBeingDeleted(pod)) continue;
      if (Date.parse(since) + disruptionTimeoutMs > nowMs) {
        disrupted[name] = since;
        continue;
      }
      const { namespace, name: own } = budget.metadata;
      const message = `Pod was expected by PDB ${namespace}/${own} to be deleted but it wasn't`;
      this.#context.events.event(pod, "Warning", "NotDeleted", message);
    }
    return disrupted;
  }

  /** When the numbers cannot be told, nothing may be evicted. */
  async #allowNothing(budget: PodDisruptionBudget, why: string): Promise<void> {
    const { events, clock } = this.#context;
    const message = `Failed to calculate the number of expected pods: ${why}`;
    events.event(budget, "Warning", "CalculateExpectedPodCountFailed", message);
    const status: PodDisruptionBudgetStatus = {
      currentHealthy: 0,
      desiredHealthy: 0,
      expectedPods: 0,
      ...budget.status,
      disruptionsAllowed: 0,
      conditions: setCondition(
        budget.status?.conditions,
        {
          type: "DisruptionAllowed",
          status: "False",
          reason: "SyncFailed",
          message: why,
          lastTransitionTime: formatTime(clock.now()),
        },
        clock.now(),
      ),
    };
    await this.#write(budget, status);
  }

  async #write(budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus): Promise<void> {
    if (sameFields(status, budget.status)) return;
    try {
      await this.#context.client.resource(resources.poddisruptionbudgets).updateStatus({ ...budget, status });
    } catch (error) {
      // Where an eviction has written meanwhile, the next look sees it.
      if (!isNotFound(error)) throw error;
    }
  }

  /** A pod that was to be disrupted, and was not in time, is not any more. */
  async #clearStaleDisruption(podKey: string): Promise<ReconcileResult | undefined> {
    const { client, clock } = this.#context;
    const pod = this.#pods.getByKey(podKey);
    const since = pod === undefined ? undefined : disruptionTargetSince(pod);
    if (pod === undefined || since === undefined) return undefined;
    const leftMs = Date.parse(since) + disruptionTimeoutMs - clock.now();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    const { name = "", namespace, uid } = pod.metadata;
    const condition = { type: "DisruptionTarget", status: "False" };
    const conditions = setCondition(pod.status?.conditions, condition, clock.now());
    const patch = { metadata: { uid }, status: { conditions } };
    try {
      await client
        .resource(resources.pods)
        .patch(name, patch, { type: "strategic", namespace, subresource: "status" });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return undefined;
  }
}

/** Since when the pod is marked to be disrupted though it still runs and is not being deleted. */
export function disruptionTargetSince(pod: Pod): string | undefined {
  if (isBeingDeleted(pod) || isPodTerminal(pod)) return undefined;
  const condition = findCondition(pod.status?.conditions, "DisruptionTarget");
  return condition?.status === "True" ? condition.lastTransitionTime : undefined;
}
