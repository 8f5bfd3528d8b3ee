import type { Job } from "../../api/types/batch-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";

const asJob = (object: UnstructuredObject): Job => object as unknown as Job;

/** A Job that does not choose its own selector gets one by its uid (mirrors pkg/registry/batch/job/strategy.go). */
export const jobsExtension: ResourceExtension = {
  group: "batch",
  resource: "jobs",
  setup: ({ random }) => ({
    strategy: {
      prepareForCreate(_context, object) {
        const job = asJob(object);
        job.metadata.generation = 1;
        job.status = {};
        if (job.spec.manualSelector === true) return;
        // The store sets the uid; the selector needs it already.
        const uid = job.metadata.uid ?? random.uuid();
        job.metadata.uid = uid;
        const name = job.metadata.name ?? "";
        const labels = {
          "controller-uid": uid,
          "job-name": name,
          "batch.kubernetes.io/controller-uid": uid,
          "batch.kubernetes.io/job-name": name,
        };
        const { template } = job.spec;
        template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, ...labels } };
        job.spec.selector = {
          ...job.spec.selector,
          matchLabels: { ...job.spec.selector?.matchLabels, "batch.kubernetes.io/controller-uid": uid },
        };
      },
    },
  }),
};
