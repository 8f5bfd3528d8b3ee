import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { TestApi } from "../testing/api.ts";
import { type HttpsFixture, listenForTest } from "../testing/https.ts";
import { startTestServer } from "../testing/test-server.ts";
import { cronTabs, definitionOf, definitionsPath, established } from "./testing/definitions.ts";

const version = "/apis/stable.example.com/v1";
const objects = `${version}/namespaces/default/crontabs`;
let https: HttpsFixture;

// What clients see of custom resources where it differs from built-in ones, as kube-apiserver 1.36.1 has it.
beforeAll(async () => {
  const clock = new RealClock();
  const { server, transport } = await startTestServer({ clock });
  const api = new TestApi(transport);
  https = await listenForTest(server, clock.now());
  await api.post("/api/v1/namespaces", { metadata: { name: "default" } });
  await api.post(definitionsPath, cronTabs());
  await api.post(definitionsPath, definitionOf({ type: "object" }));
  await established(api, "crontabs.stable.example.com");
  await established(api, "things.example.com");
  for (const name of ["a", "b"]) {
    const spec = { cronSpec: "*" };
    await api.post(objects, {
      apiVersion: "stable.example.com/v1",
      kind: "CronTab",
      metadata: { name },
      spec,
    });
  }
});

afterAll(() => https.close());

interface List {
  readonly metadata: { readonly continue?: string; readonly remainingItemCount?: number };
  readonly items: readonly { readonly apiVersion?: string; readonly kind?: string }[];
}

describe("a list of custom resources", () => {
  const item = { apiVersion: "stable.example.com/v1", kind: "CronTab" };
  test.each(["", "?pretty=true"])(
    "%s names the kind of each item, and says that there is no more",
    async (query) => {
      const { metadata, items } = (await https.request(objects + query)).json<List>();
      expect(items).toMatchObject([item, item]);
      expect(metadata.continue).toBe("");
    },
  );

  test("is so in YAML, too", async () => {
    const { text } = await https.request(objects, { headers: { accept: "application/yaml" } });
    expect(text.match(/^(?:- | {2})kind: CronTab$/gm)).toHaveLength(2);
    expect(text).toContain('continue: ""');
  });

  test("says where it goes on, if it does", async () => {
    const { metadata, items } = (await https.request(`${objects}?limit=1`)).json<List>();
    expect([items.length, metadata.remainingItemCount]).toEqual([1, 1]);
    expect(metadata.continue).not.toBe("");
  });

  test("of their metadata is like others", async () => {
    const accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    const { metadata } = (await https.request(objects, { headers: { accept } })).json<List>();
    expect(metadata).not.toHaveProperty("continue");
  });
});

describe("a path of custom resources", () => {
  test.each([
    ["GET", `${version}/namespaces/default/nothing`],
    ["DELETE", `${version}/namespaces/default/nothing/x`],
    ["GET", "/apis/stable.example.com/v9/namespaces/default/crontabs"],
    ["GET", `${version}/crontabs/a`],
    ["POST", `${version}/crontabs`],
    ["GET", "/apis/example.com/v1/namespaces/default/things"],
    ["GET", `${version}/namespaces/default/`],
  ])("%s %s leads nowhere", async (method, path) => {
    const { status, text, headers } = await https.request(path, { method });
    expect([status, text, headers["content-type"]]).toEqual([
      404,
      "404 page not found\n",
      "text/plain; charset=utf-8",
    ]);
  });

  test.each<[string, string, number, string]>([
    ["GET", `${objects}/nobody`, 404, 'crontabs.stable.example.com "nobody" not found'],
    ["GET", `${objects}/a/nothing`, 404, 'crontabs.stable.example.com "a" not found'],
    [
      "POST",
      `${objects}/a/status`,
      405,
      'create is not supported on resources of kind "crontabs.stable.example.com"',
    ],
    [
      "DELETE",
      `${objects}/a/scale`,
      405,
      'delete is not supported on resources of kind "crontabs.stable.example.com"',
    ],
    ["PUT", objects, 400, "name must be provided"],
    ["PATCH", objects, 400, "name must be provided"],
  ])("%s %s is refused by its handler", async (method, path, code, message) => {
    const response = await https.request(path, { method });
    expect(response.json()).toMatchObject({ kind: "Status", code, message });
  });

  test("lists those of all namespaces, without one", async () => {
    expect((await https.request(`${version}/crontabs`)).json<List>().items).toHaveLength(2);
  });
});

test("aggregated discovery names group and version of their kind, as it does of no built-in one", async () => {
  const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  const { items } = (await https.request("/apis", { headers: { accept } })).json<{
    items: { metadata: { name: string }; versions: { resources: Discovered[] }[] }[];
  }>();
  interface Discovered {
    readonly responseKind: object;
    readonly subresources?: readonly { readonly subresource: string; readonly responseKind: object }[];
  }
  const first = (group: string): Discovered | undefined =>
    items.find(({ metadata }) => metadata.name === group)?.versions[0]?.resources[0];
  const cronTab = { group: "stable.example.com", version: "v1", kind: "CronTab" };
  expect(first("stable.example.com")).toMatchObject({
    responseKind: cronTab,
    subresources: [
      { subresource: "status", responseKind: cronTab },
      { subresource: "scale", responseKind: { group: "autoscaling", version: "v1", kind: "Scale" } },
    ],
  });
  expect(first("apps")?.responseKind).toMatchObject({ group: "", version: "" });
});
