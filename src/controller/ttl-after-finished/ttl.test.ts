import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { ttlAfterFinishedController } from "./index.ts";

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([ttlAfterFinishedController]);
});
afterEach(async () => run.stop());

const job = (ttlSecondsAfterFinished: number | undefined, type?: string) => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name: "j", namespace: "default" },
  spec: { template: {}, ttlSecondsAfterFinished },
  status:
    type === undefined
      ? {}
      : { conditions: [{ type, status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }] },
});
const exists = (): boolean => run.transport.get(resources.jobs, "j") !== undefined;

describe("a Job with ttlSecondsAfterFinished", () => {
  it.each(["Complete", "Failed"])("that is %s goes when its time is over", async (type) => {
    run.transport.seed(job(60, type));
    await run.settle(59_000);
    expect(exists()).toBe(true);
    await run.settle(2000);
    // In the foreground: its pods go first.
    expect(run.transport.get(resources.jobs, "j")?.metadata.finalizers).toEqual(["foregroundDeletion"]);
  });

  it("of zero goes at once", async () => {
    run.transport.seed(job(0, "Complete"));
    await run.settle();
    expect(run.transport.get(resources.jobs, "j")?.metadata.deletionTimestamp).toBeDefined();
  });

  it("that runs stays, and so does one without", async () => {
    run.transport.seed(job(1));
    await run.settle(60_000);
    run.transport.seed(job(undefined, "Complete"));
    await run.settle(600_000);
    expect(run.transport.get(resources.jobs, "j")?.metadata.deletionTimestamp).toBeUndefined();
  });

  it("whose time was made longer stays until then", async () => {
    run.transport.seed(job(60, "Complete"));
    await run.settle(30_000);
    run.transport.modify(resources.jobs, "j", ({ spec }) => (spec.ttlSecondsAfterFinished = 600));
    await run.settle(120_000);
    expect(run.transport.get(resources.jobs, "j")?.metadata.deletionTimestamp).toBeUndefined();
  });
});
