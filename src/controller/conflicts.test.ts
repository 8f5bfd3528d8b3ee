import { expect, it } from "vitest";
import type { KubernetesObject, UnstructuredObject } from "../apimachinery/object.ts";
import { newConflict, staleObject } from "../apimachinery/status.ts";
import type { ResourceReference } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import type { ControllerRegistration } from "./controller.ts";
import { disruptionController } from "./disruption/index.ts";
import { replicaSetController } from "./replicaset/index.ts";
import { statefulSetController } from "./statefulset/index.ts";
import { taintEvictionController } from "./taint-eviction/index.ts";
import { type ControllerRun, runControllers } from "./testing/run-controllers.ts";

const metadata = { name: "web", namespace: "default" };
const selector = { matchLabels: { app: "web" } };
const template = { metadata: { labels: selector.matchLabels }, spec: { containers: [] } };
const set = (kind: string): UnstructuredObject => ({
  apiVersion: "apps/v1",
  kind,
  metadata,
  spec: { replicas: 3, selector, template, podManagementPolicy: "Parallel" },
});
const pod: UnstructuredObject = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { ...metadata, labels: selector.matchLabels },
  spec: { containers: [], nodeName: "n1" },
  status: { phase: "Running" },
};
const node: UnstructuredObject = {
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "n1" },
  spec: { taints: [{ key: "bad", effect: "NoExecute" }] },
};
const budget: UnstructuredObject = {
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { ...metadata, generation: 1 },
  spec: { selector, minAvailable: 1 },
};

const podCount = ({ transport }: ControllerRun): number => transport.list(resources.pods).length;
const scale =
  <T extends KubernetesObject>(reference: ResourceReference<T>) =>
  async ({ client }: ControllerRun): Promise<void> => {
    const patch = { spec: { replicas: 1 } };
    await client.resource(reference).patch("web", patch, { type: "merge", namespace: "default" });
  };

interface Case {
  readonly controller: ControllerRegistration;
  readonly objects: readonly UnstructuredObject[];
  /** What the server answers with a conflict, once. */
  readonly refused: RegExp;
  readonly act?: (run: ControllerRun) => Promise<void>;
  readonly isDone: (run: ControllerRun) => boolean;
}

it.each<[string, Case]>([
  [
    "a pod that a ReplicaSet no longer wants goes",
    {
      controller: replicaSetController,
      objects: [set("ReplicaSet")],
      refused: /^DELETE .*\/pods\//,
      act: scale(resources.replicasets),
      isDone: (run) => podCount(run) === 1,
    },
  ],
  [
    "a pod that a StatefulSet no longer wants goes",
    {
      controller: statefulSetController,
      objects: [set("StatefulSet")],
      refused: /^DELETE .*\/pods\//,
      act: scale(resources.statefulsets),
      isDone: (run) => podCount(run) === 1,
    },
  ],
  [
    "a pod that a taint drives away goes",
    {
      controller: taintEvictionController,
      objects: [node, pod],
      refused: /^DELETE .*\/pods\//,
      isDone: (run) => podCount(run) === 0,
    },
  ],
  [
    "a budget tells what it allows",
    {
      controller: disruptionController,
      objects: [pod, budget],
      refused: /^PUT .*\/poddisruptionbudgets\/web\/status/,
      isDone: ({ transport }) =>
        transport.get(resources.poddisruptionbudgets, "web")?.status?.observedGeneration === 1,
    },
  ],
])("%s, though the first try meets a conflict", async (_, { controller, objects, refused, act, isDone }) => {
  const run = runControllers([controller]);
  try {
    run.transport.seed(...objects);
    let count = 0;
    run.transport.react(({ method, path }) => {
      if (!refused.test(`${method} ${path}`) || count++ > 0) return;
      throw newConflict({ group: "", resource: "things" }, "web", staleObject);
    });
    await run.settle(10_000);
    await act?.(run);
    await run.settle(60_000);
    expect(count).toBeGreaterThan(0);
    expect(isDone(run)).toBe(true);
    expect(run.events().filter((event) => event.includes("Error"))).toEqual([]);
  } finally {
    await run.stop();
  }
});
