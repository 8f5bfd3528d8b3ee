import type { Pod } from "../../api/types/core-v1.ts";
import type { PodDisruptionBudget } from "../../api/types/policy-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { setCondition } from "../../apimachinery/conditions.ts";
import { resolveIntOrPercent } from "../../apimachinery/int-or-string.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import { controllerOf, isBeingDeleted, keyOf } from "../../apimachinery/object.ts";
import { isConflict, isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerRegistration, ReconcileResult } from "../controller.ts";
import { watch } from "../watch.ts";

/** A pod that was evicted but still runs counts as disrupted for so long. */
const disruptionTimeoutMs = 120_000;

/** Works out how many pods of each budget may be evicted now. */
export const disruptionController: ControllerRegistration = {
  name: "disruption-controller",
  setup(context) {
    const budgets = context.informers.informer(resources.poddisruptionbudgets);
    const pods = context.informers.informer(resources.pods);
    const budgetsOf = (pod: Pod): string[] =>
      budgets
        .list(pod.metadata.namespace)
        .filter((budget) => selectorFromLabelSelector(budget.spec.selector).matches(pod.metadata.labels))
        .map(keyOf);
    return {
      watches: [watch(budgets, (budget) => [keyOf(budget)]), watch(pods, budgetsOf)],
      async reconcile(key) {
        const budget = budgets.getByKey(key);
        if (budget === undefined || isBeingDeleted(budget)) return undefined;
        const selector = selectorFromLabelSelector(budget.spec.selector);
        const selected = pods
          .list(budget.metadata.namespace)
          .filter((pod) => selector.matches(pod.metadata.labels));
        return await writeStatus(context, budget, selected);
      },
    };
  },
};

async function writeStatus(
  context: ControllerContext,
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
): Promise<ReconcileResult | undefined> {
  const nowMs = context.clock.now();
  const disrupted = Object.fromEntries(
    Object.entries(budget.status?.disruptedPods ?? {}).filter(([name, since]) => {
      const pod = pods.find(({ metadata }) => metadata.name === name);
      return pod !== undefined && !isBeingDeleted(pod) && Date.parse(since) + disruptionTimeoutMs > nowMs;
    }),
  );
  const currentHealthy = pods.filter(
    (pod) => isHealthy(pod) && disrupted[pod.metadata.name ?? ""] === undefined,
  ).length;
  const { expected, desired } = expectation(context, budget, pods);
  const disruptionsAllowed = Math.max(0, Math.min(currentHealthy - desired, expected > 0 ? expected : 0));
  const conditions = setCondition(
    budget.status?.conditions,
    {
      type: "DisruptionAllowed",
      status: disruptionsAllowed > 0 ? "True" : "False",
      reason: disruptionsAllowed > 0 ? "SufficientPods" : "InsufficientPods",
      message: "",
      lastTransitionTime: formatTime(nowMs),
      observedGeneration: budget.metadata.generation,
    },
    nowMs,
  );
  const status = {
    ...budget.status,
    observedGeneration: budget.metadata.generation,
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy: desired,
    expectedPods: expected,
    ...(Object.keys(disrupted).length > 0 ? { disruptedPods: disrupted } : {}),
    conditions,
  };
  if (Object.keys(disrupted).length === 0) delete status.disruptedPods;
  if (!deepEqual(status, budget.status)) {
    try {
      await context.client.resource(resources.poddisruptionbudgets).updateStatus({ ...budget, status });
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }
  const oldest = Object.values(disrupted).toSorted()[0];
  return oldest === undefined
    ? undefined
    : { requeueAfterMs: Math.max(1, Date.parse(oldest) + disruptionTimeoutMs - nowMs) };
}

const isHealthy = (pod: Pod): boolean =>
  !isBeingDeleted(pod) &&
  (pod.status?.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True");

/** How many pods there should be, and how many of them must stay healthy. */
function expectation(
  context: ControllerContext,
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
): { expected: number; desired: number } {
  const { minAvailable, maxUnavailable } = budget.spec;
  if (maxUnavailable !== undefined) {
    const expected = scaleOf(context, pods);
    return { expected, desired: Math.max(0, expected - resolveIntOrPercent(maxUnavailable, expected, true)) };
  }
  if (typeof minAvailable === "number") return { expected: pods.length, desired: minAvailable };
  if (minAvailable === undefined) return { expected: pods.length, desired: 1 };
  const expected = scaleOf(context, pods);
  return { expected, desired: resolveIntOrPercent(minAvailable, expected, true) };
}

/** The sum of `spec.replicas` of the pods' controllers, each counted once; a bare pod counts as one. */
function scaleOf(context: ControllerContext, pods: readonly Pod[]): number {
  const counted = new Set<string>();
  let total = 0;
  for (const pod of pods) {
    const owner = controllerOf(pod);
    if (owner === undefined) {
      total++;
      continue;
    }
    if (counted.has(owner.uid)) continue;
    counted.add(owner.uid);
    total +=
      replicasOf(context, owner.kind, owner.name, pod.metadata.namespace ?? "") ??
      pods.filter((other) => controllerOf(other)?.uid === owner.uid).length;
  }
  return total;
}

function replicasOf(
  { informers }: ControllerContext,
  kind: string,
  name: string,
  namespace: string,
): number | undefined {
  switch (kind) {
    case "ReplicaSet":
      return informers.informer(resources.replicasets).get(name, namespace)?.spec.replicas;
    case "StatefulSet":
      return informers.informer(resources.statefulsets).get(name, namespace)?.spec.replicas;
    case "ReplicationController":
      return informers.informer(resources.replicationcontrollers).get(name, namespace)?.spec.replicas;
    default:
      return undefined;
  }
}
