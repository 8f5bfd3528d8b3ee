import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Deployment, DeploymentCondition, ReplicaSet } from "../../api/types/apps-v1.ts";
import { newForbidden } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import { isPodReady } from "../pods.ts";
import { replicaSetController } from "../replicaset/index.ts";
import { pretendKubelet } from "../testing/pretend-kubelet.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { deploymentController } from "./index.ts";

const deployment = (replicas: number, extra: Partial<Deployment["spec"]> = {}): Deployment => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "default", uid: "d-1" },
  spec: {
    replicas,
    progressDeadlineSeconds: 600,
    revisionHistoryLimit: 10,
    selector: { matchLabels: { app: "web" } },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "main", image: "v1" }] },
    },
    ...extra,
  },
});

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([
    deploymentController,
    replicaSetController,
    pretendKubelet({ brokenImages: ["bad"] }),
  ]);
});
afterEach(async () => run.stop());

const current = () => run.transport.get(resources.deployments, "web") as Deployment;
const replicaSets = (): ReplicaSet[] => run.transport.list(resources.replicasets);
const imageOf = ({ spec }: ReplicaSet) => spec.template?.spec?.containers[0]?.image ?? "";
const sizes = () => Object.fromEntries(replicaSets().map((rs) => [imageOf(rs), rs.spec.replicas]));
const revisions = () =>
  Object.fromEntries(
    replicaSets().map((rs) => [imageOf(rs), rs.metadata.annotations?.["deployment.kubernetes.io/revision"]]),
  );
const condition = (type: string): DeploymentCondition | undefined =>
  current().status?.conditions?.find((candidate) => candidate.type === type);
const change = (fn: (spec: Deployment["spec"]) => void) =>
  run.transport.modify(resources.deployments, "web", ({ spec }) => fn(spec));
const setImage = (image: string) =>
  change(({ template }) => {
    if (template.spec !== undefined) template.spec.containers = [{ name: "main", image }];
  });
const readyPods = () => run.transport.list(resources.pods).filter(isPodReady).length;

describe("a new Deployment", () => {
  it("gets a ReplicaSet of its template, and a status that kubectl takes for complete", async () => {
    run.transport.seed(deployment(3));
    await run.settle();
    const [replicaSet] = replicaSets();
    const hash = replicaSet?.metadata.labels?.["pod-template-hash"];
    expect(replicaSet).toMatchObject({
      metadata: {
        name: `web-${hash}`,
        labels: { app: "web", "pod-template-hash": hash },
        annotations: {
          "deployment.kubernetes.io/revision": "1",
          "deployment.kubernetes.io/desired-replicas": "3",
          "deployment.kubernetes.io/max-replicas": "4",
        },
        ownerReferences: [{ kind: "Deployment", name: "web", uid: "d-1", controller: true }],
      },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: "web", "pod-template-hash": hash } },
        template: { metadata: { labels: { app: "web", "pod-template-hash": hash } } },
      },
    });
    expect(current().metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("1");
    expect(current().status).toMatchObject({
      observedGeneration: 1,
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
    });
    expect(current().status?.unavailableReplicas).toBeUndefined();
    expect(condition("Available")).toMatchObject({
      status: "True",
      reason: "MinimumReplicasAvailable",
      message: "Deployment has minimum availability.",
    });
    expect(condition("Progressing")).toMatchObject({
      status: "True",
      reason: "NewReplicaSetAvailable",
      message: `ReplicaSet "web-${hash}" has successfully progressed.`,
    });
    expect(run.events().filter((event) => event.includes("ScalingReplicaSet"))).toEqual([
      `Normal ScalingReplicaSet Scaled up replica set web-${hash} from 0 to 3`,
    ]);
  });

  it("says why no ReplicaSet could be made", async () => {
    run.transport.react(({ method, path }) => {
      if (method === "POST" && path.endsWith("/replicasets")) {
        throw newForbidden({ group: "apps", resource: "replicasets" }, "web", "no");
      }
    });
    run.transport.seed(deployment(1));
    await run.settle();
    expect(condition("Progressing")).toMatchObject({ status: "False", reason: "ReplicaSetCreateError" });
    expect(condition("Progressing")?.message).toMatch(
      /^Failed to create new replica set "web-.*": .* is forbidden: no$/,
    );
  });

  it("that selects all pods is refused by an event", async () => {
    run.transport.seed(deployment(1, { selector: {} }));
    await run.settle();
    expect(replicaSets()).toEqual([]);
    expect(run.events()).toEqual([
      "Warning SelectingAll This deployment is selecting all pods. A non-empty selector is required.",
    ]);
  });
});

describe("a rolling update", () => {
  it("keeps to maxSurge and maxUnavailable at every moment", async () => {
    await run.stop();
    run = runControllers(
      [deploymentController, replicaSetController, pretendKubelet({ readyAfterMs: 3000, stopAfterMs: 2000 })],
      { podDeletion: "graceful" },
    );
    run.transport.seed(deployment(4));
    await run.settle(10_000);
    setImage("v2");
    let most = 0;
    let fewest = 4;
    for (let step = 0; step < 300; step++) {
      await run.settle(100);
      const counted = replicaSets().reduce((total, { spec }) => total + (spec.replicas ?? 0), 0);
      most = Math.max(most, counted);
      const serving = run.transport
        .list(resources.pods)
        .filter((pod) => isPodReady(pod) && pod.metadata.deletionTimestamp === undefined);
      fewest = Math.min(fewest, serving.length);
    }
    expect([most, fewest]).toEqual([5, 3]);
    expect(sizes()).toEqual({ v1: 0, v2: 4 });
    expect(revisions()).toEqual({ v1: "1", v2: "2" });
    expect(condition("Progressing")?.reason).toBe("NewReplicaSetAvailable");
  });

  it("moves by one when neither surge nor unavailability is allowed", async () => {
    run.transport.seed(deployment(2, { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }));
    await run.settle();
    setImage("v2");
    await run.settle();
    expect(sizes()).toEqual({ v1: 0, v2: 2 });
  });

  it("to a broken image stops, keeps serving, and is reported after the deadline", async () => {
    run.transport.seed(deployment(4));
    await run.settle();
    setImage("bad");
    await run.settle(60_000);
    expect(sizes()).toEqual({ v1: 3, bad: 2 });
    expect(readyPods()).toBe(3);
    expect(condition("Progressing")).toMatchObject({ status: "True", reason: "ReplicaSetUpdated" });
    await run.settle(602_000);
    const name = replicaSets().find((rs) => imageOf(rs) === "bad")?.metadata.name;
    expect(condition("Progressing")).toMatchObject({
      status: "False",
      reason: "ProgressDeadlineExceeded",
      message: `ReplicaSet "${name}" has timed out progressing.`,
    });
    expect(condition("Available")?.status).toBe("True");
  });

  it("is undone by the template of before, whose ReplicaSet gets a new revision", async () => {
    run.transport.seed(deployment(2));
    await run.settle();
    setImage("v2");
    await run.settle();
    setImage("v1");
    await run.settle();
    expect(sizes()).toEqual({ v1: 2, v2: 0 });
    expect(revisions()).toEqual({ v1: "3", v2: "2" });
    expect(current().metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("3");
    const back = replicaSets().find((rs) => imageOf(rs) === "v1");
    expect(back?.metadata.annotations?.["deployment.kubernetes.io/revision-history"]).toBe("1");
  });

  it("counts revisions on from any 64-bit number", async () => {
    run.transport.seed(deployment(1));
    await run.settle();
    const [first] = replicaSets();
    const annotations = { "deployment.kubernetes.io/revision": "3546343826724305832" };
    await run.client
      .resource(resources.replicasets)
      .patch(
        first?.metadata.name ?? "",
        { metadata: { annotations } },
        { type: "merge", namespace: "default" },
      );
    setImage("v2");
    await run.settle();
    expect(revisions()).toEqual({ v1: "3546343826724305832", v2: "3546343826724305833" });
  });

  it("keeps no more old ReplicaSets than the history limit", async () => {
    run.transport.seed(deployment(1, { revisionHistoryLimit: 2 }));
    for (const image of ["v2", "v3", "v4", "v5"]) {
      await run.settle();
      setImage(image);
    }
    await run.settle();
    expect(sizes()).toEqual({ v3: 0, v4: 0, v5: 1 });
  });

  it("carries annotations to the ReplicaSet, but not kubectl's", async () => {
    const annotated = deployment(1);
    annotated.metadata.annotations = {
      "kubernetes.io/change-cause": "first",
      "kubectl.kubernetes.io/last-applied-configuration": "{}",
    };
    run.transport.seed(annotated);
    await run.settle();
    expect(replicaSets()[0]?.metadata.annotations).toMatchObject({ "kubernetes.io/change-cause": "first" });
    expect(replicaSets()[0]?.metadata.annotations).not.toHaveProperty([
      "kubectl.kubernetes.io/last-applied-configuration",
    ]);
  });
});

describe("scaling", () => {
  it("changes the only ReplicaSet and says so", async () => {
    run.transport.seed(deployment(2));
    await run.settle();
    change((spec) => (spec.replicas = 5));
    await run.settle();
    expect(sizes()).toEqual({ v1: 5 });
    change((spec) => (spec.replicas = 0));
    await run.settle();
    expect(sizes()).toEqual({ v1: 0 });
    const name = replicaSets()[0]?.metadata.name;
    expect(run.events().filter((event) => event.includes("ScalingReplicaSet"))).toEqual([
      `Normal ScalingReplicaSet Scaled up replica set ${name} from 0 to 2`,
      `Normal ScalingReplicaSet Scaled up replica set ${name} from 2 to 5`,
      `Normal ScalingReplicaSet Scaled down replica set ${name} from 5 to 0`,
    ]);
    expect(current().status?.observedGeneration).toBe(3);
  });

  it("in the middle of a rollout is shared in proportion", async () => {
    run.transport.seed(deployment(10, { strategy: { rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } }));
    await run.settle();
    setImage("bad");
    await run.settle();
    expect(sizes()).toEqual({ v1: 8, bad: 5 });
    change((spec) => (spec.replicas = 15));
    await run.settle();
    expect(sizes()).toEqual({ v1: 11, bad: 7 });
  });
});

describe("a paused Deployment", () => {
  it("rolls nothing out but scales, and goes on when resumed", async () => {
    run.transport.seed(deployment(2));
    await run.settle();
    change((spec) => (spec.paused = true));
    setImage("v2");
    await run.settle();
    expect(sizes()).toEqual({ v1: 2 });
    expect(condition("Progressing")).toMatchObject({
      status: "Unknown",
      reason: "DeploymentPaused",
      message: "Deployment is paused",
    });
    change((spec) => (spec.replicas = 3));
    await run.settle();
    expect(sizes()).toEqual({ v1: 3 });
    change((spec) => delete spec.paused);
    await run.settle();
    expect(sizes()).toEqual({ v1: 0, v2: 3 });
    expect(condition("Progressing")?.reason).toBe("NewReplicaSetAvailable");
  });
});

describe("the Recreate strategy", () => {
  it("starts the new pods when the last old one has ended", async () => {
    await run.stop();
    run = runControllers(
      [deploymentController, replicaSetController, pretendKubelet({ stopAfterMs: 5000 })],
      {
        podDeletion: "graceful",
      },
    );
    run.transport.seed(deployment(2, { strategy: { type: "Recreate" } }));
    await run.settle(1000);
    setImage("v2");
    await run.settle(4000);
    expect(sizes()).toEqual({ v1: 0 });
    expect(run.transport.list(resources.pods)).toHaveLength(2);
    await run.settle(3000);
    expect(sizes()).toEqual({ v1: 0, v2: 2 });
    expect(readyPods()).toBe(2);
  });
});

describe("names", () => {
  it("that another template has taken are avoided by counting collisions", async () => {
    run.transport.seed(deployment(1));
    await run.settle();
    const taken = replicaSets()[0]?.metadata.name ?? "";
    await run.manager.stop("deployment-controller");
    run.transport.remove(resources.replicasets, taken);
    run.transport.seed({
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: { name: taken, uid: "stranger" },
      spec: { replicas: 0, selector: { matchLabels: { app: "other" } } },
    });
    run.manager.start("deployment-controller");
    await run.settle(1000);
    expect(current().status?.collisionCount).toBe(1);
    const [own] = replicaSets().filter(({ metadata }) => metadata.uid !== "stranger");
    expect(own?.metadata.name).not.toBe(taken);
    expect(own?.spec.replicas).toBe(1);
  });

  it("that a former self has taken are used again", async () => {
    run.transport.seed(deployment(1));
    await run.settle();
    expect(replicaSets()).toHaveLength(1);
    await run.manager.stop("deployment-controller");
    run.manager.start("deployment-controller");
    await run.settle();
    expect(replicaSets()).toHaveLength(1);
  });
});

it("a Deployment adopts a matching ReplicaSet that nobody controls", async () => {
  run.transport.seed({
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name: "orphan", labels: { app: "web" }, uid: "rs-0" },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: "web" } },
      template: deployment(1).spec.template,
    },
  });
  run.transport.seed(deployment(2));
  await run.settle();
  expect(replicaSets()).toHaveLength(1);
  expect(replicaSets()[0]).toMatchObject({
    metadata: { name: "orphan", ownerReferences: [{ uid: "d-1" }] },
    spec: { replicas: 2 },
  });
});
