import { afterEach, beforeEach, expect, it } from "vitest";
import type { Job } from "../../api/types/batch-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { newServiceUnavailable } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { jobController } from "./index.ts";

const labels = { "batch.kubernetes.io/controller-uid": "job-1" };
const job: Job = {
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name: "work", namespace: "default", uid: "job-1" },
  spec: {
    completions: 1,
    parallelism: 1,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: { restartPolicy: "Never", containers: [{ name: "main", image: "busybox" }] },
    },
  },
};

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([jobController]);
});
afterEach(async () => run.stop());

it("a pod that was being deleted when it was first seen is replaced in the end", async () => {
  await run.settle();
  const blind = run.transport.react(({ method, path }) => {
    if (method === "GET" && path.endsWith("/pods")) throw newServiceUnavailable("behind");
  });
  run.transport.dropWatches();
  run.transport.seed(job);
  await run.settle(1_000);
  const [evicted] = run.transport.list(resources.pods);
  run.transport.modify(resources.pods, evicted?.metadata.name ?? "", (pod) => {
    pod.metadata.deletionTimestamp = formatTime(run.clock.now());
    pod.status = { phase: "Failed" };
  });
  blind();
  await run.settle(60_000);
  // It counts as failed, and the controller still waits to see a pod made.
  expect(run.transport.get(resources.jobs, "work")?.status).toMatchObject({ failed: 1 });
  await run.settle(360_000);
  const made = run.transport.requests.filter(
    ({ method, path }) => method === "POST" && path.endsWith("/pods"),
  );
  expect(made).toHaveLength(2);
});
