import { expect, it } from "vitest";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";
import { mendAdmitted } from "./decode.ts";
import { applyDefaults } from "./default.ts";
import { SchemaNode } from "./schema-node.ts";
import { schemaErrors } from "./validate.ts";

const text = { type: "string" };
const schema = new SchemaNode(
  {
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: {
          plain: text,
          nullable: { ...text, nullable: true },
          defaulted: { ...text, default: "d" },
          object: { type: "object", properties: { a: text } },
          free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        },
      },
    },
  },
  { isRoot: true },
);

function admitted(object: object): UnstructuredObject {
  const mended = structuredClone({ apiVersion: "example.com/v1", kind: "Thing", ...object });
  const thing = mended as UnstructuredObject;
  mendAdmitted(thing, { schema, preservesUnknown: false });
  applyDefaults(thing, schema);
  return thing;
}

// What a webhook put there, and what kube-apiserver 1.36.1 makes of it.
it.each([
  [{ nullable: null }, { nullable: null, defaulted: "d" }],
  [{ defaulted: null }, { defaulted: "d" }],
  [{ free: { a: null } }, { free: { a: null }, defaulted: "d" }],
  [{ unknown: 1 }, { defaulted: "d" }],
])("%j becomes %j", (spec, expected) => {
  expect(admitted({ metadata: {}, spec })["spec"]).toEqual(expected);
});

it.each([
  [{ spec: { plain: null } }, "spec.plain"],
  [{ spec: { object: null } }, "spec.object"],
  [{ spec: { object: { a: null } } }, "spec.object.a"],
  [{ spec: null }, "spec"],
])("the null of %j is refused", (parts, path) => {
  const faults = schemaErrors(admitted({ metadata: {}, ...parts }), schema);
  expect(faults).toMatchObject([{ type: "FieldValueTypeInvalid", path }]);
});

it.each([
  [{ labels: { a: 1 } }, {}],
  [{ labels: { a: null } }, { labels: { a: "" } }],
  [{ labels: null, finalizers: null }, {}],
  [{ annotations: [] }, {}],
  [{ generation: "x", name: "a" }, { name: "a" }],
  [{ creationTimestamp: "x" }, {}],
  [{ foo: 1 }, {}],
])("metadata %j becomes %j", (metadata, expected) => {
  expect(admitted({ metadata }).metadata).toEqual(expected);
});
