import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pod } from "../../api/types/core-v1.ts";
import type { PodDisruptionBudget } from "../../api/types/policy-v1.ts";
import type { OwnerReference } from "../../apimachinery/meta-v1.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { disruptionController } from "./index.ts";

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([disruptionController]);
});
afterEach(async () => run.stop());

const owner = (kind: string, name: string): OwnerReference => ({
  apiVersion: kind === "ReplicationController" ? "v1" : "apps/v1",
  kind,
  name,
  uid: `uid-${name}`,
  controller: true,
});
const workload = (kind: string, name: string, replicas: number, above?: OwnerReference): KubernetesObject =>
  ({
    apiVersion: kind === "ReplicationController" ? "v1" : "apps/v1",
    kind,
    metadata: {
      name,
      namespace: "default",
      uid: `uid-${name}`,
      ...(above === undefined ? {} : { ownerReferences: [above] }),
    },
    spec: { replicas },
  }) as KubernetesObject;

const pod = (name: string, controller: OwnerReference | undefined, ready = true): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name,
    namespace: "default",
    labels: { app: "web" },
    ...(controller === undefined ? {} : { ownerReferences: [controller] }),
  },
  spec: { containers: [], nodeName: "n1" },
  status: { phase: "Running", conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
});
const pods = (count: number, controller: OwnerReference | undefined, ready = count): Pod[] =>
  Array.from({ length: count }, (_, index) => pod(`p${index}`, controller, index < ready));

const budget = (
  spec: PodDisruptionBudget["spec"],
  status?: PodDisruptionBudget["status"],
): PodDisruptionBudget => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name: "pdb", namespace: "default" },
  spec: { selector: { matchLabels: { app: "web" } }, ...spec },
  ...(status === undefined ? {} : { status }),
});

const status = () => run.transport.get(resources.poddisruptionbudgets, "pdb")?.status;
const numbers = () => [
  status()?.expectedPods,
  status()?.desiredHealthy,
  status()?.currentHealthy,
  status()?.disruptionsAllowed,
];

describe("a budget", () => {
  const rs = owner("ReplicaSet", "rs");

  it.each<[string, PodDisruptionBudget["spec"], number, number, (number | undefined)[]]>([
    ["minAvailable, all ready", { minAvailable: 2 }, 3, 3, [3, 2, 3, 1]],
    ["minAvailable, one not ready", { minAvailable: 2 }, 3, 2, [3, 2, 2, 0]],
    ["minAvailable beyond what there is", { minAvailable: 5 }, 3, 3, [3, 5, 3, 0]],
    ["minAvailable in percent, rounded up", { minAvailable: "50%" }, 3, 3, [3, 2, 3, 1]],
    ["maxUnavailable", { maxUnavailable: 1 }, 3, 3, [3, 2, 3, 1]],
    ["maxUnavailable in percent, rounded up", { maxUnavailable: "34%" }, 3, 3, [3, 1, 3, 2]],
    ["maxUnavailable of none", { maxUnavailable: 0 }, 3, 3, [3, 3, 3, 0]],
    ["maxUnavailable of more than all", { maxUnavailable: 9 }, 3, 3, [3, 0, 3, 3]],
  ])("%s", async (_, spec, count, ready, expected) => {
    run.transport.seed(workload("ReplicaSet", "rs", 3), ...pods(count, rs, ready), budget(spec));
    await run.settle();
    expect(numbers()).toEqual(expected);
  });

  it("says in a condition whether it allows any", async () => {
    run.transport.seed(workload("ReplicaSet", "rs", 1), ...pods(1, rs), budget({ minAvailable: 1 }));
    await run.settle();
    expect(status()).toMatchObject({
      observedGeneration: 1,
      conditions: [
        {
          type: "DisruptionAllowed",
          status: "False",
          reason: "InsufficientPods",
          message: "",
          observedGeneration: 1,
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
      ],
    });
    run.transport.seed(pod("another", rs));
    await run.settle();
    expect(status()?.conditions?.[0]).toMatchObject({ status: "True", reason: "SufficientPods" });
  });

  it.each(["ReplicaSet", "StatefulSet", "ReplicationController"])(
    "counts what a %s wants, not what it has",
    async (kind) => {
      run.transport.seed(
        workload(kind, "set", 4),
        ...pods(2, owner(kind, "set")),
        budget({ maxUnavailable: 1 }),
      );
      await run.settle();
      expect(numbers()).toEqual([4, 3, 2, 0]);
    },
  );

  it("counts a Deployment once, whatever its ReplicaSets want during a rollout", async () => {
    const deployment = owner("Deployment", "web");
    run.transport.seed(
      workload("Deployment", "web", 3),
      workload("ReplicaSet", "old", 3, deployment),
      workload("ReplicaSet", "new", 1, deployment),
      ...pods(3, owner("ReplicaSet", "old")),
      pod("fresh", owner("ReplicaSet", "new")),
      budget({ maxUnavailable: 1 }),
    );
    await run.settle();
    expect(numbers()).toEqual([3, 2, 4, 2]);
  });

  it("cannot count pods that nobody controls, and says so", async () => {
    run.transport.seed(...pods(2, undefined), budget({ maxUnavailable: 1 }));
    await run.settle();
    expect(numbers()).toEqual([0, 0, 2, 0]);
    expect(run.events()[0]).toMatch(/^Warning UnmanagedPods /);
    await run.stop();
    run = runControllers([disruptionController]);
    run.transport.seed(...pods(2, undefined), budget({ minAvailable: 1 }));
    await run.settle();
    expect(numbers()).toEqual([2, 1, 2, 1]);
  });

  it("allows nothing when the owner cannot be asked", async () => {
    run.transport.seed(
      ...pods(2, { ...owner("Job", "j"), apiVersion: "batch/v1" }),
      budget({ maxUnavailable: 1 }),
    );
    await run.settle();
    expect(status()).toMatchObject({
      disruptionsAllowed: 0,
      conditions: [{ type: "DisruptionAllowed", status: "False", reason: "SyncFailed" }],
    });
    expect(run.events()).toContainEqual(
      expect.stringMatching(/^Warning CalculateExpectedPodCountFailed Failed to calculate/),
    );
  });

  it("without pods says so", async () => {
    run.transport.seed(budget({ minAvailable: 1 }));
    await run.settle();
    expect(numbers()).toEqual([0, 1, 0, 0]);
    expect(run.events()).toEqual(["Normal NoPods No matching pods found"]);
  });

  it("does not count pods that are being deleted, nor those just evicted", async () => {
    const going = pod("going", rs);
    going.metadata.deletionTimestamp = "2026-01-01T00:00:30Z";
    const disruptedPods = { p0: "2026-01-01T00:00:00Z", gone: "2026-01-01T00:00:00Z" };
    run.transport.seed(
      workload("ReplicaSet", "rs", 3),
      ...pods(2, rs),
      going,
      budget(
        { minAvailable: 1 },
        { disruptedPods, currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 },
      ),
    );
    await run.settle();
    expect(numbers()).toEqual([3, 1, 1, 0]);
    expect(status()?.disruptedPods).toEqual({ p0: "2026-01-01T00:00:00Z" });
    // It was granted, and nobody deleted the pod.
    await run.settle(121_000);
    expect(numbers()).toEqual([3, 1, 2, 1]);
    expect(status()?.disruptedPods).toBeUndefined();
    expect(run.events()).toContain(
      "Warning NotDeleted Pod was expected by PDB default/pdb to be deleted but it wasn't",
    );
  });
});

it("a pod that was to be disrupted and was not in two minutes is so no longer", async () => {
  const marked = pod("p", undefined);
  marked.status = {
    phase: "Running",
    conditions: [{ type: "DisruptionTarget", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }],
  };
  run.transport.seed(marked);
  const disrupted = () => run.transport.get(resources.pods, "p")?.status?.conditions?.[0]?.status;
  await run.settle(119_000);
  expect(disrupted()).toBe("True");
  await run.settle(2000);
  expect(disrupted()).toBe("False");
});

it("looks at thousands of pods not for each that changes", async () => {
  const set = owner("ReplicaSet", "web");
  run.transport.seed(workload("ReplicaSet", "web", 3_000), ...pods(3_000, set), budget({ minAvailable: 10 }));
  await run.settle(1_000);
  const written = (): number => run.transport.requests.filter(({ method }) => method === "PUT").length;
  const healthy = () => run.transport.get(resources.poddisruptionbudgets, "pdb")?.status?.currentHealthy;
  expect(healthy()).toBe(3_000);
  const before = written();
  for (let n = 0; n < 50; n++) {
    run.transport.remove(resources.pods, `p${n}`);
    await run.settle(10);
  }
  await run.settle(1_000);
  expect(healthy()).toBe(2_950);
  expect(written() - before).toBeLessThanOrEqual(4);
});
