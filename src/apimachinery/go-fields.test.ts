import { describe, expect, it } from "vitest";
import { decodeObject } from "./decode.ts";
import { sameFields, sameWish } from "./json.ts";
import type { Schema } from "./schema.ts";

const text: Schema = { type: "string" };
const texts: Schema = { type: "array", items: text };
const time: Schema = { type: "string", format: "date-time" };
const core = "io.k8s.api.core.v1";
const discovery = "io.k8s.api.discovery.v1";

const properties: Readonly<Record<string, Record<string, Schema>>> = {
  [`${core}.PodCondition`]: { type: text, lastProbeTime: time },
  [`${core}.PodSpec`]: { nodeName: text, hostNetwork: { type: "boolean" }, priority: { type: "integer" } },
  [`${core}.EndpointPort`]: { name: text },
  [`${discovery}.EndpointPort`]: { name: text },
  [`${discovery}.EndpointSlice`]: { endpoints: texts, addressType: text },
  [`${core}.LocalObjectReference`]: { name: { ...text, default: "" } },
  [`${core}.TypedLocalObjectReference`]: { apiGroup: text, kind: text },
  ["io.k8s.api.resource.v1.Counter"]: { value: { type: "string", format: "quantity" } },
  ["io.k8s.api.networking.v1.ParentReference"]: { name: text, resource: text },
  ["com.example.v1.Thing"]: { name: text, parts: texts },
};
const required: Readonly<Record<string, readonly string[]>> = {
  "io.k8s.api.networking.v1.ParentReference": ["name", "resource"],
};
const schemas = new Map<string, Schema>(
  Object.entries(properties).map(([name, fields]) => [
    name,
    { type: "object", properties: fields, required: required[name] ?? [] },
  ]),
);

describe("a built-in type is read as Go prints it", () => {
  it.each([
    [
      "a time held by value is null",
      `${core}.PodCondition`,
      { type: "A" },
      { type: "A", lastProbeTime: null },
    ],
    ["a list without omitempty is null", `${discovery}.EndpointSlice`, {}, { endpoints: null }],
    ["and stays when it is empty", `${discovery}.EndpointSlice`, { endpoints: [] }, { endpoints: [] }],
    [
      "a pointer without omitempty is null",
      `${core}.TypedLocalObjectReference`,
      { kind: "K" },
      { kind: "K", apiGroup: null },
    ],
    ["an amount held by value is zero", "io.k8s.api.resource.v1.Counter", {}, { value: "0" }],
    ["a zero held by value is dropped", `${core}.PodSpec`, { nodeName: "", hostNetwork: false }, {}],
    ["a zero held by pointer stays", `${core}.PodSpec`, { priority: 0 }, { priority: 0 }],
    ["structs of one name differ by group: core", `${core}.EndpointPort`, { name: "" }, {}],
    [
      "structs of one name differ by group: discovery",
      `${discovery}.EndpointPort`,
      { name: "" },
      { name: "" },
    ],
    ["a default that Go omits is not printed", `${core}.LocalObjectReference`, { name: "" }, {}],
    [
      "a required field may be omitted",
      "io.k8s.api.networking.v1.ParentReference",
      { name: "", resource: "r" },
      { resource: "r" },
    ],
    ["of foreign types nothing is known", "com.example.v1.Thing", { name: "", parts: [] }, { name: "" }],
  ])("%s", (_claim, name, value, expected) => {
    expect(decodeObject(schemas, name, value)).toEqual({ object: expected, unknownFields: [] });
  });
});

describe("sameWish()", () => {
  it.each([
    ["a list that is null and an empty one", { ports: null }, { ports: [] }, true],
    ["a list that is null and none", { ports: null }, {}, false],
    ["an empty list and another", [[]], [[1]], false],
    ["a list that is null and zero", { ports: null }, { ports: 0 }, false],
    ["a member more", { a: 1 }, { a: 1, b: [] }, false],
  ])("compares %s", (_case, a, b, expected) => {
    expect(sameWish(a, b)).toBe(expected);
    expect(sameWish(b, a)).toBe(expected);
  });
});

describe("sameFields()", () => {
  it.each([
    ["absence and null", { a: null, b: [{ c: 1, d: null }] }, { b: [{ c: 1 }] }, true],
    ["null and absence", { b: [{ c: 1 }] }, { a: null, b: [{ c: 1, d: null }] }, true],
    ["absence and an empty list", {}, { a: [] }, false],
    ["null and zero", { a: null }, { a: 0 }, false],
    ["a member more", { a: 1 }, { a: 1, b: 1 }, false],
    ["a list and none", { a: [] }, { a: {} }, false],
  ])("compares %s", (_case, a, b, expected) => {
    expect(sameFields(a, b)).toBe(expected);
    expect(sameFields(b, a)).toBe(expected);
  });
});
