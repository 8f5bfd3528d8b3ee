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
  [".status.containerStatuses[0].restartCount + 1 > 2", [true]],
  ["1 + 2 * 3 - 4", [3]],
  ["7 % 4, 8 / 2", [3, 4]],
  ["1 / 0", []],
  ['.metadata.name + "-" + .status.phase', ["web-Running"]],
  ['.metadata.name | startswith("w"), endswith("x"), test("^[a-z]+$")', [true, false, true]],
  ['.status.conditions | map(.type) | contains(["Rea"])', [true]],
  ['.status.conditions | map(.type) | join(",")', ["Ready,Other"]],
  ['if .status.phase == "Pending" then 1 elif .status.phase == "Running" then 2 else 3 end', [2]],
  ["if .spec then 1 end | type", ["object"]],
  ['.metadata.labels | to_entries[] | select(.value == "true") | .key', ["a.b/c"]],
  ["[1, 2, 3] - [2] | add", [4]],
  ["first(.status.conditions[].type)", ["Ready"]],
])("%s", (text, expected) => {
  expect(parseJq(text)(pod)).toEqual(expected);
});

test.each([
  [".a | frobnicate", "frobnicate is not understood"],
  [".a[", "it ends too early"],
  ["select(.a", "it ends too early"],
  [".a as $x | $x", "$x | $x is not understood"],
  [".a = 1", "= 1 is not understood"],
  ["if .a then 1", "it ends too early"],
  [".a | constructor", "constructor is not understood"],
  [".a & .b", "& .b is not understood"],
])("%s is refused", (text, why) => {
  expect(() => parseJq(text)).toThrow(why);
});
