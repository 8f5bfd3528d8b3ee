import { describe, expect, it } from "vitest";
import type { Deployment, ReplicaSet } from "../../api/types/apps-v1.ts";
import { maxSurge, maxUnavailable } from "./limits.ts";
import { newestSize, proportionOf, scaleDownSteps } from "./sizes.ts";

type Share = number | string;

const deployment = (
  replicas: number,
  surge: Share = 0,
  unavailable: Share = 0,
  type = "RollingUpdate",
): Deployment => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas,
    selector: {},
    template: {},
    strategy: { type, rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } },
  },
});

let made = 0;
const replicaSet = (replicas: number, availableReplicas = replicas, max?: number): ReplicaSet => ({
  apiVersion: "apps/v1",
  kind: "ReplicaSet",
  metadata: {
    name: `rs-${String(++made).padStart(4, "0")}`,
    ...(max === undefined ? {} : { annotations: { "deployment.kubernetes.io/max-replicas": String(max) } }),
  },
  spec: { replicas, selector: {} },
  status: { replicas, availableReplicas },
});

describe("limits", () => {
  it.each<[number, Share, Share, number, number]>([
    [10, "25%", "25%", 3, 2],
    [1, "25%", "25%", 1, 0],
    [2, 0, 0, 0, 1],
    [3, "0%", "10%", 0, 1],
    [5, 0, 9, 0, 5],
    [0, "25%", "25%", 0, 0],
  ])("of %d replicas with surge %s and unavailable %s", (replicas, surge, missing, maxMore, maxFewer) => {
    const subject = deployment(replicas, surge, missing);
    expect([maxSurge(subject), maxUnavailable(subject)]).toEqual([maxMore, maxFewer]);
  });

  it("are none for Recreate", () => {
    const subject = deployment(4, 2, 2, "Recreate");
    expect([maxSurge(subject), maxUnavailable(subject)]).toEqual([0, 0]);
  });
});

describe("newestSize()", () => {
  it.each<[string, Deployment, number, number, number]>([
    ["takes what the surge leaves", deployment(10, 2), 10, 0, 2],
    ["takes no more than is wanted", deployment(10, 5), 5, 8, 10],
    ["stays where it is without room", deployment(10, 2), 10, 2, 2],
    ["shrinks to what is wanted", deployment(3, 1), 0, 5, 3],
    ["is all of it when recreating", deployment(3, 0, 0, "Recreate"), 0, 0, 3],
  ])("%s", (_, subject, old, current, size) => {
    const newest = replicaSet(current);
    expect(newestSize(subject, [replicaSet(old), newest], newest)).toBe(size);
  });
});

describe("scaleDownSteps()", () => {
  it.each<[string, Deployment, [number, number][], [number, number], number[]]>([
    ["takes what may be missing", deployment(10, 0, 2), [[10, 10]], [0, 0], [8]],
    ["takes nothing while new pods do not work", deployment(10, 2, 2), [[8, 8]], [4, 0], []],
    ["replaces new for old", deployment(10, 2, 2), [[8, 8]], [4, 4], [4]],
    [
      "takes broken pods first, of the oldest first",
      deployment(10, 0, 2),
      [
        [3, 0],
        [7, 7],
      ],
      [2, 0],
      [1],
    ],
    ["ends with none", deployment(2, 1, 0), [[2, 2]], [2, 2], [0]],
  ])("%s", (_, subject, old, [size, available], sizes) => {
    const steps = scaleDownSteps(
      subject,
      old.map(([replicas, working]) => replicaSet(replicas, working)),
      replicaSet(size, available),
    );
    expect(steps.map(([, next]) => next)).toEqual(sizes);
  });
});

describe("proportionOf()", () => {
  it.each<[string, Deployment, ReplicaSet, number, number, number]>([
    ["grows with the whole", deployment(20, 0), replicaSet(5, 5, 10), 10, 0, 5],
    ["adds no more than is left", deployment(20, 0), replicaSet(8, 8, 10), 10, 5, 5],
    ["shrinks with the whole", deployment(5, 0), replicaSet(6, 6, 10), -5, 0, -3],
    ["goes to nothing with the whole", deployment(0, 0), replicaSet(6, 6, 10), -6, 0, -6],
    ["is nothing for an empty one", deployment(20, 0), replicaSet(0, 0, 10), 10, 0, 0],
  ])("%s", (_, subject, one, toAdd, added, share) => {
    expect(proportionOf(one, subject, toAdd, added)).toBe(share);
  });
});
