import { expect, test } from "vitest";
import { freezeCompactly } from "./compact.ts";

test("an object is the same as before, and frozen in depth", () => {
  const text = '{"a":"x","b":[{"c":{}},[],null,1,true],"d":{"e":{"f":"y"}}}';
  const object = freezeCompactly(JSON.parse(text) as Record<string, Record<string, object>>);
  expect(JSON.stringify(object)).toBe(text);
  expect(Object.isFrozen(object)).toBe(true);
  expect(Object.isFrozen(object["b"])).toBe(true);
  expect(Object.isFrozen(object["d"]?.["e"])).toBe(true);
});

test("empty objects are one, empty arrays stay what they are", () => {
  const { a, b, c } = freezeCompactly({ a: {}, b: { deep: {} }, c: [] as unknown[] });
  expect(a).toBe(b.deep);
  expect(c).toEqual([]);
  expect(Object.isFrozen(c)).toBe(true);
});

test("an own __proto__ stays an own property", () => {
  const object = freezeCompactly(JSON.parse('{"data":{"__proto__":{},"x":"y"}}') as { data: object });
  expect(JSON.stringify(object)).toBe('{"data":{"__proto__":{},"x":"y"}}');
  expect(Object.getPrototypeOf(object.data)).toBe(Object.prototype);
});

test("what is frozen already is left alone", () => {
  const part = Object.freeze({ inner: { x: 1 } });
  expect(freezeCompactly({ part }).part).toBe(part);
  expect(Object.isFrozen(part.inner)).toBe(false);
});
