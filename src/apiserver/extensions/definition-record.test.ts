import { describe, expect, it } from "vitest";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { CachedObject, encodeForStorage } from "../cache/cached-object.ts";
import { outlineOfStored } from "./definition-outline.ts";
import { DefinitionRecord } from "./definition-record.ts";

/** What would lead astray who looks for schemas by their first bytes. */
const trap = '"schema":{"openAPIV3Schema":{';

const version = (name: string, extra: object = {}): object => ({
  name,
  served: true,
  storage: name === "v1",
  schema: {
    openAPIV3Schema: {
      type: "object",
      description: `${trap} and a brace }`,
      properties: { spec: { type: "object", default: { schema: { openAPIV3Schema: { a: "}" } } } } },
    },
  },
  ...extra,
});

const definition = (versions: object[]): UnstructuredObject => ({
  kind: "CustomResourceDefinition",
  apiVersion: "apiextensions.k8s.io/v1",
  metadata: { name: "xs.example.com", annotations: { trap } },
  spec: { group: "example.com", names: { plural: "xs", kind: "X" }, scope: "Cluster", versions },
});

const recordOf = (versions: object[]): DefinitionRecord =>
  new DefinitionRecord(CachedObject.stored("", "xs.example.com", 7, encodeForStorage(definition(versions))));

const withoutSchema = (given: object): object =>
  Object.fromEntries(Object.entries(given).filter(([name]) => name !== "schema"));

describe("what stands for a definition in the store", () => {
  const key = "/registry/apiextensions.k8s.io/customresourcedefinitions/xs.example.com";
  const many = encodeForStorage(definition([version("v1"), version("v2"), version("v3"), version("v4")]));

  it.each([
    ["a definition", key, many, true],
    ["one that is encrypted", key, Buffer.concat([Buffer.from("k8s:enc:"), many]), false],
    ["another object", "/registry/configmaps/default/x", many, false],
    ["one that is hardly longer than its outline", key, encodeForStorage(definition([])), false],
  ])("is made of %s as far as it gains something", (_what, stored, value, isMade) => {
    const outline = outlineOfStored(stored, value);
    expect(outline !== undefined).toBe(isMade);
    if (outline === undefined) return;
    const start = Buffer.from(outline).indexOf('"spec"');
    expect(Buffer.from(outline).subarray(0, start)).toEqual(many.subarray(0, start));
    expect(outline.buffer.byteLength).toBe(outline.byteLength);
  });
});

describe("a record", () => {
  it.each([
    ["one version", [version("v1")]],
    [
      "versions with more behind their schemas",
      [version("v1", { subresources: { status: {} } }), version("v2")],
    ],
    ["a version without a schema", [{ name: "v1", served: true, storage: true }]],
    ["an empty schema", [{ ...version("v1"), schema: { openAPIV3Schema: {} } }]],
  ])("summarises a definition with %s as it is without schemas", (_what, versions) => {
    const { summary } = recordOf(versions);
    const expected = definition(versions.map(withoutSchema));
    expected.metadata.resourceVersion = "7";
    expect(summary).toEqual(expected);
    expect(Object.isFrozen(summary.spec.versions)).toBe(true);
  });

  it("reads the whole definition when asked", () => {
    const record = recordOf([version("v1")]);
    expect(record.name).toBe("xs.example.com");
    expect(record.read().spec.versions[0]?.schema?.openAPIV3Schema?.description).toBe(
      `${trap} and a brace }`,
    );
  });
});
