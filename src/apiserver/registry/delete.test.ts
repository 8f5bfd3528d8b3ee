import { beforeEach, describe, expect, test } from "vitest";
import { isNotFound } from "../../apimachinery/status.ts";
import { failure, settle, TestApi } from "../testing/api.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import type { ResourceExtension } from "./strategy.ts";

const configMaps = "/api/v1/namespaces/default/configmaps";
const pods = "/api/v1/namespaces/default/pods";
const deployments = "/apis/apps/v1/namespaces/default/deployments";
let server: TestServer;
let api: TestApi;

/** Pods that are deleted with the grace period that is asked for, or 30 s. */
const gracefulPods: ResourceExtension = {
  group: "",
  resource: "pods",
  setup: () => ({ strategy: { gracePeriodSeconds: (_context, _pod, asked) => asked ?? 30 } }),
};

/** Namespaces that stay until their finalizers are gone. */
const heldNamespaces: ResourceExtension = {
  group: "",
  resource: "namespaces",
  setup: () => ({
    strategy: {
      holdsDeletion: (object) =>
        ((object["spec"] as { finalizers?: string[] } | undefined)?.finalizers ?? []).length > 0,
      prepareForDelete: (_context, object) => {
        object["status"] = { phase: "Terminating" };
      },
    },
  }),
};

beforeEach(async () => {
  server = await startTestServer({ extensions: [gracefulPods, heldNamespaces] });
  api = new TestApi(server.transport);
});

const pod = (name: string) => ({ metadata: { name }, spec: { containers: [{ name: "c", image: "x" }] } });
const gone = async (path: string): Promise<boolean> => {
  const found = await api.get(path).catch((error: unknown) => error);
  return isNotFound(found);
};

test("delete() answers with a Status that names what is gone", async () => {
  const { metadata } = await api.post(configMaps, { metadata: { name: "a" } });
  expect(await api.delete(`${configMaps}/a`)).toEqual({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { name: "a", kind: "configmaps", uid: metadata.uid },
  });
  expect(await gone(`${configMaps}/a`)).toBe(true);
});

test("delete() of some kinds answers with the object", async () => {
  await api.post("/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "a" } });
  expect(await api.delete("/api/v1/namespaces/default/serviceaccounts/a")).toMatchObject({
    kind: "ServiceAccount",
  });
});

test("delete() of what is not there is 404", async () => {
  expect(await failure(api.delete(`${configMaps}/a`))).toMatchObject({
    code: 404,
    message: 'configmaps "a" not found',
    details: { name: "a", kind: "configmaps" },
  });
});

test("a dry run deletes nothing", async () => {
  await api.post(configMaps, { metadata: { name: "a" } });
  await api.delete(`${configMaps}/a`, { dryRun: ["All"] });
  await api.delete(`${configMaps}/a`, undefined, { dryRun: "All" });
  expect(await gone(`${configMaps}/a`)).toBe(false);
});

describe("preconditions", () => {
  test("on the uid", async () => {
    const { metadata } = await api.post(configMaps, { metadata: { name: "a" } });
    expect(await failure(api.delete(`${configMaps}/a`, { preconditions: { uid: "x" } }))).toMatchObject({
      code: 409,
      message:
        `Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (x) does not match the UID in record (${metadata.uid}). ` +
        "The object might have been deleted and then recreated",
    });
  });

  test("on the resourceVersion", async () => {
    await api.post(configMaps, { metadata: { name: "a" } });
    const status = await failure(api.delete(`${configMaps}/a`, { preconditions: { resourceVersion: "9" } }));
    expect(status.message).toContain(
      "the ResourceVersion in the precondition (9) does not match the ResourceVersion in record (1)",
    );
    await api.delete(`${configMaps}/a`, { preconditions: { resourceVersion: "1" } });
  });
});

describe("finalizers", () => {
  const held = { metadata: { name: "a", finalizers: ["example.com/hold"] } };

  test("keep the object, marked, until the last one is taken off", async () => {
    await api.post(configMaps, held);
    const marked = await api.delete(`${configMaps}/a`);
    expect(marked.metadata).toMatchObject({
      deletionTimestamp: "2026-01-01T00:00:00Z",
      deletionGracePeriodSeconds: 0,
      finalizers: ["example.com/hold"],
    });
    expect((await api.delete(`${configMaps}/a`)).metadata.resourceVersion).toBe(
      marked.metadata.resourceVersion,
    );
    await api.patch("merge", `${configMaps}/a`, { metadata: { finalizers: null } });
    expect(await gone(`${configMaps}/a`)).toBe(true);
  });

  test("raise the generation of the marked object", async () => {
    await api.post(deployments, deployment({ finalizers: ["example.com/hold"] }));
    expect((await api.delete(`${deployments}/web`)).metadata.generation).toBe(2);
  });

  test("the deletion's time cannot be taken back", async () => {
    await api.post(configMaps, held);
    await api.delete(`${configMaps}/a`);
    const patched = await api.patch("merge", `${configMaps}/a`, {
      metadata: { deletionTimestamp: null },
      data: { x: "1" },
    });
    expect(patched.metadata.deletionTimestamp).toBe("2026-01-01T00:00:00Z");
  });

  test.each([
    ["Orphan", ["orphan"]],
    ["Foreground", ["foregroundDeletion"]],
  ])("propagation %s leaves the rest to the garbage collector", async (propagationPolicy, finalizers) => {
    await api.post(deployments, deployment());
    const marked = await api.delete(`${deployments}/web`, { propagationPolicy });
    expect(marked.metadata.finalizers).toEqual(finalizers);
    expect(marked.metadata.deletionTimestamp).toBeDefined();
  });

  test("a second deletion that names no propagation keeps to the first one's", async () => {
    const jobs = "/apis/batch/v1/namespaces/default/jobs";
    const labels = { app: "work" };
    const template = {
      metadata: { labels },
      spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] },
    };
    await api.post(jobs, {
      metadata: { name: "work" },
      spec: { manualSelector: true, selector: { matchLabels: labels }, template },
    });
    await api.delete(`${jobs}/work`, { propagationPolicy: "Foreground" });
    // Jobs leave their pods by default.
    const again = await api.delete(`${jobs}/work`);
    expect(again.metadata.finalizers).toEqual(["foregroundDeletion"]);
    const other = await api.delete(`${jobs}/work`, { propagationPolicy: "Orphan" });
    expect(other.metadata.finalizers).toEqual(["orphan"]);
  });

  test("propagation Background deletes at once", async () => {
    await api.post(deployments, deployment());
    await api.delete(`${deployments}/web`, { propagationPolicy: "Background" });
    expect(await gone(`${deployments}/web`)).toBe(true);
  });

  test("orphanDependents=false that cannot delete at once is accepted with 202", async () => {
    await api.post(configMaps, held);
    const response = await api.transport.request({
      method: "DELETE",
      path: `${configMaps}/a`,
      body: { orphanDependents: false },
    });
    expect(response.status).toBe(202);
  });
});

describe("grace", () => {
  test("may be longer than the calendar, and shortened then", async () => {
    await api.post(pods, { metadata: { name: "ages" }, spec: { containers: [{ name: "c", image: "i" }] } });
    const long = await api.delete(`${pods}/ages`, undefined, { gracePeriodSeconds: "9223372036854775" });
    expect(long.metadata.deletionTimestamp).toBe("9999-12-31T23:59:59Z");
    const short = await api.delete(`${pods}/ages`, undefined, { gracePeriodSeconds: "5" });
    expect(short.metadata.deletionGracePeriodSeconds).toBe(5);
    expect(
      await failure(api.delete(`${pods}/ages`, undefined, { gracePeriodSeconds: "9999999999999999999" })),
    ).toMatchObject({
      code: 400,
      message: 'strconv.ParseInt: parsing "9999999999999999999": value out of range',
    });
  });

  test("marks the object and keeps it", async () => {
    await api.post(pods, pod("a"));
    const marked = await api.delete(`${pods}/a`);
    expect(marked.metadata).toMatchObject({
      deletionTimestamp: "2026-01-01T00:00:30Z",
      deletionGracePeriodSeconds: 30,
      generation: 2,
    });
  });

  test("can be shortened but not lengthened", async () => {
    await api.post(pods, pod("a"));
    await api.delete(`${pods}/a`);
    expect(
      (await api.delete(`${pods}/a`, { gracePeriodSeconds: 60 })).metadata.deletionGracePeriodSeconds,
    ).toBe(30);
    expect((await api.delete(`${pods}/a`, { gracePeriodSeconds: 10 })).metadata).toMatchObject({
      deletionTimestamp: "2026-01-01T00:00:10Z",
      deletionGracePeriodSeconds: 10,
    });
  });

  test("of zero removes the object", async () => {
    await api.post(pods, pod("a"));
    await api.delete(`${pods}/a`);
    expect((await api.delete(`${pods}/a`, undefined, { gracePeriodSeconds: "0" })).kind).toBe("Pod");
    expect(await gone(`${pods}/a`)).toBe(true);
  });
});

describe("what the strategy holds", () => {
  test("is marked, and removed by the update that lets it go", async () => {
    await api.post("/api/v1/namespaces", { metadata: { name: "n" }, spec: { finalizers: ["kubernetes"] } });
    expect(await api.delete("/api/v1/namespaces/n")).toMatchObject({
      status: { phase: "Terminating" },
      metadata: { deletionTimestamp: expect.any(String) },
    });
    await api.patch("merge", "/api/v1/namespaces/n", { spec: { finalizers: [] } });
    expect(await gone("/api/v1/namespaces/n")).toBe(true);
  });
});

test.each([
  [
    { orphanDependents: true, propagationPolicy: "Orphan" },
    'propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
  ],
  [
    { propagationPolicy: "Later" },
    'propagationPolicy: Unsupported value: "Later": supported values: "Foreground", "Background", "Orphan", "nil"',
  ],
])("options %j are refused", async (options, why) => {
  await api.post(configMaps, { metadata: { name: "a" } });
  expect(await failure(api.delete(`${configMaps}/a`, options))).toMatchObject({
    code: 422,
    message: `DeleteOptions.meta.k8s.io "" is invalid: ${why}`,
  });
});

describe("preconditions in the query", () => {
  test.each([
    [{ uid: "x" }, "the UID in the precondition (x) does not match the UID in record ("],
    [
      { resourceVersion: "99" },
      "the ResourceVersion in the precondition (99) does not match the ResourceVersion in record (",
    ],
  ])("%j are held, of one object and of each in a collection", async (query, why) => {
    await api.post(configMaps, { metadata: { name: "a" } });
    const refused = { code: 409, message: expect.stringContaining(why) };
    expect(await failure(api.delete(`${configMaps}/a`, undefined, query))).toMatchObject(refused);
    const ofAll = "uid" in query ? query : { resourceVersion: "0" };
    expect(await failure(api.delete(configMaps, undefined, ofAll))).toMatchObject({ code: 409 });
    expect((await api.list(configMaps)).items).toHaveLength(1);
  });

  test("that are true let the object go, and count for nothing beside a body", async () => {
    const { metadata } = await api.post(configMaps, { metadata: { name: "a" } });
    const { uid = "", resourceVersion = "" } = metadata;
    await api.delete(`${configMaps}/a`, undefined, { uid, resourceVersion });
    await api.post(configMaps, { metadata: { name: "b" } });
    await api.delete(`${configMaps}/b`, {}, { uid: "x" });
    expect((await api.list(configMaps)).items).toHaveLength(0);
  });
});

test("deletecollection answers with what was there before, also of objects that stay for a while", async () => {
  await api.post(configMaps, { metadata: { name: "a", finalizers: ["example.com/x"] } });
  const { items } = (await api.delete(configMaps)) as unknown as {
    items: readonly { readonly metadata: { readonly deletionTimestamp?: string } }[];
  };
  expect(items).toHaveLength(1);
  expect(items[0]?.metadata.deletionTimestamp).toBeUndefined();
  expect((await api.get(`${configMaps}/a`)).metadata.deletionTimestamp).toBeDefined();
});

test("deletecollection deletes what is selected and answers with it", async () => {
  for (const name of ["a", "b", "c"]) await api.post(configMaps, { metadata: { name, labels: { n: name } } });
  const watch = api.watch(configMaps, { resourceVersion: "3" });
  const deleted = await api.delete(configMaps, undefined, { labelSelector: "n in (a,b)" });
  expect((deleted as unknown as { items: unknown[] }).items).toHaveLength(2);
  await settle();
  expect(watch.short()).toEqual(["DELETED a", "DELETED b"]);
  expect((await api.list(configMaps)).items).toHaveLength(1);
  await watch.stop();
});

function deployment(metadata: object = {}): object {
  const labels = { app: "web" };
  const template = { metadata: { labels }, spec: { containers: [{ name: "c", image: "nginx" }] } };
  return {
    metadata: { name: "web", ...metadata },
    spec: { manualSelector: true, selector: { matchLabels: labels }, template },
  };
}
