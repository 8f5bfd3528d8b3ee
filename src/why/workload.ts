import type { Deployment, ReplicaSet } from "../api/types/apps-v1.ts";
import type { Pod, ReplicationController } from "../api/types/core-v1.ts";
import { findCondition } from "../apimachinery/conditions.ts";
import { selectorFromLabelSelector, selectorFromMap } from "../apimachinery/labels.ts";
import { controllerOf, isBeingDeleted, type KubernetesObject } from "../apimachinery/object.ts";
import { resources } from "../client/resources.ts";
import type { Look } from "./look.ts";
import { podsTrouble } from "./pod.ts";
import { are, byCauses, count, fine, kubectl, type Reason, stuck, waiting } from "./reason.ts";
import { whyRefused } from "./refusal.ts";

/** So long a controller may take to look at a change before it counts as absent. */
const patienceMs = 30_000;

/** A controller that has not seen the newest spec; undefined when it has. */
export function unseenByController(
  object: KubernetesObject & {
    readonly status?: { readonly observedGeneration?: number | undefined } | undefined;
  },
  controller: string,
  look: Look,
): Reason | undefined {
  if ((object.status?.observedGeneration ?? 0) >= (object.metadata.generation ?? 0)) return undefined;
  const changed = (object.metadata.managedFields ?? [])
    .map(({ time }) => time ?? "")
    .toSorted()
    .at(-1);
  const isNew = look.ageMs(changed ?? object.metadata.creationTimestamp) < patienceMs;
  if (isNew) return waiting(object, `was changed just now, and ${controller} has not looked at it yet`);
  return stuck(
    object,
    `waits for ${controller}, which does not seem to run: nobody has looked at the latest change`,
    {
      next: { says: `see whether ${controller} runs`, command: "kubectl -n kube-system get pods,leases" },
    },
  );
}

export async function whyDeployment(deployment: Deployment, look: Look): Promise<Reason> {
  const unseen = unseenByController(deployment, "the deployment controller", look);
  if (unseen !== undefined) return unseen;
  const { namespace = "", name = "" } = deployment.metadata;
  const { replicas: wanted = 1, paused = false, selector } = deployment.spec ?? {};
  const { updatedReplicas = 0, availableReplicas = 0, replicas = 0, conditions } = deployment.status ?? {};
  if (wanted === 0 && replicas === 0) return scaledToZero(deployment);
  if (updatedReplicas >= wanted && availableReplicas >= wanted && replicas === wanted)
    return fine(
      deployment,
      `is ready: ${availableReplicas} of ${count(wanted, "pod")} ${are(wanted)} available`,
    );
  if (paused) {
    return stuck(
      deployment,
      `is paused: changes wait until it is resumed (${updatedReplicas} of ${count(wanted, "pod")} ${are(wanted)} of the latest version)`,
      {
        next: { says: "let it go on", command: kubectl({ namespace }, `rollout resume deployment/${name}`) },
      },
    );
  }
  const sets = (await look.list(resources.replicasets, namespace)).filter(
    (set) => controllerOf(set)?.uid === deployment.metadata.uid,
  );
  const newest = sets.toSorted((a, b) => revisionOf(b) - revisionOf(a))[0];
  const causes = (await look.causes([newest])).flatMap(passOn);
  const failure = findCondition(conditions, "ReplicaFailure");
  if (causes.length === 0 && failure?.status === "True")
    causes.push(await whyRefused(failure.message ?? "", deployment, look));
  const isLate = findCondition(conditions, "Progressing")?.reason === "ProgressDeadlineExceeded";
  const old = selector === undefined ? 0 : replicas - updatedReplicas;
  const rest = [
    ...(updatedReplicas < wanted && old > 0
      ? [`${updatedReplicas} ${are(updatedReplicas)} of the latest version`]
      : []),
    ...(isLate ? [`it made no progress for ${deployment.spec?.progressDeadlineSeconds ?? 600} s`] : []),
  ];
  const isServing = availableReplicas >= wanted;
  const says = `${isServing ? "serves, but its update is not done" : "is not ready"}: ${[`${availableReplicas} of ${count(wanted, "pod")} ${are(wanted)} available`, ...rest].join("; ")}`;
  if (causes.length > 0)
    return byCauses(deployment, says, causes, isLate && old > 0 ? undoStep(namespace, name) : undefined);
  if (isServing)
    return waiting(
      deployment,
      `is being updated: ${updatedReplicas} of ${count(wanted, "pod")} ${are(wanted)} of the latest version; ${count(old, "older one")} ${old === 1 ? "goes" : "go"} away`,
    );
  return waiting(deployment, says);
}

const undoStep = (namespace: string, name: string) => ({
  says: "go back to the version before, which still serves",
  command: kubectl({ namespace }, `rollout undo deployment/${name}`),
});

/** The ReplicaSet in between is nobody's concern unless it cannot make pods. */
const passOn = (cause: Reason): readonly Reason[] =>
  cause.about.kind === "ReplicaSet" &&
  cause.because.length > 0 &&
  cause.because.every(({ about }) => about.kind === "Pod")
    ? cause.because
    : [cause];

const revisionOf = ({ metadata }: ReplicaSet): number =>
  Number(metadata.annotations?.["deployment.kubernetes.io/revision"] ?? "0");

export const scaledToZero = (object: KubernetesObject): Reason =>
  fine(object, "is scaled to 0: it runs nothing, as it was told to");

export async function whyReplicaSet(set: ReplicaSet, look: Look): Promise<Reason> {
  return await whyReplicas(
    set,
    selectorFromLabelSelector(set.spec?.selector),
    "the replicaset controller",
    look,
  );
}

export async function whyReplicationController(
  controller: ReplicationController,
  look: Look,
): Promise<Reason> {
  return await whyReplicas(
    controller,
    selectorFromMap(controller.spec?.selector),
    "the replication controller",
    look,
  );
}

/** Whatever keeps so many pods of a template. */
async function whyReplicas(
  set: ReplicaSet | ReplicationController,
  selector: { matches(labels: Readonly<Record<string, string>> | undefined): boolean },
  controller: string,
  look: Look,
): Promise<Reason> {
  const unseen = unseenByController(set, controller, look);
  if (unseen !== undefined) return unseen;
  const wanted = set.spec?.replicas ?? 1;
  const { availableReplicas = 0, replicas = 0 } = set.status ?? {};
  const conditions: readonly { type: string; status: string; message?: string | undefined }[] =
    set.status?.conditions ?? [];
  if (wanted === 0 && replicas === 0) return scaledToZero(set);
  if (availableReplicas >= wanted && replicas === wanted)
    return fine(set, `is ready: ${availableReplicas} of ${count(wanted, "pod")} ${are(wanted)} available`);
  const failure = conditions.find(({ type }) => type === "ReplicaFailure");
  if (replicas < wanted && failure?.status === "True") {
    const refusal = await whyRefused(failure.message ?? "", set, look);
    return stuck(set, `cannot make ${count(wanted - replicas, "pod")}: it is refused`, {
      because: [refusal],
    });
  }
  const pods = (await ownPods(set, look)).filter(({ metadata }) => selector.matches(metadata.labels));
  const causes = await podsTrouble(
    pods.filter((pod) => !isBeingDeleted(pod)),
    look,
  );
  return causes.length === 0
    ? waiting(set, `is on its way: ${availableReplicas} of ${count(wanted, "pod")} ${are(wanted)} available`)
    : byCauses(
        set,
        `is not ready: ${availableReplicas} of ${count(wanted, "pod")} ${are(wanted)} available`,
        causes,
      );
}

/** The pods that the object made. */
export async function ownPods(owner: KubernetesObject, look: Look): Promise<Pod[]> {
  const pods = await look.list(resources.pods, owner.metadata.namespace);
  return pods.filter((pod) => controllerOf(pod)?.uid === owner.metadata.uid);
}
