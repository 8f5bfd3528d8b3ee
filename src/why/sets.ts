import type { DaemonSet, StatefulSet } from "../api/types/apps-v1.ts";
import { isBeingDeleted } from "../apimachinery/object.ts";
import { resources } from "../client/resources.ts";
import type { Look } from "./look.ts";
import { podsTrouble } from "./pod.ts";
import { are, byCauses, count, fine, kubectl, type Reason, stuck, waiting } from "./reason.ts";
import { whyRefused } from "./refusal.ts";
import { ownPods, scaledToZero, unseenByController } from "./workload.ts";

/** Pods one after the other: the first that is not ready holds up the rest. */
export async function whyStatefulSet(set: StatefulSet, look: Look): Promise<Reason> {
  const unseen = unseenByController(set, "the statefulset controller", look);
  if (unseen !== undefined) return unseen;
  const wanted = set.spec?.replicas ?? 1;
  const {
    availableReplicas = 0,
    replicas = 0,
    updatedReplicas = 0,
    updateRevision,
    currentRevision,
  } = set.status ?? {};
  if (wanted === 0 && replicas === 0) return scaledToZero(set);
  const isUpdated = updateRevision === currentRevision || updatedReplicas >= wanted;
  if (availableReplicas >= wanted && replicas === wanted && isUpdated)
    return fine(set, `is ready: ${availableReplicas} of ${count(wanted, "pod")} ${are(wanted)} available`);
  const pods = (await ownPods(set, look))
    .filter((pod) => !isBeingDeleted(pod))
    .toSorted((a, b) => ordinal(a.metadata.name) - ordinal(b.metadata.name));
  const causes = await podsTrouble(pods, look);
  const isOrdered = set.spec?.podManagementPolicy !== "Parallel";
  const missing = wanted - pods.length;
  const waits =
    isOrdered && causes.length > 0 && missing > 0
      ? `; ${count(missing, "more pod")} ${missing === 1 ? "comes" : "come"} after this one is ready`
      : "";
  const says = `is not ready: ${availableReplicas} of ${count(wanted, "pod")} ${are(wanted)} available${waits}`;
  if (causes.length > 0) return byCauses(set, says, causes);
  const event = missing > 0 ? await look.event(set, "FailedCreate") : undefined;
  if (event !== undefined) {
    const message = (event.message ?? "").replace(/^.*? failed error: /s, "");
    return stuck(set, says, { because: [await whyRefused(message, set, look)] });
  }
  if (!isUpdated && set.spec?.updateStrategy?.type === "OnDelete") {
    return stuck(
      set,
      `was changed, but ${count(wanted - updatedReplicas, "pod")} ${are(wanted - updatedReplicas)} of the version before: its pods are replaced when you delete them (updateStrategy: OnDelete)`,
      {
        next: {
          says: "delete the pods, one after the other",
          command: kubectl(
            { namespace: set.metadata.namespace ?? "" },
            `delete pod ${set.metadata.name ?? ""}-0`,
          ),
        },
      },
    );
  }
  return waiting(set, says.replace("is not ready", "is on its way"));
}

const ordinal = (name = ""): number => Number(/-(\d+)$/.exec(name)?.[1] ?? "0");

/** A pod on each node that it is meant for. */
export async function whyDaemonSet(set: DaemonSet, look: Look): Promise<Reason> {
  const unseen = unseenByController(set, "the daemonset controller", look);
  if (unseen !== undefined) return unseen;
  const {
    desiredNumberScheduled: wanted = 0,
    numberAvailable = 0,
    updatedNumberScheduled = 0,
    currentNumberScheduled = 0,
  } = set.status ?? {};
  if (wanted === 0) return await onNoNode(set, look);
  if (numberAvailable >= wanted && updatedNumberScheduled >= wanted)
    return fine(set, `is ready: its pod runs on ${numberAvailable} of ${count(wanted, "node")}`);
  const says = `is not ready: its pod is available on ${numberAvailable} of ${count(wanted, "node")}`;
  const causes = await podsTrouble(
    (await ownPods(set, look)).filter((pod) => !isBeingDeleted(pod)),
    look,
  );
  if (causes.length > 0) return byCauses(set, says, causes);
  const event = currentNumberScheduled < wanted ? await look.event(set, "FailedCreate") : undefined;
  if (event !== undefined)
    return stuck(set, says, { because: [await whyRefused(event.message ?? "", set, look)] });
  return waiting(set, says.replace("is not ready", "is on its way"));
}

async function onNoNode(set: DaemonSet, look: Look): Promise<Reason> {
  const nodes = await look.list(resources.nodes);
  const wanted = Object.entries(set.spec?.template.spec?.nodeSelector ?? {}).map(
    ([key, value]) => `${key}=${value}`,
  );
  if (nodes.length > 0 && wanted.length > 0) {
    return stuck(set, `runs nowhere: no node has the label ${wanted.join(" and ")}`, {
      next: {
        says: "give a node the label, or correct the nodeSelector",
        command: `kubectl label node ${nodes[0]?.metadata.name ?? "NAME"} ${wanted.join(" ")}`,
      },
    });
  }
  return stuck(
    set,
    nodes.length === 0
      ? "runs nowhere: the cluster has no nodes"
      : "runs nowhere: no node fits it (affinity, taints)",
    {
      next: { says: "compare its pod template with the nodes", command: "kubectl describe nodes" },
    },
  );
}
