import { describe, expect, test } from "vitest";
import { resources } from "../client/resources.ts";
import { app, newContainer } from "./testing/harness.ts";
import { kubelets } from "./testing/kubelets.ts";

const started = kubelets();

const p = "simulated.sampan.dev/";

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
