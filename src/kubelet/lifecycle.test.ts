import { describe, expect, test, vi } from "vitest";
import type { ContainerStatus, Pod } from "../api/types/core-v1.ts";
import { newConflict, newServiceUnavailable } from "../apimachinery/status.ts";
import { resources } from "../client/resources.ts";
import { Harness, newContainer } from "./testing/harness.ts";
import { kubelets } from "./testing/kubelets.ts";

const started = kubelets();

const p = "simulated.sampan.dev/";
const app = (pod: Pod): ContainerStatus | undefined => pod.status?.containerStatuses?.[0];

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

describe("probes", () => {
  const http = { httpGet: { path: "/", port: 80 }, periodSeconds: 2 };

  test("a pod is ready only once its readiness probe succeeds", async () => {
    const h = await started();
    const spec = { containers: [newContainer("app", { readinessProbe: http })] };
    await h.createPod("web", spec, { [`${p}ready-after`]: "5s" });
    expect(app(await h.pod("web"))).toMatchObject({ ready: false, started: true });
    await h.advance(6_000);
    expect(app(await h.pod("web"))).toMatchObject({ ready: true });
    expect(h.events).toContain(
      "web spec.containers{app} Warning Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503",
    );
  });

  test("a server that needs a moment is ready the moment it answers, whatever the period", async () => {
    const h = await started();
    const readinessProbe = { httpGet: { path: "/", port: 80 }, periodSeconds: 10 };
    await h.createPod(
      "web",
      { containers: [newContainer("app", { readinessProbe })] },
      { [`${p}ready-after`]: "250ms" },
    );
    await h.advance(300);
    expect(app(await h.pod("web"))?.ready).toBe(true);
    expect(h.events.filter((event) => event.includes("Unhealthy"))).toEqual([]);
  });

  test("a container that fails its liveness probe is killed and started again", async () => {
    const h = await started();
    const livenessProbe = { ...http, failureThreshold: 3 };
    await h.createPod(
      "web",
      { containers: [newContainer("app", { livenessProbe })] },
      { [`${p}unhealthy-after`]: "10s" },
    );
    await h.advance(13_000);
    expect(app(await h.pod("web"))?.restartCount).toBe(0);
    await h.advance(1_000);
    expect(h.events).toContain(
      "web spec.containers{app} Normal Killing: Container app failed liveness probe, will be restarted",
    );
    expect(app(await h.pod("web"))?.restartCount).toBe(1);
  });

  test("other probes wait for the startup probe", async () => {
    const h = await started();
    const startupProbe = { ...http, failureThreshold: 10 };
    const spec = {
      containers: [newContainer("app", { startupProbe, livenessProbe: { ...http, failureThreshold: 1 } })],
    };
    await h.createPod("web", spec, { [`${p}ready-after`]: "7s" });
    expect(app(await h.pod("web"))).toMatchObject({ started: false, ready: false });
    await h.advance(9_000);
    expect(app(await h.pod("web"))).toMatchObject({ started: true, ready: true, restartCount: 0 });
  });

  test("exec probes ask the container", async () => {
    const h = await started();
    const readinessProbe = { exec: { command: ["cat", "/ready"] }, periodSeconds: 1 };
    await h.createPod(
      "web",
      { containers: [newContainer("app", { readinessProbe })] },
      { [`${p}ready-after`]: "2s" },
    );
    expect(app(await h.pod("web"))?.ready).toBe(false);
    await h.advance(2_000);
    expect(app(await h.pod("web"))?.ready).toBe(true);
  });

  test("readiness gates hold the pod back until others set their condition", async () => {
    const h = await started();
    await h.createPod("web", { readinessGates: [{ conditionType: "example.com/ok" }] });
    const ready = async () => (await h.pod("web")).status?.conditions?.find(({ type }) => type === "Ready");
    expect(await ready()).toMatchObject({
      status: "False",
      reason: "ReadinessGatesNotReady",
      message: 'corresponding condition of pod readiness gate "example.com/ok" does not exist.',
    });
    const pod = await h.pod("web");
    const conditions = [...(pod.status?.conditions ?? []), { type: "example.com/ok", status: "True" }];
    await h.client.resource(resources.pods).updateStatus({ ...pod, status: { ...pod.status, conditions } });
    await h.settle();
    expect(await ready()).toMatchObject({ status: "True" });
    expect((await h.pod("web")).status?.conditions?.some(({ type }) => type === "example.com/ok")).toBe(true);
  });
});

describe("hooks", () => {
  test("a failing postStart hook kills the container", async () => {
    const h = await started();
    const lifecycle = { postStart: { exec: { command: ["false"] } } };
    await h.createPod("web", { containers: [newContainer("app", { lifecycle })] });
    expect(h.events).toContain("web spec.containers{app} Warning FailedPostStartHook: PostStartHook failed");
    expect(h.events).toContain("web spec.containers{app} Normal Killing: FailedPostStartHook");
    expect(app(await h.pod("web"))?.lastState?.terminated).toBeDefined();
  });

  test("a preStop hook runs before the stop signal, within the grace period", async () => {
    const h = await started();
    const lifecycle = { preStop: { sleep: { seconds: 10 } } };
    await h.createPod("web", {
      containers: [newContainer("app", { lifecycle })],
      terminationGracePeriodSeconds: 20,
    });
    await h.deletePod("web");
    await h.advance(9_999);
    expect(app(await h.pod("web"))?.state?.running).toBeDefined();
    await h.advance(1);
    expect(await h.exists("web")).toBe(false);
  });
});

describe("deletion", () => {
  test("kills what does not stop within the grace period", async () => {
    const h = await started();
    await h.createPod("stubborn", { terminationGracePeriodSeconds: 10 }, { [`${p}ignore-stop`]: "true" });
    await h.deletePod("stubborn");
    await h.advance(9_999);
    expect(await h.exists("stubborn")).toBe(true);
    await h.advance(1);
    expect(await h.exists("stubborn")).toBe(false);
  });

  test("a shorter grace period, given later, is obeyed", async () => {
    const h = await started();
    await h.createPod("stubborn", { terminationGracePeriodSeconds: 300 }, { [`${p}ignore-stop`]: "true" });
    await h.deletePod("stubborn");
    await h.advance(1_000);
    await h.deletePod("stubborn", 5);
    await h.advance(5_000);
    expect(await h.exists("stubborn")).toBe(false);
  });

  test("a pod whose object was forced away is ended all the same", async () => {
    const h = await started();
    await h.createPod("web");
    await h.deletePod("web", 0);
    expect(await h.exists("web")).toBe(false);
    await h.advance(2_000);
    expect(await h.runtime.listPodSandboxes()).toEqual([]);
  });

  test.each([
    ["whose object was forced away leaves its room to others at once", 0, "Running"],
    ["that has time to end keeps its room for that long", 30, "Failed"],
  ])("a pod %s", async (_, graceSeconds, phase) => {
    const h = await started();
    const big = { containers: [newContainer("app", { resources: { requests: { cpu: "5" } } })] };
    await h.createPod("first", big, { [`${p}ignore-stop`]: "true" });
    await h.deletePod("first", graceSeconds);
    await h.createPod("second", big);
    expect((await h.pod("second")).status?.phase).toBe(phase);
    expect((await h.runtime.listContainers()).some(({ state }) => state === "running")).toBe(true);
  });

  test("a pod whose status says that it has ended leaves its room, whatever is left to clean up", async () => {
    const h = await started();
    const big = { containers: [newContainer("app", { resources: { requests: { cpu: "5" } } })] };
    const stopped = Promise.withResolvers<void>();
    const stop = h.runtime.stopPodSandbox.bind(h.runtime);
    h.runtime.stopPodSandbox = (id) => stopped.promise.then(() => stop(id));
    await h.createPod("first", { ...big, restartPolicy: "Never" }, { [`${p}run-duration`]: "1s" });
    await h.advance(1_000);
    expect((await h.pod("first")).status?.phase).toBe("Succeeded");
    await h.createPod("second", big);
    expect((await h.pod("second")).status?.phase).toBe("Running");
    stopped.resolve();
  });

  test.each([
    ["does not answer", () => newServiceUnavailable("down")],
    ["answers with a conflict", () => newConflict({ group: "", resource: "pods" }, "web", "try again")],
  ])("is tried again when the API server %s", async (_, newError) => {
    const h = await started();
    await h.createPod("web");
    let failures = 2;
    h.transport.react(({ method, path, body }) => {
      const own =
        method === "DELETE" &&
        path.endsWith("/pods/web") &&
        JSON.stringify(body).includes('"gracePeriodSeconds":0');
      if (own && failures-- > 0) throw newError();
    });
    await h.deletePod("web");
    expect(await h.exists("web")).toBe(true);
    await h.advance(5_000);
    expect(await h.exists("web")).toBe(false);
  });

  test("a pull that goes on does not hold the deletion up", async () => {
    const h = await started({ images: { pullMs: 600_000 } });
    await h.createPod("web");
    expect(app(await h.pod("web"))?.state?.waiting?.reason).toBe("ContainerCreating");
    await h.deletePod("web");
    expect(await h.exists("web")).toBe(false);
  });
});

describe("a pod that somebody else has declared over", () => {
  const declareFailed = async (h: Harness): Promise<void> => {
    const end = (pod: Pod): void => {
      pod.status = { ...pod.status, phase: "Failed" };
    };
    h.transport.modify(resources.pods, "web", end, "default");
    await h.settle();
  };

  test("stays over, and its containers end", async () => {
    const h = await started();
    await h.createPod("web");
    await declareFailed(h);
    await h.advance(60_000);
    expect((await h.pod("web")).status?.phase).toBe("Failed");
    expect((await h.runtime.listContainers()).filter(({ state }) => state === "running")).toEqual([]);
  });

  test("stays over when a status of before is still being written", async () => {
    const h = await started();
    let down = true;
    h.transport.react(({ method, path }) => {
      if (down && method === "PATCH" && path.endsWith("/status")) throw newServiceUnavailable("down");
    });
    await h.createPod("web", { terminationGracePeriodSeconds: 20 }, { [`${p}stop-duration`]: "15s" });
    const phases: (string | undefined)[] = [];
    h.transport.react(({ method, path, body }) => {
      if (method === "PATCH" && path.endsWith("/status"))
        phases.push((body as { status?: { phase?: string } }).status?.phase);
    });
    await declareFailed(h);
    down = false;
    await h.advance(60_000);
    expect(phases).not.toContain("Running");
    expect((await h.pod("web")).status?.phase).toBe("Failed");
  });
});

describe("an API server that is down", () => {
  test("gets the statuses it missed when it is back", async () => {
    const h = await started();
    let down = true;
    h.transport.react(({ method, path }) => {
      if (down && method === "PATCH" && path.endsWith("/status")) throw newServiceUnavailable("down");
    });
    await h.createPod("web");
    expect((await h.pod("web")).status?.phase).toBe("Pending");
    down = false;
    await h.advance(5_000);
    expect((await h.pod("web")).status?.phase).toBe("Running");
  });

  test("is waited for when the node registers", async ({ onTestFinished }) => {
    const h = new Harness();
    onTestFinished(() => h.stop());
    let failures = 3;
    h.transport.react(({ method, path }) => {
      if (method === "POST" && path.endsWith("/nodes") && failures-- > 0) throw newServiceUnavailable("down");
    });
    const starting = h.start();
    await h.advance(10_000);
    await starting;
    expect((await h.node()).metadata.name).toBe("node-1");
  });
});

describe("a restart of the kubelet", () => {
  test("adopts what runs and restarts nothing", async () => {
    const h = await started();
    await h.createPod("web", {
      containers: [newContainer("app", { readinessProbe: { httpGet: { port: 80 } } })],
    });
    const before = await h.pod("web");
    const [container] = await h.runtime.listContainers();
    await h.restart();
    await h.advance(30_000);
    expect((await h.runtime.listContainers()).map(({ id }) => id)).toEqual([container?.id]);
    expect((await h.pod("web")).status).toEqual(before.status);
  });

  test("leaves no timer behind, whatever was under way", async () => {
    const h = await started();
    const probed = newContainer("app", { readinessProbe: { httpGet: { port: 80 } } });
    await h.createPod("web", { containers: [probed], activeDeadlineSeconds: 600 });
    const answer = Promise.withResolvers<void>();
    const list = h.runtime.listContainers.bind(h.runtime);
    h.runtime.listContainers = (...filter) => answer.promise.then(() => list(...filter));
    const patch = { metadata: { labels: { new: "yes" } } };
    await h.client.resource(resources.pods).patch("web", patch, { type: "merge", namespace: "default" });
    await h.settle();
    await h.stop();
    answer.resolve();
    await h.settle();
    expect(h.clock.nextTimerMs).toBeUndefined();
  });

  test("a container that was ready stays so until its probes say otherwise", async () => {
    const h = await started();
    const httpGet = { path: "/", port: 80 };
    const probed = {
      startupProbe: { httpGet, periodSeconds: 1 },
      readinessProbe: { httpGet, periodSeconds: 1, failureThreshold: 2 },
    };
    await h.createPod("web", { containers: [newContainer("app", probed)] });
    await h.advance(3_000);
    const before = await h.pod("web");
    expect(before.status?.containerStatuses?.[0]).toMatchObject({ started: true, ready: true });
    await h.restart();
    await h.advance(5_000);
    expect((await h.pod("web")).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  test("ends what was deleted meanwhile, and what nobody knows", async () => {
    const h = await started();
    await h.createPod("web");
    await h.createPod("gone");
    await h.stop();
    await h.deletePod("web");
    await h.deletePod("gone", 0);
    await h.restart();
    await h.advance(1_000);
    expect(await h.runtime.listPodSandboxes()).toEqual([]);
    expect(await h.exists("web")).toBe(false);
  });

  test("keeps the status of a pod that had ended", async () => {
    const h = await started();
    await h.createPod("job", { restartPolicy: "Never" }, { [`${p}run-duration`]: "1s" });
    await h.advance(1_000);
    const before = await h.pod("job");
    await h.restart();
    expect((await h.pod("job")).status).toEqual(before.status);
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

test("a new image restarts the container", async () => {
  const h = await started();
  const pod = await h.createPod("web");
  const spec = { ...pod.spec, containers: [newContainer("app", { image: "example.com/app:2" })] };
  const current = await h.pod("web");
  await h.client.resource(resources.pods).update({ ...current, spec });
  await h.settle();
  expect(h.events).toContain(
    "web spec.containers{app} Normal Killing: Container app definition changed, will be restarted",
  );
  expect(app(await h.pod("web"))).toMatchObject({ image: "example.com/app:2", restartCount: 1 });
});

test.each([
  [500, [true]],
  [5_000, [true, false, true]],
])("a restart shows only when it takes long: %i ms of pulling are %j", async (pullMs, shown) => {
  const h = await started({ images: { pullMs } });
  const pod = await h.createPod("web");
  await h.advance(pullMs);
  expect(app(await h.pod("web"))?.ready).toBe(true);
  const ready: (boolean | undefined)[] = [];
  h.transport.react(({ method }) => {
    if (method === "PATCH")
      queueMicrotask(() => void h.pod("web").then((now) => ready.push(app(now)?.ready)));
  });
  const spec = { ...pod.spec, containers: [newContainer("app", { image: "example.com/app:2" })] };
  await h.client.resource(resources.pods).update({ ...(await h.pod("web")), spec });
  for (let ms = 0; ms < pullMs; ms += 250) await h.advance(250);
  await h.settle();
  expect(app(await h.pod("web"))?.restartCount).toBe(1);
  expect(ready.filter((value, index) => value !== ready[index - 1])).toEqual(shown);
});

test("an ephemeral container joins a running pod", async () => {
  const h = await started();
  await h.createPod("web");
  const current = await h.pod("web");
  const spec = {
    ...current.spec,
    containers: [newContainer("app")],
    ephemeralContainers: [newContainer("debug")],
  };
  await h.client.resource(resources.pods).update({ ...current, spec });
  await h.settle();
  const { status } = await h.pod("web");
  expect(status?.ephemeralContainerStatuses).toMatchObject([{ name: "debug", state: { running: {} } }]);
  expect(status?.containerStatuses?.[0]?.restartCount).toBe(0);
});

test("an ephemeral container sees the processes of its target, and waits for one that is not there", async () => {
  const h = await started();
  await h.createPod("web");
  const current = await h.pod("web");
  const spec = {
    ...current.spec,
    containers: [newContainer("app")],
    ephemeralContainers: [
      { ...newContainer("debug"), targetContainerName: "app" },
      { ...newContainer("lost"), targetContainerName: "nobody" },
    ],
  };
  const configs = vi.spyOn(h.runtime, "createContainer");
  await h.client.resource(resources.pods).update({ ...current, spec });
  await h.settle();
  const { status } = await h.pod("web");
  const app = status?.containerStatuses?.[0]?.containerID?.replace(/^.*:\/\//, "");
  expect(configs.mock.calls.map(([, config]) => [config.name, config.targetContainerId])).toEqual([
    ["debug", app],
  ]);
  expect(status?.ephemeralContainerStatuses?.[1]?.state).toEqual({
    waiting: { reason: "CreateContainerConfigError", message: "unable to find target container nobody" },
  });
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

test("limits change in place, without a restart", async () => {
  const h = await started();
  const limited = (memory: string) => [newContainer("app", { resources: { limits: { memory } } })];
  await h.createPod("web", { containers: limited("64Mi") });
  const updates: unknown[] = [];
  h.runtime.updateContainerResources = (_, resources) => Promise.resolve(void updates.push(resources));
  const current = await h.pod("web");
  await h.client
    .resource(resources.pods)
    .update({ ...current, spec: { ...current.spec, containers: limited("128Mi") } });
  await h.settle();
  expect(updates).toMatchObject([{ memoryLimitBytes: 128 * 2 ** 20 }]);
  expect(app(await h.pod("web"))).toMatchObject({
    restartCount: 0,
    resources: { limits: { memory: "128Mi" } },
  });
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
