import type { Pod } from "../api/types/core-v1.ts";
import { findCondition } from "../apimachinery/conditions.ts";
import { resources } from "../client/resources.ts";
import { askContainers } from "./container.ts";
import type { Look } from "./look.ts";
import { are, count, fine, kubectl, type Reason, stuck, waiting } from "./reason.ts";
import { askScheduling } from "./scheduling.ts";
import { askVolumes } from "./volume.ts";

/** A pod on its way: placed, its volumes mounted, its containers started, ready. The first thing that holds it up counts. */
export async function whyPod(pod: Pod, look: Look): Promise<Reason> {
  const { phase, reason: why = "", message = "" } = pod.status ?? {};
  if (phase === "Succeeded") return fine(pod, "has done its work and ended");
  if (phase === "Failed") return await failed(pod, why, message, look);
  if ((pod.spec?.nodeName ?? "") === "") return await askScheduling(pod, look);
  const ready = findCondition(pod.status?.conditions, "Ready");
  if (ready?.status === "True") return fine(pod, readyText(pod));
  const node = await nodeTrouble(pod, look);
  if (node !== undefined) return stuck(pod, `is not ready: ${node.about.name} is not`, { because: [node] });
  const volumes = await askVolumes(pod, look);
  if (volumes !== undefined) return volumes;
  const containers = await askContainers(pod, look);
  if (containers !== undefined) return containers;
  if (ready?.reason === "ReadinessGatesNotReady") return gated(pod);
  return waiting(
    pod,
    ready === undefined ? starting(pod) : `is not ready: ${ready.message ?? "it has just started"}`,
  );
}

function readyText(pod: Pod): string {
  const containers = pod.status?.containerStatuses ?? [];
  const restarts = containers.reduce((sum, { restartCount }) => sum + restartCount, 0);
  const running = `is ready: ${count(containers.length, "container")} ${containers.length === 1 ? "runs" : "run"}`;
  return restarts === 0 ? running : `${running} (restarted ${count(restarts, "time")} so far)`;
}

const starting = (pod: Pod): string => `is on its way: ${pod.spec?.nodeName ?? ""} has not told of it yet`;

/** Why the node cannot run it; undefined when the node is well. A node that is gone will not tell. */
async function nodeTrouble(pod: Pod, look: Look): Promise<Reason | undefined> {
  const name = pod.spec?.nodeName ?? "";
  const node = await look.get(resources.nodes, name);
  if (node === undefined) return undefined;
  const isReady = findCondition(node.status?.conditions, "Ready")?.status === "True";
  return isReady ? undefined : (await look.causes([node]))[0];
}

async function failed(pod: Pod, why: string, message: string, look: Look): Promise<Reason> {
  if (why === "Evicted") {
    return stuck(pod, `was thrown off ${pod.spec?.nodeName ?? "its node"}: ${message.trim()}`, {
      next: {
        says: "ask for what it really needs (resources.requests), so that it is placed where there is enough",
        command: kubectl(
          { namespace: pod.metadata.namespace ?? "" },
          `describe node ${pod.spec?.nodeName ?? ""}`,
        ),
      },
    });
  }
  if (why !== "") return stuck(pod, `has failed: ${message === "" ? why : message.trim()} (${why})`);
  return (await askContainers(pod, look)) ?? stuck(pod, "has failed");
}

function gated(pod: Pod): Reason {
  const conditions = pod.status?.conditions ?? [];
  const open = (pod.spec?.readinessGates ?? [])
    .map(({ conditionType }) => conditionType)
    .filter((type) => findCondition(conditions, type)?.status !== "True");
  return stuck(
    pod,
    `runs, but ${count(open.length, "readiness gate")} ${are(open.length)} shut: ${open.join(", ")}`,
    {
      next: {
        says: "find who is to set the condition on the pod (a load balancer's or a mesh's controller), and why it does not",
        command: kubectl(
          { namespace: pod.metadata.namespace ?? "" },
          `get pod ${pod.metadata.name ?? ""} -o yaml`,
        ),
      },
    },
  );
}

/** A reason that a whole workload has in common with its pods: like pods are told once. */
export async function podsTrouble(pods: readonly Pod[], look: Look): Promise<Reason[]> {
  // A thousand pods fail for a handful of reasons.
  return await look.causes(pods.slice(0, 50));
}
