import type { Pod } from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { isBeingDeleted } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerRegistration } from "../controller.ts";
import { nodeNameOf } from "../daemonset/fit.ts";
import { isPodReady } from "../pods.ts";
import { enqueueSelf, watch } from "../watch.ts";

export interface PretendKubeletOptions {
  /** Pods of these images run but never become ready. */
  readonly brokenImages?: readonly string[];
  /** How long a pod takes to become ready. Default 0. */
  readonly readyAfterMs?: number;
  /** How long a pod takes to end. Default 0. */
  readonly stopAfterMs?: number;
}

/** A scheduler and kubelet in one for tests: pods get a node, become ready, and end when they are deleted. */
export function pretendKubelet(options: PretendKubeletOptions = {}): ControllerRegistration {
  return {
    name: "pretend-kubelet",
    setup(context) {
      const pods = context.informers.informer(resources.pods);
      return {
        workers: 10,
        reconcile: async (key) => {
          const pod = pods.getByKey(key);
          return pod === undefined ? undefined : await runPod(context, options, pod);
        },
        watches: [watch(pods, enqueueSelf)],
      };
    },
  };
}

async function runPod(
  { client, clock }: ControllerContext,
  { brokenImages = [], readyAfterMs = 0, stopAfterMs = 0 }: PretendKubeletOptions,
  pod: Pod,
): Promise<{ requeueAfterMs: number } | undefined> {
  const { name = "", namespace, creationTimestamp, deletionTimestamp } = pod.metadata;
  const resource = client.resource(resources.pods);
  if (isBeingDeleted(pod)) {
    // The timestamp lies in the future by the grace period; the pod needs as long as it is told to.
    const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
    const waitMs = Date.parse(deletionTimestamp ?? "") - graceMs + stopAfterMs - clock.now();
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    await resource.delete(name, { namespace, gracePeriodSeconds: 0 });
    return undefined;
  }
  if (pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed" || isPodReady(pod))
    return undefined;
  if ((pod.spec.nodeName ?? "") === "") {
    const target = { metadata: { name }, target: { kind: "Node", name: nodeNameOf(pod) ?? "n1" } };
    await resource.postSubresource(name, "binding", target, { namespace });
    return undefined;
  }
  const waitMs = Date.parse(creationTimestamp ?? "") + readyAfterMs - clock.now();
  if (waitMs > 0) return { requeueAfterMs: waitMs };
  const works = !pod.spec.containers.some(({ image }) => brokenImages.includes(image ?? ""));
  const condition = {
    type: "Ready",
    status: works ? "True" : "False",
    lastTransitionTime: formatTime(clock.now()),
  };
  if (pod.status?.phase === "Running" && !works) return undefined;
  await resource.updateStatus({ ...pod, status: { phase: "Running", conditions: [condition] } });
  return undefined;
}
