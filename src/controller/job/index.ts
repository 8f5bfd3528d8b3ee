import type { ControllerRegistration } from "../controller.ts";
import { JobReconciler } from "./reconciler.ts";

/** Runs Jobs. Keys are those of Jobs, and `pod NAMESPACE/NAME`, with a space before it, for pods held in vain. */
export const jobController: ControllerRegistration = {
  name: "job-controller",
  setup(context) {
    const reconciler = new JobReconciler(context);
    return {
      workers: 5,
      reconcile: (key) => reconciler.reconcile(key),
      watches: reconciler.watches(),
    };
  },
};
