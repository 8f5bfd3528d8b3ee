import { expect, it } from "vitest";
import type { Job } from "../../api/types/batch-v1.ts";
import type { Pod } from "../../api/types/core-v1.ts";
import { countEnded, measure, trackingFinalizer } from "./tracking.ts";

const job: Job = {
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name: "work", namespace: "default", uid: "job-1" },
  spec: { completions: 2, template: { spec: { containers: [] } } },
  status: { failed: 1 },
};
const failed: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "work-1", namespace: "default", uid: "pod-1", finalizers: [trackingFinalizer] },
  spec: { containers: [] },
  status: { phase: "Failed" },
};

it("a pod that was released is not counted again when the cache learns of it meanwhile", () => {
  const released = new Set(["pod-1"]);
  const progress = measure(job, [failed], released);
  released.clear();
  const status = structuredClone(job.status ?? {});
  expect(countEnded(job, progress, status, { jobEnds: false, jobFails: false }).release).toEqual([]);
  expect(status).toMatchObject({ failed: 1, uncountedTerminatedPods: { failed: [] } });
});
