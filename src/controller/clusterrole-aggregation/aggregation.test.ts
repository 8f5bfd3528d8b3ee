import { expect, test } from "vitest";
import type { ClusterRole } from "../../api/types/rbac-v1.ts";
import { bootstrapPolicy } from "../../apiserver/authorization/bootstrap-policy.ts";
import { resources } from "../../client/resources.ts";
import { runControllers } from "../testing/run-controllers.ts";
import { aggregatedRules } from "./aggregate.ts";
import { clusterRoleAggregationController } from "./index.ts";

function role(
  name: string,
  verb: string,
  labels: Record<string, string> = {},
  aggregates?: string,
): ClusterRole {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name, labels },
    rules: verb === "" ? [] : [{ apiGroups: [""], resources: ["pods"], verbs: [verb] }],
    ...(aggregates === undefined
      ? {}
      : { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: aggregates } }] } }),
  };
}

const verbsOf = (target: ClusterRole | undefined): string[] =>
  (target?.rules ?? []).flatMap(({ verbs }) => verbs);

test("rules are those of the matching roles, by name, each once, never the role's own", () => {
  const target = role("all", "own", { to: "all" }, "all");
  const parts = [
    role("z", "get", { to: "all" }),
    role("a", "list", { to: "all" }),
    role("b", "get", { to: "all" }),
    role("c", "watch"),
  ];
  expect(aggregatedRules(target, [target, ...parts]).flatMap(({ verbs }) => verbs)).toEqual(["list", "get"]);
});

test("the bootstrap policy is complete: the controller finds nothing to do", () => {
  const { clusterRoles } = bootstrapPolicy();
  const aggregated = clusterRoles.filter(({ aggregationRule }) => aggregationRule !== undefined);
  expect(aggregated).toHaveLength(3);
  for (const each of aggregated) expect(aggregatedRules(each, clusterRoles)).toEqual(each.rules);
});

test("a new part reaches every role that it is part of, directly or not", async () => {
  const run = runControllers([clusterRoleAggregationController]);
  run.transport.seed(role("admin", "", {}, "admin"), role("edit", "", { to: "admin" }, "edit"));
  await run.settle();
  await run.client.resource(resources.clusterroles).create(role("crontabs", "get", { to: "edit" }));
  await run.settle();
  const read = (name: string): Promise<ClusterRole> => run.client.resource(resources.clusterroles).get(name);
  expect(verbsOf(await read("edit"))).toEqual(["get"]);
  expect(verbsOf(await read("admin"))).toEqual(["get"]);
  await run.client.resource(resources.clusterroles).delete("crontabs");
  await run.settle();
  expect(verbsOf(await read("admin"))).toEqual([]);
  await run.stop();
});
