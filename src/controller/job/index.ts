import { controllerOf } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { enqueueOwner, enqueueSelf, watch } from "../watch.ts";
import { JobReconciler } from "./reconciler.ts";

/** Runs Jobs. */
export const jobController: ControllerRegistration = {
  name: "job-controller",
  setup(context) {
    const reconciler = new JobReconciler(context);
    const pods = context.informers.informer(resources.pods);
    pods.addIndex("controllerUid", (pod) => [controllerOf(pod)?.uid ?? ""]);
    return {
      workers: 5,
      reconcile: (key) => reconciler.reconcile(key),
      watches: [
        watch(context.informers.informer(resources.jobs), enqueueSelf),
        watch(pods, enqueueOwner("Job")),
      ],
    };
  },
};
