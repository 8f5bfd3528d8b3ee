import type { Pod } from "../../api/types/core-v1.ts";
import { isBeingDeleted, keyOf } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { isPodTerminal } from "../pods.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { isOutOfService, PodCollector } from "./reconciler.ts";

/** Where a pod is, whether it has ended and whether it is being deleted: nothing else is looked at. */
const concernsCollector = (old: Pod, pod: Pod): boolean =>
  old.metadata.uid !== pod.metadata.uid ||
  old.spec.nodeName !== pod.spec.nodeName ||
  isBeingDeleted(old) !== isBeingDeleted(pod) ||
  isPodTerminal(old) !== isPodTerminal(pod);

/** Removes pods that nobody else will. Keys are pods. */
export const podGcController: ControllerRegistration = {
  name: "pod-garbage-collector-controller",
  setup(context) {
    const collector = new PodCollector(context);
    const pods = context.informers.informer(resources.pods);
    return {
      reconcile: (key) => collector.reconcile(key),
      watches: [
        watch(pods, enqueueSelf, { when: concernsCollector }),
        // Of what changes in a node only this matters to its pods: signs of life are many.
        watch(
          context.informers.informer(resources.nodes),
          ({ metadata }) => pods.byIndex("node", metadata.name ?? "").map(keyOf),
          { when: (old, node) => isOutOfService(old) !== isOutOfService(node) },
        ),
      ],
    };
  },
};
