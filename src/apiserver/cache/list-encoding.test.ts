import { expect, test } from "vitest";
import { CachedObject, encodeForStorage } from "./cached-object.ts";
import { encodeList } from "./encode-list.ts";

const items = Array.from({ length: 40 }, (_, index) => {
  const metadata = { name: `p${index}`, namespace: "a", annotations: { text: "ü".repeat(index * 5) } };
  const object = { apiVersion: "v1", kind: "Pod", metadata };
  return CachedObject.stored("a", `p${index}`, index + 1, encodeForStorage(object));
});

const list = (of = items): ReturnType<typeof encodeList> =>
  encodeList("PodList", "v1", { resourceVersion: "9" }, of);

test.each([100, 128, 300, 1_000, 100_000])("pieces of %d bytes are the list", (pieceBytes) => {
  const pieces: Buffer[] = [];
  let made = 0;
  const nextBuffer = (): Buffer => {
    made++;
    return Buffer.alloc(pieceBytes);
  };
  for (const piece of list().pieces(nextBuffer)) pieces.push(Buffer.from(piece));
  const whole = Buffer.concat(pieces);
  expect(whole.toString()).toBe(list().bytes().toString());
  expect(whole.length).toBe(list().sizeBytes);
  expect(JSON.parse(whole.toString()).items).toHaveLength(40);
  expect(made).toBeGreaterThanOrEqual(pieces.length);
});

test("a list without items is one piece", () => {
  expect(list([]).bytes().toString()).toBe(
    '{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":[]}\n',
  );
  expect(Array.from(list([]).pieces(() => Buffer.alloc(200)))).toHaveLength(1);
});

const metadatas: Record<string, unknown>[] = [
  { name: "a" },
  { name: "a", labels: { "x}": '"}{\\' }, ownerReferences: [{ uid: "]" }], generation: 1 },
  { name: "a", annotations: { deep: '{"a":{"b":"\\"}"}}' }, managedFields: [{ fieldsV1: { "f:x": {} } }] },
];

test.each(metadatas)("the metadata alone is cut out of the object: %j", (metadata) => {
  const object = { apiVersion: "v1", kind: "Pod", metadata, spec: { x: "}" } };
  const cached = CachedObject.stored("", "a", 7, encodeForStorage(object));
  const buffer = Buffer.alloc(cached.metadataLength);
  expect(cached.writeMetadataTo(buffer, 0)).toBe(buffer.length);
  expect(JSON.parse(buffer.toString())).toEqual({ ...metadata, resourceVersion: "7" });
});
