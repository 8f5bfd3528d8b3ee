import { describe, expect, it } from "vitest";
import type { DaemonSet } from "../../api/types/apps-v1.ts";
import type { Node, PodSpec } from "../../api/types/core-v1.ts";
import { daemonTolerationsOf, fitOf, nodeNameOf, tieToNode } from "./fit.ts";

const daemonSet = (spec: Partial<PodSpec>): DaemonSet => ({
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata: { name: "d" },
  spec: { selector: {}, template: { spec: { containers: [], ...spec } } },
});

const node = (extra: Partial<Node["spec"]> = {}): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "n1", labels: { disk: "ssd" } },
  spec: extra,
});

const required = (terms: object[]): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } },
  },
});
const taint = (effect: string, key = "team", value = "a") => node({ taints: [{ key, value, effect }] });
const toleration = { key: "team", operator: "Equal", value: "a", effect: "NoSchedule" };

describe("fitOf()", () => {
  it.each<[string, Partial<PodSpec>, Node, boolean, boolean]>([
    ["a plain node", {}, node(), true, true],
    ["another node's name", { nodeName: "n2" }, node(), false, false],
    ["a matching node selector", { nodeSelector: { disk: "ssd" } }, node(), true, true],
    ["another node selector", { nodeSelector: { disk: "hdd" } }, node(), false, false],
    [
      "a matching affinity",
      required([{ matchExpressions: [{ key: "disk", operator: "In", values: ["ssd"] }] }]),
      node(),
      true,
      true,
    ],
    [
      "one of several terms",
      required([
        { matchFields: [{ key: "metadata.name", operator: "In", values: ["n2"] }] },
        { matchFields: [{ key: "metadata.name", operator: "NotIn", values: ["n2"] }] },
      ]),
      node(),
      true,
      true,
    ],
    ["an empty term", required([{}]), node(), false, false],
    ["NoSchedule: what is there may stay", {}, taint("NoSchedule"), false, true],
    ["NoExecute: nothing may stay", {}, taint("NoExecute"), false, false],
    ["PreferNoSchedule", {}, taint("PreferNoSchedule"), true, true],
    ["a tolerated taint", { tolerations: [toleration] }, taint("NoSchedule"), true, true],
    [
      "a toleration of another value",
      { tolerations: [toleration] },
      taint("NoSchedule", "team", "b"),
      false,
      true,
    ],
    ["a toleration of everything", { tolerations: [{ operator: "Exists" }] }, taint("NoExecute"), true, true],
    ["a node that is cordoned", {}, taint("NoSchedule", "node.kubernetes.io/unschedulable", ""), true, true],
    ["a node that is not ready", {}, taint("NoExecute", "node.kubernetes.io/not-ready", ""), true, true],
    [
      "a node without network",
      {},
      taint("NoSchedule", "node.kubernetes.io/network-unavailable", ""),
      false,
      true,
    ],
    [
      "a node without network, for the host's network",
      { hostNetwork: true },
      taint("NoSchedule", "node.kubernetes.io/network-unavailable", ""),
      true,
      true,
    ],
  ])("%s", (_, spec, target, shouldRun, mayStay) => {
    expect(fitOf(daemonSet(spec), target)).toEqual({ shouldRun, mayStay });
  });
});

it("daemonTolerationsOf() adds each toleration once", () => {
  const given = { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" };
  expect(daemonTolerationsOf({ containers: [], tolerations: [given] })).toHaveLength(6);
  expect(daemonTolerationsOf({ containers: [], hostNetwork: true })).toHaveLength(7);
});

it("tieToNode() replaces what was required of the node and keeps other affinities", () => {
  const spec: PodSpec = { containers: [], ...required([{}]) };
  spec.affinity = { ...spec.affinity, podAntiAffinity: {} };
  tieToNode(spec, "n7");
  expect(spec.affinity).toEqual({
    podAntiAffinity: {},
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["n7"] }] }],
      },
    },
  });
  const pod = { apiVersion: "v1", kind: "Pod", metadata: {}, spec } as const;
  expect(nodeNameOf(pod)).toBe("n7");
  expect(nodeNameOf({ ...pod, spec: { ...spec, nodeName: "n8" } })).toBe("n8");
  expect(nodeNameOf({ ...pod, spec: { containers: [] } })).toBeUndefined();
});
