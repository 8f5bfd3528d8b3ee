import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DaemonSet } from "../../api/types/apps-v1.ts";
import type { Node, Pod } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { isPodReady } from "../pods.ts";
import { pretendKubelet } from "../testing/pretend-kubelet.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { nodeNameOf } from "./fit.ts";
import { daemonSetController } from "./index.ts";

const daemonSet = (extra: Partial<DaemonSet["spec"]> = {}): DaemonSet => ({
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata: { name: "agent", namespace: "default", uid: "ds-1" },
  spec: {
    selector: { matchLabels: { app: "agent" } },
    template: {
      metadata: { labels: { app: "agent" } },
      spec: { containers: [{ name: "main", image: "v1" }] },
    },
    ...extra,
  },
});

const node = (name: string, labels: Record<string, string> = {}): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, labels },
  spec: {},
});

let run: ControllerRun;
beforeEach(() => {
  const kubelet = pretendKubelet({ readyAfterMs: 1000, stopAfterMs: 1000, brokenImages: ["bad"] });
  run = runControllers([daemonSetController, kubelet], { podDeletion: "graceful" });
  run.transport.seed(node("n1"), node("n2"), node("n3"));
});
afterEach(async () => run.stop());

const pods = (): Pod[] => run.transport.list(resources.pods);
const alive = () => pods().filter(({ metadata }) => metadata.deletionTimestamp === undefined);
const byNode = () =>
  Object.fromEntries(
    alive()
      .map((pod) => [nodeNameOf(pod), pod.spec.containers[0]?.image] as const)
      .toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
  );
const status = () => run.transport.get(resources.daemonsets, "agent")?.status;
const setImage = (image: string) =>
  run.transport.modify(resources.daemonsets, "agent", ({ spec }) => {
    if (spec.template.spec !== undefined) spec.template.spec.containers = [{ name: "main", image }];
  });
const rolling = (rollingUpdate: object): Partial<DaemonSet["spec"]> => ({
  updateStrategy: { type: "RollingUpdate", rollingUpdate },
});

describe("a DaemonSet", () => {
  it("gets a pod on every node, tied to it, with the tolerations of daemons", async () => {
    run.transport.seed(daemonSet());
    await run.settle(3000);
    expect(byNode()).toEqual({ n1: "v1", n2: "v1", n3: "v1" });
    const [revision] = run.transport.list(resources.controllerrevisions);
    const hash = revision?.metadata.labels?.["controller-revision-hash"];
    expect(revision?.metadata.name).toBe(`agent-${hash}`);
    expect(alive()[0]).toMatchObject({
      metadata: {
        generateName: "agent-",
        labels: { app: "agent", "controller-revision-hash": hash },
        ownerReferences: [{ kind: "DaemonSet", name: "agent", uid: "ds-1", controller: true }],
      },
    });
    expect(alive()[0]?.spec.tolerations).toHaveLength(6);
    expect(status()).toEqual({
      observedGeneration: 1,
      currentNumberScheduled: 3,
      desiredNumberScheduled: 3,
      numberMisscheduled: 0,
      numberReady: 3,
      numberAvailable: 3,
      updatedNumberScheduled: 3,
    });
  });

  it("follows nodes that come, go and change their labels", async () => {
    run.transport.seed(
      daemonSet({
        template: {
          metadata: { labels: { app: "agent" } },
          spec: { containers: [{ name: "main", image: "v1" }], nodeSelector: { disk: "ssd" } },
        },
      }),
    );
    await run.settle(2000);
    expect(byNode()).toEqual({});
    run.transport.seed(node("n4", { disk: "ssd" }));
    run.transport.modify(resources.nodes, "n1", ({ metadata }) => (metadata.labels = { disk: "ssd" }));
    await run.settle(2000);
    expect(byNode()).toEqual({ n1: "v1", n4: "v1" });
    run.transport.modify(resources.nodes, "n1", ({ metadata }) => (metadata.labels = {}));
    await run.settle(2000);
    expect(byNode()).toEqual({ n4: "v1" });
    expect(status()).toMatchObject({ desiredNumberScheduled: 1, currentNumberScheduled: 1 });
  });

  it("leaves pods on a node that was tainted NoSchedule, and counts them as misscheduled", async () => {
    run.transport.seed(daemonSet());
    await run.settle(3000);
    run.transport.modify(
      resources.nodes,
      "n1",
      ({ spec }) => (spec.taints = [{ key: "x", effect: "NoSchedule" }]),
    );
    await run.settle(3000);
    expect(byNode()).toEqual({ n1: "v1", n2: "v1", n3: "v1" });
    expect(status()).toMatchObject({ desiredNumberScheduled: 2, numberMisscheduled: 1 });
  });

  it("replaces a pod that was deleted, when it has gone", async () => {
    run.transport.seed(daemonSet());
    await run.settle(3000);
    const [first] = alive();
    await run.client.resource(resources.pods).delete(first?.metadata.name ?? "", { namespace: "default" });
    await run.settle(500);
    expect(alive()).toHaveLength(2);
    await run.settle(3000);
    expect(alive().filter(isPodReady)).toHaveLength(3);
  });

  it("replaces failed pods with growing patience", async () => {
    run.transport.seed(daemonSet());
    await run.settle(3000);
    const fail = () =>
      run.transport.modify(
        resources.pods,
        alive().find((pod) => nodeNameOf(pod) === "n1")?.metadata.name ?? "",
        (pod) => (pod.status = { phase: "Failed" }),
      );
    const first = fail();
    await run.settle(200);
    expect(byNode()).toMatchObject({ n1: "v1" });
    expect(run.events()).toContain(
      `Warning FailedDaemonPod Found failed daemon pod default/${first.metadata.name} on node n1, will try to kill it`,
    );
    const second = fail();
    await run.settle(500);
    expect(run.transport.get(resources.pods, second.metadata.name ?? "")?.status?.phase).toBe("Failed");
    await run.settle(2000);
    expect(run.transport.get(resources.pods, second.metadata.name ?? "")).toBeUndefined();
  });

  it("that selects all pods is refused by an event", async () => {
    run.transport.seed(daemonSet({ selector: {} }));
    await run.settle();
    expect(run.events()).toEqual([
      "Warning SelectingAll This daemon set is selecting all pods. A non-empty selector is required.",
    ]);
  });

  it("deletes pods that wait for a node which is no more", async () => {
    await run.manager.stop("pretend-kubelet");
    run.transport.seed(daemonSet());
    await run.settle();
    run.transport.remove(resources.nodes, "n3");
    await run.settle();
    expect(byNode()).toEqual({ n1: "v1", n2: "v1" });
  });
});

describe("a rolling update", () => {
  it("replaces one pod after the other", async () => {
    run.transport.seed(daemonSet(rolling({ maxUnavailable: 1, maxSurge: 0 })));
    await run.settle(3000);
    setImage("v2");
    let fewest = 3;
    for (let step = 0; step < 100; step++) {
      await run.settle(100);
      fewest = Math.min(fewest, alive().filter(isPodReady).length);
    }
    expect(fewest).toBe(2);
    expect(byNode()).toEqual({ n1: "v2", n2: "v2", n3: "v2" });
    expect(status()).toMatchObject({ updatedNumberScheduled: 3, numberAvailable: 3, observedGeneration: 2 });
  });

  it("with surge makes the new pod beside the old one", async () => {
    run.transport.seed(daemonSet(rolling({ maxUnavailable: 0, maxSurge: 1 })));
    await run.settle(3000);
    setImage("v2");
    let fewest = 3;
    let most = 3;
    for (let step = 0; step < 120; step++) {
      await run.settle(100);
      fewest = Math.min(fewest, alive().filter(isPodReady).length);
      most = Math.max(most, alive().length);
    }
    expect([fewest, most]).toEqual([3, 4]);
    expect(byNode()).toEqual({ n1: "v2", n2: "v2", n3: "v2" });
  });

  it("with surge makes nothing for a node that is no more, though a pod of it is still there", async () => {
    run.transport.seed(daemonSet(rolling({ maxSurge: 1, maxUnavailable: 0 })));
    await run.settle(3000);
    run.transport.remove(resources.nodes, "n2");
    await run.settle();
    const from = run.transport.requests.length;
    setImage("v2");
    await run.settle(60_000);
    const made = run.transport.requests
      .slice(from)
      .filter(({ method, path }) => method === "POST" && path.endsWith("/pods"));
    expect(made).toHaveLength(2);
    expect(byNode()).toEqual({ n1: "v2", n2: "v1", n3: "v2" });
  });

  it("to a broken image stops at maxUnavailable, and a rollback heals it", async () => {
    run.transport.seed(daemonSet(rolling({ maxUnavailable: 1, maxSurge: 0 })));
    await run.settle(3000);
    setImage("bad");
    await run.settle(60_000);
    expect(Object.values(byNode()).filter((image) => image === "bad")).toHaveLength(1);
    expect(status()).toMatchObject({ updatedNumberScheduled: 1, numberUnavailable: 1 });
    setImage("v1");
    await run.settle(10_000);
    expect(byNode()).toEqual({ n1: "v1", n2: "v1", n3: "v1" });
    const numbers = run.transport.list(resources.controllerrevisions).map(({ revision }) => revision);
    expect(numbers.toSorted((a, b) => a - b)).toEqual([2, 3]);
  });

  it("with OnDelete waits for somebody to delete the pods", async () => {
    run.transport.seed(daemonSet({ updateStrategy: { type: "OnDelete" } }));
    await run.settle(3000);
    setImage("v2");
    await run.settle(5000);
    expect(byNode()).toEqual({ n1: "v1", n2: "v1", n3: "v1" });
    const first = alive().find((pod) => nodeNameOf(pod) === "n1");
    await run.client.resource(resources.pods).delete(first?.metadata.name ?? "", { namespace: "default" });
    await run.settle(5000);
    expect(byNode()).toEqual({ n1: "v2", n2: "v1", n3: "v1" });
  });
});
