import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pod } from "../api/types/core-v1.ts";
import { VirtualClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import { newBadRequest, newServiceUnavailable } from "../apimachinery/status.ts";
import type { TransportRequest } from "../apimachinery/transport.ts";
import { newClient } from "./client.ts";
import { resources } from "./resources.ts";
import { SharedInformerFactory } from "./shared-informer-factory.ts";
import { FakeTransport } from "./testing/fake-transport.ts";

const pod = (name: string, nodeName = ""): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default" },
  spec: { containers: [], nodeName },
});

let clock: VirtualClock;
let transport: FakeTransport;
let stop: AbortController;

beforeEach(() => {
  clock = new VirtualClock();
  transport = new FakeTransport({ clock });
  stop = new AbortController();
});
afterEach(() => stop.abort());

const factory = (streamInitialState = false) =>
  new SharedInformerFactory({
    client: newClient(transport),
    clock,
    logger: silentLogger,
    streamInitialState,
  });

const isWatch = ({ query }: TransportRequest): boolean => query?.["watch"] === "true";
const countLists = () => transport.requests.filter((request) => !isWatch(request)).length;

function recorder() {
  const seen: string[] = [];
  const handler = {
    added: ({ metadata }: Pod) => seen.push(`+${metadata.name}`),
    updated: (_: Pod, { metadata }: Pod) => seen.push(`~${metadata.name}`),
    deleted: ({ metadata }: Pod) => seen.push(`-${metadata.name}`),
  };
  return { seen, handler };
}

describe.each([
  ["list then watch", false],
  ["streamed initial state", true],
])("with %s", (_, streams) => {
  it("start() resolves once the store holds what exists, and follows every change", async () => {
    transport.seed(pod("a"), pod("b"));
    const informers = factory(streams);
    const pods = informers.informer(resources.pods);
    const { seen, handler } = recorder();
    pods.addHandler(handler);
    await informers.start(stop.signal);
    expect(pods.hasSynced()).toBe(true);
    expect(seen).toEqual(["+a", "+b"]);
    transport.seed(pod("c"));
    transport.modify(resources.pods, "a", (object) => (object.metadata.labels = { x: "y" }));
    transport.remove(resources.pods, "b");
    await clock.advance(0);
    expect(seen.slice(2)).toEqual(["+c", "~a", "-b"]);
    expect(pods.list().map(({ metadata }) => metadata.name)).toEqual(["a", "c"]);
    expect(pods.lastResourceVersion()).toBe("5");
  });

  it("resumes a watch that ended at the last revision, without listing", async () => {
    transport.seed(pod("a"));
    const informers = factory(streams);
    const pods = informers.informer(resources.pods);
    await informers.start(stop.signal);
    const lists = countLists();
    transport.dropWatches();
    transport.seed(pod("b"));
    await clock.advance(5000);
    expect(pods.get("b", "default")).toBeDefined();
    expect(countLists()).toBe(lists);
  });

  it("starts over when its revision has expired, and tells the difference", async () => {
    transport.seed(pod("a"), pod("b"));
    const informers = factory(streams);
    const { seen, handler } = recorder();
    informers.informer(resources.pods).addHandler(handler);
    await informers.start(stop.signal);
    const away = transport.react((request) => {
      if (isWatch(request)) throw newServiceUnavailable("down");
    });
    transport.dropWatches();
    await clock.advance(1);
    transport.remove(resources.pods, "a");
    transport.modify(resources.pods, "b", (object) => (object.metadata.labels = { x: "y" }));
    transport.seed(pod("c"));
    transport.compact();
    away();
    await clock.advance(60_000);
    expect(seen.slice(2).toSorted()).toEqual(["+c", "-a", "~b"]);
  });

  it("keeps trying while the server is down", async () => {
    const restore = transport.react(() => {
      throw newServiceUnavailable("down");
    });
    const informers = factory(streams);
    const pods = informers.informer(resources.pods);
    const started = informers.start(stop.signal);
    await clock.advance(10_000);
    expect(pods.hasSynced()).toBe(false);
    expect(transport.requests.length).toBeLessThan(8);
    transport.seed(pod("a"));
    restore();
    await clock.advance(60_000);
    await started;
    expect(pods.list()).toHaveLength(1);
  });
});

it("falls back to a list when the server refuses to stream", async () => {
  transport.seed(pod("a"));
  transport.react(({ query }) => {
    if (query?.["sendInitialEvents"] !== undefined)
      throw newBadRequest("sendInitialEvents is forbidden for watch");
  });
  const informers = factory(true);
  const pods = informers.informer(resources.pods);
  await informers.start(stop.signal);
  expect(pods.list()).toHaveLength(1);
});

it("an object that was made anew is deleted and added, not updated", async () => {
  transport.seed(pod("a"));
  const informers = factory();
  const { seen, handler } = recorder();
  informers.informer(resources.pods).addHandler(handler);
  await informers.start(stop.signal);
  // Replaced in one step, as a relist would show it.
  transport.seed(pod("a"));
  await clock.advance(0);
  expect(seen).toEqual(["+a", "-a", "+a"]);
});

it("indexes follow changes, also those added late", async () => {
  transport.seed(pod("a", "n1"));
  const informers = factory();
  const pods = informers.informer(resources.pods);
  await informers.start(stop.signal);
  pods.addIndex("node", ({ spec }) => [spec.nodeName ?? ""]);
  const onNode = (node: string) => pods.byIndex("node", node).map(({ metadata }) => metadata.name);
  expect(onNode("n1")).toEqual(["a"]);
  transport.modify(resources.pods, "a", ({ spec }) => (spec.nodeName = "n2"));
  await clock.advance(0);
  expect([onNode("n1"), onNode("n2")]).toEqual([[], ["a"]]);
  expect(() => pods.byIndex("other", "")).toThrow('index "other" was not added');
});

it("a handler's fault reaches neither the other handlers nor the store", async () => {
  transport.seed(pod("a"));
  const informers = factory();
  const pods = informers.informer(resources.pods);
  const { seen, handler } = recorder();
  pods.addHandler({
    added: () => {
      throw new Error("fault");
    },
  });
  pods.addHandler(handler);
  await informers.start(stop.signal);
  expect(seen).toEqual(["+a"]);
});

it("a handler added late receives what is known, and none after it was removed", async () => {
  transport.seed(pod("a"));
  const informers = factory();
  const pods = informers.informer(resources.pods);
  await informers.start(stop.signal);
  const { seen, handler } = recorder();
  const remove = pods.addHandler(handler);
  remove();
  transport.seed(pod("b"));
  await clock.advance(0);
  expect(seen).toEqual(["+a"]);
});

it("an informer asked for after the start runs too, one per selection", async () => {
  transport.seed(pod("a", "n1"), pod("b", "n2"));
  const informers = factory();
  await informers.start(stop.signal);
  const some = informers.informer(resources.pods, { fieldSelector: "spec.nodeName=n1" });
  await some.synced();
  expect(some.list().map(({ metadata }) => metadata.name)).toEqual(["a"]);
  expect(informers.informer(resources.pods, { fieldSelector: "spec.nodeName=n1" })).toBe(some);
  expect(informers.informer(resources.pods)).not.toBe(some);
});

it("an informer of metadata asks for no more, and shares one that has the objects anyway", async () => {
  const informers = factory();
  const metadataOnly = { metadataOnly: true };
  const names = informers.informer(resources.configmaps, metadataOnly);
  const pods = informers.informer(resources.pods);
  expect(informers.informer(resources.pods, metadataOnly)).toBe(pods);
  expect(informers.informer(resources.configmaps, metadataOnly)).toBe(names);
  await informers.start(stop.signal);
  const asked = (resource: string) =>
    transport.requests.filter(({ path }) => path.endsWith(resource)).map(({ accept }) => accept);
  expect(asked("configmaps")).toEqual([
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
  ]);
  expect(asked("pods")).toEqual([undefined, undefined]);
});

it("an informer with a signal is the caller's own, and ends with it", async () => {
  transport.seed(pod("a"));
  const informers = factory();
  const [end, early] = [new AbortController(), new AbortController()];
  const before = informers.informer(resources.pods, { signal: early.signal });
  await informers.start(stop.signal);
  const own = informers.informer(resources.pods, { signal: end.signal });
  expect(informers.informer(resources.pods, { signal: end.signal })).not.toBe(own);
  await Promise.all([before.synced(), own.synced()]);
  expect([before.list(), own.list()].map((list) => list.length)).toEqual([1, 1]);
  const { seen, handler } = recorder();
  own.addHandler(handler);
  end.abort();
  early.abort();
  transport.seed(pod("b"));
  await clock.advance(0);
  expect([seen, own.list().length, before.list().length]).toEqual([["+a"], 1, 1]);
  const requests = transport.requests.length;
  await clock.advance(3_600_000);
  expect(transport.requests).toHaveLength(requests);
});

it("nobody waits for an informer that has ended", async () => {
  transport.react(() => {
    throw newServiceUnavailable("down");
  });
  const informers = factory();
  const end = new AbortController();
  await informers.start(stop.signal);
  const own = informers.informer(resources.pods, { signal: end.signal });
  end.abort();
  await own.synced();
  expect(own.hasSynced()).toBe(false);
  await informers.informer(resources.pods, { signal: end.signal }).synced();
});

it("objects are frozen", async () => {
  transport.seed(pod("a"));
  const informers = factory();
  const pods = informers.informer(resources.pods);
  await informers.start(stop.signal);
  expect(Object.isFrozen(pods.get("a", "default")?.spec)).toBe(true);
});

it("start() rejects when it is stopped before the caches have synced", async () => {
  transport.react(() => {
    throw newServiceUnavailable("down");
  });
  const informers = factory();
  informers.informer(resources.pods);
  const started = informers.start(stop.signal);
  stop.abort(new Error("stopped"));
  await expect(started).rejects.toThrow("stopped");
});
