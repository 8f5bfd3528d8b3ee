import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { type Random, SeededRandom } from "../apimachinery/random.ts";
import { chooseStage, readStage, type StageObject } from "./stage.ts";

const world = {
  nowMs: () => Date.UTC(2026, 0, 1),
  startedMs: 0,
  nodeIp: (node: string) => `ip of ${node}`,
  podIp: ({ node, hostNetwork }: { node: string; hostNetwork: boolean }) =>
    hostNetwork ? "host" : `on ${node}`,
};

const stageOf = (spec: object, name = "s") => {
  const object: StageObject = {
    apiVersion: "kwok.x-k8s.io/v1alpha1",
    kind: "Stage",
    metadata: { name },
    spec: { resourceRef: { apiGroup: "v1", kind: "Pod" }, selector: {}, next: {}, ...spec },
  };
  return readStage(object, world);
};

const pod = (extra: object = {}, metadata: object = {}): KubernetesObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "default", ...metadata },
  ...extra,
});

const chance = (value: number): Random => Object.assign(new SeededRandom(1), { next: () => value });

describe("a Stage matches", () => {
  const running = pod({ status: { phase: "Running" } }, { labels: { app: "web" }, annotations: { a: "1" } });
  test.each<[object | undefined, boolean]>([
    [{}, true],
    [undefined, false],
    [{ matchLabels: { app: "web" } }, true],
    [{ matchLabels: { app: "db" } }, false],
    [{ matchAnnotations: { a: "1" } }, true],
    [{ matchExpressions: [{ key: ".status.phase", operator: "In", values: ["Running"] }] }, true],
    [{ matchExpressions: [{ key: ".status.phase", operator: "NotIn", values: ["Running"] }] }, false],
    [{ matchExpressions: [{ key: ".metadata.deletionTimestamp", operator: "DoesNotExist" }] }, true],
    [{ matchExpressions: [{ key: ".status.phase", operator: "Exists" }] }, true],
    [{ matchExpressions: [{ jq: { key: ".status.phase", operator: "Exists" } }] }, true],
    [{ matchExpressions: [{ expression: "self.status.phase == 'Running'" }] }, true],
    [{ matchExpressions: [{ cel: { expression: "self.metadata.name == 'db'" } }] }, false],
  ])("by %j: %j", (selector, matches) => {
    expect(stageOf({ selector }).matches(running)).toBe(matches);
  });
});

describe("a delay", () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const from = (annotation: string) => ({ expressionFrom: `.metadata.annotations["${annotation}"]` });
  test.each<[object, object, number]>([
    [{}, {}, 0],
    [{ durationMilliseconds: 500 }, {}, 500],
    [{ durationMilliseconds: 1000, jitterDurationMilliseconds: 3000 }, {}, 2000],
    [{ durationMilliseconds: 1000, jitterDurationMilliseconds: 400 }, {}, 400],
    [{ durationMilliseconds: 1000, durationFrom: from("d") }, {}, 1000],
    [{ durationMilliseconds: 1000, durationFrom: from("d") }, { d: "5s" }, 5000],
    [{ durationFrom: from("d") }, { d: "2026-01-01T00:00:07Z" }, 7000],
    [{ durationFrom: from("d") }, { d: "2025-01-01T00:00:00Z" }, 0],
    [{ durationMilliseconds: 1000, durationFrom: from("d") }, { d: "soon" }, 0],
    [{ durationFrom: { jq: { expression: ".metadata.annotations.d" } } }, { d: "1m" }, 60_000],
  ])("%j with annotations %j is %j ms", (delay, annotations, ms) => {
    expect(stageOf({ delay }).delayMs(pod({}, { annotations }), nowMs, chance(0.5))).toBe(ms);
  });
});

test.each<[[number | undefined, string?][], number, string]>([
  [[[1], [3]], 0.2, "s0"],
  [[[1], [3]], 0.3, "s1"],
  [[[0], [5]], 0, "s1"],
  [[[0], [0]], 0.9, "s1"],
  [[[0, "no number"], [0]], 0, "s1"],
  [[[0, "10"], [0]], 0.99, "s0"],
])("of weights %j chance %j chooses %s", (weights, value, name) => {
  const stages = weights.map(([weight, text], at) =>
    stageOf({ weight, ...(text !== undefined && { weightFrom: { expressionFrom: `"${text}"` } }) }, `s${at}`),
  );
  expect(chooseStage(stages, pod(), chance(value))?.name).toBe(name);
});

test("templates know the cluster and the functions of kwok", () => {
  const statusTemplate = `
    startTime: {{ Now | Quote }}
    hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
    podIP: {{ PodIPWith .spec.nodeName ( or .spec.hostNetwork false ) "u" .metadata.name "ns" | Quote }}
    count: {{ add1 ( or .status.count 0 ) }}
    {{ with .spec.resources }}
    resources:
    {{ YAML . 3 }}
    {{ end }}
    {{ range NodeConditions }}{{ if eq .type "Ready" }}reason: {{ .reason }}{{ end }}{{ end }}
  `;
  const [step] = stageOf({ next: { statusTemplate } }).steps;
  const object = pod({ spec: { nodeName: "n1", resources: { cpu: "1" } } });
  expect(step?.kind === "patch" && step.template(object).replaceAll(/\n\s*\n+/g, "\n")).toBe(`
    startTime: "2026-01-01T00:00:00.000000Z"
    hostIP: "ip of n1"
    podIP: "on n1"
    count: 1
    resources:
      cpu: "1"
    reason: KubeletReady
  `);
});

test.each<[object, string]>([
  [{ resourceRef: {} }, "spec.resourceRef.kind is missing"],
  [
    { next: { statusTemplate: "{{ env }}" } },
    'spec.next.statusTemplate.template: template: stage:1: function "env"',
  ],
  [{ next: { statusPatchAs: { username: "x" } } }, "spec.next.statusPatchAs is not supported"],
  [{ next: { patches: [{ impersonation: {} }] } }, "spec.next.patches[0].impersonation is not supported"],
  [{ next: { patches: [{ type: "apply" }] } }, 'spec.next.patches[0].type: "apply" is not supported'],
  [{ next: { exec: true } }, "spec.next.exec is not supported"],
  [{ selector: { matchExpressions: [{ key: ".a | foo", operator: "Exists" }] } }, "foo is not understood"],
  [{ selector: { matchExpressions: [{ key: ".a", operator: "Gt" }] } }, 'operator "Gt" is not supported'],
  [{ selector: { matchFields: {} } }, "spec.selector.matchFields is not supported"],
  [{ selector: { matchExpressions: [{ expression: "self." }] } }, "spec.selector.matchExpressions[0]: "],
  [{ weightFrom: { cel: {} } }, "spec.weightFrom.cel is not supported"],
])("%j is refused by name", (spec, why) => {
  expect(() => stageOf(spec)).toThrow(why);
});

test("steps of both forms are the same", () => {
  const event = { type: "Warning", reason: "R", message: "m" };
  const finalizers = { add: [{ value: "a" }], remove: [{ value: "b" }] };
  const patch = { root: "status", subresource: "status", template: "phase: Running" };
  const next = stageOf({ next: { event, finalizers, patches: [patch] } }).steps;
  const steps = stageOf({ next: undefined, steps: [{ event }, { finalizers }, { patch }] }).steps;
  expect(JSON.stringify(steps)).toBe(JSON.stringify(next));
  expect(next.map(({ kind }) => kind)).toEqual(["event", "finalizers", "patch"]);
  expect(stageOf({ next: { delete: true, statusTemplate: "a: 1" } }).steps).toEqual([{ kind: "delete" }]);
});
