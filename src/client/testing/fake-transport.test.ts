import { describe, expect, it } from "vitest";
import type { ConfigMap, Pod } from "../../api/types/core-v1.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { isConflict, isNotFound, newServiceUnavailable, StatusError } from "../../apimachinery/status.ts";
import type { WatchEvent } from "../../apimachinery/transport.ts";
import { newClient } from "../client.ts";
import { resources } from "../resources.ts";
import { FakeTransport, type FakeTransportOptions } from "./fake-transport.ts";

const pod = (name: string, extra: Partial<Pod> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", labels: { app: name } },
  spec: { containers: [{ name: "main", image: "busybox" }] },
  ...extra,
});

const configMap = (name: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
  data: { a: "1" },
});

function setUp(options: FakeTransportOptions = {}) {
  const transport = new FakeTransport({ clock: new VirtualClock(), ...options });
  const client = newClient(transport);
  return { transport, pods: client.resource(resources.pods), maps: client.resource(resources.configmaps) };
}

describe("create", () => {
  it("sets uid, resourceVersion, creationTimestamp and generation, and clears status", async () => {
    const { pods } = setUp();
    const created = await pods.create({ ...pod("a"), status: { phase: "Running" } });
    expect(created.metadata).toMatchObject({
      name: "a",
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: "2026-01-01T00:00:00Z",
    });
    expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(created.status).toEqual({ phase: "Pending" });
  });

  it("makes a name from generateName", async () => {
    const { pods } = setUp();
    const created = await pods.create(
      { ...pod("x"), metadata: { generateName: "web-" } },
      { namespace: "n" },
    );
    expect(created.metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
    expect(created.metadata.namespace).toBe("n");
  });

  it("refuses a name that is taken, a missing name and a set resourceVersion", async () => {
    const { pods } = setUp();
    await pods.create(pod("a"));
    await expect(pods.create(pod("a"))).rejects.toMatchObject({ reason: "AlreadyExists", code: 409 });
    await expect(pods.create({ ...pod("a"), metadata: {} })).rejects.toMatchObject({ code: 422 });
    const stale = pod("b");
    stale.metadata.resourceVersion = "7";
    await expect(pods.create(stale)).rejects.toMatchObject({ code: 500 });
  });
});

describe("update", () => {
  it("conflicts on an old resourceVersion and on another uid", async () => {
    const { pods } = setUp();
    const first = await pods.create(pod("a"));
    await pods.update({ ...first, metadata: { ...first.metadata, labels: { app: "b" } } });
    await expect(pods.update(first)).rejects.toSatisfy(isConflict);
    const { resourceVersion: _, ...metadata } = first.metadata;
    await expect(pods.update({ ...first, metadata: { ...metadata, uid: "other" } })).rejects.toSatisfy(
      isConflict,
    );
  });

  it("raises the generation for a change of spec only, and leaves status alone", async () => {
    const { pods } = setUp();
    const first = await pods.create(pod("a"));
    const labelled = await pods.update({
      ...first,
      metadata: { ...first.metadata, labels: { app: "b" } },
      status: { phase: "Failed" },
    });
    expect([labelled.metadata.generation, labelled.status?.phase]).toEqual([1, "Pending"]);
    const changed = await pods.update({
      ...labelled,
      spec: { containers: [{ name: "main", image: "nginx" }] },
    });
    expect(changed.metadata.generation).toBe(2);
  });

  it("of status leaves spec and labels alone", async () => {
    const { pods } = setUp();
    const first = await pods.create(pod("a"));
    const updated = await pods.updateStatus({
      ...first,
      spec: { containers: [] },
      status: { phase: "Running" },
    });
    expect(updated.status).toEqual({ phase: "Running" });
    expect(updated.spec).toEqual(first.spec);
    expect(updated.metadata.generation).toBe(1);
  });

  it("that changes nothing keeps the resourceVersion", async () => {
    const { maps } = setUp();
    const first = await maps.create(configMap("a"));
    const again = await maps.update(first);
    expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  it("by merge patch removes what is null", async () => {
    const { maps } = setUp();
    await maps.create(configMap("a"));
    const patched = await maps.patch(
      "a",
      { data: { a: null, b: "2" } },
      { type: "merge", namespace: "default" },
    );
    expect(patched.data).toEqual({ b: "2" });
  });
});

describe("delete", () => {
  it("of a pod on a node gives a deletionTimestamp, and with grace 0 removes it", async () => {
    const { pods, transport } = setUp();
    transport.seed(pod("a", { spec: { containers: [], nodeName: "n", terminationGracePeriodSeconds: 5 } }));
    await pods.delete("a", { namespace: "default" });
    expect(transport.get(resources.pods, "a")?.metadata).toMatchObject({
      deletionTimestamp: "2026-01-01T00:00:05Z",
      deletionGracePeriodSeconds: 5,
    });
    await pods.delete("a", { namespace: "default", gracePeriodSeconds: 0 });
    expect(transport.get(resources.pods, "a")).toBeUndefined();
  });

  it("of a pod without a node removes it at once", async () => {
    const { pods, transport } = setUp();
    transport.seed(pod("a"));
    await pods.delete("a", { namespace: "default" });
    expect(transport.list(resources.pods)).toEqual([]);
  });

  it("waits for finalizers", async () => {
    const { maps, transport } = setUp();
    const first = await maps.create({
      ...configMap("a"),
      metadata: { name: "a", namespace: "default", finalizers: ["x/y"] },
    });
    await maps.delete("a", { namespace: "default" });
    const waiting = await maps.get("a", { namespace: "default" });
    expect(waiting.metadata.deletionTimestamp).toBeDefined();
    await maps.update({ ...waiting, metadata: { ...waiting.metadata, finalizers: [] } });
    expect(transport.get(resources.configmaps, "a")).toBeUndefined();
    expect(first.metadata.deletionTimestamp).toBeUndefined();
  });

  it("checks preconditions", async () => {
    const { maps } = setUp();
    await maps.create(configMap("a"));
    const wrong = maps.delete("a", { namespace: "default", preconditions: { uid: "other" } });
    await expect(wrong).rejects.toSatisfy(isConflict);
    await expect(maps.delete("b", { namespace: "default" })).rejects.toSatisfy(isNotFound);
  });

  it("of a collection follows the selectors", async () => {
    const { pods, transport } = setUp();
    transport.seed(pod("a"), pod("b"));
    await pods.deleteCollection({ namespace: "default", labelSelector: "app=a" });
    expect(transport.list(resources.pods).map(({ metadata }) => metadata.name)).toEqual(["b"]);
  });
});

describe("list and watch", () => {
  it("lists by namespace, labels and fields", async () => {
    const { pods, transport } = setUp();
    transport.seed(pod("a"), pod("b", { spec: { containers: [], nodeName: "n" } }));
    const names = async (options: Parameters<typeof pods.list>[0]) =>
      (await pods.list(options)).items.map(({ metadata }) => metadata.name);
    expect(await names({ namespace: "default" })).toEqual(["a", "b"]);
    expect(await names({ namespace: "other" })).toEqual([]);
    expect(await names({ labelSelector: "app!=a" })).toEqual(["b"]);
    expect(await names({ fieldSelector: "spec.nodeName=n" })).toEqual(["b"]);
  });

  it("watches from a revision, and tells a filtered watcher of what enters and leaves", async () => {
    const { pods, transport } = setUp();
    transport.seed(pod("a"));
    const { metadata } = await pods.list();
    const stop = new AbortController();
    const seen: WatchEvent<Pod>[] = [];
    const watching = (async () => {
      const watch = pods.watch({
        resourceVersion: metadata.resourceVersion ?? "",
        labelSelector: "app=a",
        signal: stop.signal,
      });
      for await (const event of watch) seen.push(event);
    })();
    transport.modify(resources.pods, "a", (object) => (object.metadata.labels = { app: "b" }));
    transport.modify(resources.pods, "a", (object) => (object.metadata.labels = { app: "a" }));
    transport.remove(resources.pods, "a");
    await new VirtualClock().advance(0);
    stop.abort();
    await watching;
    expect(seen.map(({ type }) => type)).toEqual(["DELETED", "ADDED", "DELETED"]);
  });

  it("answers 410 to a revision that was compacted", async () => {
    const { pods, transport } = setUp();
    transport.seed(pod("a"));
    transport.seed(pod("b"));
    transport.compact();
    const first = pods.watch({ resourceVersion: "1" })[Symbol.asyncIterator]().next();
    await expect(first).rejects.toMatchObject({ code: 410 });
  });

  it("streams initial events up to their bookmark", async () => {
    const { pods, transport } = setUp();
    transport.seed(pod("a"));
    const types: string[] = [];
    for await (const event of pods.watch({ sendInitialEvents: true, allowWatchBookmarks: true })) {
      types.push(event.type);
      if (event.type === "BOOKMARK") break;
    }
    expect(types).toEqual(["ADDED", "BOOKMARK"]);
  });
});

describe("subresources", () => {
  it("binding sets the node once", async () => {
    const { pods, transport } = setUp();
    transport.seed(pod("a"));
    const target = { target: { kind: "Node", name: "n" } };
    await pods.postSubresource("a", "binding", target, { namespace: "default" });
    expect(transport.get(resources.pods, "a")?.spec.nodeName).toBe("n");
    const again = pods.postSubresource("a", "binding", target, { namespace: "default" });
    await expect(again).rejects.toSatisfy(isConflict);
  });

  it("scale changes replicas and the generation", async () => {
    const { transport } = setUp();
    transport.seed({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: { replicas: 1 },
    });
    const deployments = newClient(transport).resource(resources.deployments);
    await deployments.patch(
      "web",
      { spec: { replicas: 3 } },
      { type: "merge", subresource: "scale", namespace: "default" },
    );
    const stored = transport.get(resources.deployments, "web");
    expect([stored?.spec.replicas, stored?.metadata.generation]).toEqual([3, 2]);
  });

  it("unknown ones and unknown resources get 404", async () => {
    const { pods, transport } = setUp();
    transport.seed(pod("a"));
    await expect(pods.getSubresource("a", "nonsense", { namespace: "default" })).rejects.toMatchObject({
      code: 404,
    });
    await expect(
      transport.request({ method: "GET", path: "/apis/no.such/v1/things" }),
    ).rejects.toBeInstanceOf(StatusError);
  });

  it("finalize removes a namespace that is being deleted", async () => {
    const { transport } = setUp();
    const namespaces = newClient(transport).resource(resources.namespaces);
    await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "n" }, spec: {} });
    await namespaces.delete("n");
    const stored = await namespaces.get("n");
    expect(stored.status?.phase).toBe("Terminating");
    await namespaces.putSubresource("n", "finalize", { ...stored, spec: { finalizers: [] } });
    await expect(namespaces.get("n")).rejects.toSatisfy(isNotFound);
  });
});

it("a reactor may fail a request", async () => {
  const { pods, transport } = setUp();
  const restore = transport.react(({ method }) => {
    if (method === "POST") throw newServiceUnavailable("down");
  });
  await expect(pods.create(pod("a"))).rejects.toMatchObject({ code: 503 });
  restore();
  await pods.create(pod("a"));
  expect(transport.requests.filter(({ method }) => method === "POST")).toHaveLength(2);
});
