import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pod, Taint } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { taintEvictionController } from "./index.ts";

type Tolerations = NonNullable<Pod["spec"]["tolerations"]>;

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([taintEvictionController]);
});
afterEach(async () => run.stop());

const taint = (extra: Partial<Taint> = {}): Taint => ({ key: "bad", effect: "NoExecute", ...extra });

async function start(taints: Taint[], tolerations: Tolerations = []): Promise<void> {
  run.transport.seed(
    { apiVersion: "v1", kind: "Node", metadata: { name: "n1" }, spec: { taints } },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", namespace: "default" },
      spec: { nodeName: "n1", containers: [], tolerations },
      status: { phase: "Running" },
    },
  );
  await run.settle();
}

const runs = (): boolean => run.transport.get(resources.pods, "p") !== undefined;

describe("a pod on a node with NoExecute taints", () => {
  it.each<[string, Taint[], Tolerations, boolean]>([
    ["none", [], [], true],
    ["one against scheduling only", [taint({ effect: "NoSchedule" })], [], true],
    ["one that it does not tolerate", [taint()], [], false],
    ["one that it tolerates by key", [taint()], [{ key: "bad", operator: "Exists" }], true],
    ["one whose value it tolerates", [taint({ value: "x" })], [{ key: "bad", value: "x" }], true],
    ["one of another value", [taint({ value: "y" })], [{ key: "bad", value: "x" }], false],
    [
      "one of another effect than it tolerates",
      [taint()],
      [{ key: "bad", operator: "Exists", effect: "NoSchedule" }],
      false,
    ],
    ["any, when it tolerates all", [taint(), taint({ key: "worse" })], [{ operator: "Exists" }], true],
    [
      "two, of which it tolerates one",
      [taint(), taint({ key: "worse" })],
      [{ key: "bad", operator: "Exists" }],
      false,
    ],
    [
      "one that it tolerates for no time",
      [taint()],
      [{ key: "bad", operator: "Exists", tolerationSeconds: -5 }],
      false,
    ],
  ])("%s", async (_, taints, tolerations, stays) => {
    await start(taints, tolerations);
    await run.settle(600_000);
    expect(runs()).toBe(stays);
  });

  it("goes when its time is over, marked as disrupted", async () => {
    const marked: unknown[] = [];
    run.transport.react(({ path, body }) => void (path.endsWith("/p/status") && marked.push(body)));
    await start([taint()], [{ key: "bad", operator: "Exists", tolerationSeconds: 300 }]);
    await run.settle(299_000);
    expect(runs()).toBe(true);
    await run.settle(2000);
    expect(runs()).toBe(false);
    expect(marked).toMatchObject([
      {
        status: {
          conditions: [
            {
              type: "DisruptionTarget",
              status: "True",
              reason: "DeletionByTaintManager",
              message: "Taint manager: deleting due to NoExecute taint",
            },
          ],
        },
      },
    ]);
    expect(run.events()).toEqual(["Normal TaintManagerEviction Marking for deletion Pod default/p"]);
  });

  it("stays when the taint goes in time, and has all its time again", async () => {
    await start([taint()], [{ key: "bad", operator: "Exists", tolerationSeconds: 300 }]);
    await run.settle(200_000);
    run.transport.modify(resources.nodes, "n1", ({ spec }) => (spec.taints = []));
    await run.settle(200_000);
    expect(runs()).toBe(true);
    expect(run.events()).toEqual(["Normal TaintManagerEviction Cancelling deletion of Pod default/p"]);
    run.transport.modify(resources.nodes, "n1", ({ spec }) => (spec.taints = [taint()]));
    await run.settle(299_000);
    expect(runs()).toBe(true);
    await run.settle(2000);
    expect(runs()).toBe(false);
  });

  it("is evicted once it comes to a node that is tainted", async () => {
    await start([taint()], [{ operator: "Exists" }]);
    run.transport.modify(resources.pods, "p", ({ spec }) => (spec.tolerations = []));
    await run.settle();
    expect(runs()).toBe(false);
  });
});
