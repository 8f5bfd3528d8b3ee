import { expect, test } from "vitest";
import { parseJq } from "./jq.ts";

const pod = {
  metadata: { name: "web", labels: { "a.b/c": "true" }, ownerReferences: [{ kind: "Job" }, { kind: "X" }] },
  status: {
    phase: "Running",
    conditions: [
      { type: "Ready", status: "True" },
      { type: "Other", status: "False" },
    ],
    containerStatuses: [{ restartCount: 2, state: { running: { startedAt: "t" } } }],
  },
};

test.each<[string, unknown[]]>([
  [".", [pod]],
  [".status.phase", ["Running"]],
  [".metadata.deletionTimestamp", [null]],
  ['.metadata.labels["a.b/c"]', ["true"]],
  ['.metadata.labels."a.b/c"', ["true"]],
  [".metadata.ownerReferences.[].kind", ["Job", "X"]],
  [".metadata.ownerReferences[1].kind", ["X"]],
  [".metadata.ownerReferences[-1].kind", ["X"]],
  ['.status.conditions.[] | select( .type == "Ready" ) | .status', ["True"]],
  ['.status.conditions[] | select(.type == "Ready" and .status != "True") | .type', []],
  ['.status.conditions | map(select(.type == "Other" or .type == "Ready")) | length', [2]],
  [".status.nothing.[] | .x", []],
  [".status.nothing[]?", []],
  ['.spec.x // "none"', ["none"]],
  ["[.status.conditions[].type]", [["Ready", "Other"]]],
  [".metadata.name, .status.phase", ["web", "Running"]],
  [".status.containerStatuses[0].restartCount >= 2", [true]],
  [".status.phase.deeper", []],
  ['.metadata | has("labels")', [true]],
  ["(.status.conditions | length) > 1 | not", [false]],
  ['"7" | tonumber', [7]],
  ["-1", [-1]],
  ["null", [null]],
])("%s", (text, expected) => {
  expect(parseJq(text)(pod)).toEqual(expected);
});

test.each([
  [".a | frobnicate", "frobnicate is not understood"],
  [".a[", "it ends too early"],
  ["select(.a", "it ends too early"],
  ['.a | test("x")', "test is not understood"],
  [".a & .b", "& .b is not understood"],
])("%s is refused", (text, why) => {
  expect(() => parseJq(text)).toThrow(why);
});
