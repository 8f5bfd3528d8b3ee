import { describe, expect, it } from "vitest";
import type { Schema } from "../schema.ts";
import { StatusError } from "../status.ts";
import { factsSchemas, hasReference } from "../testing/reference.ts";
import { applyStrategicMergePatch, createThreeWayPatch, createTwoWayPatch } from "./strategic-merge-patch.ts";

const item: Schema = {
  type: "object",
  properties: {
    name: { type: "string" },
    value: { type: "string" },
    nested: { type: "array", patchStrategy: "merge", patchMergeKey: "name", items: { ref: "Item" } },
  },
};
const schemas = new Map<string, Schema>([["Item", item]]);
const schema: Schema = {
  type: "object",
  properties: {
    name: { type: "string" },
    items: { type: "array", patchStrategy: "merge", patchMergeKey: "name", items: { ref: "Item" } },
    scalars: { type: "array", patchStrategy: "merge", items: { type: "string" } },
    atomic: { type: "array", items: { type: "string" } },
    map: { type: "object", values: { type: "string" } },
    union: {
      type: "object",
      patchStrategy: "retainKeys",
      properties: { kind: { type: "string" }, a: { type: "string" }, b: { type: "string" } },
    },
    replaced: {
      type: "object",
      patchStrategy: "replace",
      properties: { a: { type: "string" }, b: { type: "string" } },
    },
  },
};
const apply = (document: unknown, patch: unknown): unknown =>
  applyStrategicMergePatch(document, patch, schema, schemas);

describe("applyStrategicMergePatch()", () => {
  it.each<[string, unknown, unknown, unknown]>([
    ["null removes", { name: "a", map: { x: "1" } }, { map: null }, { name: "a" }],
    ["a null without counterpart is left out", { name: "a" }, { map: null }, { name: "a" }],
    ["maps merge", { map: { a: "1", b: "2" } }, { map: { b: null, c: "3" } }, { map: { a: "1", c: "3" } }],
    ["atomic lists are replaced", { atomic: ["a", "b"] }, { atomic: ["c"] }, { atomic: ["c"] }],
    [
      "items merge by their key",
      {
        items: [
          { name: "1", value: "a" },
          { name: "2", value: "b" },
        ],
      },
      { items: [{ name: "2", value: "c" }] },
      {
        items: [
          { name: "1", value: "a" },
          { name: "2", value: "c" },
        ],
      },
    ],
    [
      "new items come after those before which they did not stand",
      { items: [{ name: "1" }] },
      { items: [{ name: "2" }] },
      { items: [{ name: "2" }, { name: "1" }] },
    ],
    [
      "$patch: delete takes an item out",
      { items: [{ name: "1" }, { name: "2" }] },
      { items: [{ name: "1", $patch: "delete" }] },
      { items: [{ name: "2" }] },
    ],
    [
      "$patch: delete of an item that is not there does nothing",
      { name: "a" },
      { items: [{ name: "1", $patch: "delete" }] },
      { name: "a", items: [] },
    ],
    [
      "$patch: replace in a list replaces it",
      { items: [{ name: "1" }, { name: "2" }] },
      { items: [{ name: "3" }, { $patch: "replace" }] },
      { items: [{ name: "3" }] },
    ],
    [
      "$patch: replace in a map replaces it",
      { map: { a: "1", b: "2" } },
      { map: { c: "3", $patch: "replace" } },
      { map: { c: "3" } },
    ],
    ["$patch: delete in a map empties it", { map: { a: "1" } }, { map: { $patch: "delete" } }, { map: {} }],
    [
      "scalars merge as a set",
      { scalars: ["a", "b"] },
      { scalars: ["c", "a"] },
      { scalars: ["c", "a", "b"] },
    ],
    [
      "$deleteFromPrimitiveList takes scalars out",
      { scalars: ["a", "b", "c"] },
      { "$deleteFromPrimitiveList/scalars": ["b"] },
      { scalars: ["a", "c"] },
    ],
    [
      "$setElementOrder orders scalars, additions among them",
      { scalars: ["a", "b", "x"] },
      { scalars: ["c"], "$setElementOrder/scalars": ["c", "b", "a"] },
      { scalars: ["c", "b", "a", "x"] },
    ],
    [
      "$setElementOrder orders items and keeps the server's own",
      { items: [{ name: "1" }, { name: "own" }, { name: "2" }] },
      {
        items: [{ name: "3", value: "n" }],
        "$setElementOrder/items": [{ name: "2" }, { name: "1" }, { name: "3" }],
      },
      { items: [{ name: "own" }, { name: "2" }, { name: "1" }, { name: "3", value: "n" }] },
    ],
    [
      "$setElementOrder may delete as well",
      { items: [{ name: "1" }, { name: "2" }] },
      { items: [{ name: "1", $patch: "delete" }], "$setElementOrder/items": [{ name: "2" }] },
      { items: [{ name: "2" }] },
    ],
    [
      "$retainKeys clears all other fields",
      { union: { kind: "a", a: "1" } },
      { union: { $retainKeys: ["kind", "b"], kind: "b", b: "2" } },
      { union: { kind: "b", b: "2" } },
    ],
    [
      "the strategy replace replaces maps",
      { replaced: { a: "1" } },
      { replaced: { b: "2" } },
      { replaced: { b: "2" } },
    ],
    [
      "items merge in depth",
      { items: [{ name: "1", nested: [{ name: "x", value: "1" }] }] },
      { items: [{ name: "1", nested: [{ name: "y" }] }] },
      { items: [{ name: "1", nested: [{ name: "y" }, { name: "x", value: "1" }] }] },
    ],
    ["a change of type replaces", { map: "text" }, { map: { a: "1" } }, { map: { a: "1" } }],
    [
      "what bears a $patch is not added, nor are nulls; other directives stay, as unknown fields",
      {},
      {
        items: [
          { name: "1", "$setElementOrder/nested": [{ name: "x" }], nested: [{ name: "x", value: null }] },
          { $patch: "merge", name: "2" },
        ],
        map: { $patch: "bogus", a: "1" },
        union: { $retainKeys: ["a"], a: "1", b: null },
      },
      {
        items: [{ name: "1", "$setElementOrder/nested": [{ name: "x" }], nested: [{ name: "x" }] }],
        union: { $retainKeys: ["a"], a: "1" },
      },
    ],
    [
      "a replacement is taken as it is",
      { map: { a: "1" } },
      { map: { $patch: "replace", b: null, c: { $patch: "delete" } } },
      { map: { b: null, c: { $patch: "delete" } } },
    ],
  ])("%s", (_claim, document, patch, expected) => {
    const before = structuredClone([document, patch]);
    expect(apply(document, patch)).toEqual(expected);
    expect([document, patch]).toEqual(before);
  });

  it.each<[unknown, unknown, number, string]>([
    [
      { items: [{ name: "1" }] },
      { items: [{ value: "x" }] },
      500,
      "map: map[value:x] does not contain declared merge key: name",
    ],
    [{ map: {} }, { map: { $patch: "nope" } }, 500, "unknown patch type: nope in map: map[$patch:nope]"],
    [
      { union: { a: "1" } },
      { union: { $retainKeys: ["b"], a: "1" } },
      400,
      "invalid patch format of retainKeys",
    ],
    [
      { scalars: ["a"] },
      { scalars: [["b"]] },
      422,
      "the server rejected our request due to an error in our request",
    ],
    [{ scalars: ["a"] }, { scalars: [1] }, 500, "list element types are not identical: [[a] [1]]"],
    [
      { items: [{ name: "1" }] },
      { items: [{ name: "1" }, { name: "2" }], "$setElementOrder/items": [{ name: "2" }, { name: "1" }] },
      500,
      "The order in patch list:\n[map[name:1] map[name:2]]\n doesn't match $setElementOrder list:\n[map[name:2] map[name:1]]\n",
    ],
    [{}, [], 400, "invalid JSON document"],
  ])("refuses for %j the patch %j", (document, patch, code, message) => {
    let caught: unknown;
    try {
      apply(document, patch);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(StatusError);
    expect([(caught as StatusError).code, (caught as StatusError).message]).toEqual([code, message]);
  });
});

describe("createThreeWayPatch()", () => {
  it.each<[string, unknown, unknown, unknown, unknown, unknown]>([
    [
      "nothing to do is an empty patch",
      { name: "a" },
      { name: "a" },
      { name: "a", map: { x: "1" } },
      {},
      { name: "a", map: { x: "1" } },
    ],
    [
      "what others set stays",
      { map: { a: "1" } },
      { map: { a: "2" } },
      { map: { a: "1", own: "x" } },
      { map: { a: "2" } },
      { map: { a: "2", own: "x" } },
    ],
    [
      "what is no longer wanted goes",
      { map: { a: "1", b: "2" } },
      { map: { a: "1" } },
      { map: { a: "1", b: "2", own: "x" } },
      { map: { b: null } },
      { map: { a: "1", own: "x" } },
    ],
    [
      "what was changed by others is set back",
      { name: "a" },
      { name: "a" },
      { name: "b" },
      { name: "a" },
      { name: "a" },
    ],
    [
      "items are added, changed and deleted",
      {
        items: [
          { name: "1", value: "a" },
          { name: "2", value: "b" },
        ],
      },
      {
        items: [
          { name: "1", value: "c" },
          { name: "3", value: "d" },
        ],
      },
      { items: [{ name: "1", value: "a" }, { name: "2", value: "b" }, { name: "own" }] },
      {
        items: [
          { name: "1", value: "c" },
          { name: "3", value: "d" },
          { name: "2", $patch: "delete" },
        ],
        "$setElementOrder/items": [{ name: "1" }, { name: "3" }],
      },
      { items: [{ name: "1", value: "c" }, { name: "3", value: "d" }, { name: "own" }] },
    ],
    [
      "scalars are added and deleted",
      { scalars: ["a", "b"] },
      { scalars: ["b", "c"] },
      { scalars: ["a", "b", "own"] },
      { scalars: ["c"], "$deleteFromPrimitiveList/scalars": ["a"], "$setElementOrder/scalars": ["b", "c"] },
      { scalars: ["b", "c", "own"] },
    ],
    [
      "a union retains what is applied",
      { union: { kind: "a", a: "1" } },
      { union: { kind: "b", b: "2" } },
      { union: { kind: "a", a: "1", server: "x" } },
      { union: { $retainKeys: ["b", "kind"], a: null, b: "2", kind: "b" } },
      { union: { kind: "b", b: "2" } },
    ],
  ])("%s", (_claim, original, modified, current, patch, result) => {
    const created = createThreeWayPatch(original, modified, current, schema, schemas);
    expect(created).toEqual(patch);
    expect(apply(current, created)).toEqual(result);
  });
});

describe("createTwoWayPatch()", () => {
  it("leads from one document to the other", () => {
    const from = { name: "a", map: { x: "1" }, items: [{ name: "1" }, { name: "2" }], scalars: ["a"] };
    const to = { map: { x: "2" }, items: [{ name: "2" }, { name: "1" }, { name: "3" }], scalars: ["b", "a"] };
    expect(apply(from, createTwoWayPatch(from, to, schema, schemas))).toEqual(to);
  });
});

describe.skipIf(!hasReference)("with the types of Kubernetes (needs ../shared)", () => {
  it("a port of a container merges by containerPort, an environment variable by name", () => {
    const facts = factsSchemas();
    const pod = { ref: facts.nameOf("v1", "Pod") };
    const live = {
      spec: {
        containers: [
          {
            name: "web",
            image: "a",
            ports: [{ containerPort: 80, name: "http" }],
            env: [{ name: "A", value: "1" }],
          },
          { name: "sidecar", image: "s" },
        ],
        nodeSelector: { a: "b" },
      },
    };
    const patch = {
      spec: {
        containers: [
          {
            name: "web",
            ports: [{ containerPort: 443 }],
            env: [
              { name: "A", value: "2" },
              { name: "B", value: "3" },
            ],
          },
        ],
      },
    };
    expect(applyStrategicMergePatch(live, patch, pod, facts.schemas)).toEqual({
      spec: {
        containers: [
          {
            name: "web",
            image: "a",
            ports: [{ containerPort: 443 }, { containerPort: 80, name: "http" }],
            env: [
              { name: "A", value: "2" },
              { name: "B", value: "3" },
            ],
          },
          { name: "sidecar", image: "s" },
        ],
        nodeSelector: { a: "b" },
      },
    });
  });

  it("the strategy of a Deployment retains the keys that are applied", () => {
    const facts = factsSchemas();
    const deployment = { ref: facts.nameOf("apps/v1", "Deployment") };
    const rolling = { spec: { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } } };
    const recreate = { spec: { strategy: { type: "Recreate" } } };
    const patch = createThreeWayPatch(rolling, recreate, rolling, deployment, facts.schemas);
    expect(patch).toEqual({
      spec: { strategy: { $retainKeys: ["type"], type: "Recreate", rollingUpdate: null } },
    });
    expect(applyStrategicMergePatch(rolling, patch, deployment, facts.schemas)).toEqual(recreate);
  });
});
