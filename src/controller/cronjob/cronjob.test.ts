import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CronJob, CronJobSpec, Job } from "../../api/types/batch-v1.ts";
import { newForbidden } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { dueStart, formatInZone } from "./due.ts";
import { cronJobController } from "./index.ts";
import { parseSchedule } from "./schedule.ts";

const minuteMs = 60_000;

const cronJob = (spec: Partial<CronJobSpec> = {}): CronJob => ({
  apiVersion: "batch/v1",
  kind: "CronJob",
  metadata: {
    name: "tick",
    namespace: "default",
    uid: "cron-1",
    creationTimestamp: "2026-01-01T00:00:00Z",
  },
  spec: {
    schedule: "*/5 * * * *",
    concurrencyPolicy: "Allow",
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
    jobTemplate: {
      metadata: { labels: { a: "b" }, annotations: { note: "x" } },
      spec: { template: { spec: { containers: [{ name: "main" }] } } },
    },
    ...spec,
  },
});

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([cronJobController]);
});
afterEach(async () => run.stop());

async function start(spec: Partial<CronJobSpec> = {}): Promise<void> {
  run.transport.seed(cronJob(spec));
  await run.settle();
}

const jobs = (): Job[] => run.transport.list(resources.jobs);
const names = (): string[] => jobs().map(({ metadata }) => metadata.name ?? "");
const status = () => run.transport.get(resources.cronjobs, "tick")?.status;
const nameAt = (time: string): string => `tick-${Date.parse(time) / minuteMs}`;

async function end(name: string, type: "Complete" | "Failed"): Promise<void> {
  run.transport.modify(resources.jobs, name, (job) => {
    const time = new Date(run.clock.now()).toISOString();
    job.status = {
      startTime: time,
      ...(type === "Complete" ? { completionTime: time } : {}),
      conditions: [{ type, status: "True", lastTransitionTime: time }],
    };
  });
  await run.settle();
}

describe("a CronJob", () => {
  it("makes a Job at each moment of its schedule", async () => {
    await start();
    await run.settle(4 * minuteMs);
    expect(jobs()).toEqual([]);
    await run.settle(minuteMs);
    expect(jobs()).toMatchObject([
      {
        metadata: {
          name: nameAt("2026-01-01T00:05:00Z"),
          labels: { a: "b" },
          annotations: {
            note: "x",
            "batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-01-01T00:05:00Z",
          },
          ownerReferences: [{ kind: "CronJob", name: "tick", uid: "cron-1", controller: true }],
        },
        spec: { template: { spec: { containers: [{ name: "main" }] } } },
      },
    ]);
    expect(status()).toMatchObject({
      lastScheduleTime: "2026-01-01T00:05:00Z",
      active: [{ apiVersion: "batch/v1", kind: "Job", name: names()[0] }],
    });
    expect(run.events()).toEqual([`Normal SuccessfulCreate Created job ${names()[0]}`]);
    await run.settle(10 * minuteMs);
    expect(names()).toHaveLength(3);
    expect(status()?.active).toHaveLength(3);
  });

  it("notes which Jobs ended, and when one last succeeded", async () => {
    await start();
    await run.settle(5 * minuteMs);
    const name = names()[0] ?? "";
    await run.settle(10_000);
    await end(name, "Complete");
    expect(status()?.active).toBeUndefined();
    expect(Date.parse(status()?.lastSuccessfulTime ?? "")).toBeGreaterThan(
      Date.parse("2026-01-01T00:05:09Z"),
    );
    expect(run.events()).toContain(`Normal SawCompletedJob Saw completed job: ${name}, condition: Complete`);
  });

  it("keeps as much history as asked, the newest", async () => {
    await start({ successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 0 });
    for (let round = 0; round < 4; round++) {
      await run.settle(5 * minuteMs);
      await end(names().at(-1) ?? "", "Complete");
    }
    expect(names()).toEqual([nameAt("2026-01-01T00:15:00Z"), nameAt("2026-01-01T00:20:00Z")]);
    await run.settle(5 * minuteMs);
    const failed = names().at(-1) ?? "";
    await end(failed, "Failed");
    expect(names()).not.toContain(failed);
    expect(run.events()).toContain(`Normal SuccessfulDelete Deleted job ${failed}`);
  });

  it("with Forbid starts none while one runs", async () => {
    await start({ concurrencyPolicy: "Forbid" });
    await run.settle(12 * minuteMs);
    expect(names()).toEqual([nameAt("2026-01-01T00:05:00Z")]);
    expect(run.events()).toContain(
      "Normal JobAlreadyActive Not starting job because prior execution is running and concurrency policy is Forbid",
    );
    // What was missed is made up for as soon as there is room.
    await end(names()[0] ?? "", "Complete");
    expect(names().at(-1)).toBe(nameAt("2026-01-01T00:10:00Z"));
  });

  it("with Replace ends the one that runs", async () => {
    await start({ concurrencyPolicy: "Replace" });
    await run.settle(10 * minuteMs);
    expect(names()).toEqual([nameAt("2026-01-01T00:10:00Z")]);
    expect(status()?.active).toHaveLength(1);
    expect(run.events()).toContain(`Normal SuccessfulDelete Deleted job ${nameAt("2026-01-01T00:05:00Z")}`);
  });

  it("starts nothing while suspended, and makes up for the last missed start after", async () => {
    await start({ suspend: true });
    await run.settle(17 * minuteMs);
    expect(jobs()).toEqual([]);
    run.transport.modify(resources.cronjobs, "tick", ({ spec }) => (spec.suspend = false));
    await run.settle();
    expect(names()).toEqual([nameAt("2026-01-01T00:15:00Z")]);
  });

  it("forgets starts that are older than its deadline", async () => {
    await start({ suspend: true, startingDeadlineSeconds: 60 });
    await run.settle(17 * minuteMs);
    run.transport.modify(resources.cronjobs, "tick", ({ spec }) => (spec.suspend = false));
    await run.settle();
    expect(jobs()).toEqual([]);
    await run.settle(3 * minuteMs);
    expect(names()).toEqual([nameAt("2026-01-01T00:20:00Z")]);
  });

  it("says that it missed too many starts, and makes up for one", async () => {
    const old = cronJob({ schedule: "0 * * * *" });
    old.metadata.creationTimestamp = "2025-01-01T00:30:00Z";
    run.transport.seed(old);
    await run.settle();
    expect(names()).toEqual([nameAt("2026-01-01T00:00:00Z")]);
    expect(run.events()[0]).toBe(
      "Warning TooManyMissedTimes too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
    );
  });

  it("goes by its time zone", async () => {
    await start({ schedule: "30 9 * * *", timeZone: "Asia/Kolkata" });
    await run.settle(4 * 60 * minuteMs);
    expect(jobs()[0]?.metadata.annotations?.["batch.kubernetes.io/cronjob-scheduled-timestamp"]).toBe(
      "2026-01-01T09:30:00+05:30",
    );
  });

  it.each([
    [
      { timeZone: "Mars/Base" },
      'Warning UnknownTimeZone invalid timeZone: "Mars/Base": unknown time zone Mars/Base',
    ],
    [
      { schedule: "* * *" },
      'Warning UnparseableSchedule unparseable schedule: "* * *" : expected exactly 5 fields, found 3: [* * *]',
    ],
  ])("that cannot be read says so: %j", async (spec, event) => {
    await start(spec);
    await run.settle(60 * minuteMs);
    expect(jobs()).toEqual([]);
    expect(run.events()).toEqual([event]);
  });

  it("says why a Job cannot be made, and tries again", async () => {
    const restore = run.transport.react(({ method, path }) => {
      if (method === "POST" && path.endsWith("/jobs"))
        throw newForbidden({ group: "batch", resource: "jobs" }, "", "no");
    });
    await start();
    await run.settle(5 * minuteMs);
    expect(run.events()[0]).toBe("Warning FailedCreate Error creating job: jobs.batch is forbidden: no");
    restore();
    await run.settle(minuteMs);
    expect(names()).toEqual([nameAt("2026-01-01T00:05:00Z")]);
  });

  it("notes a Job that it made before it was interrupted, and makes none twice", async () => {
    const made: Job = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: {
        name: nameAt("2026-01-01T00:05:00Z"),
        namespace: "default",
        ownerReferences: [
          { apiVersion: "batch/v1", kind: "CronJob", name: "tick", uid: "cron-1", controller: true },
        ],
      },
      spec: { template: {} },
    };
    run.transport.seed(made);
    await start();
    await run.settle(5 * minuteMs);
    expect(names()).toHaveLength(1);
    expect(status()?.active).toHaveLength(1);
  });

  it("notes a Job that somebody deleted", async () => {
    await start();
    await run.settle(5 * minuteMs);
    const [name = ""] = names();
    run.transport.remove(resources.jobs, name);
    await run.settle();
    expect(status()?.active).toBeUndefined();
    expect(run.events()).toContain(`Normal MissingJob Active job went missing: ${name}`);
  });

  it("that is being deleted starts nothing", async () => {
    const going = cronJob();
    going.metadata.deletionTimestamp = "2026-01-01T00:00:01Z";
    going.metadata.finalizers = ["foregroundDeletion"];
    run.transport.seed(going);
    await run.settle(20 * minuteMs);
    expect(jobs()).toEqual([]);
  });
});

it("dueStart() finds the newest moment, however many were missed", () => {
  const job = cronJob({ schedule: "0 0 * * *" });
  job.metadata.creationTimestamp = "2020-01-01T00:00:01Z";
  const nowMs = Date.parse("2026-05-05T13:00:00Z");
  expect(dueStart(job, parseSchedule("0 0 * * *"), nowMs)).toEqual({
    atMs: Date.parse("2026-05-05T00:00:00Z"),
    tooManyMissed: true,
  });
});

it.each([
  [undefined, "2026-07-01T12:00:00Z"],
  ["Etc/UTC", "2026-07-01T12:00:00Z"],
  ["Europe/Berlin", "2026-07-01T14:00:00+02:00"],
  ["America/New_York", "2026-07-01T08:00:00-04:00"],
])("formatInZone() in %s is %s", (timeZone, expected) => {
  expect(formatInZone(Date.parse("2026-07-01T12:00:00Z"), timeZone)).toBe(expected);
});
