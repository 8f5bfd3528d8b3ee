import { expect, test, vi } from "vitest";
import { resources } from "../client/resources.ts";
import { app, newContainer } from "./testing/harness.ts";
import { kubelets } from "./testing/kubelets.ts";

const started = kubelets();

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
