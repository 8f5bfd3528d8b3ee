import { expect, it } from "vitest";
import type { Pod, PodTemplateSpec } from "../api/types/core-v1.ts";
import { SeededRandom } from "../apimachinery/random.ts";
import { newConflict, newServiceUnavailable, staleObject } from "../apimachinery/status.ts";
import { resources } from "../client/resources.ts";
import { daemonSetController } from "./daemonset/index.ts";
import { deploymentController } from "./deployment/index.ts";
import { replicaSetController } from "./replicaset/index.ts";
import { statefulSetController } from "./statefulset/index.ts";
import { pretendKubelet } from "./testing/pretend-kubelet.ts";
import { type ControllerRun, runControllers } from "./testing/run-controllers.ts";

const registrations = [
  deploymentController,
  replicaSetController,
  statefulSetController,
  daemonSetController,
  pretendKubelet({ readyAfterMs: 500, stopAfterMs: 500 }),
];

const template = (app: string, image: string): PodTemplateSpec => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: "main", image }] },
});
const selector = (app: string) => ({ matchLabels: { app } });
const strategy = { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } };

function seed({ transport }: ControllerRun): void {
  for (const name of ["n1", "n2", "n3"]) {
    transport.seed({ apiVersion: "v1", kind: "Node", metadata: { name }, spec: {} });
  }
  const metadata = { name: "web", namespace: "default" };
  transport.seed(
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: { replicas: 5, selector: selector("d"), template: template("d", "v1"), strategy },
    },
    {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata,
      spec: { replicas: 3, selector: selector("s"), template: template("s", "v1") },
    },
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata,
      spec: { selector: selector("a"), template: template("a", "v1") },
    },
  );
}

/** Refuses, loses and delays at random: as a server that restarts under others' writes. */
function disturb(run: ControllerRun, random: SeededRandom): () => void {
  const calm = run.transport.react(({ method }) => {
    if (random.next() < 0.02) run.transport.dropWatches();
    if (random.next() < 0.005) run.transport.compact();
    if (random.next() < 0.15) throw newServiceUnavailable("try again");
    if (method === "PUT" && random.next() < 0.1) {
      throw newConflict({ group: "", resource: "things" }, "x", staleObject);
    }
  });
  return calm;
}

function changeTemplates({ transport }: ControllerRun, image: string): void {
  transport.modify(resources.deployments, "web", ({ spec }) => (spec.template = template("d", image)));
  transport.modify(resources.statefulsets, "web", ({ spec }) => (spec.template = template("s", image)));
  transport.modify(resources.daemonsets, "web", ({ spec }) => (spec.template = template("a", image)));
}

function summary(run: ControllerRun): Record<string, number> {
  const counts: Record<string, number> = {};
  const pods: Pod[] = run.transport.list(resources.pods);
  for (const { metadata, spec } of pods) {
    const key = `${metadata.labels?.["app"]} ${spec.containers[0]?.image}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** Seed 226 is one of those in which a pod comes and goes unseen: its ReplicaSet once waited for it for ever. */
it.each([226, ...Array.from({ length: 12 }, (_, index) => index + 1)])(
  "with faults of seed %d every workload still ends where it should",
  async (seedNumber) => {
    const random = new SeededRandom(seedNumber);
    const run = runControllers(registrations, { podDeletion: "graceful" });
    const calm = disturb(run, random);
    seed(run);
    await run.settle(20_000);
    changeTemplates(run, "v2");
    for (let step = 0; step < 10; step++) {
      await run.settle(2000);
      const pods = run.transport.list(resources.pods);
      const victim = pods[Math.floor(random.next() * pods.length)]?.metadata.name ?? "";
      // A node that dies takes its pods with it, without a word.
      if (victim !== "") run.transport.remove(resources.pods, victim);
      // Whatever goes wrong, no Deployment exceeds what it may have.
      const wanted = run.transport
        .list(resources.replicasets)
        .reduce((sum, { spec }) => sum + (spec.replicas ?? 0), 0);
      expect(wanted).toBeLessThanOrEqual(6);
    }
    calm();
    await run.settle(30 * 60_000);
    expect(summary(run)).toEqual({ "d v2": 5, "s v2": 3, "a v2": 3 });
    expect(run.transport.get(resources.deployments, "web")?.status).toMatchObject({
      replicas: 5,
      updatedReplicas: 5,
      availableReplicas: 5,
    });
    expect(run.manager.idle()).toBe(true);
    await run.stop();
  },
);

it("the same seed goes the same way", async () => {
  const trace = async (): Promise<string[]> => {
    const run = runControllers(registrations, { podDeletion: "graceful" });
    disturb(run, new SeededRandom(5));
    seed(run);
    await run.settle(20_000);
    await run.stop();
    return run.transport.requests.map(({ method, path }) => `${method} ${path}`);
  };
  expect(await trace()).toEqual(await trace());
});
