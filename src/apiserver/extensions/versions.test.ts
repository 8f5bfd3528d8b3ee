import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { failure, TestApi } from "../testing/api.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { definitionsPath, established } from "./testing/definitions.ts";

let started: TestServer;
let api: TestApi;
const name = "things.example.com";

beforeEach(async () => {
  started = await startTestServer();
  api = new TestApi(started.transport);
});

afterEach(() => started.server.close());

const schemaWith = (properties: object): object => ({
  openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties } } },
});
const v1 = {
  name: "v1",
  served: true,
  storage: true,
  schema: schemaWith({ size: { type: "integer" }, old: { type: "string" } }),
};
const v2 = {
  name: "v2",
  served: true,
  storage: false,
  schema: schemaWith({ size: { type: "integer", default: 3 }, color: { type: "string" } }),
};
const definition = (versions: readonly object[], parts: object = {}): object => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name, ...parts },
  spec: { group: "example.com", scope: "Cluster", names: { plural: "things", kind: "Thing" }, versions },
});
const thing = (version: string, spec: object): object => ({
  apiVersion: `example.com/${version}`,
  kind: "Thing",
  metadata: { name: "one" },
  spec,
});

async function change(versions: readonly object[]): Promise<UnstructuredObject> {
  const { metadata } = await api.get(`${definitionsPath}/${name}`);
  return api.put(`${definitionsPath}/${name}`, definition(versions, metadata));
}

describe("versions without conversion", () => {
  beforeEach(async () => {
    await api.post(definitionsPath, definition([v1, v2]));
    await established(api, name);
    await api.post("/apis/example.com/v1/things", thing("v1", { old: "x" }));
  });

  it("show the same object, each with its own fields and defaults", async () => {
    const first = await api.get("/apis/example.com/v1/things/one");
    expect(first).toMatchObject({ apiVersion: "example.com/v1", spec: { old: "x" } });
    const second = await api.get("/apis/example.com/v2/things/one");
    expect(second.apiVersion).toBe("example.com/v2");
    expect(second["spec"]).not.toHaveProperty("old");
  });

  it("store objects in the version that is named for it, and remember those that were", async () => {
    const changed = await change([
      { ...v1, storage: false },
      { ...v2, storage: true },
    ]);
    expect(changed["status"]).toMatchObject({ storedVersions: ["v1", "v2"] });
    const read = await api.get("/apis/example.com/v2/things/one");
    await api.put("/apis/example.com/v2/things/one", { ...read, spec: { color: "red" } });
    expect(await api.get("/apis/example.com/v2/things/one")).toMatchObject({
      spec: { color: "red", size: 3 },
    });
    expect(await api.get("/apis/example.com/v1/things/one")).toMatchObject({ spec: { size: 3 } });
  });

  it("cannot go while objects may be stored in them", async () => {
    const refused = await failure(change([{ ...v2, storage: true }]));
    expect(refused.message).toContain(
      'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version',
    );
  });

  it("are not found when they are not served any more", async () => {
    await change([v1, { ...v2, served: false }]);
    expect((await failure(api.get("/apis/example.com/v2/things/one"))).code).toBe(404);
  });
});

describe("definitions", () => {
  it("are served after a restart", async () => {
    await api.post(definitionsPath, definition([v1]));
    await established(api, name);
    await api.post("/apis/example.com/v1/things", thing("v1", { size: 1 }));
    await started.server.close();
    started = await startTestServer({ storage: started.storage });
    api = new TestApi(started.transport);
    expect(await api.get("/apis/example.com/v1/things/one")).toMatchObject({ spec: { size: 1 } });
  });

  it("whose names are taken by another are told so, and not served", async () => {
    await api.post(definitionsPath, definition([v1]));
    await established(api, name);
    await api.post(definitionsPath, {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "others.example.com" },
      spec: {
        group: "example.com",
        scope: "Cluster",
        names: { plural: "others", kind: "Thing", listKind: "OtherList" },
        versions: [v1],
      },
    });
    let conditions: unknown;
    for (let attempt = 0; attempt < 100 && !Array.isArray(conditions); attempt++) {
      ({ conditions } = (await api.get(`${definitionsPath}/others.example.com`))["status"] as {
        conditions: unknown;
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(conditions).toMatchObject([
      {
        type: "NamesAccepted",
        status: "False",
        reason: "KindConflict",
        message: '"Thing" is already in use',
      },
      { type: "Established", status: "False", reason: "NotAccepted" },
    ]);
    expect((await failure(api.list("/apis/example.com/v1/others"))).code).toBe(404);
  });

  it("whose schema changes are served with the new one at once", async () => {
    await api.post(definitionsPath, definition([v1]));
    await established(api, name);
    await change([{ ...v1, schema: schemaWith({ size: { type: "integer", maximum: 5 } }) }]);
    const refused = await failure(api.post("/apis/example.com/v1/things", thing("v1", { size: 6 })));
    expect(refused.message).toBe(
      'Thing.example.com "one" is invalid: spec.size: Invalid value: 6: spec.size in body should be less than or equal to 5',
    );
  });

  it("may name fields that lists are narrowed by", async () => {
    await api.post(definitionsPath, definition([{ ...v1, selectableFields: [{ jsonPath: ".spec.size" }] }]));
    await established(api, name);
    await api.post("/apis/example.com/v1/things", thing("v1", { size: 1 }));
    const { items } = await api.list("/apis/example.com/v1/things", { fieldSelector: "spec.size=1" });
    expect(items).toHaveLength(1);
    const none = await api.list("/apis/example.com/v1/things", { fieldSelector: "spec.size=2" });
    expect(none.items).toHaveLength(0);
    // They are of no namespace.
    for (const field of ["spec.old", "metadata.namespace"]) {
      const refused = await failure(api.list("/apis/example.com/v1/things", { fieldSelector: `${field}=x` }));
      expect(refused.message).toBe(`field label not supported: ${field}`);
    }
  });
});
