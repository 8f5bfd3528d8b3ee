import type { Pod } from "../../api/types/core-v1.ts";
import { setCondition } from "../../apimachinery/conditions.ts";
import { isBeingDeleted, keyOf } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerRegistration } from "../controller.ts";
import { watch } from "../watch.ts";

/** Ended pods are kept up to this number, as `--terminated-pod-gc-threshold` defaults to. */
const keepEnded = 12_500;
/** A node that is missing may come back within this time. */
const quarantineMs = 40_000;

/** Removes pods that nobody else will: of nodes that are gone, deleted before they were scheduled, ended by the thousand. */
export const podGcController: ControllerRegistration = {
  name: "pod-garbage-collector-controller",
  setup(context) {
    const pods = context.informers.informer(resources.pods);
    const nodes = context.informers.informer(resources.nodes);
    const missingSince = new Map<string, number>();
    return {
      watches: [
        watch(pods, (pod) => (needsLook(pod) ? [keyOf(pod)] : [])),
        // A node's end concerns each of its pods.
        watch(nodes, (node) =>
          nodes.get(node.metadata.name ?? "") === undefined ? podsOn(pods.list(), node.metadata.name) : [],
        ),
      ],
      async reconcile(key) {
        const pod = pods.getByKey(key);
        if (pod === undefined) return undefined;
        const { nodeName } = pod.spec;
        if (nodeName === undefined || nodeName === "") {
          if (isBeingDeleted(pod)) await forceDelete(context, pod);
          return undefined;
        }
        if (nodes.get(nodeName) === undefined) {
          const since = missingSince.get(nodeName) ?? context.clock.now();
          missingSince.set(nodeName, since);
          const leftMs = since + quarantineMs - context.clock.now();
          if (leftMs > 0) return { requeueAfterMs: leftMs };
          await markFailed(context, pod);
          await forceDelete(context, pod);
          return undefined;
        }
        missingSince.delete(nodeName);
        if (hasEnded(pod)) await trimEnded(context, pods.list().filter(hasEnded));
        return undefined;
      },
    };
  },
};

const hasEnded = (pod: Pod): boolean => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
const needsLook = (pod: Pod): boolean =>
  hasEnded(pod) ||
  (isBeingDeleted(pod) && (pod.spec.nodeName ?? "") === "") ||
  (pod.spec.nodeName ?? "") !== "";
const podsOn = (pods: readonly Pod[], node: string | undefined): string[] =>
  pods.filter(({ spec }) => spec.nodeName === node).map(keyOf);

async function trimEnded(context: ControllerContext, ended: readonly Pod[]): Promise<void> {
  if (ended.length <= keepEnded) return;
  const oldest = ended.toSorted((a, b) =>
    (a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? -1 : 1,
  );
  for (const pod of oldest.slice(0, ended.length - keepEnded)) await forceDelete(context, pod);
}

async function markFailed(context: ControllerContext, pod: Pod): Promise<void> {
  if (hasEnded(pod)) return;
  const { name = "", namespace, uid = "" } = pod.metadata;
  const conditions = setCondition(
    pod.status?.conditions,
    {
      type: "DisruptionTarget",
      status: "True",
      reason: "DeletionByPodGC",
      message: "PodGC: node no longer exists",
    },
    context.clock.now(),
  );
  // A patch, since patching is all that this controller's role may do with the status.
  await ignoreNotFound(
    context.client
      .resource(resources.pods)
      .patch(
        name,
        { metadata: { uid }, status: { phase: "Failed", conditions } },
        { type: "strategic", namespace, subresource: "status" },
      ),
  );
}

async function forceDelete(context: ControllerContext, pod: Pod): Promise<void> {
  const { name = "", namespace, uid = "" } = pod.metadata;
  await ignoreNotFound(
    context.client
      .resource(resources.pods)
      .delete(name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } }),
  );
}

async function ignoreNotFound(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
