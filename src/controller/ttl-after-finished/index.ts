import { isBeingDeleted } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { enqueueSelf, watch } from "../watch.ts";

/** Deletes Jobs as long after their end as `ttlSecondsAfterFinished` says. */
export const ttlAfterFinishedController: ControllerRegistration = {
  name: "ttl-after-finished-controller",
  setup({ client, informers, clock }) {
    const jobs = informers.informer(resources.jobs);
    return {
      watches: [watch(jobs, enqueueSelf)],
      async reconcile(key) {
        const job = jobs.getByKey(key);
        if (job === undefined || isBeingDeleted(job) || job.spec.ttlSecondsAfterFinished === undefined)
          return undefined;
        const end = (job.status?.conditions ?? []).find(
          ({ type, status }) => status === "True" && (type === "Complete" || type === "Failed"),
        );
        if (typeof end?.lastTransitionTime !== "string") return undefined;
        const leftMs =
          Date.parse(end.lastTransitionTime) + job.spec.ttlSecondsAfterFinished * 1000 - clock.now();
        if (leftMs > 0) return { requeueAfterMs: leftMs };
        const { name = "", namespace, uid = "", resourceVersion = "" } = job.metadata;
        try {
          await client.resource(resources.jobs).delete(name, {
            namespace,
            propagationPolicy: "Foreground",
            preconditions: { uid, resourceVersion },
          });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return undefined;
      },
    };
  },
};
