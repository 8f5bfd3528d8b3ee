import { describe, expect, it } from "vitest";
import type { UnstructuredObject } from "../object.ts";
import { SeededRandom } from "../random.ts";
import type { Schema } from "../schema.ts";
import { shapeText } from "./created-fields.ts";
import { trackUpdate } from "./index.ts";
import { mergeTypeOf } from "./merge-type.ts";

const web: Schema = {
  type: "object",
  properties: {
    apiVersion: { type: "string" },
    kind: { type: "string" },
    metadata: {
      type: "object",
      default: {},
      properties: {
        name: { type: "string" },
        labels: { type: "object", values: { type: "string" } },
        finalizers: { type: "array", listType: "set", items: { type: "string" } },
      },
    },
    spec: {
      type: "object",
      default: {},
      properties: {
        image: { type: "string", default: "" },
        replicas: { type: "integer", default: 0 },
        paused: { type: "boolean" },
        args: { type: "array", listType: "atomic", items: { type: "string" } },
        selector: { type: "object", mapType: "atomic", values: { type: "string" } },
        ports: {
          type: "array",
          listType: "map",
          listMapKeys: ["port"],
          items: {
            type: "object",
            properties: { port: { type: "integer" }, name: { type: "string", default: "" } },
          },
        },
        free: { type: "object", preserveUnknownFields: true },
      },
    },
    status: { type: "object", properties: { ready: { type: "boolean" } } },
  },
};

const object = (spec: unknown, metadata: object = {}): UnstructuredObject => ({
  apiVersion: "example.io/v1",
  kind: "Web",
  metadata: { name: "a", ...metadata },
  spec,
});

const known = { schema: web, schemas: new Map<string, Schema>() };
const unknown = () => ({ schema: structuredClone(web), schemas: new Map<string, Schema>() });
const track = (updated: UnstructuredObject, types = known, subresource = "") =>
  trackUpdate({ ...types, old: undefined, updated, manager: "me", subresource, nowMs: 0 });

describe("the fields of whoever creates", () => {
  it("are the same for shapes that were seen and for those that were not", () => {
    const random = new SeededRandom(7);
    const one = <T>(...values: readonly T[]): T | undefined =>
      values[Math.floor(random.next() * values.length)];
    const fresh = new Set<string>();
    for (let round = 0; round < 2_000; round++) {
      const spec = {
        image: one("", "nginx", "redis", undefined),
        replicas: one(0, 1, 5, undefined, null),
        paused: one(true, false, undefined),
        args: one([], ["a"], ["b", "c"], undefined),
        selector: one({}, { app: "a" }, undefined, null),
        ports: one(
          [],
          [{ port: 1 }],
          [
            { port: 1, name: "" },
            { port: 2, name: "x" },
          ],
          [{ port: 3 }, { port: 3 }],
        ),
        free: one({}, { a: [1], b: { c: null } }, { a: [], b: {} }, undefined),
      };
      const labels = one({}, { app: "a" }, { app: "b" }, { tier: "b" }, undefined);
      const finalizers = one([], ["a"], ["b"], ["a", "b"], undefined);
      const updated = object(spec, { labels, finalizers });
      const entries = track(updated);
      expect(entries).toEqual(track(updated, unknown()));
      fresh.add(JSON.stringify(entries));
    }
    expect(fresh.size).toBeGreaterThan(500);
  });

  it("are shared by objects of one shape", () => {
    const [first] = track(object({ image: "one" }));
    const [second] = track(object({ image: "two" }));
    expect(second?.fieldsV1).toBe(first?.fieldsV1);
    expect(Object.isFrozen(first?.fieldsV1)).toBe(true);
  });

  it("depend on the subresource", () => {
    const spec = { image: "one" };
    expect(track(object(spec))).toHaveLength(1);
    expect(track(object(spec), known, "status")).toEqual([]);
  });
});

describe("shapeText()", () => {
  const shape = (value: unknown): string => shapeText(value, mergeTypeOf(known.schemas, web));

  it.each([
    ["values", { image: "a", replicas: 3 }, { image: "b", replicas: 4 }],
    ["items of atomic lists", { args: ["a"] }, { args: ["b", "c"] }],
    ["entries of atomic maps", { selector: { a: "b" } }, { selector: { c: "d" } }],
  ])("is equal for other %s", (_what, left, right) => {
    expect(shape(object(left))).toBe(shape(object(right)));
  });

  it.each([
    ["a zero value", { image: "a" }, { image: "" }],
    ["an absent field", { image: "a" }, {}],
    ["an empty list", { args: [] }, { args: ["a"] }],
    ["an empty map", { selector: {} }, { selector: { a: "b" } }],
    ["the key of an item", { ports: [{ port: 1 }] }, { ports: [{ port: 2 }] }],
    ["names that look like structure", { free: { "a*1:b": 1 } }, { free: { a: 1, b: 1 } }],
  ])("differs by %s", (_what, left, right) => {
    expect(shape(object(left))).not.toBe(shape(object(right)));
  });
});
