import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { failure, TestApi } from "../testing/api.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { definitionIn, definitionsPath, established } from "./testing/definitions.ts";

// Who owns what across versions whose schemas are structured differently, as kube-apiserver 1.36.1 has it.
let started: TestServer;
let api: TestApi;

const text = { type: "string" };
const items = (listType: object): object => ({
  type: "array",
  items: { type: "object", required: ["name"], properties: { name: text, value: text } },
  ...listType,
});
const version = (name: string, list: object, pair: object): object => ({
  name,
  served: true,
  storage: name === "v1",
  schema: {
    openAPIV3Schema: {
      type: "object",
      properties: {
        spec: {
          type: "object",
          properties: {
            list,
            pair: { type: "object", properties: { a: text, b: text }, ...pair },
          },
        },
      },
    },
  },
});

beforeEach(async () => {
  started = await startTestServer();
  api = new TestApi(started.transport);
  const keyed = { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] };
  const atomic = { "x-kubernetes-list-type": "atomic" };
  await api.post(
    definitionsPath,
    definitionIn([
      version("v1", items(keyed), {}),
      version("v2", items(atomic), { "x-kubernetes-map-type": "atomic" }),
    ]),
  );
  await established(api, "things.example.com");
});

afterEach(() => started.server.close());

const apply = (
  manager: string,
  asVersion: string,
  spec: object,
  force = false,
): Promise<UnstructuredObject> =>
  api.patch(
    "apply",
    `/apis/example.com/${asVersion}/things/one`,
    { apiVersion: `example.com/${asVersion}`, kind: "Thing", metadata: { name: "one" }, spec },
    { fieldManager: manager, ...(force ? { force: "true" } : {}) },
  );

const item = (name: string, value: string): object => ({ name, value });

/** What a manager owns of the spec, and in which version. */
function ownedBy(object: UnstructuredObject, manager: string): unknown {
  const entry = object.metadata.managedFields?.find((each) => each.manager === manager);
  return entry && [entry.apiVersion, (entry.fieldsV1 as Record<string, unknown>)["f:spec"]];
}

describe("an apply in the version where parts are wholes", () => {
  beforeEach(() => apply("first", "v1", { list: [item("x", "1")], pair: { a: "1", b: "2" } }));

  it("conflicts with those who own parts in another", async () => {
    const refused = await failure(apply("second", "v2", { list: [item("y", "1")], pair: { a: "9" } }));
    expect(refused).toMatchObject({
      code: 409,
      message: 'Apply failed with 1 conflict: conflict with "first": .spec.pair.a',
    });
  });

  it("takes from them what it removes, and leaves them what stays the same", async () => {
    const object = await apply("second", "v2", { list: [item("y", "1")], pair: { a: "1" } });
    expect(object["spec"]).toEqual({ list: [item("y", "1")], pair: { a: "1" } });
    expect(ownedBy(object, "first")).toEqual(["example.com/v1", { "f:pair": { "f:a": {} } }]);
    expect(ownedBy(object, "second")).toEqual(["example.com/v2", { "f:list": {}, "f:pair": {} }]);
  });

  it("of the same manager gives up, in the older version, what it does not say any more", async () => {
    const object = await apply("first", "v2", { pair: { a: "1", b: "2" } });
    expect(object["spec"]).toEqual({ pair: { a: "1", b: "2" } });
    expect(ownedBy(object, "first")).toEqual(["example.com/v2", { "f:pair": {} }]);
  });

  it("of the same configuration moves the manager to its version", async () => {
    const object = await apply("first", "v2", { list: [item("x", "1")], pair: { a: "1", b: "2" } });
    expect(ownedBy(object, "first")).toEqual(["example.com/v2", { "f:list": {}, "f:pair": {} }]);
  });
});

describe("an apply in the version with parts", () => {
  beforeEach(() => apply("first", "v2", { list: [item("x", "1")] }));

  it("conflicts with who owns the whole in another", async () => {
    const refused = await failure(apply("second", "v1", { list: [item("y", "1")] }));
    expect(refused).toMatchObject({
      code: 409,
      message: 'Apply failed with 1 conflict: conflict with "first": .spec.list',
    });
  });

  it("adds its parts when it is forced to, and then owns them", async () => {
    const object = await apply("second", "v1", { list: [item("y", "1")] }, true);
    expect(object["spec"]).toEqual({ list: [item("x", "1"), item("y", "1")] });
    expect(ownedBy(object, "first")).toBeUndefined();
    expect(ownedBy(object, "second")).toMatchObject(["example.com/v1", { "f:list": {} }]);
  });
});

it("an update takes the whole from who owns it in another version", async () => {
  await apply("first", "v2", { list: [item("x", "1")], pair: { a: "1" } });
  const path = "/apis/example.com/v1/things/one";
  const object = await api.patch("merge", path, { spec: { pair: { b: "2" } } });
  expect(ownedBy(object, "first")).toEqual(["example.com/v2", { "f:list": {} }]);
});

describe("an autoscaler that was applied in version 1", () => {
  const path = (asVersion: string): string =>
    `/apis/autoscaling/${asVersion}/namespaces/default/horizontalpodautoscalers/web`;
  const scaled = (manager: string, asVersion: string, spec: object): Promise<UnstructuredObject> =>
    api.patch(
      "apply",
      path(asVersion),
      {
        apiVersion: `autoscaling/${asVersion}`,
        kind: "HorizontalPodAutoscaler",
        metadata: { name: "web" },
        spec: {
          scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
          maxReplicas: 5,
          ...spec,
        },
      },
      { fieldManager: manager },
    );
  const metrics = (averageUtilization: number): object => ({
    metrics: [
      { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization } } },
    ],
  });

  beforeEach(async () => {
    await api.post("/api/v1/namespaces", { metadata: { name: "default" } });
    await scaled("first", "v1", { targetCPUUtilizationPercentage: 50 });
  });

  it("conflicts with other metrics in version 2, in the words of version 1", async () => {
    expect(await failure(scaled("second", "v2", metrics(60)))).toMatchObject({
      code: 409,
      message: 'Apply failed with 1 conflict: conflict with "first": .spec.targetCPUUtilizationPercentage',
    });
    await scaled("second", "v2", metrics(50));
  });

  it("moves to version 2 with its manager", async () => {
    const object = await scaled("first", "v2", metrics(50));
    expect(object["spec"]).toMatchObject(metrics(50));
    expect(ownedBy(object, "first")).toMatchObject(["autoscaling/v2", { "f:metrics": {} }]);
  });
});
