import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HttpsFixture, serveForTest } from "../testing/https.ts";
import { cronTabs, definitionOf, definitionsPath, established } from "./testing/definitions.ts";

const version = "/apis/stable.example.com/v1";
const objects = `${version}/namespaces/default/crontabs`;
let https: HttpsFixture;

// What clients see of custom resources where it differs from built-in ones, as kube-apiserver 1.36.1 has it.
beforeAll(async () => {
  const served = await serveForTest();
  ({ https } = served);
  const { api } = served;
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

describe("the scale of a custom resource", () => {
  const path = `${objects}/a/scale`;
  const protobuf = "application/vnd.kubernetes.protobuf";
  const form = (as: string): string => `application/json;as=${as};g=meta.k8s.io;v=v1`;
  const scaleTo = (replicas: number, metadata: object = {}): string =>
    JSON.stringify({
      apiVersion: "autoscaling/v1",
      kind: "Scale",
      metadata: { name: "a", ...metadata },
      spec: { replicas },
    });
  const json = { "content-type": "application/json" };

  test.each(["GET", "PUT", "PATCH"])("has no binary form for %s", async (method) => {
    const headers = { accept: protobuf, "content-type": "application/merge-patch+json" };
    const body = method === "GET" ? {} : { body: scaleTo(7) };
    expect((await https.request(path, { method, headers, ...body })).status).toBe(406);
    expect((await https.request(path)).json()).toMatchObject({ spec: { replicas: 1 } });
  });

  test("is given in the next form that the client takes", async () => {
    const { status, headers } = await https.request(path, {
      headers: { accept: `${protobuf},application/json` },
    });
    expect([status, headers["content-type"]]).toEqual([200, "application/json"]);
  });

  test("is shown as metadata, and as a table with types", async () => {
    const partial = await https.request(path, { headers: { accept: form("PartialObjectMetadata") } });
    expect(partial.json()).toMatchObject({ kind: "PartialObjectMetadata", metadata: { name: "a" } });
    const table = await https.request(path, { headers: { accept: form("Table") } });
    expect(table.json()).toMatchObject({
      columnDefinitions: [
        { name: "Name", type: "string", format: "name" },
        { name: "Desired", type: "integer" },
        { name: "Available", type: "integer" },
        { name: "Age", type: "date" },
      ],
      rows: [{ cells: ["a", 1, 0, expect.any(String)] }],
    });
    const list = await https.request(path, { headers: { accept: form("PartialObjectMetadataList") } });
    expect(list.json()).toMatchObject({
      code: 406,
      message: "you requested PartialObjectMetadataList, but the requested object is not a list (*v1.Scale)",
    });
  });

  test("has no strategic patches", async () => {
    const headers = { "content-type": "application/strategic-merge-patch+json" };
    const { status } = await https.request(path, { method: "PATCH", headers, body: "{}" });
    expect(status).toBe(415);
  });

  test.each<[string, string, number, string]>([
    [
      "beyond what the schema says",
      scaleTo(11),
      422,
      'CronTab.stable.example.com "a" is invalid: spec.replicas: Invalid value: 11: ' +
        "spec.replicas in body should be less than or equal to 10",
    ],
    [
      "below nothing",
      scaleTo(-3),
      422,
      'CronTab.stable.example.com "a" is invalid: [spec.replicas: Invalid value: -3: ' +
        "spec.replicas in body should be greater than or equal to 1, " +
        ".spec.replicas: Invalid value: -3: should be a non-negative integer]",
    ],
    [
      "of another namespace",
      scaleTo(2, { namespace: "other" }),
      400,
      "the namespace of the provided object does not match the namespace sent on the request",
    ],
    [
      "without a name",
      scaleTo(2, { name: "" }),
      400,
      "the name of the object (a based on URL) was undeterminable: name must be provided",
    ],
  ])("%s is refused", async (_what, body, code, message) => {
    const response = await https.request(path, { method: "PUT", headers: json, body });
    expect(response.json()).toMatchObject({ code, message });
  });

  test("has no replicas beyond 32 bits, however they are given", async () => {
    const headers = { "content-type": "application/merge-patch+json" };
    const body = '{"spec":{"replicas":9007199254740993}}';
    const response = await https.request(path, { method: "PATCH", headers, body });
    expect(response.json()).toMatchObject({ code: 422, message: expect.stringContaining("of type int32") });
  });

  test("of another uid is refused, as a precondition", async () => {
    const body = scaleTo(2, { uid: "x" });
    const response = await https.request(path, { method: "PUT", headers: json, body });
    expect(response.json()).toMatchObject({
      code: 409,
      message: expect.stringContaining("Precondition failed: UID in precondition: x, UID in object meta: "),
    });
  });
});

describe("a format that nobody knows", () => {
  const create = async (type: string): Promise<readonly [number, unknown]> => {
    const properties = { a: { type: "string", format: "zork" }, b: { type } };
    const body = JSON.stringify(definitionOf({ type: "object", properties }));
    const { status, headers } = await https.request(`${definitionsPath}?dryRun=All`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: body.replaceAll("things", "others").replaceAll("Thing", "Other"),
    });
    return [status, headers["warning"]];
  };

  test("is told of a definition that is taken, and of none that is refused", async () => {
    expect(await create("string")).toEqual([201, '299 - "unrecognized format \\"zork\\""']);
    expect(await create("nothing")).toEqual([422, undefined]);
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
