import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resources } from "../../client/resources.ts";
import { boats } from "../testing/boats.ts";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";

let cluster: EmbeddedCluster;
beforeAll(async () => {
  cluster = await createCluster({ clock: "virtual", nodes: 0 });
}, 60_000);
afterAll(() => cluster.close());

/** As somebody would call it in JavaScript. */
const apply = async (...given: readonly unknown[]): Promise<unknown> =>
  await Reflect.apply(cluster.apply.bind(cluster), undefined, given);

const map = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });

const boat = { apiVersion: "example.dev/v1", kind: "Boat", metadata: { name: "junk" } };

describe("cluster.apply()", { timeout: 60_000 }, () => {
  it.each<[unknown, readonly string[]]>([
    [{ apiVersion: "v1", kind: "List", items: [map("a"), map("b")] }, ["a", "b"]],
    // As a server answers it: what they are is said of the list alone.
    [{ apiVersion: "v1", kind: "ConfigMapList", items: [{ metadata: { name: "c" } }] }, ["c"]],
    ["apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: d}}\n", ["d"]],
    [
      [map("e"), [map("f")]],
      ["e", "f"],
    ],
    ["", []],
    ["# nothing\n---\n", []],
  ])("takes %j", async (manifests, names) => {
    const applied = (await apply(manifests)) as { metadata: { name: string } }[];
    expect(applied.map(({ metadata }) => metadata.name)).toEqual(names);
  });

  it("takes what a client has listed", async () => {
    await apply(map("listed"));
    const maps = cluster.client.resource(resources.configmaps);
    const list = await maps.list({ namespace: "default", fieldSelector: "metadata.name=listed" });
    expect((await cluster.apply(list.items)).map(({ metadata }) => metadata.name)).toEqual(["listed"]);
  });

  it.each<[unknown, string | RegExp]>([
    ["./deploy.yaml", "'./deploy.yaml' is no manifest: manifests are given as text or as objects"],
    [{ apiVersion: "v1", metadata: { name: "a" } }, "a manifest does not say its kind: { apiVersion: 'v1'"],
    ["kind: ConfigMap\n", "a manifest does not say its apiVersion: { kind: 'ConfigMap' }"],
    [{ apiVersion: "v1", kind: "ConfigMap" }, "a ConfigMap without a name: apply needs metadata.name"],
    [{ ...map("a"), metadata: { generateName: "a-" } }, "a ConfigMap cannot be applied with generateName"],
    ["a: [\n", /^error parsing the manifests: yaml: line /],
    [undefined, "a manifest is text or an object, not undefined"],
    [null, "a manifest is text or an object, not null"],
    [
      { ...map("a"), kind: "ConfigMaps" },
      'serves no kind "ConfigMaps" in version "v1". Did you mean "ConfigMap"?',
    ],
    [{ ...map("a"), kind: "Deployment" }, 'no kind "Deployment" in version "v1". It serves it in apps/v1.'],
    [[boat, boats], /no kind "Boat" .* Its definition comes after it in the manifests/],
  ])("refuses %j by name", async (manifests, message) => {
    await expect(apply(manifests)).rejects.toThrow(message);
  });

  it.each<[unknown, string]>([
    [{ ns: "a" }, '"ns" is nothing that apply may say; there are namespace, fieldManager, force.'],
    [{ namespace: 3 }, "namespace: 3 is no text"],
    ["a", 'apply: "a" is no object'],
  ])("refuses the options %j by name", async (options, message) => {
    await expect(apply([], options)).rejects.toThrow(message);
  });

  it("takes a definition with its objects after it", async () => {
    expect((await cluster.apply([boats, boat])).map(({ kind }) => kind)).toEqual([
      "CustomResourceDefinition",
      "Boat",
    ]);
  });
});
