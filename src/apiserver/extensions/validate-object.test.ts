import { expect, test } from "vitest";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { SchemaNode } from "./schema/schema-node.ts";
import { type ObjectFacts, ObjectRules } from "./validate-object.ts";

const texts = { type: "object", additionalProperties: { type: "string", maxLength: 3 } };
const schema = new SchemaNode(
  { type: "object", properties: { spec: texts, status: texts, data: texts } },
  { isRoot: true },
);
const facts: ObjectFacts = {
  apiVersion: "example.com/v1",
  kind: "Thing",
  namespaced: false,
  schema,
  scale: undefined,
};
const large = Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`k${index}`, "four"]));

const thing = (parts: object): UnstructuredObject => ({
  apiVersion: "example.com/v1",
  kind: "Thing",
  metadata: { name: "one", resourceVersion: "1", uid: "u" },
  ...parts,
});

const spec = { a: "b" };

test.each<[string, UnstructuredObject, UnstructuredObject | undefined, "create" | "update" | "updateStatus"]>(
  [
    ["of a new object", thing({ spec: large }), undefined, "create"],
    ["of a changed one", thing({ spec: large }), thing({ spec }), "update"],
    ["of a status", thing({ spec, status: large }), thing({ spec, status: {} }), "updateStatus"],
    ["of an object without a spec", thing({ data: large }), thing({ data: {} }), "update"],
  ],
)("much is judged in parts as in one go: %s", async (_, object, old, verb) => {
  const ask = (rules: ObjectRules): unknown =>
    old === undefined || verb === "create" ? rules.create(object) : rules[verb](object, old);
  const rules = new ObjectRules(facts);
  const preparing = rules.prepare(object, old);
  expect(preparing).toBeInstanceOf(Promise);
  await preparing;
  const errors = ask(rules);
  expect(errors).toHaveLength(600);
  expect(errors).toEqual(ask(new ObjectRules(facts)));
});

test("what is small is not waited for", () => {
  const rules = new ObjectRules(facts);
  expect(rules.prepare(thing({ spec }), undefined)).toBeUndefined();
  // The same spec, so this is about a status, which is small.
  expect(rules.prepare(thing({ spec: large, status: spec }), thing({ spec: large }))).toBeUndefined();
});
