import { beforeEach, describe, expect, test } from "vitest";
import { failure, TestApi } from "../testing/api.ts";
import { startTestServer } from "../testing/test-server.ts";

const configMaps = "/api/v1/namespaces/default/configmaps";
let api: TestApi;

beforeEach(async () => {
  api = new TestApi((await startTestServer()).transport);
});

test("create() answers with the object, its identity and its revision", async () => {
  const created = await api.post(configMaps, { metadata: { name: "a" }, data: { x: "1" } });
  expect(created).toMatchObject({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: "a",
      namespace: "default",
      creationTimestamp: "2026-01-01T00:00:00Z",
      resourceVersion: "1",
      uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    },
    data: { x: "1" },
  });
  expect(await api.get(`${configMaps}/a`)).toBe(created);
});

test("create() does not change what the caller passed", async () => {
  const body = Object.freeze({ metadata: Object.freeze({ name: "a" }) });
  await api.post(configMaps, body);
  expect(body).toEqual({ metadata: { name: "a" } });
});

test("what clients may not choose is chosen by the server", async () => {
  const created = await api.post(configMaps, {
    metadata: {
      name: "a",
      uid: "mine",
      creationTimestamp: "2001-01-01T00:00:00Z",
      deletionTimestamp: "2001-01-01T00:00:00Z",
      deletionGracePeriodSeconds: 5,
      selfLink: "/x",
      generation: 9,
    },
  });
  expect(created.metadata.uid).not.toBe("mine");
  expect(created.metadata.creationTimestamp).toBe("2026-01-01T00:00:00Z");
  for (const field of [
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "generation",
  ] as const) {
    expect(created.metadata[field]).toBeUndefined();
  }
});

test("the status of a create is dropped and the generation begins at 1", async () => {
  const created = await api.post("/apis/apps/v1/namespaces/default/deployments", {
    ...deployment("web"),
    status: { replicas: 7 },
  });
  expect(created["status"]).toEqual({});
  expect(created.metadata.generation).toBe(1);
});

describe("generateName", () => {
  test("gets a random suffix", async () => {
    const created = await api.post(configMaps, { metadata: { generateName: "a-" } });
    expect(created.metadata.name).toMatch(/^a-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(created.metadata.generateName).toBe("a-");
  });

  test("is cut so that the name has 63 characters at most", async () => {
    const created = await api.post(configMaps, { metadata: { generateName: "a".repeat(62) } });
    expect(created.metadata.name).toHaveLength(63);
  });

  test("gives up with a conflict after eight taken names", async () => {
    const random = { next: () => 0, uuid: () => "u" };
    const fixed = new TestApi((await startTestServer({ random })).transport);
    await fixed.post(configMaps, { metadata: { generateName: "a-" } });
    expect(await failure(fixed.post(configMaps, { metadata: { generateName: "a-" } }))).toMatchObject({
      code: 409,
      reason: "AlreadyExists",
      message:
        'configmaps "a-bbbbb" already exists, the server was not able to generate a unique name for the object',
      details: { name: "a-bbbbb", kind: "configmaps", retryAfterSeconds: 1 },
    });
  });
});

describe("is refused", () => {
  test("for a name that is taken", async () => {
    await api.post("/apis/apps/v1/namespaces/default/deployments", deployment("web"));
    const status = await failure(api.post("/apis/apps/v1/namespaces/default/deployments", deployment("web")));
    expect(status).toEqual({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: 'deployments.apps "web" already exists',
      reason: "AlreadyExists",
      details: { name: "web", group: "apps", kind: "deployments" },
      code: 409,
    });
  });

  test.each([
    [
      { metadata: {} },
      422,
      'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    ],
    [
      { metadata: { name: "a", namespace: "other" } },
      400,
      "the namespace of the provided object does not match the namespace sent on the request",
    ],
    [
      { metadata: { name: "a", resourceVersion: "4" } },
      500,
      "resourceVersion should not be set on objects to be created",
    ],
    [
      { metadata: { resourceVersion: "4" } },
      422,
      'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    ],
    [
      { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "a" } },
      400,
      'Deployment in version "v1" cannot be handled as a ConfigMap: converting (v1.Deployment) to (core.ConfigMap): unknown conversion',
    ],
    [
      { metadata: { name: "a" }, data: { x: 1 } },
      400,
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    ],
  ])("when the body is %j", async (body, code, message) => {
    expect(await failure(api.post(configMaps, body))).toMatchObject({ code, message });
  });

  test("beyond 1.5 MB", async () => {
    const big = { metadata: { name: "a" }, binaryData: {}, data: { x: "x".repeat(2_000_000) } };
    expect((await failure(api.post(configMaps, big))).code).toBeGreaterThanOrEqual(413);
  });
});

describe("unknown fields", () => {
  const odd = { metadata: { name: "a" }, spec: { foo: 1 } };

  test("are warnings by default", async () => {
    await api.post(configMaps, odd);
    expect(api.warnings).toEqual(['unknown field "spec"']);
  });

  test("are errors with Strict", async () => {
    expect(await failure(api.post(configMaps, odd, { fieldValidation: "Strict" }))).toMatchObject({
      code: 400,
      reason: "BadRequest",
      message:
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "spec"',
    });
  });

  test("are dropped in silence with Ignore", async () => {
    expect(await api.post(configMaps, odd, { fieldValidation: "Ignore" })).not.toHaveProperty("spec");
    expect(api.warnings).toEqual([]);
  });

  test("an unknown directive is refused", async () => {
    expect(await failure(api.post(configMaps, odd, { fieldValidation: "Loud" }))).toMatchObject({
      code: 422,
      message:
        'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Loud": supported values: "", "Ignore", "Strict", "Warn"',
    });
  });
});

test("a dry run answers as if, and stores nothing", async () => {
  const created = await api.post(configMaps, { metadata: { generateName: "a-" } }, { dryRun: "All" });
  expect(created.metadata).toMatchObject({ uid: expect.any(String), name: expect.stringMatching(/^a-/) });
  expect(created.metadata.resourceVersion).toBeUndefined();
  expect((await api.list(configMaps)).items).toEqual([]);
});

test("the manager of the fields is the one that is named", async () => {
  const created = await api.post(
    configMaps,
    { metadata: { name: "a" }, data: { x: "1" } },
    { fieldManager: "me" },
  );
  expect(created.metadata.managedFields).toMatchObject([
    { manager: "me", operation: "Update", apiVersion: "v1" },
  ]);
});

test("an owner that is named twice is kept once, with a warning", async () => {
  const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "u-1" };
  const created = await api.post(configMaps, { metadata: { name: "a", ownerReferences: [owner, owner] } });
  expect(created.metadata.ownerReferences).toHaveLength(1);
  expect(api.warnings[0]).toContain("duplicate UID(s) observed: u-1");
});

function deployment(name: string): object {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "nginx" }] } },
    },
  };
}

test("who gives a name that is taken beside generateName is told of the generated one", async () => {
  await api.post(configMaps, { metadata: { name: "both-a" } });
  const refused = api.post(configMaps, { metadata: { name: "both-a", generateName: "both-" } });
  expect(await failure(refused)).toMatchObject({
    code: 409,
    message:
      'configmaps "both-a" already exists, the server was not able to generate a unique name for the object',
    details: { retryAfterSeconds: 1 },
  });
});
