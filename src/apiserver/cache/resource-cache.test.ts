import { beforeEach, describe, expect, test } from "vitest";
import { parseLabelSelector } from "../../apimachinery/labels.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { CachedObject } from "./cached-object.ts";
import { ResourceCache } from "./resource-cache.ts";
import { Selection } from "./selection.ts";
import type { Watcher } from "./watcher.ts";

let cache: ResourceCache;
let revision = 0;

beforeEach(() => {
  revision = 0;
  cache = new ResourceCache({ group: "", resource: "pods" }, 0);
});

function pod(namespace: string, name: string, fields: Partial<UnstructuredObject> = {}): CachedObject {
  const object = {
    apiVersion: "v1",
    kind: "Pod",
    ...fields,
    metadata: { ...fields.metadata, name, namespace },
  };
  return CachedObject.written(object, ++revision, undefined);
}

function put(namespace: string, name: string, fields: Partial<UnstructuredObject> = {}): void {
  const object = pod(namespace, name, fields);
  cache.apply(object.revision, namespace, name, object, () => undefined);
}

const remove = (namespace: string, name: string): void =>
  cache.apply(++revision, namespace, name, undefined, () => undefined);

function watch(
  selection: Selection,
  afterRevision: number,
): { events: string[]; started: boolean; watcher: Watcher } {
  const events: string[] = [];
  const watcher: Watcher = {
    selection,
    bookmarks: false,
    afterRevision,
    sink: {
      notice: ({ type, object }) =>
        events.push(`${type} ${object.name}@${object.object.metadata.resourceVersion}`),
      flush: () => undefined,
      bookmark: () => undefined,
      end: () => undefined,
    },
  };
  return { events, started: cache.watch(watcher), watcher };
}

const names = (namespace = "", after = ""): string[] =>
  Array.from(cache.objects(namespace, after), (object) => `${object.namespace}/${object.name}`);

describe("objects()", () => {
  beforeEach(() => {
    for (const [namespace, name] of [
      ["b", "2"],
      ["a", "3"],
      ["a-b", "1"],
      ["a", "1"],
    ] as const)
      put(namespace, name);
  });

  test("yields in the order of keys, where a namespace is followed by its slash", () => {
    expect(names()).toEqual(["a-b/1", "a/1", "a/3", "b/2"]);
    expect(names("a")).toEqual(["a/1", "a/3"]);
    expect(cache.select(new Selection("")).map(({ name }) => name)).toEqual(["1", "1", "3", "2"]);
  });

  test("goes on after a key, also after one that is gone", () => {
    expect(names("", "a/1")).toEqual(["a/3", "b/2"]);
    expect(names("", "a/2")).toEqual(["a/3", "b/2"]);
    expect(names("a", "a/1")).toEqual(["a/3"]);
    expect(cache.countAfter("", "a/1")).toBe(2);
    expect(cache.countAfter("a", "a/1")).toBe(1);
  });

  test("forgets what was removed", () => {
    remove("a", "1");
    expect(names("a")).toEqual(["a/3"]);
    expect(cache.get("a", "1")).toBeUndefined();
    expect(cache.size).toBe(3);
  });
});

describe("watch()", () => {
  test("begins with the events after its revision", () => {
    put("a", "1");
    put("a", "2");
    remove("a", "1");
    const { events } = watch(new Selection(""), 1);
    put("a", "2");
    expect(events).toEqual(["ADDED 2@2", "DELETED 1@3", "MODIFIED 2@4"]);
  });

  test("is refused when events before it are forgotten", () => {
    for (let count = 0; count < 10_100; count++) put("a", "1");
    expect(watch(new Selection(""), 1).started).toBe(false);
    expect(watch(new Selection(""), cache.completeAfter).started).toBe(true);
  });

  test("an object that comes to match is added, one that ceases to match is deleted in its last matching state", () => {
    const selector = new Selection("", parseLabelSelector("app=web"));
    const { events } = watch(selector, 0);
    put("a", "1");
    put("a", "1", { metadata: { labels: { app: "web" } } });
    put("a", "1", { metadata: { labels: { app: "web", more: "x" } } });
    put("a", "1", { metadata: { labels: { app: "db" } } });
    remove("a", "1");
    expect(events).toEqual(["ADDED 1@2", "MODIFIED 1@3", "DELETED 1@4"]);
  });

  test("watchers of a field's value hear of objects that come to it and leave it", () => {
    const read = (object: UnstructuredObject): string =>
      (object["spec"] as { nodeName?: string } | undefined)?.nodeName ?? "";
    const onNode = (value: string): Selection =>
      new Selection("", undefined, [{ field: "spec.nodeName", operator: "=", value, read }]);
    const n1 = watch(onNode("n1"), 0);
    const unbound = watch(onNode(""), 0);
    put("a", "1");
    put("a", "1", { spec: { nodeName: "n1" } });
    put("a", "2", { spec: { nodeName: "n2" } });
    expect(unbound.events).toEqual(["ADDED 1@1", "DELETED 1@2"]);
    expect(n1.events).toEqual(["ADDED 1@2"]);
    cache.unwatch(n1.watcher);
    remove("a", "1");
    expect(n1.events).toHaveLength(1);
  });

  test("watchers of a namespace hear of nothing else", () => {
    const { events } = watch(new Selection("a"), 0);
    put("b", "1");
    put("a", "1");
    expect(events).toEqual(["ADDED 1@2"]);
  });
});

test("listeners get the new and the old state", () => {
  const changes: unknown[] = [];
  const stop = cache.onChange((object, old) =>
    changes.push([object?.metadata.resourceVersion, old?.metadata.resourceVersion]),
  );
  put("a", "1");
  put("a", "1");
  remove("a", "1");
  stop();
  put("a", "1");
  expect(changes).toEqual([
    ["1", undefined],
    ["2", "1"],
    [undefined, "2"],
  ]);
});
