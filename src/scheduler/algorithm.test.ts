import { describe, expect, test } from "vitest";
import { SeededRandom } from "../apimachinery/random.ts";
import { Algorithm, feasibleToFind, type Outcome } from "./algorithm.ts";
import { ClusterState } from "./cluster-state.ts";
import { fitMessage } from "./fit-error.ts";
import { normalize, type Plugin, unschedulable } from "./framework.ts";
import { Nominations } from "./nominations.ts";
import { PodInfo } from "./pod-info.ts";
import { node, pod } from "./testing/objects.ts";

function algorithm(cluster: ClusterState, ...plugins: readonly Plugin[]): Algorithm {
  return new Algorithm({ plugins, cluster, nominations: new Nominations(), random: new SeededRandom(1) });
}

function clusterOf(count: number, zones = 1): ClusterState {
  const cluster = new ClusterState();
  for (let index = 0; index < count; index++) {
    cluster.setNode(node(`n${index}`, { labels: { "topology.kubernetes.io/zone": `z${index % zones}` } }));
  }
  return cluster;
}

const nodeOf = (outcome: Outcome): string | undefined => ("node" in outcome ? outcome.node.name : undefined);

describe("feasibleToFind()", () => {
  const table: [number, number][] = [
    [10, 10],
    [99, 99],
    [100, 100],
    [150, 100],
    [1000, 420],
    [5000, 500],
    [6000, 300],
    [100_000, 5000],
  ];
  for (const [nodes, found] of table) {
    test(`of ${nodes} nodes ${found} are enough`, () => expect(feasibleToFind(nodes)).toBe(found));
  }
});

describe("Algorithm", () => {
  test("stops when enough nodes are found, and starts there the next time", () => {
    const looked: string[] = [];
    const counting: Plugin = {
      name: "Counting",
      preFilter: () => ({ filter: { filter: (info) => void looked.push(info.name) } }),
    };
    const search = algorithm(clusterOf(250), counting);
    search.schedule(new PodInfo(pod("p")));
    expect(looked).toHaveLength(120);
    search.schedule(new PodInfo(pod("q")));
    expect(new Set(looked).size).toBe(240);
  });

  test("zones take turns in the order of nodes", () => {
    const cluster = new ClusterState();
    for (const [name, zone] of [
      ["a1", "a"],
      ["a2", "a"],
      ["a3", "a"],
      ["b1", "b"],
    ] as const) {
      cluster.setNode(node(name, { labels: { "topology.kubernetes.io/zone": zone } }));
    }
    expect(cluster.nodes().map(({ name }) => name)).toEqual(["a1", "b1", "a2", "a3"]);
  });

  test("weighs scores, and chooses by chance among equals", () => {
    const light: Plugin = { name: "Light", preScore: () => (nodes) => nodes.map((_, index) => index) };
    const heavy: Plugin = {
      name: "Heavy",
      weight: 100,
      preScore: () => (nodes) => nodes.map(({ name }) => (name === "n1" ? 1 : 0)),
    };
    expect(nodeOf(algorithm(clusterOf(5), light, heavy).schedule(new PodInfo(pod("p"))))).toBe("n1");
    const free = algorithm(clusterOf(5));
    const chosen = Array.from({ length: 50 }, () => nodeOf(free.schedule(new PodInfo(pod("p")))));
    expect(new Set(chosen).size).toBe(5);
  });

  test("a node where a more important pod is about to go counts as if it were there", () => {
    const cluster = clusterOf(1);
    const nominations = new Nominations();
    nominations.set(new PodInfo(pod("vip", { priority: 9 })), "n0");
    const single: Plugin = {
      name: "Single",
      preFilter: () => ({
        filter: { filter: ({ pods }) => (pods.size > 0 ? unschedulable("taken") : undefined) },
      }),
    };
    const random = new SeededRandom(1);
    const search = new Algorithm({ plugins: [single], cluster, nominations, random });
    expect(nodeOf(search.schedule(new PodInfo(pod("p", { priority: 1 }))))).toBeUndefined();
    expect(nodeOf(search.schedule(new PodInfo(pod("p", { priority: 10 }))))).toBe("n0");
  });
});

describe("normalize()", () => {
  const table: [string, number[], boolean, number[]][] = [
    ["stretches to 100", [0, 1, 3], false, [0, 33, 100]],
    ["turns around", [0, 1, 3], true, [100, 67, 0]],
    ["all zero stay", [0, 0], false, [0, 0]],
    ["all zero are best when turned", [0, 0], true, [100, 100]],
  ];
  for (const [name, scores, reverse, expected] of table) {
    test(`normalize(): ${name}`, () => expect(normalize(scores, reverse)).toEqual(expected));
  }
});

describe("fitMessage()", () => {
  test("sorts reasons as strings, and appends what preemption says", () => {
    const rejections = new Map([
      ["a", unschedulable("Insufficient cpu")],
      ["b", unschedulable("Insufficient cpu", "Too many pods")],
      ["c", unschedulable("node(s) were unschedulable")],
    ]);
    const diagnosis = { nodeCount: 14, rejections, absent: ["other"], plugins: new Set<string>() };
    expect(fitMessage(diagnosis, "preemption: none.")).toBe(
      "0/14 nodes are available: 1 Too many pods, 1 node(s) were unschedulable, 11 other, 2 Insufficient cpu. preemption: none.",
    );
  });
});
