import { describe, expect, test } from "vitest";
import { newServiceUnavailable } from "../apimachinery/status.ts";
import { resources } from "../client/resources.ts";
import { Harness, newContainer } from "./testing/harness.ts";
import { kubelets } from "./testing/kubelets.ts";

const started = kubelets();

const p = "simulated.sampan.dev/";

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
