import { expect, it } from "vitest";
import { builtinScheme } from "../../api/builtin-scheme.ts";
import type { AggregatedVersion } from "./aggregation.ts";
import { inOrder } from "./order.ts";
import { builtinPriority } from "./priorities.ts";

const version = (name: string, groupPriorityMinimum: number, versionPriority: number): AggregatedVersion => {
  const [group = "", text = ""] = name.split("/");
  return { group, version: text, groupPriorityMinimum, versionPriority, remote: undefined };
};
const sorted = (versions: readonly AggregatedVersion[]): string[] =>
  inOrder(versions).map(({ group, version: text }) => `${group}/${text}`);

it.each([
  ["groups by their priority", [version("a/v1", 1, 1), version("b/v1", 2, 1)], ["b/v1", "a/v1"]],
  [
    "groups of equal priority by the names of their APIServices",
    [version("b/v1", 1, 1), version("a/v2", 1, 1), version("c/v1alpha1", 1, 1)],
    ["b/v1", "c/v1alpha1", "a/v2"],
  ],
  [
    "a group by its best version",
    [version("a/v1", 5, 1), version("b/v1", 9, 1), version("a/v2", 10, 1)],
    ["a/v2", "a/v1", "b/v1"],
  ],
  ["versions by their priority", [version("a/v2", 1, 1), version("a/v1", 1, 2)], ["a/v1", "a/v2"]],
  [
    "versions of equal priority as Kubernetes orders them",
    [version("a/v1beta1", 1, 1), version("a/v1", 1, 1), version("a/v2", 1, 1)],
    ["a/v2", "a/v1", "a/v1beta1"],
  ],
  [
    "the core API and the group of APIServices before all",
    [version("a/v1", 20_000, 1), version("apiregistration.k8s.io/v1", 1, 1), version("/v1", 1, 1)],
    ["/v1", "apiregistration.k8s.io/v1", "a/v1"],
  ],
])("%s", (_what, given, expected) => {
  expect(sorted(given)).toEqual(expected);
});

it("the priorities of what is built in are those of its order", () => {
  const served = builtinScheme({ betas: true }).groupVersions();
  const versions = served.map((each): AggregatedVersion => {
    const priority = builtinPriority(each);
    expect([each, priority]).not.toEqual([each, undefined]);
    const { group = 0, version: own = 0 } = priority ?? {};
    return { ...each, groupPriorityMinimum: group, versionPriority: own, remote: undefined };
  });
  expect(sorted(versions)).toEqual(served.map(({ group, version: text }) => `${group}/${text}`));
});
