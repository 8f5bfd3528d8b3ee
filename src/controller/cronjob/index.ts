import type { ControllerRegistration } from "../controller.ts";
import { CronJobReconciler } from "./reconciler.ts";

/** Starts Jobs on schedule. */
export const cronJobController: ControllerRegistration = {
  name: "cronjob-controller",
  setup(context) {
    const reconciler = new CronJobReconciler(context);
    return {
      workers: 5,
      reconcile: (key) => reconciler.reconcile(key),
      watches: reconciler.watches(),
    };
  },
};
