import type { Pod } from "../../api/types/core-v1.ts";
import type { PodDisruptionBudget } from "../../api/types/policy-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import type { DeleteOptions } from "../../apimachinery/meta-v1.ts";
import { isBeingDeleted, type UnstructuredObject } from "../../apimachinery/object.ts";
import { newBadRequest, newForbidden, newStatusError } from "../../apimachinery/status.ts";
import { asDryRun } from "../../apiserver/endpoints/context.ts";
import type { RegistryDependencies } from "../../apiserver/registry/strategy.ts";
import type { RequestContext } from "../../apiserver/request-context.ts";
import { withPodCondition } from "./pod-conditions.ts";

/** More pods than this cannot be on their way out of one budget at once. */
const maxDisruptedPods = 2000;

/** POST pods/eviction: a delete that budgets may refuse (mirrors pkg/registry/core/pod/storage/eviction.go). */
export async function evictPod(
  { stores, reader, nowMs, scheme }: RegistryDependencies,
  request: RequestContext,
  eviction: UnstructuredObject,
): Promise<UnstructuredObject> {
  const { namespace, name } = request.info;
  const options = eviction["deleteOptions"] as (UnstructuredObject & DeleteOptions) | undefined;
  // `kubectl drain --dry-run=server` asks in the body; nothing may then be marked, spent or deleted.
  const context = options?.dryRun?.includes("All") === true ? asDryRun(request) : request;
  if ((eviction.metadata?.name ?? name) !== name) {
    throw newBadRequest("name in URL does not match name in Eviction object");
  }
  const pod = (await stores.get(context, "", "pods", namespace, name)) as unknown as Pod;
  const budgets = reader
    .list<PodDisruptionBudget>({ group: "policy", resource: "poddisruptionbudgets" }, namespace)
    .filter((budget) => selectorFromLabelSelector(budget.spec.selector).matches(pod.metadata.labels));
  if (!mayIgnoreBudgets(pod)) {
    if (budgets.length > 1) {
      throw newStatusError(
        500,
        "",
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
      );
    }
    const [budget] = budgets;
    if (budget !== undefined && !passesUnhealthy(pod, budget)) await spend(budget);
  }
  if (!isPodEnded(pod)) await markDisrupted();
  await stores.delete(context, "", "pods", namespace, name, options);
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };

  /** Whoever looks at the pod in its last moments sees why it goes. */
  async function markDisrupted(): Promise<void> {
    const condition = {
      type: "DisruptionTarget",
      status: "True",
      reason: "EvictionByEvictionAPI",
      message: "Eviction API: evicting",
    };
    await stores.update(context, "", "pods", namespace, name, "status", (current) => {
      const { status } = current as unknown as Pod;
      return { ...current, status: withPodCondition(scheme, status, condition, nowMs()) };
    });
  }

  async function spend(budget: PodDisruptionBudget): Promise<void> {
    await stores.update(
      context,
      "policy",
      "poddisruptionbudgets",
      namespace,
      budget.metadata.name ?? "",
      "status",
      (current) => {
        const fresh = current as unknown as PodDisruptionBudget;
        const { status } = fresh;
        if (status === undefined || (status.observedGeneration ?? 0) < (fresh.metadata.generation ?? 0)) {
          throw refused(
            `The disruption budget ${fresh.metadata.name} is still being processed by the server.`,
            10,
          );
        }
        if (Object.keys(status.disruptedPods ?? {}).length > maxDisruptedPods) {
          const budgets = { group: "policy", resource: "poddisruptionbudgets" };
          const why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
          throw newForbidden(budgets, fresh.metadata.name ?? "", why);
        }
        if ((status.disruptionsAllowed ?? 0) <= 0) {
          throw refused(
            `The disruption budget ${fresh.metadata.name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`,
            0,
          );
        }
        const disruptedPods = { ...status.disruptedPods, [name]: formatTime(nowMs()) };
        return {
          ...current,
          status: { ...status, disruptionsAllowed: (status.disruptionsAllowed ?? 0) - 1, disruptedPods },
        };
      },
    );
  }
}

const isPodEnded = ({ status }: Pod): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";

/** A pod that has ended, or never ran, disturbs nobody by going. */
function mayIgnoreBudgets(pod: Pod): boolean {
  const phase = pod.status?.phase ?? "Pending";
  return isBeingDeleted(pod) || phase === "Succeeded" || phase === "Failed" || phase === "Pending";
}

/** A pod that is not ready may go when the budget says so, or while enough others are healthy. */
function passesUnhealthy(pod: Pod, budget: PodDisruptionBudget): boolean {
  const ready = (pod.status?.conditions ?? []).some(
    ({ type, status }) => type === "Ready" && status === "True",
  );
  if (ready) return false;
  if (budget.spec.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

function refused(message: string, retryAfterSeconds: number): Error {
  return newStatusError(
    429,
    "TooManyRequests",
    "Cannot evict pod as it would violate the pod's disruption budget.",
    {
      details: {
        causes: [{ reason: "DisruptionBudget", message }],
        ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}),
      },
    },
  );
}
