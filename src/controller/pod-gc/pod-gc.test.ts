import { expect, test } from "vitest";
import type { Pod } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { runControllers } from "../testing/run-controllers.ts";
import { podGcController } from "./index.ts";

const pod = (name: string, nodeName?: string): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default" },
  spec: { containers: [{ name: "main", image: "app" }], ...(nodeName === undefined ? {} : { nodeName }) },
  status: { phase: "Running" },
});

test("a pod of a node that stays away is marked by a patch, as its role allows, and removed", async () => {
  const run = runControllers([podGcController]);
  run.transport.seed(pod("lost", "gone"));
  const marked: Pod[] = [];
  const patches: string[] = [];
  const { request } = run.transport;
  run.transport.request = async (call) => {
    const response = await request.call(run.transport, call);
    if (call.path.endsWith("/status")) {
      patches.push(call.method);
      marked.push(response.body as Pod);
    }
    return response;
  };
  await run.settle(39_000);
  expect(run.transport.list(resources.pods)).toHaveLength(1);
  await run.settle(2_000);
  expect(run.transport.list(resources.pods)).toEqual([]);
  expect(patches).toEqual(["PATCH"]);
  expect(marked[0]?.status).toMatchObject({
    phase: "Failed",
    conditions: [
      {
        type: "DisruptionTarget",
        status: "True",
        reason: "DeletionByPodGC",
        message: "PodGC: node no longer exists",
      },
    ],
  });
  expect(marked[0]?.status?.conditions?.[0]?.lastTransitionTime).toBeDefined();
  await run.stop();
});

test("a pod that waits for a node stays; one of a node that is there stays", async () => {
  const run = runControllers([podGcController]);
  run.transport.seed({ apiVersion: "v1", kind: "Node", metadata: { name: "here" } });
  run.transport.seed(pod("waiting"));
  run.transport.seed(pod("running", "here"));
  await run.settle(120_000);
  expect(run.transport.list(resources.pods).map(({ metadata }) => metadata.name)).toEqual([
    "running",
    "waiting",
  ]);
  await run.stop();
});
