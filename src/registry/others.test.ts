import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DaemonSet } from "../api/types/apps-v1.ts";
import type { Job } from "../api/types/batch-v1.ts";
import type { PersistentVolumeClaim } from "../api/types/core-v1.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import { failure, type TestApi } from "../apiserver/testing/api.ts";
import type { TestServer } from "../apiserver/testing/test-server.ts";
import { startRegistryServer } from "./testing/registry-server.ts";

let server: TestServer & { readonly api: TestApi };
let api: TestApi;
beforeEach(async () => {
  server = await startRegistryServer();
  api = server.api;
});
afterEach(async () => server.server.close());

const containers = [{ name: "main", image: "app" }];

describe("a namespace", () => {
  const create = async (metadata: object): Promise<UnstructuredObject> =>
    await api.post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata });

  it("is Active, held by its finalizer, and carries its name, also a generated one", async () => {
    expect(await create({ name: "work" })).toMatchObject({
      metadata: { labels: { "kubernetes.io/metadata.name": "work" } },
      spec: { finalizers: ["kubernetes"] },
      status: { phase: "Active" },
    });
    const { metadata } = await create({ generateName: "run-" });
    expect(metadata.labels?.["kubernetes.io/metadata.name"]).toBe(metadata.name);
  });

  it("stays, Terminating, until it is finalized", async () => {
    await create({ name: "work" });
    await api.delete("/api/v1/namespaces/work");
    const namespace = await api.get("/api/v1/namespaces/work");
    expect(namespace["status"]).toMatchObject({ phase: "Terminating" });
    const update = { ...namespace, spec: { finalizers: [] } };
    // An update of the namespace itself takes no finalizer off.
    await api.put("/api/v1/namespaces/work", update);
    expect((await api.get("/api/v1/namespaces/work"))["spec"]).toEqual({ finalizers: ["kubernetes"] });
    await api.put("/api/v1/namespaces/work/finalize", update);
    expect(await failure(api.get("/api/v1/namespaces/work"))).toMatchObject({ code: 404 });
  });

  it("is finalized by those only who saw its newest state", async () => {
    const old = await create({ name: "work" });
    await api.patch("merge", "/api/v1/namespaces/work", { metadata: { labels: { a: "b" } } });
    expect(await failure(api.put("/api/v1/namespaces/work/finalize", old))).toMatchObject({ code: 409 });
  });
});

describe("a Job", () => {
  const create = async (metadata: object, spec: object = {}): Promise<Job> =>
    (await api.post("/apis/batch/v1/namespaces/default/jobs", {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata,
      spec: { template: { spec: { restartPolicy: "Never", containers } }, ...spec },
    })) as unknown as Job;

  it.each([[{ name: "work" }], [{ generateName: "work-" }]])(
    "of %j selects its pods by uid, and names them",
    async (given) => {
      const { metadata, spec } = await create(given);
      const uid = metadata.uid;
      expect(spec.selector).toEqual({ matchLabels: { "batch.kubernetes.io/controller-uid": uid } });
      expect(spec.template.metadata?.labels).toEqual({
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": metadata.name,
        "controller-uid": uid,
        "job-name": metadata.name,
      });
    },
  );

  it("with a selector of its own keeps it", async () => {
    const selector = { matchLabels: { a: "b" } };
    const template = { metadata: { labels: { a: "b" } }, spec: { restartPolicy: "Never", containers } };
    const { spec } = await create({ name: "work" }, { manualSelector: true, selector, template });
    expect(spec.selector).toEqual(selector);
    expect(spec.template.metadata?.labels).toEqual({ a: "b" });
  });

  it("that claims another's name for its pods is refused", async () => {
    const metadata = { labels: { "batch.kubernetes.io/job-name": "other" } };
    const template = { metadata, spec: { restartPolicy: "Never", containers } };
    expect(await failure(create({ name: "work" }, { template }))).toMatchObject({ code: 422 });
  });
});

describe("a DaemonSet", () => {
  const path = "/apis/apps/v1/namespaces/default/daemonsets";
  const counts = (object: unknown): unknown[] => {
    const { metadata } = object as DaemonSet;
    return [metadata.generation, metadata.annotations?.["deprecated.daemonset.template.generation"]];
  };

  it("counts the generations of its template", async () => {
    const created = await api.post(path, {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name: "agent" },
      spec: {
        selector: { matchLabels: { app: "agent" } },
        template: { metadata: { labels: { app: "agent" } }, spec: { containers } },
      },
    });
    expect(counts(created)).toEqual([1, "1"]);
    expect(created.metadata.managedFields?.[0]?.fieldsV1).toMatchObject({
      "f:metadata": { "f:annotations": { "f:deprecated.daemonset.template.generation": {} } },
    });
    const other = await api.patch("merge", `${path}/agent`, { spec: { minReadySeconds: 5 } });
    expect(counts(other)).toEqual([2, "1"]);
    const image = { spec: { template: { spec: { containers: [{ name: "main", image: "v2" }] } } } };
    expect(counts(await api.patch("strategic", `${path}/agent`, image))).toEqual([3, "2"]);
    const taken = { metadata: { annotations: null } };
    expect(counts(await api.patch("merge", `${path}/agent`, taken))).toEqual([3, "2"]);
  });
});

describe("volumes", () => {
  const claim = async (spec: object): Promise<PersistentVolumeClaim["spec"]> => {
    const created = await api.post("/api/v1/namespaces/default/persistentvolumeclaims", {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { generateName: "c-" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, ...spec },
    });
    expect(created["status"]).toEqual({ phase: "Pending" });
    return (created as unknown as PersistentVolumeClaim).spec;
  };
  const snapshot = { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot", name: "s" };
  const populator = { apiGroup: "example.com", kind: "Populator", name: "x" };

  it.each<[object, unknown, unknown]>([
    [{ dataSource: snapshot }, snapshot, snapshot],
    [{ dataSourceRef: snapshot }, snapshot, snapshot],
    [{ dataSourceRef: populator }, populator, populator],
    [{ dataSource: populator }, undefined, undefined],
    [{}, undefined, undefined],
  ])("of %j have both sources the same", async (given, dataSource, dataSourceRef) => {
    const spec = await claim(given);
    expect([spec.dataSource, spec.dataSourceRef]).toEqual([dataSource, dataSourceRef]);
  });

  it("note when they entered a phase", async () => {
    const path = "/api/v1/persistentvolumes";
    const created = await api.post(path, {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: "pv" },
      spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/x" } },
      status: { phase: "Bound" },
    });
    expect(created["status"]).toEqual({
      phase: "Pending",
      lastPhaseTransitionTime: "2026-01-01T00:00:00Z",
    });
    await server.clock.advance(60_000);
    const set = async (status: object): Promise<unknown> =>
      (await api.patch("merge", `${path}/pv/status`, { status }))["status"];
    expect(await set({ phase: "Available" })).toEqual({
      phase: "Available",
      lastPhaseTransitionTime: "2026-01-01T00:01:00Z",
    });
    await server.clock.advance(60_000);
    expect(await set({ message: "x" })).toMatchObject({ lastPhaseTransitionTime: "2026-01-01T00:01:00Z" });
  });
});
