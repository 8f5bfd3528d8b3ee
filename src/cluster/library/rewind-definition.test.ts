import { expect, it } from "vitest";
import { boats } from "../testing/boats.ts";
import { createCluster } from "./create-cluster.ts";

const boat = (name: string) => ({
  apiVersion: "example.dev/v1",
  kind: "Boat",
  metadata: { name },
  spec: { masts: 2 },
});

it("a definition that was deleted comes back with its objects, at once and as they were", {
  timeout: 120_000,
}, async () => {
  await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0 });
  await cluster.apply([boats, boat("junk")]);
  const to = await cluster.revision();
  await cluster.apply(boat("later"));
  await cluster.delete("crd", "boats.example.dev");
  await cluster.until(async () => (await cluster.list("crd")).length === 0);
  await cluster.clock.advance("1m");

  // What is gone is known by its full name.
  expect((await cluster.history("boats.example.dev/junk")).map(({ change }) => change)).toEqual([
    "created",
    "deleted",
  ]);
  await expect(cluster.history("boat/junk")).rejects.toThrow('serves no resource "boat"');

  const wanted = [
    { resource: "customresourcedefinitions", name: "boats.example.dev", outcome: "created" },
    { resource: "boats", name: "later", outcome: "unchanged" },
    { resource: "boats", name: "junk", outcome: "created" },
  ];
  expect(await cluster.rewind({ to, dryRun: true })).toMatchObject([
    ...wanted.slice(0, 2),
    { ...wanted[2], why: "not checked, since its definition is not there yet" },
  ]);
  expect(await cluster.list("crd")).toEqual([]);
  expect(await cluster.rewind({ to })).toMatchObject(wanted);
  expect(await cluster.get("boat", "junk")).toMatchObject({ spec: { masts: 2 } });
});
