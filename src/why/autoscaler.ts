import type { HorizontalPodAutoscaler } from "../api/types/autoscaling-v2.ts";
import type { PodDisruptionBudget } from "../api/types/policy-v1.ts";
import { findCondition } from "../apimachinery/conditions.ts";
import { selectorFromLabelSelector } from "../apimachinery/labels.ts";
import { resources } from "../client/resources.ts";
import type { Look } from "./look.ts";
import { podsTrouble } from "./pod.ts";
import {
  are,
  byCauses,
  count,
  fine,
  kubectl,
  type Reason,
  reason,
  stuck,
  subject,
  waiting,
} from "./reason.ts";

/** An autoscaler needs something to scale, and somebody who measures. */
export async function whyAutoscaler(autoscaler: HorizontalPodAutoscaler, look: Look): Promise<Reason> {
  const { namespace = "", name = "" } = autoscaler.metadata;
  const target = autoscaler.spec?.scaleTargetRef;
  const resource = await look.finder.forKind(target?.apiVersion ?? "", target?.kind ?? "");
  const found = resource === undefined ? undefined : await look.get(resource, target?.name ?? "", namespace);
  if (found === undefined && (resource === undefined || !look.isUnseen(resource, namespace))) {
    const missing = subject(target?.apiVersion ?? "", target?.kind ?? "", target?.name ?? "", namespace);
    return stuck(autoscaler, "has nothing to scale", {
      because: [
        reason(missing, "stuck", "does not exist", {
          next: {
            says: "make it, or correct scaleTargetRef",
            command: kubectl({ namespace }, `edit hpa ${name}`),
          },
        }),
      ],
    });
  }
  const { conditions = [] } = autoscaler.status ?? {};
  if (conditions.length === 0) return unattended(autoscaler, look);
  const metrics = await look.get(resources.apiservices, "v1beta1.metrics.k8s.io");
  const usesMetrics = (autoscaler.spec?.metrics ?? [{ type: "Resource" }]).some(
    ({ type }) => type === "Resource" || type === "ContainerResource",
  );
  if (usesMetrics && metrics === undefined && !look.isUnseen(resources.apiservices)) {
    return stuck(
      autoscaler,
      "does not scale: nobody measures the pods, since the cluster has no metrics API",
      {
        next: {
          says: "install the metrics server",
          command:
            "kubectl apply -f https://github.com/kubernetes-sigs/metrics-server/releases/latest/download/components.yaml",
        },
      },
    );
  }
  const down = await look.causes([metrics]);
  if (down.length > 0 && usesMetrics)
    return byCauses(autoscaler, "does not scale: the pods cannot be measured", down);
  const failing = ["AbleToScale", "ScalingActive"]
    .map((type) => findCondition(conditions, type))
    .find((condition) => condition?.status === "False");
  if (failing !== undefined) {
    return stuck(autoscaler, `does not scale: ${failing.message ?? failing.reason ?? ""}`, {
      next: {
        says: "see what it measures; pods must state resources.requests for a share of them",
        command: kubectl({ namespace }, `describe hpa ${name}`),
      },
    });
  }
  const limited = findCondition(conditions, "ScalingLimited");
  const { currentReplicas = 0, desiredReplicas = 0 } = autoscaler.status ?? {};
  const at = `${currentReplicas} of ${count(desiredReplicas, "wanted pod")}`;
  return fine(
    autoscaler,
    limited?.status === "True"
      ? `scales, and is at its limit (${at}): ${limited.message ?? ""}`
      : `scales: ${at}`,
  );
}

/** A controller of autoscalers says what it thinks of each within seconds. Sampan has none. */
function unattended(autoscaler: HorizontalPodAutoscaler, look: Look): Reason {
  if (look.ageMs(autoscaler.metadata.creationTimestamp) < unattendedAfterMs)
    return waiting(autoscaler, "has not been worked on yet");
  const { namespace = "" } = autoscaler.metadata;
  const target = autoscaler.spec?.scaleTargetRef;
  const scaled = `${(target?.kind ?? "").toLowerCase()} ${target?.name ?? ""}`;
  return stuck(autoscaler, "does not scale: no controller of autoscalers has looked at it", {
    next: {
      says: "scale by hand: Sampan has no such controller, and elsewhere the kube-controller-manager is to be looked at",
      command: kubectl({ namespace }, `scale ${scaled} --replicas=N`),
    },
  });
}

const unattendedAfterMs = 30_000;

/** A budget is not ready or unready: it allows disruptions or holds them up. */
export async function whyBudget(budget: PodDisruptionBudget, look: Look): Promise<Reason> {
  const {
    disruptionsAllowed = 0,
    currentHealthy = 0,
    desiredHealthy = 0,
    expectedPods = 0,
  } = budget.status ?? {};
  const { namespace = "", name = "" } = budget.metadata;
  if (expectedPods === 0)
    return stuck(budget, "protects nothing: no pod matches its selector", {
      next: { says: "correct its selector", command: kubectl({ namespace }, "get pods --show-labels") },
    });
  if (disruptionsAllowed > 0)
    return fine(
      budget,
      `lets ${count(disruptionsAllowed, "pod")} be evicted (${currentHealthy} of ${expectedPods} ${are(currentHealthy)} healthy)`,
    );
  const selector = selectorFromLabelSelector(budget.spec?.selector);
  const pods = (await look.list(resources.pods, namespace)).filter(({ metadata }) =>
    selector.matches(metadata.labels),
  );
  const causes = await podsTrouble(pods, look);
  const says = `lets no pod be evicted: ${currentHealthy} ${are(currentHealthy)} healthy, and ${desiredHealthy} must be`;
  if (causes.length > 0) return byCauses(budget, says, causes);
  return stuck(budget, says, {
    next: {
      says: "run more replicas, or let the budget allow one to be away: a drain waits for it as long as it takes",
      command: kubectl({ namespace }, `edit poddisruptionbudget ${name}`),
    },
  });
}
