import { afterEach, beforeEach, expect, it } from "vitest";
import { isObject } from "../../apimachinery/json.ts";
import { failure, TestApi } from "../testing/api.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { cronTabs, definitionsPath, established, gone } from "./testing/definitions.ts";

let started: TestServer;
let api: TestApi;
const name = "crontabs.stable.example.com";

beforeEach(async () => {
  started = await startTestServer();
  api = new TestApi(started.transport);
  await api.post(definitionsPath, cronTabs());
  await established(api, name);
});

afterEach(() => started.server.close());

const documented = async (): Promise<unknown> => {
  const document = (await api.get("/openapi/v2")) as unknown as { definitions: Record<string, unknown> };
  return document.definitions["com.example.stable.v1.CronTab"];
};

interface Index {
  readonly paths: Record<string, { readonly serverRelativeURL: string }>;
}

const hashes = async (): Promise<Map<string, string>> => {
  // The index does not say that it is JSON.
  const text = (await api.get("/openapi/v3")) as unknown as string;
  const { paths } = JSON.parse(text) as Index;
  return new Map(Object.entries(paths).map(([path, { serverRelativeURL }]) => [path, serverRelativeURL]));
};

it("is shown by discovery, status before scale", async () => {
  const { resources } = (await api.get("/apis/stable.example.com/v1")) as unknown as { resources: unknown[] };
  expect(resources).toMatchObject([
    { name: "crontabs", singularName: "crontab", shortNames: ["ct"], kind: "CronTab", namespaced: true },
    { name: "crontabs/status", kind: "CronTab" },
    { name: "crontabs/scale", kind: "Scale", group: "autoscaling" },
  ]);
});

it("is described by OpenAPI as long as it is served", async () => {
  expect(await documented()).toMatchObject({
    type: "object",
    properties: {
      metadata: { $ref: "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" },
      spec: { required: ["cronSpec"], properties: { cronSpec: { type: "string" } } },
    },
    "x-kubernetes-group-version-kind": [{ group: "stable.example.com", kind: "CronTab", version: "v1" }],
  });
  await api.delete(`${definitionsPath}/${name}`);
  await gone(api, name);
  expect(await documented()).toBeUndefined();
  expect((await failure(api.get("/apis/stable.example.com/v1"))).code).toBe(404);
});

it("is described anew when its schema changes, at once, and nothing else is", async () => {
  await documented();
  const before = await hashes();
  const document = await api.get("/openapi/v3/apis/stable.example.com/v1");
  expect(JSON.stringify(document)).not.toContain("moonPhase");
  const specPath = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
  await api.patch("json", `${definitionsPath}/${name}`, [
    { op: "add", path: `${specPath}/moonPhase`, value: { type: "string" } },
  ]);
  expect(JSON.stringify(await documented())).toContain("moonPhase");
  const after = await hashes();
  const changed = [...after.keys()].filter((path) => after.get(path) !== before.get(path));
  expect(changed).toEqual(["apis/stable.example.com/v1"]);
  const changedDocument = await api.get("/openapi/v3/apis/stable.example.com/v1");
  expect(JSON.stringify(changedDocument)).toContain("moonPhase");
});

it.each(["/openapi/v2", "/openapi/v3/apis/stable.example.com/v1"])(
  "refers to nothing that %s does not define",
  async (path) => {
    const document = await api.get(path);
    const references = new Set(referencesIn(document));
    expect(references.size).toBeGreaterThan(5);
    const at = (reference: string): unknown =>
      reference
        .slice(2)
        .split("/")
        .reduce<unknown>((value, part) => (isObject(value) ? value[part] : undefined), document);
    expect([...references].filter((reference) => at(reference) === undefined)).toEqual([]);
  },
);

function* referencesIn(value: unknown): Generator<string> {
  if (Array.isArray(value)) for (const each of value) yield* referencesIn(each);
  if (!isObject(value)) return;
  for (const [member, each] of Object.entries(value)) {
    if (member === "$ref" && typeof each === "string") yield each;
    else yield* referencesIn(each);
  }
}

it("is described as it is served: read at a version, patched where it is, deleted by what lists take", async () => {
  type Operation = Readonly<Record<string, object>> & { readonly parameters: readonly { name: string }[] };
  const { paths } = (await api.get("/openapi/v3/apis/stable.example.com/v1")) as unknown as {
    paths: Record<string, Readonly<Record<"get" | "patch" | "put" | "delete", Operation>>>;
  };
  const queriesOf = (operation: Operation | undefined): string[] =>
    (operation?.parameters ?? []).map((parameter) => parameter.name);
  const collection = paths["/apis/stable.example.com/v1/namespaces/{namespace}/crontabs"];
  const item = paths["/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}"];
  expect(queriesOf(item?.get)).toEqual(["resourceVersion"]);
  expect(Object.keys(item?.patch["responses"] ?? {})).toEqual(["200", "401"]);
  expect(Object.keys(item?.put["responses"] ?? {})).toEqual(["200", "201", "401"]);
  expect(queriesOf(collection?.delete)).toEqual(queriesOf(collection?.get));
  expect(collection?.delete).not.toHaveProperty("requestBody");
  const scale = paths["/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}/scale"];
  expect(scale?.get["x-kubernetes-group-version-kind"]).toEqual({
    group: "stable.example.com",
    version: "v1",
    kind: "CronTab",
  });
});
