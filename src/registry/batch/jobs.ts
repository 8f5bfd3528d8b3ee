import type { Job } from "../../api/types/batch-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";

const uidLabel = "batch.kubernetes.io/controller-uid";

const asJob = (object: UnstructuredObject): Job => object as unknown as Job;

/** A Job that does not choose its own selector gets one by its uid (mirrors pkg/registry/batch/job/strategy.go). */
export const jobsExtension: ResourceExtension = {
  group: "batch",
  resource: "jobs",
  setup: () => ({
    strategy: {
      prepareForCreate(_context, object) {
        const job = asJob(object);
        job.status = {};
        if (job.spec.manualSelector !== true) generateSelector(job);
      },
      /** As a default would on every later write: a Job without labels has those of its pods. */
      begin(_context, object, old) {
        if (object === undefined || old !== undefined) return undefined;
        const { metadata, spec } = asJob(object);
        const { labels } = spec.template.metadata ?? {};
        if (labels !== undefined && Object.keys(metadata.labels ?? {}).length === 0)
          metadata.labels = { ...labels };
        return undefined;
      },
    },
  }),
};

/** The pods carry the Job's uid and name, and the uid selects them. What the client set itself is left to validation. */
function generateSelector({ metadata, spec }: Job): void {
  const { name = "", uid = "", generateName = "" } = metadata;
  const given = spec.template.metadata?.labels;
  const labels = { ...given };
  // A generated name that was taken is followed by another.
  const isOpen = (value: string | undefined): boolean =>
    value === undefined || (generateName !== "" && value.startsWith(generateName));
  for (const key of ["job-name", "batch.kubernetes.io/job-name"]) if (isOpen(labels[key])) labels[key] = name;
  for (const key of ["controller-uid", uidLabel]) labels[key] ??= uid;
  spec.template.metadata = { ...spec.template.metadata, labels };
  if (given !== undefined && metadata.labels === given) metadata.labels = { ...labels };
  spec.selector = {
    ...spec.selector,
    matchLabels: { [uidLabel]: uid, ...spec.selector?.matchLabels },
  };
}
