import { describe, expect, test } from "vitest";
import { parseLabelSelector } from "../apimachinery/labels.ts";
import { SeededRandom } from "../apimachinery/random.ts";
import { ClusterState } from "./cluster-state.ts";
import type { PodQuestion } from "./pod-counts.ts";
import { PodInfo } from "./pod-info.ts";
import { node, pod } from "./testing/objects.ts";

function question(selector: string): PodQuestion {
  const parsed = parseLabelSelector(selector);
  return { key: selector, selector: parsed, matches: (info) => parsed.matches(info.labels) };
}

const antiAffinity = {
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "x" } } },
      ],
    },
  },
};

describe("ClusterState", () => {
  test("counts and sums stay true through thousands of placements, moves and removals", () => {
    const random = new SeededRandom(5);
    const pick = (count: number): number => Math.floor(random.next() * count);
    const cluster = new ClusterState();
    for (let index = 0; index < 6; index++) cluster.setNode(node(`n${index}`));
    const questions = ["app=a", "app in (a,b)", "app!=c", "tier"].map(question);
    for (const asked of questions) cluster.counts.count(asked);
    for (let step = 0; step < 3000; step++) {
      const name = `p${pick(80)}`;
      if (random.next() < 0.3) {
        cluster.removePod(`pod-${name}`);
        continue;
      }
      const labels = { app: "abc"[pick(3)] ?? "", ...(pick(2) === 0 ? { tier: "1" } : {}) };
      const info = new PodInfo(
        pod(name, { labels, cpu: `${pick(9)}00m`, claim: `c${pick(3)}`, hostPort: 80 + pick(3) }),
      );
      cluster.placePod(info, `n${pick(6)}`, random.next() < 0.5);
    }
    for (const asked of questions) {
      const fresh = question(`${asked.key},!absent`);
      expect(cluster.counts.count(asked)).toEqual(cluster.counts.count(fresh));
    }
    for (const info of cluster.nodes()) {
      const pods = [...info.pods.values()];
      expect(info.requested.milliCpu).toBe(pods.reduce((sum, { requests }) => sum + requests.milliCpu, 0));
      expect(info.hostPorts.size).toBe(pods.length);
      expect([...info.claimUses.values()].reduce((sum, uses) => sum + uses, 0)).toBe(pods.length);
    }
  });

  test("a node that only pods speak of takes part once it is known", () => {
    const cluster = new ClusterState();
    cluster.placePod(new PodInfo(pod("p", { cpu: "1" })), "a");
    expect(cluster.nodes()).toEqual([]);
    cluster.setNode(node("a"));
    expect(cluster.node("a")?.requested.milliCpu).toBe(1000);
    cluster.removeNode("a");
    expect(cluster.nodes()).toEqual([]);
    cluster.removePod("pod-p");
    cluster.setNode(node("a"));
    expect(cluster.node("a")?.requested.milliCpu).toBe(0);
  });

  test("equal affinity terms of placed pods are one, and end with the last pod", () => {
    const cluster = new ClusterState();
    cluster.setNode(node("a"));
    for (const name of ["p", "q"]) cluster.placePod(new PodInfo(pod(name, { spec: antiAffinity })), "a");
    const [placed, ...others] = cluster.placedTerms("requiredAnti");
    expect(others).toEqual([]);
    expect(placed?.counts).toEqual(new Map([["a", 2]]));
    for (const name of ["p", "q"]) cluster.removePod(`pod-${name}`);
    expect(cluster.hasPlacedTerms("requiredAnti")).toBe(false);
  });

  test("knows on how many nodes an image is", () => {
    const cluster = new ClusterState();
    const images = [{ names: ["app:1", "app@sha256:1"], sizeBytes: 5 }];
    cluster.setNode(node("a", { images }));
    cluster.setNode(node("b", { images }));
    expect(cluster.imageNodes("app:1")).toBe(2);
    cluster.setNode(node("a", { images: [] }));
    cluster.removeNode("b");
    expect(cluster.imageNodes("app:1")).toBe(0);
  });

  test("a placed pod takes over a state in which nothing that scheduling asks for differs", () => {
    const cluster = new ClusterState();
    cluster.setNode(node("n1"));
    const before = pod("p", { labels: { app: "a" }, cpu: "100m" });
    const written = { ...before, status: { phase: "Running" } };
    cluster.placePod(new PodInfo(before), "n1", true);
    expect(cluster.refreshPod(written)).toBe(false);
    cluster.placePod(new PodInfo(before), "n1");
    expect(cluster.refreshPod(written)).toBe(true);
    expect([...(cluster.node("n1")?.pods.values() ?? [])].map((info) => info.pod)).toEqual([written]);
    const { metadata } = before;
    for (const changed of [
      { ...before, metadata: { ...metadata, labels: { app: "b" } } },
      { ...before, metadata: { ...metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } },
      { ...before, metadata: { ...metadata, uid: "another" } },
      { ...before, spec: { ...before.spec } },
    ]) {
      expect(cluster.refreshPod(changed)).toBe(false);
    }
  });
});
