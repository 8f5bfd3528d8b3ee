import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pod } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { podGcController } from "./index.ts";
import { PodCollector } from "./reconciler.ts";

let run: ControllerRun;
let marked: { method: string; body: unknown }[];
beforeEach(() => {
  run = runControllers([podGcController], { podDeletion: "graceful" });
  marked = [];
  run.transport.react(({ method, path, body }) => {
    if (path.endsWith("/status")) marked.push({ method, body });
  });
});
afterEach(async () => run.stop());

const pod = (name: string, nodeName?: string, extra: Partial<Pod> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default" },
  spec: { containers: [{ name: "main", image: "app" }], ...(nodeName === undefined ? {} : { nodeName }) },
  status: { phase: "Running" },
  ...extra,
});
const deleted = (name: string): Pod["metadata"] => ({
  name,
  namespace: "default",
  deletionTimestamp: "2026-01-01T00:00:30Z",
  deletionGracePeriodSeconds: 30,
});
const node = (name: string, taints: string[] = [], ready = "False") => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name },
  spec: { taints: taints.map((key) => ({ key, effect: "NoExecute" })) },
  status: { conditions: [{ type: "Ready", status: ready }] },
});
const names = (): (string | undefined)[] =>
  run.transport.list(resources.pods).map(({ metadata }) => metadata.name);

describe("the collector of pods", () => {
  it("marks a pod of a node that stays away by a patch, as its role allows, and removes it", async () => {
    run.transport.seed(pod("lost", "gone"));
    await run.settle(39_000);
    expect(names()).toEqual(["lost"]);
    await run.settle(2_000);
    expect(names()).toEqual([]);
    expect(marked).toMatchObject([
      {
        method: "PATCH",
        body: {
          status: {
            phase: "Failed",
            conditions: [
              {
                type: "DisruptionTarget",
                status: "True",
                reason: "DeletionByPodGC",
                message: "PodGC: node no longer exists",
                lastTransitionTime: expect.stringMatching(/^2026-/),
              },
            ],
          },
        },
      },
    ]);
  });

  it("gives a node that comes back and goes again all the time there is", async () => {
    run.transport.seed(pod("p", "n1"));
    await run.settle(30_000);
    run.transport.seed(node("n1"));
    await run.settle(30_000);
    run.transport.remove(resources.nodes, "n1");
    await run.settle(30_000);
    expect(names()).toEqual(["p"]);
    await run.settle(15_000);
    expect(names()).toEqual([]);
  });

  it("leaves pods that wait for a node, and those of nodes that are there", async () => {
    run.transport.seed(node("here"), pod("waiting"), pod("running", "here"));
    await run.settle(120_000);
    expect(names()).toEqual(["running", "waiting"]);
  });

  it("removes pods that were deleted before they had a node", async () => {
    run.transport.seed(pod("p", undefined, { metadata: deleted("p") }));
    await run.settle();
    expect(names()).toEqual([]);
    expect(marked).toMatchObject([{ body: { status: { phase: "Failed" } } }]);
  });

  it.each([
    ["declared out of service", ["node.kubernetes.io/out-of-service"], "False", []],
    ["declared so, though it is ready", ["node.kubernetes.io/out-of-service"], "True", ["p"]],
    ["only not ready", ["node.kubernetes.io/not-ready"], "False", ["p"]],
  ])("for a pod that winds down on a node that is %s", async (_, taints, ready, left) => {
    run.transport.seed(node("n1", taints, ready), pod("p", "n1", { metadata: deleted("p") }));
    await run.settle();
    expect(names()).toEqual(left);
  });

  it("keeps so many pods that have ended; evicted ones go first, then the oldest", async () => {
    await run.stop();
    run = runControllers([
      {
        name: "pod-gc",
        setup(context) {
          const collector = new PodCollector(context, { keep: 2 });
          const pods = context.informers.informer(resources.pods);
          return { reconcile: (key) => collector.reconcile(key), watches: [watch(pods, enqueueSelf)] };
        },
      },
    ]);
    const ended = (name: string, day: number, status: Pod["status"]): Pod =>
      pod(name, "n1", {
        metadata: { name, namespace: "default", creationTimestamp: `2025-01-0${day}T00:00:00Z` },
        ...(status === undefined ? {} : { status }),
      });
    run.transport.seed(
      node("n1"),
      ended("evicted", 9, { phase: "Failed", reason: "Evicted" }),
      ended("old", 1, { phase: "Succeeded" }),
      ended("newer", 2, { phase: "Succeeded" }),
      ended("newest", 3, { phase: "Failed" }),
      pod("running", "n1"),
    );
    await run.settle();
    expect(names()).toEqual(["newer", "newest", "running"]);
  });
});
