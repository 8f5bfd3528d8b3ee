import { describe, expect, it } from "vitest";
import type { Pod } from "../api/types/core-v1.ts";
import { formatTime } from "../apimachinery/clock.ts";
import {
  comparePodsForDeletion,
  filterActivePods,
  isPodAvailable,
  isPodTerminating,
  nextAvailableMs,
  podDeletionCostAnnotation,
  podFromTemplate,
} from "./pods.ts";

const nowMs = Date.UTC(2026, 0, 2);

interface Shape {
  readonly node?: string;
  readonly phase?: string;
  /** Seconds ago. */
  readonly ready?: number;
  readonly created?: number;
  readonly cost?: string;
  readonly restarts?: number;
  readonly sidecarRestarts?: number;
  readonly rank?: number;
  readonly deleting?: boolean;
}

const ago = (seconds: number): string => formatTime(nowMs - seconds * 1000);
const container = (name: string, restartCount: number) => ({
  name,
  restartCount,
  ready: true,
  image: "",
  imageID: "",
});

function pod(name: string, shape: Shape = {}): Pod {
  const { node = "n1", phase = "Running", ready, created = 100, cost, restarts, sidecarRestarts } = shape;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      uid: name,
      creationTimestamp: ago(created),
      ...(cost === undefined ? {} : { annotations: { [podDeletionCostAnnotation]: cost } }),
      ...(shape.deleting === true ? { deletionTimestamp: ago(0) } : {}),
    },
    spec: {
      containers: [],
      nodeName: node,
      initContainers: [{ name: "side", restartPolicy: "Always" }, { name: "init" }],
    },
    status: {
      phase,
      conditions:
        ready === undefined ? [] : [{ type: "Ready", status: "True", lastTransitionTime: ago(ready) }],
      ...(restarts === undefined ? {} : { containerStatuses: [container("main", restarts)] }),
      ...(sidecarRestarts === undefined
        ? {}
        : { initContainerStatuses: [container("side", sidecarRestarts), container("init", 99)] }),
    },
  };
}

describe("comparePodsForDeletion() gives up first", () => {
  it.each<[string, Shape, Shape]>([
    ["one without a node", { node: "", ready: 50 }, { ready: 50, phase: "Pending" }],
    ["one that is pending", { phase: "Pending" }, { phase: "Unknown" }],
    ["one of unknown phase", { phase: "Unknown" }, {}],
    ["one that is not ready", {}, { ready: 1 }],
    ["one of lower cost", { ready: 50, cost: "-5" }, { ready: 1 }],
    ["one whose cost is no number, as if it had none", { ready: 1, cost: "x" }, { ready: 50, cost: "1" }],
    ["one on a crowded node", { ready: 50, rank: 2 }, { ready: 1, rank: 1 }],
    ["one that became ready later, by orders of magnitude", { ready: 2 }, { ready: 5000 }],
    ["one that restarted more often", { ready: 50, restarts: 3 }, { ready: 50, restarts: 1 }],
    [
      "one whose sidecar restarted more often",
      { ready: 50, sidecarRestarts: 3 },
      { ready: 50, sidecarRestarts: 0 },
    ],
    ["the younger one", { created: 2 }, { created: 5000 }],
  ])("%s", (_, first, second) => {
    const a = pod("b", first);
    const b = pod("a", second);
    const rank = ({ metadata }: Pod): number => (metadata.name === "b" ? first.rank : second.rank) ?? 0;
    const compare = comparePodsForDeletion(rank, nowMs);
    expect(compare(a, b)).toBeLessThan(0);
    expect(compare(b, a)).toBeGreaterThan(0);
  });

  it("the lower uid of those that are about as old", () => {
    const compare = comparePodsForDeletion(() => 0, nowMs);
    expect([pod("b", { ready: 70 }), pod("a", { ready: 75 })].toSorted(compare)[0]?.metadata.name).toBe("a");
  });
});

it("filterActivePods() leaves out what has ended or is being deleted", () => {
  const pods = [
    pod("a"),
    pod("b", { phase: "Failed" }),
    pod("c", { phase: "Succeeded" }),
    pod("d", { deleting: true }),
  ];
  expect(filterActivePods(pods).map(({ metadata }) => metadata.name)).toEqual(["a"]);
  expect(pods.filter(isPodTerminating).map(({ metadata }) => metadata.name)).toEqual(["d"]);
});

it("isPodAvailable() needs the pod to have been ready for so long", () => {
  const fresh = pod("a", { ready: 10 });
  expect(isPodAvailable(fresh, 0, nowMs)).toBe(true);
  expect(isPodAvailable(fresh, 10, nowMs)).toBe(true);
  expect(isPodAvailable(fresh, 11, nowMs)).toBe(false);
  expect(isPodAvailable(pod("b"), 0, nowMs)).toBe(false);
  expect(nextAvailableMs([fresh, pod("c", { ready: 5 })], 12, nowMs)).toBe(2000);
  expect(nextAvailableMs([fresh], 5, nowMs)).toBeUndefined();
});

it("podFromTemplate() copies the template and names the pod after its owner", () => {
  const owner = { apiVersion: "v1", kind: "Thing", metadata: { name: "web", namespace: "shop", uid: "u" } };
  const reference = { apiVersion: "v1", kind: "Thing", name: "web", uid: "u", controller: true };
  const template = {
    metadata: { labels: { app: "web" }, annotations: { a: "b" }, finalizers: ["x/y"] },
    spec: { containers: [{ name: "main" }] },
  };
  const made = podFromTemplate(template, owner, reference);
  expect(made).toEqual({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...template.metadata, generateName: "web-", namespace: "shop", ownerReferences: [reference] },
    spec: template.spec,
  });
  expect(made.spec).not.toBe(template.spec);
  const long = { ...owner, metadata: { ...owner.metadata, name: "x".repeat(253) } };
  expect(podFromTemplate(template, long, reference).metadata.generateName).toBe("x".repeat(253));
});
