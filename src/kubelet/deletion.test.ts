import { describe, expect, test } from "vitest";
import type { Pod } from "../api/types/core-v1.ts";
import { newConflict, newServiceUnavailable } from "../apimachinery/status.ts";
import { resources } from "../client/resources.ts";
import { app, type Harness, newContainer } from "./testing/harness.ts";
import { kubelets } from "./testing/kubelets.ts";

const started = kubelets();

const p = "simulated.sampan.dev/";

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
