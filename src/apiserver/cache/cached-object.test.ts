import { expect, test } from "vitest";
import { builtinScheme } from "../../api/builtin-scheme.ts";
import { CachedObject, encodeForStorage } from "./cached-object.ts";
import { encodeList } from "./encode-list.ts";

const configMap = () => ({
  metadata: { name: "a", namespace: "ünïcode", resourceVersion: "1" },
  data: { text: 'say "metadata":{' },
  apiVersion: "v1",
  kind: "ConfigMap",
});

test("what is stored begins with kind, apiVersion and metadata, and has no resourceVersion", () => {
  expect(encodeForStorage(configMap()).toString()).toBe(
    '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"ünïcode"},"data":{"text":"say \\"metadata\\":{"}}',
  );
});

test("the revision is spliced into the stored bytes", () => {
  const cached = CachedObject.stored("ünïcode", "a", 42, encodeForStorage(configMap()));
  const expected = { ...configMap(), metadata: { name: "a", namespace: "ünïcode", resourceVersion: "42" } };
  expect(JSON.parse(cached.bytes().toString())).toEqual(expected);
  expect(cached.object).toEqual(expected);
  expect(JSON.parse(cached.bytes('{"type":"ADDED","object":', "}\n").toString())).toEqual({
    type: "ADDED",
    object: expected,
  });
  expect(cached.encodedLength).toBe(cached.bytes().length);
});

test("the object of the writer is kept, frozen, and gets its resourceVersion", () => {
  const object = configMap();
  const cached = CachedObject.written(object, 7, encodeForStorage(object));
  expect(cached.object).toBe(object);
  expect(object.metadata.resourceVersion).toBe("7");
  expect(Object.isFrozen(object.data)).toBe(true);
});

test("a text is looked for in the bytes", () => {
  const cached = CachedObject.stored("ünïcode", "a", 42, encodeForStorage(configMap()));
  expect([cached.mentions('"data":'), cached.mentions('"service":')]).toEqual([true, false]);
});

test("at() is the same state at another revision", () => {
  const cached = CachedObject.written(configMap(), 7, undefined);
  const gone = cached.at(9);
  expect(gone.object.metadata.resourceVersion).toBe("9");
  expect(JSON.parse(gone.bytes().toString())).toEqual(gone.object);
  expect(cached.object.metadata.resourceVersion).toBe("7");
});

test("metadata is read without the rest of the bytes", () => {
  const encoded = encodeForStorage(configMap()).toString();
  const broken = Buffer.from(encoded.replace('"data":{', '"data":!{'));
  const cached = CachedObject.stored("ünïcode", "a", 42, broken);
  expect(cached.metadata).toEqual({ name: "a", namespace: "ünïcode", resourceVersion: "42" });
  expect(Object.isFrozen(cached.metadata)).toBe(true);
  expect(() => cached.object).toThrow(SyntaxError);
});

test("a large object is the same one for as long as somebody holds it", () => {
  const object = { ...configMap(), data: { text: "x".repeat(100_000) } };
  const cached = CachedObject.written(object, 7, encodeForStorage(object));
  expect(cached.object).toBe(object);
  expect(cached.metadata).toBe(object.metadata);
  expect(CachedObject.stored("ünïcode", "a", 7, cached.stored).object).toEqual(object);
  expect(cached.at(9).object).toMatchObject({ metadata: { resourceVersion: "9" }, data: object.data });
});

test("an object that was loosened is still the one that somebody holds", () => {
  const object = configMap();
  const cached = CachedObject.written(object, 7, undefined);
  cached.loosenObject();
  expect(cached.object).toBe(object);
  expect(JSON.parse(cached.bytes().toString())).toEqual(object);
});

test("items of a list leave out kind and apiVersion", () => {
  const items = [1, 2].map((revision) =>
    CachedObject.stored("ünïcode", "a", revision, encodeForStorage(configMap())),
  );
  const list = JSON.parse(
    encodeList("ConfigMapList", "v1", { resourceVersion: "9" }, items).bytes().toString(),
  );
  expect(list).toMatchObject({ kind: "ConfigMapList", apiVersion: "v1", metadata: { resourceVersion: "9" } });
  expect(list.items).toHaveLength(2);
  expect(list.items[1]).toEqual({
    metadata: { name: "a", namespace: "ünïcode", resourceVersion: "2" },
    data: configMap().data,
  });
  expect(encodeList("ConfigMapList", "v1", {}, []).bytes().toString()).toBe(
    '{"kind":"ConfigMapList","apiVersion":"v1","metadata":{},"items":[]}\n',
  );
});

test("another version is converted once", () => {
  const scheme = builtinScheme();
  const autoscaler = {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "a", namespace: "b", resourceVersion: "3" },
    spec: { maxReplicas: 3, scaleTargetRef: { kind: "Deployment", name: "a" } },
  };
  const cached = CachedObject.written(autoscaler, 3, undefined);
  const v1 = { group: "autoscaling", version: "v1", kind: "HorizontalPodAutoscaler" };
  const converted = cached.inVersion(v1, scheme);
  expect(converted.object.apiVersion).toBe("autoscaling/v1");
  expect(converted.object.metadata.resourceVersion).toBe("3");
  expect(JSON.parse(converted.bytes().toString()).metadata.resourceVersion).toBe("3");
  expect(cached.inVersion(v1, scheme)).toBe(converted);
  expect(cached.inVersion({ ...v1, version: "v2" }, scheme)).toBe(cached);
});

test("objects that are only passed on are not decoded", () => {
  const broken = Buffer.from('{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},not JSON}');
  const cached = CachedObject.stored("b", "a", 4, broken);
  const kind = { group: "", version: "v1", kind: "ConfigMap" };
  expect(cached.inVersion(kind, builtinScheme())).toBe(cached);
  expect(cached.bytes().toString()).toContain('"metadata":{"resourceVersion":"4","name":"a"}');
  expect(() => cached.object).toThrow(SyntaxError);
});
