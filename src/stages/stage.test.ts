import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { type Random, SeededRandom } from "../apimachinery/random.ts";
import { chooseStage, possibleStages, readStage, type StageObject } from "./stage.ts";
import type { Move } from "./steps.ts";
import { delayWithin } from "./timing.ts";

const world = {
  nowMs: () => Date.UTC(2026, 0, 1),
  startedMs: 0,
  random: new SeededRandom(1),
  version: "v0",
  nodePort: 0,
  nodeIps: (node: string) => [`ip of ${node}`, "::1"],
  podIps: ({ node, hostNetwork }: { node: string; hostNetwork: boolean }) =>
    hostNetwork ? ["host"] : [`on ${node}`, "::2"],
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

/** What a Stage does to an object. */
const movesOf = (spec: object, object: KubernetesObject): Move[] =>
  stageOf(spec).steps.flatMap((step) => step(object) ?? []);

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
    [{ matchExpressions: [{ cel: { expression: "self.status.phase == 'Running'" } }] }, true],
    [{ matchExpressions: [{ cel: { expression: "self.metadata.name == 'db'" } }] }, false],
  ])("by %j: %j", (selector, matches) => {
    expect(stageOf({ selector }).matches(running)).toBe(matches);
  });
});

describe("a delay", () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const from = (annotation: string) => ({ expressionFrom: `.metadata.annotations["${annotation}"]` });
  const cel = (expression: string) => ({ cel: { expression } });
  test.each<[object | undefined, object, readonly number[] | undefined]>([
    [undefined, {}, undefined],
    [{}, {}, [0]],
    [{ durationMilliseconds: 500 }, {}, [500]],
    [{ durationMilliseconds: 1000, jitterDurationMilliseconds: 3000 }, {}, [1000, 3000]],
    [{ durationMilliseconds: 1000, jitterDurationMilliseconds: 400 }, {}, [400]],
    [{ jitterDurationMilliseconds: 400 }, {}, [0, 400]],
    [{ durationMilliseconds: 1000, durationFrom: from("d") }, {}, [1000]],
    [{ durationMilliseconds: 1000, durationFrom: from("d") }, { d: "5s" }, [5000]],
    [{ durationMilliseconds: 1000, durationFrom: from("d") }, { d: "" }, undefined],
    [{ durationMilliseconds: 1000, durationFrom: from("d") }, { d: "soon" }, [1000]],
    [{ durationFrom: from("d") }, { d: "2026-01-01T00:00:07Z" }, [7000]],
    [{ durationFrom: from("d") }, { d: "2025-12-31T23:59:59Z" }, [-1000]],
    [{ durationFrom: { jq: { expression: ".metadata.annotations.d" } } }, { d: "1m" }, [60_000]],
    [{ durationFrom: cel("'2m'") }, {}, [120_000]],
    [{ durationFrom: cel("duration('90s')") }, {}, [90_000]],
    [{ durationFrom: cel("1000000000") }, {}, [1000]],
    [{ durationMilliseconds: 1000, jitterDurationFrom: from("d") }, { d: "5s" }, [1000, 5000]],
  ])("%j with annotations %j lies within %j ms", (delay, annotations, range) => {
    expect(stageOf({ delay }).delayRange(pod({}, { annotations }), nowMs)).toEqual(range);
  });

  test("is a moment within its range, and never before now", () => {
    expect(delayWithin([1000, 3000], chance(0.5))).toBe(2000);
    expect(delayWithin([-1000], chance(0.5))).toBe(0);
    expect(delayWithin(undefined, chance(0.5))).toBe(0);
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
    hostIPs:
    {{ range NodeIPsWith .spec.nodeName }}
    - {{ . | Quote }}
    {{ end }}
    podIPs:
    {{ range PodIPsWith .spec.nodeName false "u" .metadata.name "ns" }}
    - {{ . | Quote }}
    {{ end }}
    count: {{ add1 ( or .status.count 0 ) }}
    {{ with .spec.resources }}
    resources:
    {{ YAML . 3 }}
    {{ end }}
    {{ range NodeConditions }}{{ if eq .type "Ready" }}reason: {{ .reason }}{{ end }}{{ end }}
  `;
  const object = pod({ spec: { nodeName: "n1", resources: { cpu: "1" } } });
  expect(movesOf({ next: { statusTemplate } }, object)).toEqual([
    {
      kind: "patch",
      type: "strategic",
      subresource: "status",
      asUser: "",
      body: {
        status: {
          startTime: "2026-01-01T00:00:00.000000Z",
          hostIP: "ip of n1",
          hostIPs: ["ip of n1", "::1"],
          podIP: "on n1",
          podIPs: ["on n1", "::2"],
          count: 1,
          resources: { cpu: "1" },
          reason: "KubeletReady",
        },
      },
    },
  ]);
});

test.each<[object, string]>([
  [{ resourceRef: {} }, "spec.resourceRef.kind is missing"],
  [
    { next: { statusTemplate: "{{ env }}" } },
    'spec.next.statusTemplate.template: template: stage:1: function "env"',
  ],
  [{ steps: [{ apply: { type: "json" } }] }, 'spec.steps[0].apply.type: "json" is not supported'],
  [{ steps: [{ exec: {} }] }, "spec.steps[0].exec is not supported"],
  [{ next: { patches: [{ type: "apply" }] } }, 'spec.next.patches[0].type: "apply" is not supported'],
  [{ next: { exec: true } }, "spec.next.exec is not supported"],
  [{ selector: { matchExpressions: [{ key: ".a | foo", operator: "Exists" }] } }, "foo is not understood"],
  [{ selector: { matchExpressions: [{ key: ".a", operator: "Gt" }] } }, 'operator "Gt" is not supported'],
  [{ selector: { matchFields: {} } }, "spec.selector.matchFields is not supported"],
  [
    { selector: { matchExpressions: [{ cel: { expression: "self." } }] } },
    "spec.selector.matchExpressions[0]: ",
  ],
  [{ selector: { matchExpressions: [{}] } }, "spec.selector.matchExpressions[0] has neither jq nor cel"],
  [{ selector: { matchExpressions: [{ key: ".a", operator: "In" }] } }, "In takes values"],
  [
    { selector: { matchExpressions: [{ key: ".a", operator: "Exists", values: ["b"] }] } },
    "Exists takes no values",
  ],
  [{ weightFrom: { xpath: {} } }, "spec.weightFrom.xpath is not supported"],
  [{ delay: { seconds: 1 } }, "spec.delay.seconds is not supported"],
])("%j is refused by name", (spec, why) => {
  expect(() => stageOf(spec)).toThrow(why);
});

test("steps of both forms are the same", () => {
  const event = { type: "Warning", reason: "R", message: "m {{ . }}" };
  const finalizers = { add: [{ value: "a" }], remove: [{ value: "b" }] };
  const patch = { root: "status", subresource: "status", template: "phase: Running" };
  const next = movesOf({ next: { event, finalizers, patches: [patch] } }, pod());
  const steps = movesOf({ steps: [{ event }, { finalizers }, { patch }] }, pod());
  expect(steps).toEqual(next);
  expect(next.map(({ kind }) => kind)).toEqual(["event", "patch", "patch"]);
  expect(next[0]).toEqual({ kind: "event", ...event });
});

test("patches go before a status, and of what is deleted only events are left", () => {
  const [patch, event] = [{ template: "a: 1" }, { type: "Normal", reason: "R", message: "m" }];
  const kinds = (spec: object) => movesOf(spec, pod()).map(({ kind }) => kind);
  expect(movesOf({ next: { patches: [patch], statusTemplate: "b: 1" } }, pod())).toMatchObject([
    { kind: "patch", body: { a: 1 } },
  ]);
  expect(kinds({ next: { delete: true, statusTemplate: "a: 1" } })).toEqual(["patch", "delete"]);
  expect(kinds({ steps: [{ delete: true, patch }, { patch }, { event }] })).toEqual(["delete", "event"]);
});

test.each<[object, string[] | undefined, object[] | undefined]>([
  [{ empty: true }, undefined, undefined],
  [{ empty: true }, ["a"], [{ op: "remove" }]],
  [{ empty: true, add: [{ value: "b" }] }, ["a"], [{ op: "add", value: ["b"] }]],
  [{ add: [{ value: "a" }] }, ["a"], undefined],
  [{ add: [{ value: "a" }] }, undefined, [{ op: "add", value: ["a"] }]],
  [{ remove: [{ value: "a" }] }, ["a"], [{ op: "remove" }]],
  [{ remove: [{ value: "a" }, { value: "x" }] }, ["a", "b"], [{ op: "add", value: ["b"] }]],
])("finalizers %j of an object with %j change by %j", (finalizers, before, change) => {
  const path = "/metadata/finalizers";
  const asSeen = before === undefined ? [] : [{ op: "test", path, value: before }];
  const [move] = movesOf({ next: { finalizers } }, pod({}, before && { finalizers: before }));
  const body = change?.map((operation) => ({ path, ...operation }));
  expect(move).toEqual(
    body && { kind: "patch", type: "json", subresource: "", asUser: "", body: [...asSeen, ...body] },
  );
});

test("steps may be done in the name of a user, and on objects of their own", () => {
  const template = `
    apiVersion: v1
    kind: ConfigMap
    metadata: { name: {{ .metadata.name }}-copy }`;
  const impersonation = { username: "jane" };
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "web-copy" } };
  expect(
    movesOf(
      {
        steps: [
          { patch: { template: "a: 1", type: "merge", impersonation } },
          { apply: { template, type: "strategic", impersonation } },
          { apply: { template, subresource: "status" } },
        ],
      },
      pod(),
    ),
  ).toEqual([
    { kind: "patch", type: "merge", subresource: "", asUser: "jane", body: { a: 1 } },
    { kind: "apply", type: "strategic", subresource: "", asUser: "jane", body },
    { kind: "apply", type: "apply", subresource: "status", asUser: "", body },
  ]);
  expect(movesOf({ next: { statusTemplate: "a: 1", statusPatchAs: impersonation } }, pod())).toMatchObject([
    { asUser: "jane", subresource: "status" },
  ]);
});

test("an object that a selector cannot be judged for goes through no Stage", () => {
  const cel = (expression: string) => ({ selector: { matchExpressions: [{ cel: { expression } }] } });
  const [any, odd] = [stageOf({}), stageOf(cel("self.spec.claim.name == 'x'"))];
  expect(possibleStages([any], pod()).length).toBe(1);
  expect(possibleStages([any, odd], pod())).toEqual([]);
});
