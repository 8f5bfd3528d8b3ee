import { test as base } from "sampan/vitest";
import { expect } from "vitest";
import { web } from "./workload.ts";

const test = base.extend({ clusterOptions: { clock: "virtual", nodes: 2 } });

test("the fixture", async ({ cluster }) => {
  await cluster.apply(web);
  await cluster.until(async () => (await cluster.get("deployment", "web")).status?.["readyReplicas"] === 3);
  expect(await cluster.list("pods")).toHaveLength(3);
});

test("a failure", async ({ cluster }) => {
  await cluster.apply({ ...web, metadata: { name: "failing" } });
  expect(await cluster.list("deployments")).toHaveLength(2);
});
