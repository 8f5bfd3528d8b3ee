import { beforeEach, describe, expect, test } from "vitest";
import { deepCopy } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { failure, TestApi } from "../testing/api.ts";
import { startTestServer } from "../testing/test-server.ts";

const configMaps = "/api/v1/namespaces/default/configmaps";
const deployments = "/apis/apps/v1/namespaces/default/deployments";
let api: TestApi;

beforeEach(async () => {
  api = new TestApi((await startTestServer()).transport);
});

const labels = { app: "web" };
const deployment = {
  metadata: { name: "web" },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "nginx" }] } },
  },
};

/** A copy with changes at the given top-level fields. */
const changed = (object: UnstructuredObject, change: object): UnstructuredObject =>
  Object.assign(deepCopy(object), change);

describe("PUT", () => {
  test("replaces the object and keeps its identity", async () => {
    const created = await api.post(configMaps, { metadata: { name: "a" }, data: { x: "1" } });
    const updated = await api.put(`${configMaps}/a`, { metadata: { name: "a" }, data: { y: "2" } });
    expect(updated["data"]).toEqual({ y: "2" });
    const { uid, creationTimestamp } = created.metadata;
    expect(updated.metadata).toMatchObject({ uid, creationTimestamp, resourceVersion: "2" });
  });

  test("of the same content changes nothing", async () => {
    const created = await api.post(configMaps, { metadata: { name: "a" }, data: { x: "1" } });
    const updated = await api.put(`${configMaps}/a`, created);
    expect(updated.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
  });

  test("with a stale resourceVersion is a conflict", async () => {
    const created = await api.post(configMaps, { metadata: { name: "a" } });
    await api.put(`${configMaps}/a`, changed(created, { data: { x: "1" } }));
    expect(await failure(api.put(`${configMaps}/a`, changed(created, { data: { x: "2" } })))).toMatchObject({
      code: 409,
      reason: "Conflict",
      message:
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
      details: { name: "a", kind: "configmaps" },
    });
  });

  test("of two that race, one wins and the other conflicts", async () => {
    const created = await api.post(configMaps, { metadata: { name: "a" } });
    const results = await Promise.allSettled(
      ["1", "2"].map((x) => api.put(`${configMaps}/a`, changed(created, { data: { x } }))),
    );
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("without a resourceVersion overwrites, except where the strategy forbids it", async () => {
    await api.post(configMaps, { metadata: { name: "a" } });
    await api.put(`${configMaps}/a`, { metadata: { name: "a" }, data: { x: "1" } });
    const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
    await api.post(leases, { metadata: { name: "a" }, spec: { holderIdentity: "me" } });
    expect(
      await failure(api.put(`${leases}/a`, { metadata: { name: "a" }, spec: { holderIdentity: "you" } })),
    ).toMatchObject({
      code: 422,
      message:
        'leases.coordination.k8s.io "a" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    });
  });

  test("creates an absent object only where the strategy allows it", async () => {
    expect((await failure(api.put(`${configMaps}/a`, { metadata: { name: "a" } }))).message).toBe(
      'configmaps "a" not found',
    );
    const endpoints = "/api/v1/namespaces/default/endpoints/a";
    const response = await api.transport.request({
      method: "PUT",
      path: endpoints,
      body: { metadata: { name: "a" } },
    });
    expect(response.status).toBe(201);
  });

  test("of another incarnation is refused by its uid", async () => {
    const { metadata } = await api.post(configMaps, { metadata: { name: "a" } });
    const status = await failure(api.put(`${configMaps}/a`, { metadata: { name: "a", uid: "other" } }));
    expect(status.code).toBe(409);
    expect(status.message).toContain(
      `Precondition failed: UID in precondition: other, UID in object meta: ${metadata.uid}`,
    );
  });

  test.each([
    [{ metadata: {} }, "the name of the object (a based on URL) was undeterminable: name must be provided"],
    [{ metadata: { name: "b" } }, "the name of the object (b) does not match the name on the URL (a)"],
    [
      { metadata: { name: "a", namespace: "x" } },
      "the namespace of the provided object does not match the namespace sent on the request",
    ],
  ])("%j at another place is refused", async (body, message) => {
    await api.post(configMaps, { metadata: { name: "a" } });
    expect(await failure(api.put(`${configMaps}/a`, body))).toMatchObject({ code: 400, message });
  });

  test("raises the generation when what is wanted changes, and only then", async () => {
    const created = await api.post(deployments, deployment);
    const labelled = await api.put(
      `${deployments}/web`,
      changed(created, { metadata: { ...created.metadata, labels: { a: "b" } } }),
    );
    expect(labelled.metadata.generation).toBe(1);
    const scaled = await api.put(
      `${deployments}/web`,
      changed(labelled, { spec: { ...(labelled["spec"] as object), replicas: 5 } }),
    );
    expect(scaled.metadata.generation).toBe(2);
  });
});

describe("status", () => {
  test("is written by its subresource alone, which writes nothing else", async () => {
    const created = await api.post(deployments, deployment);
    const ignored = await api.put(`${deployments}/web`, changed(created, { status: { replicas: 3 } }));
    expect(ignored["status"]).toEqual({});
    const written = await api.put(
      `${deployments}/web/status`,
      changed(created, { status: { replicas: 3 }, spec: { ...deployment.spec, replicas: 9 } }),
    );
    expect(written["status"]).toMatchObject({ replicas: 3 });
    expect(written["spec"]).toMatchObject({ replicas: 2 });
    expect(written.metadata.generation).toBe(1);
    expect((await api.get(`${deployments}/web/status`))["status"]).toMatchObject({ replicas: 3 });
  });

  test("may bring annotations along", async () => {
    await api.post(deployments, deployment);
    const patched = await api.patch("merge", `${deployments}/web/status`, {
      metadata: { annotations: { patched: "true" } },
      status: { replicas: 1, readyReplicas: 1 },
    });
    expect(patched.metadata.annotations).toEqual({ patched: "true" });
  });
});

describe("PATCH", () => {
  test.each([
    ["merge", { data: { x: null, y: "2" } }],
    ["strategic", { data: { x: null, y: "2" } }],
    [
      "json",
      [
        { op: "remove", path: "/data/x" },
        { op: "add", path: "/data/y", value: "2" },
      ],
    ],
  ])("%s changes what it names", async (type, patch) => {
    await api.post(configMaps, { metadata: { name: "a" }, data: { x: "1", z: "3" } });
    expect((await api.patch(type, `${configMaps}/a`, patch))["data"]).toEqual({ y: "2", z: "3" });
  });

  test("merges lists by their key in a strategic merge", async () => {
    await api.post(deployments, deployment);
    const patched = await api.patch("strategic", `${deployments}/web`, {
      spec: { template: { spec: { containers: [{ name: "d", image: "redis" }] } } },
    });
    const { spec } = patched as unknown as {
      spec: { template: { spec: { containers: { name: string }[] } } };
    };
    expect(spec.template.spec.containers.map(({ name }) => name).sort()).toEqual(["c", "d"]);
  });

  test("of many at once loses none", async () => {
    await api.post(configMaps, { metadata: { name: "a" } });
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        api.patch("merge", `${configMaps}/a`, { data: { [`k${index}`]: "v" } }),
      ),
    );
    expect(Object.keys((await api.get(`${configMaps}/a`))["data"] as object)).toHaveLength(20);
  });

  test("never creates", async () => {
    expect((await failure(api.patch("merge", "/api/v1/namespaces/default/endpoints/a", {}))).code).toBe(404);
  });

  test("of a wrong type is a fault of the patch", async () => {
    await api.post(deployments, deployment);
    expect(
      await failure(api.patch("strategic", `${deployments}/web`, { spec: { replicas: "many" } })),
    ).toMatchObject({
      code: 422,
      message:
        ' "" is invalid: patch: Invalid value: "map[spec:map[replicas:many]]": unrecognized type: int32',
    });
  });

  test("of an unknown field is refused when strict", async () => {
    await api.post(configMaps, { metadata: { name: "a" } });
    const message = async (type: string): Promise<string | undefined> =>
      (await failure(api.patch(type, `${configMaps}/a`, { spec: 1 }, { fieldValidation: "Strict" }))).message;
    expect(await message("strategic")).toBe(
      ' "" is invalid: patch: Invalid value: "map[spec:1]": strict decoding error: unknown field "spec"',
    );
    // A merge patch is told by the document that it makes.
    expect(await message("merge")).toMatch(
      /^ "" is invalid: patch: Invalid value: "\{.*\\"spec\\":1\}": strict decoding error: unknown field "spec"$/,
    );
  });

  test("of an unknown form is 415", async () => {
    expect(await failure(api.patch("application/x", `${configMaps}/a`, {}))).toMatchObject({
      code: 415,
      reason: "UnsupportedMediaType",
    });
  });

  test("may name the version it is made for", async () => {
    await api.post(configMaps, { metadata: { name: "a" } });
    const patch = { metadata: { resourceVersion: "77" }, data: { x: "1" } };
    expect((await failure(api.patch("merge", `${configMaps}/a`, patch))).reason).toBe("Conflict");
  });

  test("cannot force unless it applies", async () => {
    expect((await failure(api.patch("merge", `${configMaps}/a`, {}, { force: "true" }))).message).toBe(
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    );
  });
});

describe("server-side apply", () => {
  const configuration = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { x: "1" } };
  const apply = (body: object, query: Record<string, string> = {}) =>
    api.patch("apply", `${configMaps}/a`, body, { fieldManager: "one", ...query });

  test("creates what is absent and owns what it sets", async () => {
    const applied = await apply(configuration);
    expect(applied["data"]).toEqual({ x: "1" });
    expect(applied.metadata.managedFields).toMatchObject([{ manager: "one", operation: "Apply" }]);
  });

  test("removes what it no longer sets, and leaves what others set", async () => {
    await apply(configuration);
    await api.patch("merge", `${configMaps}/a`, { data: { y: "2" } }, { fieldManager: "two" });
    const applied = await apply({ ...configuration, data: { z: "3" } });
    expect(applied["data"]).toEqual({ y: "2", z: "3" });
  });

  test("conflicts with another manager, unless it is forced", async () => {
    await apply(configuration);
    const other = { ...configuration, data: { x: "2" } };
    expect(await failure(apply(other, { fieldManager: "two" }))).toMatchObject({
      code: 409,
      reason: "Conflict",
      message: 'Apply failed with 1 conflict: conflict with "one": .data.x',
    });
    expect((await apply(other, { fieldManager: "two", force: "true" }))["data"]).toEqual({ x: "2" });
  });

  test("needs a manager", async () => {
    expect((await failure(apply(configuration, { fieldManager: "" }))).message).toBe(
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
  });

  test("of the same configuration changes nothing", async () => {
    const first = await apply(configuration);
    expect((await apply(configuration)).metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });
});

describe("scale", () => {
  test("reads and writes replicas", async () => {
    await api.post(deployments, deployment);
    const scale = await api.get(`${deployments}/web/scale`);
    expect(scale).toMatchObject({
      kind: "Scale",
      apiVersion: "autoscaling/v1",
      metadata: { name: "web", namespace: "default" },
      spec: { replicas: 2 },
      status: { replicas: 0, selector: "app=web" },
    });
    expect(
      await api.put(`${deployments}/web/scale`, changed(scale, { spec: { replicas: 4 } })),
    ).toMatchObject({
      spec: { replicas: 4 },
    });
    expect(await api.patch("merge", `${deployments}/web/scale`, { spec: { replicas: 6 } })).toMatchObject({
      spec: { replicas: 6 },
    });
    expect(await api.get(`${deployments}/web`)).toMatchObject({
      spec: { replicas: 6 },
      metadata: { generation: 3 },
    });
  });

  test("of an older version conflicts", async () => {
    await api.post(deployments, deployment);
    const scale = await api.get(`${deployments}/web/scale`);
    await api.put(`${deployments}/web/scale`, changed(scale, { spec: { replicas: 4 } }));
    expect((await failure(api.put(`${deployments}/web/scale`, scale))).reason).toBe("Conflict");
  });
});

test("an apply that says the same in other words changes nothing, however late it comes", async () => {
  const { transport, clock } = await startTestServer();
  const apply = async (): Promise<UnstructuredObject> => {
    const { body } = await transport.request({
      method: "PATCH",
      path: "/api/v1/namespaces/default/limitranges/a",
      query: { fieldManager: "m" },
      contentType: "application/apply-patch+yaml",
      body: {
        apiVersion: "v1",
        kind: "LimitRange",
        metadata: { name: "a" },
        spec: { limits: [{ type: "Container", max: { memory: "1024Mi" } }] },
      },
    });
    return body as UnstructuredObject;
  };
  const created = await apply();
  await clock.advance(60_000);
  expect(await apply()).toEqual(created);
});
