import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ConfigMap, Pod } from "../../api/types/core-v1.ts";
import { isAlreadyExists, isConflict, isInvalid, isNotFound } from "../../apimachinery/status.ts";
import type { Transport, WatchEvent } from "../../apimachinery/transport.ts";
import { newClient, type ResourceClient } from "../client.ts";
import { resources } from "../resources.ts";

export interface ContractSubject {
  readonly transport: Transport;
  close(): Promise<void>;
}

const namespace = "default";

/**
 * What every API server behind a Transport must do for reconcilers to be right. Run by the fake, by the in-process
 * transport and over HTTPS, so that what holds in a test with the fake also holds in the cluster.
 */
export function describeTransport(name: string, open: () => Promise<ContractSubject>): void {
  describe(`${name}, as a Transport,`, () => {
    let subject: ContractSubject;
    let pods: ResourceClient<Pod>;
    let maps: ResourceClient<ConfigMap>;
    beforeEach(async () => {
      subject = await open();
      const client = newClient(subject.transport);
      pods = client.resource(resources.pods);
      maps = client.resource(resources.configmaps);
    });
    afterEach(async () => subject.close());

    const pod = (podName: string): Pod => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: podName, namespace, labels: { app: podName } },
      spec: { containers: [{ name: "main", image: "busybox" }] },
    });
    const map = (mapName: string, labels = {}): ConfigMap => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: mapName, namespace, labels },
      data: { a: "1" },
    });

    it("create sets what is the server's to set, and clears status", async () => {
      const created = await pods.create({ ...pod("a"), status: { phase: "Running" } });
      expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
      expect(Number(created.metadata.resourceVersion)).toBeGreaterThan(0);
      expect(created.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(created.metadata.generation).toBe(1);
      expect(created.status?.phase).toBe("Pending");
      expect(await pods.get("a", { namespace })).toEqual(created);
    });

    it("create names after generateName, and refuses taken names, no name and a set resourceVersion", async () => {
      const named = await maps.create({ ...map(""), metadata: { generateName: "web-" } }, { namespace });
      expect(named.metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
      await maps.create(map("a"));
      await expect(maps.create(map("a"))).rejects.toSatisfy(isAlreadyExists);
      await expect(maps.create({ ...map(""), metadata: {} }, { namespace })).rejects.toSatisfy(isInvalid);
      const versioned = { ...map("b"), metadata: { name: "b", resourceVersion: "7" } };
      await expect(maps.create(versioned, { namespace })).rejects.toThrow(
        "resourceVersion should not be set",
      );
    });

    it("update conflicts on an old resourceVersion and on another uid, and without one overwrites", async () => {
      const first = await maps.create(map("a"));
      const second = await maps.update({ ...first, data: { a: "2" } });
      expect(Number(second.metadata.resourceVersion)).toBeGreaterThan(Number(first.metadata.resourceVersion));
      await expect(maps.update({ ...first, data: { a: "3" } })).rejects.toSatisfy(isConflict);
      const { resourceVersion: _, ...metadata } = second.metadata;
      const other = { ...second, metadata: { ...metadata, uid: "00000000-0000-4000-8000-000000000000" } };
      await expect(maps.update(other)).rejects.toSatisfy(isConflict);
      expect((await maps.update({ ...second, metadata, data: { a: "4" } })).data).toEqual({ a: "4" });
      await expect(maps.update(map("none"))).rejects.toSatisfy(isNotFound);
    });

    it("update that changes nothing keeps the resourceVersion", async () => {
      const first = await maps.create(map("a"));
      expect((await maps.update(first)).metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    });

    it("status and the rest are written apart", async () => {
      const first = await pods.create(pod("a"));
      const labelled = await pods.update({
        ...first,
        metadata: { ...first.metadata, labels: { app: "b" } },
        status: { phase: "Failed" },
      });
      expect([labelled.metadata.generation, labelled.status?.phase]).toEqual([1, "Pending"]);
      const running = await pods.updateStatus({
        ...labelled,
        spec: { ...labelled.spec, nodeName: "n1" },
        status: { phase: "Running" },
      });
      expect([running.status?.phase, running.spec.nodeName, running.metadata.generation]).toEqual([
        "Running",
        undefined,
        1,
      ]);
      expect(running.metadata.labels).toEqual({ app: "b" });
    });

    it("patches merge: plainly, as operations, and by the keys of lists", async () => {
      await maps.create(map("a"));
      const merged = await maps.patch("a", { data: { a: null, b: "2" } }, { type: "merge", namespace });
      expect(merged.data).toEqual({ b: "2" });
      const operations = [{ op: "replace", path: "/data/b", value: "3" }];
      expect((await maps.patch("a", operations, { type: "json", namespace })).data).toEqual({ b: "3" });
      await pods.create(pod("a"));
      const condition = (type: string) => ({ status: { conditions: [{ type, status: "True" }] } });
      const strategic = { type: "strategic", subresource: "status", namespace } as const;
      await pods.patch("a", condition("x/One"), strategic);
      const patched = await pods.patch("a", condition("x/Two"), strategic);
      const types = patched.status?.conditions?.map(({ type }) => type) ?? [];
      expect(types.toSorted((a, b) => a.localeCompare(b))).toEqual(["x/One", "x/Two"]);
    });

    it("a patch with an old resourceVersion conflicts", async () => {
      const first = await maps.create(map("a"));
      await maps.update({ ...first, data: { a: "2" } });
      const stale = { metadata: { resourceVersion: first.metadata.resourceVersion }, data: { a: "3" } };
      await expect(maps.patch("a", stale, { type: "merge", namespace })).rejects.toSatisfy(isConflict);
    });

    it("delete waits for finalizers and checks preconditions", async () => {
      const held = { ...map("a"), metadata: { name: "a", namespace, finalizers: ["example.com/hold"] } };
      await maps.create(held);
      const wrong = { uid: "00000000-0000-4000-8000-000000000000" };
      await expect(maps.delete("a", { namespace, preconditions: wrong })).rejects.toSatisfy(isConflict);
      await maps.delete("a", { namespace });
      const waiting = await maps.get("a", { namespace });
      expect(waiting.metadata.deletionTimestamp).toBeDefined();
      await maps.update({ ...waiting, metadata: { ...waiting.metadata, finalizers: [] } });
      await expect(maps.get("a", { namespace })).rejects.toSatisfy(isNotFound);
      await expect(maps.delete("a", { namespace })).rejects.toSatisfy(isNotFound);
    });

    it("delete of a pod on a node begins its grace period, and with grace 0 ends it", async () => {
      await pods.create(pod("a"));
      const target = {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { name: "a" },
        target: { kind: "Node", name: "n1" },
      };
      await pods.postSubresource("a", "binding", target, { namespace });
      const again = pods.postSubresource("a", "binding", target, { namespace });
      await expect(again).rejects.toSatisfy(isConflict);
      await pods.delete("a", { namespace, gracePeriodSeconds: 5 });
      expect((await pods.get("a", { namespace })).metadata).toMatchObject({ deletionGracePeriodSeconds: 5 });
      await pods.delete("a", { namespace, gracePeriodSeconds: 0 });
      await expect(pods.get("a", { namespace })).rejects.toSatisfy(isNotFound);
    });

    it("delete of a pod without a node is immediate", async () => {
      await pods.create(pod("a"));
      await pods.delete("a", { namespace });
      await expect(pods.get("a", { namespace })).rejects.toSatisfy(isNotFound);
    });

    it("lists follow selectors and pages, and their items carry their kind", async () => {
      for (const letter of ["a", "b", "c"]) await maps.create(map(letter, { letter }));
      const names = async (options: Parameters<typeof maps.list>[0]) =>
        (await maps.list({ namespace, ...options })).items.map(({ metadata }) => metadata.name);
      expect(await names({ labelSelector: "letter" })).toEqual(["a", "b", "c"]);
      expect(await names({ labelSelector: "letter in (a,c)" })).toEqual(["a", "c"]);
      expect(await names({ labelSelector: "letter", fieldSelector: "metadata.name!=b" })).toEqual(["a", "c"]);
      const page = await maps.list({ namespace, labelSelector: "letter", limit: 2 });
      expect(page.items.map(({ kind }) => kind)).toEqual(["ConfigMap", "ConfigMap"]);
      expect(
        await names({ labelSelector: "letter", limit: 2, continue: page.metadata.continue ?? "" }),
      ).toEqual(["c"]);
      await maps.deleteCollection({ namespace, labelSelector: "letter=b" });
      expect(await names({ labelSelector: "letter" })).toEqual(["a", "c"]);
    });

    it("a watch from a list's revision misses nothing, and sees what enters and leaves its selection", async () => {
      await maps.create(map("a", { app: "x" }));
      const { metadata } = await maps.list({ namespace, labelSelector: "app=x" });
      const first = await maps.get("a", { namespace });
      const relabelled = await maps.update({
        ...first,
        metadata: { ...first.metadata, labels: { app: "y" } },
      });
      await maps.update({ ...relabelled, metadata: { ...relabelled.metadata, labels: { app: "x" } } });
      await maps.delete("a", { namespace });
      const seen = await collect(
        maps.watch({ namespace, labelSelector: "app=x", resourceVersion: metadata.resourceVersion ?? "" }),
        3,
      );
      expect(seen.map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual([
        "DELETED a",
        "ADDED a",
        "DELETED a",
      ]);
      const revisions = seen.map(({ object }) => Number(object.metadata.resourceVersion));
      expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
      expect(Object.isFrozen(seen[0]?.object.metadata)).toBe(true);
    });

    it("a watch may begin with what exists, and marks where that ends", async () => {
      await maps.create(map("a", { app: "x" }));
      const options = { namespace, labelSelector: "app=x", allowWatchBookmarks: true };
      const initial = await collect(
        maps.watch({ ...options, sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" }),
        2,
      );
      expect(initial.map(({ type }) => type)).toEqual(["ADDED", "BOOKMARK"]);
      expect(initial[1]?.object.metadata.annotations).toEqual({ "k8s.io/initial-events-end": "true" });
      expect((await collect(maps.watch({ ...options, resourceVersion: "0" }), 1))[0]?.type).toBe("ADDED");
    });

    it("a watch completes when its signal aborts", async () => {
      const stop = new AbortController();
      const watching = collect(maps.watch({ namespace, labelSelector: "none=such", signal: stop.signal }), 1);
      stop.abort();
      expect(await watching).toEqual([]);
    });

    it("an unknown resource is not found", async () => {
      const unknown = subject.transport.request({ method: "GET", path: "/apis/no.such/v1/things" });
      await expect(unknown).rejects.toMatchObject({ code: 404 });
    });

    it("scale changes replicas and the generation", async () => {
      const deployments = newClient(subject.transport).resource(resources.deployments);
      await deployments.create({
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "web", namespace },
        spec: {
          replicas: 1,
          selector: { matchLabels: { app: "web" } },
          template: { metadata: { labels: { app: "web" } }, spec: pod("x").spec },
        },
      });
      const scaled = { type: "merge", subresource: "scale", namespace } as const;
      await deployments.patch("web", { spec: { replicas: 3 } }, scaled);
      const stored = await deployments.get("web", { namespace });
      expect([stored.spec.replicas, stored.metadata.generation]).toEqual([3, 2]);
    });
  });
}

/** The first events of a watch. */
async function collect<T>(watch: AsyncIterable<WatchEvent<T>>, count: number): Promise<WatchEvent<T>[]> {
  const events: WatchEvent<T>[] = [];
  for await (const event of watch) {
    events.push(event);
    if (events.length === count) break;
  }
  return events;
}
