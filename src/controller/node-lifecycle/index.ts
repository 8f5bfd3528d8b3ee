import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { NodeLifecycleReconciler } from "./reconciler.ts";

/** Watches over the health of nodes. */
export const nodeLifecycleController: ControllerRegistration = {
  name: "node-lifecycle-controller",
  setup(context) {
    const reconciler = new NodeLifecycleReconciler(context);
    return {
      workers: 4,
      reconcile: (name) => reconciler.reconcile(name),
      watches: [watch(context.informers.informer(resources.nodes), enqueueSelf)],
    };
  },
};
