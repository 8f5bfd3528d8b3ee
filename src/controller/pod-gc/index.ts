import { keyOf } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { isOutOfService, PodCollector } from "./reconciler.ts";

/** Removes pods that nobody else will. Keys are pods. */
export const podGcController: ControllerRegistration = {
  name: "pod-garbage-collector-controller",
  setup(context) {
    const collector = new PodCollector(context);
    const pods = context.informers.informer(resources.pods);
    return {
      reconcile: (key) => collector.reconcile(key),
      watches: [
        watch(pods, enqueueSelf),
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
