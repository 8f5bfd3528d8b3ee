import { describe, expect, test } from "vitest";
import { app, newContainer } from "./testing/harness.ts";
import { kubelets } from "./testing/kubelets.ts";

const started = kubelets();

const p = "simulated.sampan.dev/";

test("a pod whose start takes no time has its status written once", async () => {
  const h = await started();
  await h.createPod("web");
  const writes = h.transport.requests.filter(({ path }) => path.endsWith("/pods/web/status"));
  expect(writes).toHaveLength(1);
  expect((await h.pod("web")).status).toMatchObject({ phase: "Running", podIP: expect.any(String) });
});

describe("restart policy", () => {
  test("Always restarts an ended container at once, then backs off from 10 s doubling to 300 s", async () => {
    const h = await started();
    await h.createPod("crash", {}, { [`${p}exit-code`]: "1" });
    expect(app(await h.pod("crash"))).toMatchObject({
      restartCount: 1,
      state: { waiting: { reason: "CrashLoopBackOff" } },
      lastState: { terminated: { exitCode: 1, reason: "Error" } },
    });
    const { metadata, status } = await h.pod("crash");
    expect(status?.phase).toBe("Running");
    expect(app(await h.pod("crash"))?.state?.waiting?.message).toBe(
      `back-off 10s restarting failed container=app pod=crash_default(${metadata.uid})`,
    );
    const counts: number[] = [];
    for (const seconds of [10, 20, 40, 80, 160, 300, 300]) {
      await h.advance(seconds * 1000 - 1);
      const before = app(await h.pod("crash"))?.restartCount ?? 0;
      await h.advance(1);
      counts.push((app(await h.pod("crash"))?.restartCount ?? 0) - before);
    }
    expect(counts).toEqual([1, 1, 1, 1, 1, 1, 1]);
    expect(h.events).toContain(
      `crash spec.containers{app} Warning BackOff: Back-off restarting failed container app in pod crash_default(${metadata.uid})`,
    );
  });

  test("the back-off starts over after a container has run for ten minutes", async () => {
    const h = await started();
    await h.createPod("slow", {}, { [`${p}run-duration`]: "20m", [`${p}exit-code`]: "1" });
    await h.advance(20 * 60_000);
    await h.advance(20 * 60_000);
    expect(app(await h.pod("slow"))).toMatchObject({ restartCount: 2, state: { running: {} } });
  });

  test.each([
    ["Never", "0", "Succeeded", 0, "PodCompleted"],
    ["Never", "3", "Failed", 0, "PodFailed"],
    ["OnFailure", "1,0", "Succeeded", 1, "PodCompleted"],
  ])("%s with exit codes %s ends as %s", async (restartPolicy, codes, phase, restartCount, reason) => {
    const h = await started();
    await h.createPod("job", { restartPolicy }, { [`${p}exit-codes`]: codes, [`${p}run-duration`]: "1s" });
    expect((await h.pod("job")).status?.phase).toBe("Running");
    await h.advance(20_000);
    const pod = await h.pod("job");
    expect([pod.status?.phase, app(pod)?.restartCount]).toEqual([phase, restartCount]);
    expect(pod.status?.conditions?.find(({ type }) => type === "Ready")).toMatchObject({
      status: "False",
      reason,
    });
    expect((await h.runtime.listPodSandboxes()).map(({ state }) => state)).toEqual(["notReady"]);
  });

  test("a pod is Failed when it is active for longer than its deadline", async () => {
    const h = await started();
    await h.createPod("late", { activeDeadlineSeconds: 60 });
    await h.advance(60_000);
    const { status } = await h.pod("late");
    expect(status).toMatchObject({
      phase: "Failed",
      reason: "DeadlineExceeded",
      message: "Pod was active on the node longer than the specified deadline",
    });
  });

  test("a container killed for memory shows OOMKilled", async () => {
    const h = await started();
    await h.createPod("fat", { restartPolicy: "Never" }, { [`${p}oom-after`]: "1s" });
    await h.advance(1_000);
    expect(app(await h.pod("fat"))?.state?.terminated).toMatchObject({ reason: "OOMKilled", exitCode: 137 });
  });
});

describe("init containers", () => {
  const spec = {
    initContainers: [
      newContainer("first", { command: ["sleep", "5"] }),
      newContainer("second", { command: ["sleep", "5"] }),
    ],
  };

  test("run one after the other, before the app containers", async () => {
    const h = await started();
    await h.createPod("web", spec);
    const states = async (): Promise<unknown[]> => {
      const { status } = await h.pod("web");
      const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
      return all.map(
        ({ state }) => Object.entries(state ?? {}).map(([key, value]) => `${key} ${value?.reason ?? ""}`)[0],
      );
    };
    expect(await states()).toEqual(["running ", "waiting PodInitializing", "waiting PodInitializing"]);
    expect((await h.pod("web")).status).toMatchObject({
      phase: "Pending",
      conditions: [
        { type: "PodReadyToStartContainers" },
        {
          type: "Initialized",
          status: "False",
          reason: "ContainersNotInitialized",
          message: "containers with incomplete status: [first second]",
        },
        { type: "Ready", message: "containers with unready status: [app]" },
        { type: "ContainersReady" },
      ],
    });
    await h.advance(5_000);
    expect(await states()).toEqual(["terminated Completed", "running ", "waiting PodInitializing"]);
    await h.advance(5_000);
    expect(await states()).toEqual(["terminated Completed", "terminated Completed", "running "]);
    expect((await h.pod("web")).status?.phase).toBe("Running");
  });

  test("that fails is retried with a back-off, or fails a pod that never restarts", async () => {
    const h = await started();
    const failing = { initContainers: [newContainer("init", { command: ["false"] })] };
    await h.createPod("again", failing);
    await h.createPod("once", { ...failing, restartPolicy: "Never" });
    await h.advance(1_000);
    expect((await h.pod("again")).status?.initContainerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      state: { waiting: { reason: "CrashLoopBackOff" } },
    });
    expect((await h.pod("again")).status?.phase).toBe("Pending");
    expect((await h.pod("once")).status?.phase).toBe("Failed");
  });

  test("a sidecar starts first, does not keep a job from ending, and is stopped last", async () => {
    const h = await started();
    const sidecar = newContainer("proxy", { restartPolicy: "Always" });
    await h.createPod(
      "job",
      { initContainers: [sidecar], restartPolicy: "Never" },
      { [`${p}run-duration.app`]: "5s", [`${p}exit-code.app`]: "0" },
    );
    const begun = h.events.filter((event) => event.includes("Started"));
    expect(begun.map((event) => event.split(" ")[1])).toEqual([
      "spec.initContainers{proxy}",
      "spec.containers{app}",
    ]);
    expect((await h.pod("job")).status).toMatchObject({
      phase: "Running",
      initContainerStatuses: [{ ready: true, started: true }],
    });
    await h.advance(5_000);
    const { status } = await h.pod("job");
    expect(status?.phase).toBe("Succeeded");
    expect(status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode).toBe(143);
  });

  test("a pod that is deleted is told to stop when Services send to it no more", async () => {
    const asked: string[] = [];
    const released = Promise.withResolvers<void>();
    const h = await started({
      kubelet: {
        withdrawn: (address, limitMs) => {
          asked.push(`${address} ${limitMs}`);
          return released.promise;
        },
      },
    });
    await h.createPod("web", {});
    await h.deletePod("web");
    await h.advance(500);
    expect(asked).toEqual([`${(await h.pod("web")).status?.podIP} 1000`]);
    expect(h.events.filter((event) => event.includes("Killing"))).toEqual([]);
    released.resolve();
    await h.advance(10);
    expect(h.events.filter((event) => event.includes("Killing"))).toHaveLength(1);
  });

  test("sidecars are stopped after the app containers, the last to start first", async () => {
    const h = await started();
    const sidecars = ["one", "two"].map((name) => newContainer(name, { restartPolicy: "Always" }));
    await h.createPod("web", { initContainers: sidecars }, { [`${p}stop-duration`]: "1s" });
    await h.deletePod("web");
    await h.advance(10_000);
    const killed = h.events.filter((event) => event.includes("Killing"));
    expect(killed.map((event) => /\{(\w+)\}/.exec(event)?.[1])).toEqual(["app", "two", "one"]);
  });
});

test("a sandbox that died is made anew, and its containers with it", async () => {
  const h = await started();
  await h.createPod("web");
  const [sandbox] = await h.runtime.listPodSandboxes();
  await h.runtime.stopPodSandbox(sandbox?.id ?? "");
  await h.advance(20_000);
  expect((await h.pod("web")).status).toMatchObject({
    phase: "Running",
    podIP: "10.244.0.3",
    containerStatuses: [{ restartCount: 1, state: { running: {} } }],
  });
  expect(h.events).toContain(
    "web Normal SandboxChanged: Pod sandbox changed, it will be killed and re-created.",
  );
});

test.each([
  [
    { nodeSelector: { disk: "fast" } },
    "NodeAffinity",
    "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  ],
  [
    { containers: [newContainer("app", { resources: { requests: { cpu: "100" } } })] },
    "OutOfcpu",
    "Node didn't have enough resource: cpu, requested: 100000, used: 0, capacity: 8000",
  ],
  [
    { securityContext: { sysctls: [{ name: "kernel.msgmax", value: "1" }] } },
    "SysctlForbidden",
    'forbidden sysctl: "kernel.msgmax" not allowlisted',
  ],
  [
    { hostUsers: false },
    "UserNamespacesNotSupported",
    "user namespaces (hostUsers: false) are not supported by this node",
  ],
  [
    { securityContext: { supplementalGroupsPolicy: "Strict" } },
    "SupplementalGroupsPolicyNotSupported",
    "SupplementalGroupsPolicy=Strict is not supported in this node",
  ],
])("a pod that may not run here fails: %j", async (spec, reason, message) => {
  const h = await started();
  await h.createPod("no", spec);
  expect((await h.pod("no")).status).toMatchObject({
    phase: "Failed",
    reason,
    message: `Pod was rejected: ${message}`,
  });
  expect(h.events).toContain(`no Warning ${reason}: ${message}`);
  expect(await h.runtime.listPodSandboxes()).toEqual([]);
});

test("a runtime that the node does not have keeps the pod from starting", async () => {
  const h = await started();
  const metadata = { name: "vm" };
  await h.create({ apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata, handler: "kata" });
  await h.createPod("web", { runtimeClassName: "vm" });
  expect(h.events).toContain(
    'web Warning FailedCreatePodSandBox: Failed to create pod sandbox: failed to get sandbox runtime: no runtime for "kata" is configured',
  );
});
