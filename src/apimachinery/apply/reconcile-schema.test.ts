import { describe, expect, it } from "vitest";
import type { Schema } from "../schema.ts";
import { FieldSet } from "./field-set.ts";
import { mergeTypeOf } from "./merge-type.ts";
import { reconcileWithSchema } from "./reconcile-schema.ts";

const text: Schema = { type: "string" };
const typeOf = (spec: Readonly<Record<string, Schema>>) =>
  mergeTypeOf(new Map(), { type: "object", properties: { spec: { type: "object", properties: spec } } });

describe("what is owned under a schema that has changed", () => {
  it.each<[string, Schema, object, object]>([
    ["a set that is a whole now", { type: "array", items: text }, { 'v:"a"': {}, ".": {} }, {}],
    [
      "a list of whose items a field was owned",
      { type: "array", items: {} },
      { 'k:{"n":"a"}': { "f:x": {} } },
      {},
    ],
    ["a map that is a whole now", { type: "object", mapType: "atomic", values: text }, { "f:a": {} }, {}],
    ["a struct of which nothing is known now", { type: "object" }, { "f:a": { "f:b": {} } }, { "f:a": {} }],
    [
      "a list inside of an item of a list",
      {
        type: "array",
        listType: "map",
        listMapKeys: ["n"],
        items: { type: "object", properties: { n: text, l: { type: "array", items: text } } },
      },
      { 'k:{"n":"a"}': { ".": {}, "f:n": {}, "f:l": { 'v:"x"': {} } } },
      { 'k:{"n":"a"}': { ".": {}, "f:n": {}, "f:l": {} } },
    ],
  ])("becomes the whole: %s", (_what, schema, owned, expected) => {
    const set = FieldSet.fromFieldsV1({ "f:spec": { "f:it": owned, "f:other": {} } });
    expect(reconcileWithSchema(set, typeOf({ it: schema, other: text })).tree).toEqual({
      "f:spec": { "f:it": expected, "f:other": {} },
    });
  });

  it.each<[string, Schema, object]>([
    ["a set", { type: "array", listType: "set", items: text }, { 'v:"a"': {} }],
    ["what was a whole and is none any more", { type: "array", listType: "set", items: text }, {}],
    ["a list that always was a whole", { type: "array", items: text }, {}],
    ["fields that nobody knows", { type: "object", preserveUnknownFields: true }, { "f:a": { "f:b": {} } }],
    ["a field that the schema does not have", { type: "object", properties: {} }, { "f:a": { "f:b": {} } }],
  ])("is the same set: %s", (_what, schema, owned) => {
    const set = FieldSet.fromFieldsV1({ "f:spec": { "f:it": owned } });
    expect(reconcileWithSchema(set, typeOf({ it: schema }))).toBe(set);
  });
});
