import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { failure, TestApi } from "../testing/api.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { cronTabs, definitionsPath, established } from "./testing/definitions.ts";

let started: TestServer;
let api: TestApi;

beforeEach(async () => {
  started = await startTestServer();
  api = new TestApi(started.transport);
  await api.post("/api/v1/namespaces", { metadata: { name: "default" } });
});

afterEach(() => started.server.close());

const cronTabsPath = "/apis/stable.example.com/v1/namespaces/default/crontabs";
const cronTab = (spec: object, name = "one"): object => ({
  apiVersion: "stable.example.com/v1",
  kind: "CronTab",
  metadata: { name },
  spec,
});

describe("a definition", () => {
  it.each([
    ["of nothing", {}],
    [
      "without versions",
      { spec: { group: "example.com", scope: "Cluster", names: { plural: "xs", kind: "X" } } },
    ],
  ])("%s is refused for what it lacks", async (_what, parts) => {
    const definition = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "xs.example.com" },
    };
    const refused = await failure(api.post(definitionsPath, { ...definition, ...parts }));
    expect(refused).toMatchObject({ code: 422, reason: "Invalid" });
    expect(refused.message).toContain("must have exactly one version marked as storage version");
    expect(refused.message).toContain(
      "status.storedVersions: Invalid value: null: must have at least one stored version",
    );
  });

  it("is established, and its objects are served at once", async () => {
    const created = await api.post(definitionsPath, cronTabs());
    expect(created["status"]).toMatchObject({ conditions: null, storedVersions: ["v1"] });
    const definition = await established(api, "crontabs.stable.example.com");
    expect(definition["status"]).toMatchObject({
      acceptedNames: {
        plural: "crontabs",
        singular: "crontab",
        kind: "CronTab",
        listKind: "CronTabList",
        shortNames: ["ct"],
      },
      conditions: [
        { type: "NamesAccepted", status: "True", reason: "NoConflicts" },
        { type: "Established", status: "True", reason: "InitialNamesAccepted" },
      ],
    });
    const object = await api.post(cronTabsPath, cronTab({ cronSpec: "* * * * */5", extra: 1 }));
    expect(object).toMatchObject({
      metadata: { generation: 1 },
      spec: { cronSpec: "* * * * */5", replicas: 1 },
    });
    expect(object["spec"]).not.toHaveProperty("extra");
    expect(api.warnings).toEqual(['unknown field "spec.extra"']);
    expect(await api.get(`${cronTabsPath}/one`)).toEqual(object);
    expect((await api.list(cronTabsPath)).items).toEqual([object]);
  });
});

describe("objects", () => {
  beforeEach(async () => {
    await api.post(definitionsPath, cronTabs());
    await established(api, "crontabs.stable.example.com");
  });

  it.each([
    [
      { cronSpec: 5 },
      'CronTab.stable.example.com "one" is invalid: spec.cronSpec: Invalid value: "integer": spec.cronSpec in body must be of type string: "integer"',
    ],
    [
      { cronSpec: "* *", replicas: 11 },
      'CronTab.stable.example.com "one" is invalid: spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10',
    ],
    [{}, 'CronTab.stable.example.com "one" is invalid: spec.cronSpec: Required value'],
    [
      { cronSpec: "*", mode: "C" },
      'CronTab.stable.example.com "one" is invalid: spec.mode: Unsupported value: "C": supported values: "A", "B"',
    ],
    [
      { cronSpec: "nope" },
      'CronTab.stable.example.com "one" is invalid: spec.cronSpec: Invalid value: "nope": spec.cronSpec in body should match \'^[*/0-9 ]+$\'',
    ],
  ])("are refused as Kubernetes refuses them: %j", async (spec, message) => {
    expect((await failure(api.post(cronTabsPath, cronTab(spec)))).message).toBe(message);
  });

  it("have a status of their own", async () => {
    await api.post(cronTabsPath, { ...cronTab({ cronSpec: "*" }), status: { replicas: 4 } });
    const object = await api.get(`${cronTabsPath}/one`);
    expect(object).not.toHaveProperty("status");
    const updated = await api.put(`${cronTabsPath}/one/status`, {
      ...object,
      spec: { cronSpec: "1" },
      status: { replicas: 3 },
    });
    expect(updated).toMatchObject({
      metadata: { generation: 1 },
      spec: { cronSpec: "*" },
      status: { replicas: 3 },
    });
  });

  it("are scaled", async () => {
    await api.post(cronTabsPath, cronTab({ cronSpec: "*" }));
    const scale = await api.get(`${cronTabsPath}/one/scale`);
    expect(scale).toMatchObject({ kind: "Scale", spec: { replicas: 1 }, status: { replicas: 0 } });
    await api.put(`${cronTabsPath}/one/scale`, { ...scale, spec: { replicas: 5 } });
    expect(await api.get(`${cronTabsPath}/one`)).toMatchObject({
      metadata: { generation: 2 },
      spec: { replicas: 5 },
    });
  });
});
