import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Job, JobSpec } from "../../api/types/batch-v1.ts";
import type { Pod } from "../../api/types/core-v1.ts";
import { newForbidden, StatusError } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { jobController } from "./index.ts";
import { trackingFinalizer } from "./tracking.ts";

const newJob = (spec: Partial<JobSpec> = {}): Job => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name: "work", namespace: "default", uid: "job-1" },
  spec: {
    completions: 1,
    parallelism: 1,
    backoffLimit: 6,
    selector: { matchLabels: { "batch.kubernetes.io/controller-uid": "job-1" } },
    template: {
      metadata: { labels: { "batch.kubernetes.io/controller-uid": "job-1" } },
      spec: { restartPolicy: "Never", containers: [{ name: "main", image: "busybox" }] },
    },
    ...spec,
  },
});

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([jobController]);
});
afterEach(async () => run.stop());

async function start(spec: Partial<JobSpec> = {}): Promise<void> {
  run.transport.seed(newJob(spec));
  await run.settle();
}

const pods = (): Pod[] => run.transport.list(resources.pods);
const live = (): Pod[] =>
  pods().filter(
    ({ status, metadata }) =>
      status?.phase !== "Failed" && status?.phase !== "Succeeded" && metadata.deletionTimestamp === undefined,
  );
const status = () => run.transport.get(resources.jobs, "work")?.status;
const conditions = () =>
  (status()?.conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason}`);
const indexes = (): string[] =>
  live()
    .map(({ metadata }) => metadata.annotations?.["batch.kubernetes.io/job-completion-index"] ?? "")
    .toSorted((a, b) => a.localeCompare(b));
const modifyJob = (change: (spec: JobSpec) => void): void =>
  void run.transport.modify(resources.jobs, "work", ({ spec }) => change(spec));

/** As the kubelet reports the end of a pod. */
async function end(
  pod: Pod | undefined,
  phase: "Succeeded" | "Failed",
  { exitCode = phase === "Failed" ? 1 : 0, condition }: { exitCode?: number; condition?: string } = {},
): Promise<void> {
  run.transport.modify(resources.pods, pod?.metadata.name ?? "", (object) => {
    const finishedAt = new Date(run.clock.now()).toISOString();
    object.status = {
      phase,
      conditions: condition === undefined ? [] : [{ type: condition, status: "True" }],
      containerStatuses: [
        {
          name: "main",
          image: "busybox",
          imageID: "",
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode, finishedAt } },
        },
      ],
    };
  });
  await run.settle();
}

const withIndex = (index: number): Pod | undefined =>
  live().find(
    ({ metadata }) => metadata.annotations?.["batch.kubernetes.io/job-completion-index"] === `${index}`,
  );

describe("a Job", () => {
  it("makes as many pods as may run at once, held by the tracking finalizer", async () => {
    await start({ completions: 5, parallelism: 3 });
    expect(pods()).toHaveLength(3);
    expect(pods()[0]?.metadata).toMatchObject({
      generateName: "work-",
      finalizers: [trackingFinalizer],
      ownerReferences: [{ kind: "Job", name: "work", uid: "job-1", controller: true }],
    });
    expect(status()).toEqual({
      active: 3,
      ready: 0,
      terminating: 0,
      startTime: "2026-01-01T00:00:00Z",
      uncountedTerminatedPods: {},
    });
    expect(run.events()).toContainEqual(`Normal SuccessfulCreate Created pod: ${pods()[0]?.metadata.name}`);
  });

  it("counts each success once, replaces the pod, and completes", async () => {
    await start({ completions: 3, parallelism: 2 });
    await end(live()[0], "Succeeded");
    expect(status()).toMatchObject({ active: 2, succeeded: 1, uncountedTerminatedPods: {} });
    expect(pods().filter(({ metadata }) => (metadata.finalizers ?? []).length > 0)).toHaveLength(2);
    await end(live()[0], "Succeeded");
    expect(live()).toHaveLength(1);
    await end(live()[0], "Succeeded");
    expect(status()).toMatchObject({ succeeded: 3, ready: 0, completionTime: "2026-01-01T00:00:00Z" });
    expect(status()?.active).toBeUndefined();
    expect(status()?.conditions).toMatchObject([
      {
        type: "SuccessCriteriaMet",
        status: "True",
        reason: "CompletionsReached",
        message: "Reached expected number of succeeded pods",
      },
      { type: "Complete", status: "True", reason: "CompletionsReached" },
    ]);
    expect(run.events().at(-1)).toBe("Normal Completed Job completed");
    expect(pods()).toHaveLength(3);
    expect(pods().every(({ metadata }) => (metadata.finalizers ?? []).length === 0)).toBe(true);
  });

  it("without completions is a work queue: done when one pod succeeded and all have ended", async () => {
    run.transport.seed({
      ...newJob({ parallelism: 2 }),
      spec: { ...newJob().spec, parallelism: 2, completions: undefined },
    });
    await run.settle();
    expect(live()).toHaveLength(2);
    await end(live()[0], "Succeeded");
    expect(live()).toHaveLength(1);
    expect(conditions()).toEqual([]);
    await end(live()[0], "Succeeded");
    expect(conditions()).toContain("Complete=True CompletionsReached");
  });

  it("waits longer after each failure, and fails beyond backoffLimit", async () => {
    await start({ backoffLimit: 2 });
    await end(live()[0], "Failed");
    expect([status()?.failed, live().length]).toEqual([1, 0]);
    await run.settle(9_000);
    expect(live()).toHaveLength(0);
    await run.settle(1_500);
    expect(live()).toHaveLength(1);
    await end(live()[0], "Failed");
    await run.settle(15_000);
    expect(live()).toHaveLength(0);
    await run.settle(6_000);
    expect(live()).toHaveLength(1);
    await end(live()[0], "Failed");
    expect(status()?.failed).toBe(3);
    expect(status()?.conditions).toMatchObject([
      { type: "FailureTarget", status: "True", reason: "BackoffLimitExceeded" },
      {
        type: "Failed",
        status: "True",
        reason: "BackoffLimitExceeded",
        message: "Job has reached the specified backoff limit",
      },
    ]);
    expect(run.events().at(-1)).toBe(
      "Warning BackoffLimitExceeded Job has reached the specified backoff limit",
    );
    await run.settle(3_600_000);
    expect(pods()).toHaveLength(3);
  });

  it("a success forgives the failures before it", async () => {
    await start({ completions: 2, parallelism: 2 });
    const [first, second] = live();
    await end(first, "Failed");
    await run.settle(1000);
    await end(second, "Succeeded");
    expect(live()).toHaveLength(1);
    expect(status()).toMatchObject({ succeeded: 1, failed: 1, active: 1 });
  });

  it("counts restarts of containers as failures when the kubelet restarts them", async () => {
    const template = newJob().spec.template;
    await start({
      backoffLimit: 2,
      template: { ...template, spec: { restartPolicy: "OnFailure", containers: [{ name: "main" }] } },
    });
    run.transport.modify(resources.pods, live()[0]?.metadata.name ?? "", (pod) => {
      pod.status = {
        phase: "Running",
        containerStatuses: [{ name: "main", image: "", imageID: "", ready: false, restartCount: 2 }],
      };
    });
    await run.settle();
    expect(conditions()).toContain("Failed=True BackoffLimitExceeded");
    expect(pods()).toEqual([]);
  });

  it("ends at its deadline, and deletes what still runs", async () => {
    await start({ activeDeadlineSeconds: 30, completions: 2, parallelism: 2 });
    await run.settle(29_000);
    expect(live()).toHaveLength(2);
    await run.settle(1_500);
    expect(conditions()).toEqual(["FailureTarget=True DeadlineExceeded", "Failed=True DeadlineExceeded"]);
    expect(pods()).toEqual([]);
    // Pods that were stopped by the end of their Job count as failed.
    expect(status()?.failed).toBe(2);
    expect(run.events()).toContain("Warning DeadlineExceeded Job was active longer than specified deadline");
  });

  it("announces its failure first, and is Failed once the last pod has wound down", async () => {
    await run.stop();
    run = runControllers([jobController], { podDeletion: "graceful" });
    await start({ activeDeadlineSeconds: 10 });
    run.transport.modify(resources.pods, live()[0]?.metadata.name ?? "", (pod) => {
      pod.spec.nodeName = "n1";
      pod.status = { phase: "Running" };
    });
    await run.settle(11_000);
    expect(conditions()).toEqual(["FailureTarget=True DeadlineExceeded"]);
    expect(status()).toMatchObject({ terminating: 1, failed: 1 });
    await run.client
      .resource(resources.pods)
      .delete(pods()[0]?.metadata.name ?? "", { namespace: "default", gracePeriodSeconds: 0 });
    await run.settle();
    expect(conditions()).toContain("Failed=True DeadlineExceeded");
    expect(status()?.terminating).toBe(0);
  });

  it("replaces a pod that is deleted at once, and counts it as failed", async () => {
    await start();
    const [pod] = live();
    await run.client.resource(resources.pods).delete(pod?.metadata.name ?? "", { namespace: "default" });
    await run.settle();
    expect(status()?.failed).toBe(1);
    await run.settle(11_000);
    expect(live()).toHaveLength(1);
    expect(live()[0]?.metadata.name).not.toBe(pod?.metadata.name);
  });

  it("with podReplacementPolicy Failed replaces a pod only once it has ended", async () => {
    await run.stop();
    run = runControllers([jobController], { podDeletion: "graceful" });
    await start({ podReplacementPolicy: "Failed" });
    const [pod] = live();
    const name = pod?.metadata.name ?? "";
    run.transport.modify(resources.pods, name, (object) => {
      object.spec.nodeName = "n1";
      object.status = { phase: "Running" };
    });
    await run.client.resource(resources.pods).delete(name, { namespace: "default" });
    await run.settle(60_000);
    expect(status()).toMatchObject({ terminating: 1 });
    expect(status()?.failed).toBeUndefined();
    expect(pods()).toHaveLength(1);
    await end(pod, "Failed");
    await run.settle(60_000);
    expect(live()).toHaveLength(1);
    expect(status()?.failed).toBe(1);
  });

  it("stops its pods while it is suspended, without counting them, and starts its clock anew", async () => {
    await start({ parallelism: 2, completions: 2 });
    modifyJob((spec) => (spec.suspend = true));
    await run.settle();
    expect(pods()).toEqual([]);
    expect(status()?.conditions).toMatchObject([
      { type: "Suspended", status: "True", reason: "JobSuspended", message: "Job suspended" },
    ]);
    expect(status()?.failed).toBeUndefined();
    await run.settle(60_000);
    modifyJob((spec) => (spec.suspend = false));
    await run.settle();
    expect(live()).toHaveLength(2);
    expect(conditions()).toEqual(["Suspended=False JobResumed"]);
    expect(status()?.startTime).toBe("2026-01-01T00:01:00Z");
    expect(run.events()).toEqual(
      expect.arrayContaining(["Normal Suspended Job suspended", "Normal Resumed Job resumed"]),
    );
  });

  it("that is created suspended has no start time", async () => {
    await start({ suspend: true });
    expect(status()?.startTime).toBeUndefined();
    expect(pods()).toEqual([]);
  });

  it("follows its parallelism up and down", async () => {
    await start({ parallelism: 1, completions: 9 });
    modifyJob((spec) => (spec.parallelism = 4));
    await run.settle();
    expect(live()).toHaveLength(4);
    modifyJob((spec) => (spec.parallelism = 2));
    await run.settle();
    expect(live()).toHaveLength(2);
    expect(status()).toMatchObject({ active: 2 });
    expect(status()?.failed).toBeUndefined();
  });

  it("makes no pod twice while its cache is behind", async () => {
    await start({ parallelism: 20, completions: 20 });
    modifyJob((spec) => (spec.backoffLimit = 5));
    await run.settle();
    expect(pods()).toHaveLength(20);
    const creates = run.transport.requests.filter(
      ({ method, path }) => method === "POST" && path.endsWith("/pods"),
    );
    expect(creates).toHaveLength(20);
  });

  it("says why pods cannot be made, and goes on once they can", async () => {
    const restore = run.transport.react(({ method, path }) => {
      if (method === "POST" && path.endsWith("/pods"))
        throw newForbidden({ group: "", resource: "pods" }, "work-x", "exceeded quota");
    });
    await start();
    expect(run.events()[0]).toBe(
      'Warning FailedCreate Error creating: pods "work-x" is forbidden: exceeded quota',
    );
    restore();
    await run.settle(10_000);
    expect(live()).toHaveLength(1);
  });

  it("leaves Jobs alone that another controller manages", async () => {
    await start({ managedBy: "example.com/other" });
    expect(pods()).toEqual([]);
    expect(status()).toBeUndefined();
  });

  it("adopts matching pods that nobody controls, with the finalizer", async () => {
    run.transport.seed({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "orphan", labels: { "batch.kubernetes.io/controller-uid": "job-1" } },
      spec: { containers: [] },
    });
    await start();
    expect(pods()).toHaveLength(1);
    expect(pods()[0]?.metadata).toMatchObject({
      finalizers: [trackingFinalizer],
      ownerReferences: [{ uid: "job-1", controller: true }],
    });
  });

  it("lets go of its pods when it is deleted", async () => {
    await start();
    run.transport.modify(resources.jobs, "work", ({ metadata }) => {
      metadata.deletionTimestamp = "2026-01-01T00:00:01Z";
      metadata.finalizers = ["foregroundDeletion"];
    });
    await run.settle();
    expect(pods()[0]?.metadata.finalizers ?? []).toEqual([]);
    expect(pods()).toHaveLength(1);
  });

  it("that is gone holds no pods", async () => {
    await start();
    run.transport.remove(resources.jobs, "work");
    await run.settle();
    expect(pods()[0]?.metadata.finalizers ?? []).toEqual([]);
  });

  it("counts a pod that ended before the controller came back", async () => {
    const uid = "pod-1";
    const job = newJob();
    job.status = { startTime: "2026-01-01T00:00:00Z", uncountedTerminatedPods: { succeeded: [uid] } };
    run.transport.seed(job);
    await run.settle();
    expect(status()).toMatchObject({ succeeded: 1 });
    expect(conditions()).toContain("Complete=True CompletionsReached");
  });
});

describe("an Indexed Job", () => {
  const indexed = (spec: Partial<JobSpec> = {}): Partial<JobSpec> => ({
    completionMode: "Indexed",
    completions: 3,
    parallelism: 3,
    ...spec,
  });

  it("numbers its pods by annotation, label, name, host name and variable", async () => {
    await start(indexed());
    expect(indexes()).toEqual(["0", "1", "2"]);
    const pod = withIndex(1);
    expect(pod?.metadata.name).toMatch(/^work-1-[a-z0-9]{5}$/);
    expect(pod?.metadata.labels?.["batch.kubernetes.io/job-completion-index"]).toBe("1");
    expect(pod?.spec.hostname).toBe("work-1");
    expect(pod?.spec.containers[0]?.env).toEqual([
      {
        name: "JOB_COMPLETION_INDEX",
        valueFrom: {
          fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/job-completion-index']" },
        },
      },
    ]);
  });

  it("completes each index once", async () => {
    await start(indexed({ completions: 5 }));
    await end(withIndex(2), "Succeeded");
    expect(status()?.completedIndexes).toBe("2");
    await end(withIndex(0), "Succeeded");
    await end(withIndex(1), "Succeeded");
    expect(status()).toMatchObject({ completedIndexes: "0-2", succeeded: 3, active: 2 });
    expect(indexes()).toEqual(["3", "4"]);
    await end(withIndex(3), "Succeeded");
    await end(withIndex(4), "Succeeded");
    expect(status()?.completedIndexes).toBe("0-4");
    expect(conditions()).toContain("Complete=True CompletionsReached");
  });

  it("replaces a failed index under its number", async () => {
    await start(indexed());
    await end(withIndex(1), "Failed");
    await run.settle(11_000);
    expect(indexes()).toEqual(["0", "1", "2"]);
    expect(status()).toMatchObject({ failed: 1, active: 3 });
  });

  it("removes pods that share an index", async () => {
    await start(indexed());
    const double = withIndex(1);
    run.transport.seed({
      ...double,
      metadata: { ...double?.metadata, name: "double", uid: "double" },
    } as Pod);
    await run.settle();
    expect(indexes()).toEqual(["0", "1", "2"]);
  });

  it("with backoffLimitPerIndex gives up single indexes, and fails when all are done", async () => {
    await start(
      indexed({ completions: 2, parallelism: 2, backoffLimitPerIndex: 1, backoffLimit: 2 ** 31 - 1 }),
    );
    await end(withIndex(0), "Succeeded");
    await end(withIndex(1), "Failed");
    // The failed pod is held until its replacement knows how often the index failed.
    expect(pods().find(({ status }) => status?.phase === "Failed")?.metadata.finalizers).toEqual([
      trackingFinalizer,
    ]);
    await run.settle(11_000);
    expect(withIndex(1)?.metadata.annotations?.["batch.kubernetes.io/job-index-failure-count"]).toBe("1");
    expect(status()).toMatchObject({ failed: 1, failedIndexes: "" });
    await end(withIndex(1), "Failed");
    expect(status()).toMatchObject({ failed: 2, failedIndexes: "1", completedIndexes: "0" });
    expect(status()?.conditions?.at(-1)).toMatchObject({
      type: "Failed",
      reason: "FailedIndexes",
      message: "Job has failed indexes",
    });
  });

  it("with backoffLimitPerIndex holds no pod for a replacement that a namespace that ends does not let in", async () => {
    await start(indexed({ backoffLimitPerIndex: 3, backoffLimit: 2 ** 31 - 1 }));
    run.transport.react(({ method, path }) => {
      if (method !== "POST" || !path.endsWith("/pods")) return;
      const { status: refusal } = newForbidden(resources.pods, "", "because it is being terminated");
      throw new StatusError({
        ...refusal,
        details: { ...refusal.details, causes: [{ reason: "NamespaceTerminating", message: "" }] },
      });
    });
    await end(withIndex(0), "Failed");
    const failed = () => pods().find(({ status }) => status?.phase === "Failed");
    expect(failed()?.metadata.finalizers).toEqual([trackingFinalizer]);
    await run.settle(60_000);
    expect(failed()?.metadata.finalizers ?? []).toEqual([]);
    expect(status()).toMatchObject({ failed: 1 });
  });

  it("fails once more than maxFailedIndexes have failed", async () => {
    await start(indexed({ backoffLimitPerIndex: 0, maxFailedIndexes: 0, backoffLimit: 2 ** 31 - 1 }));
    await end(withIndex(1), "Failed");
    expect(conditions()).toEqual([
      "FailureTarget=True MaxFailedIndexesExceeded",
      "Failed=True MaxFailedIndexesExceeded",
    ]);
    expect(live()).toEqual([]);
  });

  it.each([
    [{ succeededIndexes: "0,2" }, [0, 2]],
    [{ succeededCount: 2 }, [1, 2]],
    [{ succeededIndexes: "0-2", succeededCount: 1 }, [2]],
  ])("succeeds early by its success policy %j", async (rule, done) => {
    await start(indexed({ successPolicy: { rules: [rule] } }));
    for (const index of done) {
      expect(conditions()).toEqual([]);
      await end(withIndex(index), "Succeeded");
    }
    expect(status()?.conditions).toMatchObject([
      { type: "SuccessCriteriaMet", reason: "SuccessPolicy", message: "Matched rules at index 0" },
      { type: "Complete", reason: "SuccessPolicy" },
    ]);
    expect(live()).toEqual([]);
    expect(status()?.failed).toBeUndefined();
  });
});

describe("a pod failure policy", () => {
  const withRule = (action: string, rest: object): Partial<JobSpec> => ({
    podFailurePolicy: { rules: [{ action, ...rest }] },
    podReplacementPolicy: "Failed",
  });

  it("FailJob ends the Job by exit code", async () => {
    await start({
      completions: 2,
      parallelism: 2,
      ...withRule("FailJob", { onExitCodes: { operator: "In", values: [42] } }),
    });
    const [pod] = live();
    await end(pod, "Failed", { exitCode: 42 });
    expect(status()?.conditions?.at(-1)).toMatchObject({
      type: "Failed",
      reason: "PodFailurePolicy",
      message: `Container main for pod default/${pod?.metadata.name} failed with exit code 42 matching FailJob rule at index 0`,
    });
    expect(live()).toEqual([]);
  });

  it("FailJob ends the Job by a condition of the pod", async () => {
    await start(withRule("FailJob", { onPodConditions: [{ type: "DisruptionTarget", status: "True" }] }));
    const [pod] = live();
    await end(pod, "Failed", { condition: "DisruptionTarget" });
    expect(status()?.conditions?.at(-1)?.message).toBe(
      `Pod default/${pod?.metadata.name} has condition DisruptionTarget matching FailJob rule at index 0`,
    );
  });

  it("Ignore replaces the pod without counting", async () => {
    await start({
      backoffLimit: 0,
      ...withRule("Ignore", { onPodConditions: [{ type: "DisruptionTarget", status: "True" }] }),
    });
    await end(live()[0], "Failed", { condition: "DisruptionTarget" });
    await run.settle(11_000);
    expect(live()).toHaveLength(1);
    expect(status()?.failed).toBeUndefined();
    await end(live()[0], "Failed");
    expect(conditions()).toContain("Failed=True BackoffLimitExceeded");
  });

  it("NotIn with a container counts only that container", async () => {
    await start({
      backoffLimit: 0,
      ...withRule("FailJob", { onExitCodes: { containerName: "side", operator: "NotIn", values: [1] } }),
    });
    await end(live()[0], "Failed", { exitCode: 7 });
    expect(conditions()).toContain("Failed=True BackoffLimitExceeded");
  });

  it("FailIndex gives up the index at once", async () => {
    await start({
      completionMode: "Indexed",
      completions: 2,
      parallelism: 2,
      backoffLimitPerIndex: 3,
      backoffLimit: 2 ** 31 - 1,
      ...withRule("FailIndex", { onExitCodes: { operator: "In", values: [3] } }),
    });
    await end(withIndex(0), "Failed", { exitCode: 3 });
    await run.settle(60_000);
    expect(indexes()).toEqual(["1"]);
    expect(status()?.failedIndexes).toBe("0");
    await end(withIndex(1), "Succeeded");
    expect(conditions()).toContain("Failed=True FailedIndexes");
  });
});
