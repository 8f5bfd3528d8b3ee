import { describe, expect, it, test } from "vitest";
import type { OwnContent } from "../../../api/openapi/index.ts";
import type { JsonDocument } from "../../../api/openapi/source.ts";
import { type ForeignSpec, specIn, withPaths } from "./foreign-spec.ts";
import { foreignPart } from "./merge-openapi.ts";
import { flunderPath, wardleV2 } from "./testing/wardle-openapi.ts";
import { thirdOfSecond } from "./third-of-second.ts";

const kindsKey = "x-kubernetes-group-version-kind";
const kind = (group: string) => ({ group, kind: "K", version: "v1" });
const refer = (name: string) => ({ $ref: `#/definitions/${name}` });

function own(definitions: JsonDocument, more: Partial<OwnContent> = {}): OwnContent {
  const names = new Set(Object.keys(definitions));
  return { names, definitions, parameters: {}, hasPath: (path) => path === "/taken", ...more };
}

function spec(definitions: ForeignSpec["definitions"], more: Partial<ForeignSpec> = {}): ForeignSpec {
  const paths = Object.fromEntries(
    Object.keys(definitions).map((name) => [`/${name}`, { get: refer(name) }]),
  );
  return { paths, definitions, parameters: {}, ...more };
}

const texts = (part: ReturnType<typeof foreignPart>) => ({
  paths: Object.fromEntries(part.paths),
  definitions: Object.fromEntries(part.definitions),
  replaced: Object.fromEntries(part.replaced),
});

describe("a definition of another server", () => {
  it("is added", () => {
    expect(texts(foreignPart(own({}), [spec({ A: { type: "object" } })]))).toEqual({
      paths: { "/A": { get: refer("A") } },
      definitions: { A: { type: "object" } },
      replaced: {},
    });
  });

  it("that says the same is not added again", () => {
    const part = foreignPart(own({ A: { type: "object" } }), [spec({ A: { type: "object" } })]);
    expect(texts(part)).toMatchObject({ definitions: {}, replaced: {} });
    expect(texts(part).paths).toEqual({ "/A": { get: refer("A") } });
  });

  it("that says something else has another name, wherever it is referred to", () => {
    const given = spec({ A: { type: "string" }, B: { items: refer("A") } });
    expect(texts(foreignPart(own({ A: { type: "object" } }), [given]))).toEqual({
      paths: { "/A": { get: refer("A_v2") }, "/B": { get: refer("B") } },
      definitions: { A_v2: { type: "string" }, B: { items: refer("A_v2") } },
      replaced: {},
    });
  });

  it("takes a name that nobody has, or that of one that says the same", () => {
    const known = own({ A: { type: "object" }, A_v2: { type: "number" } });
    const first = spec({ A: { type: "string" } });
    const second = { ...spec({ A: { type: "string" } }), paths: { "/second": { get: refer("A") } } };
    const part = texts(foreignPart(known, [first, second]));
    expect(part.definitions).toEqual({ A_v3: { type: "string" } });
    expect(part.paths["/second"]).toEqual({ get: refer("A_v3") });
  });

  it("does not take the name of another one of its own server", () => {
    const given = spec({ A: { type: "string" }, A_v2: { type: "boolean" } });
    const part = texts(foreignPart(own({ A: { type: "object" } }), [given]));
    expect(part.definitions).toEqual({ A_v2: { type: "boolean" }, A_v3: { type: "string" } });
  });

  it("does not take that of a custom resource", () => {
    const part = foreignPart(own({}, { names: new Set(["A"]) }), [spec({ A: { type: "object" } })]);
    expect(Object.keys(texts(part).definitions)).toEqual(["A_v2"]);
  });

  it("of another kind adds the kind to one that is else the same", () => {
    const mine = { type: "object", [kindsKey]: [kind("b")] };
    const theirs = { type: "object", [kindsKey]: [kind("a"), kind("b")] };
    const part = texts(foreignPart(own({ A: mine }), [spec({ A: theirs })]));
    expect(part).toMatchObject({ definitions: {}, replaced: { A: { [kindsKey]: [kind("a"), kind("b")] } } });
  });
});

test("paths that are there already stay, and their definitions do not come", () => {
  const given = {
    ...spec({ A: { type: "object" }, B: { items: refer("A") }, C: {} }),
    paths: { "/taken": { get: refer("B") }, "/new": { get: refer("C") } },
  };
  const part = texts(foreignPart(own({}), [given]));
  expect(Object.keys(part.paths)).toEqual(["/new"]);
  expect(Object.keys(part.definitions)).toEqual(["C"]);
  const nothing = foreignPart(own({}), [{ ...given, paths: { "/taken": {} } }]);
  expect(texts(nothing)).toEqual({ paths: {}, definitions: {}, replaced: {} });
});

test("parameters of one name have different names", () => {
  const parameters = { pretty: { name: "pretty", in: "query" } };
  const path = { get: { parameters: [{ $ref: "#/parameters/pretty" }] } };
  const given: ForeignSpec = { paths: { "/a": path }, definitions: {}, parameters };
  const mine = own({}, { parameters: { pretty: { name: "pretty", in: "query", type: "string" } } });
  const part = foreignPart(mine, [given]);
  expect(part.parameters).toEqual({ pretty_v2: { name: "pretty", in: "query" } });
  expect(JSON.stringify(part.paths)).toContain('"#/parameters/pretty_v2"');
});

test("a spec is cut to the paths of a version and what they use", () => {
  const cut = withPaths(specIn(JSON.stringify(wardleV2())), (path) => path.startsWith("/apis/wardle."));
  expect(Object.keys(cut.paths)).toEqual(["/apis/wardle.example.com/v1alpha1/", flunderPath]);
  expect(Object.keys(cut.definitions).map((name) => name.slice(name.lastIndexOf(".") + 1))).toEqual([
    "Flunder",
    "ObjectMeta",
    "APIResourceList",
  ]);
});

test.each(["null", "[]", '"x"'])("%s is no spec", (text) => {
  expect(() => specIn(text)).toThrow("the document is no object");
});

test("a spec without end is none", () => {
  const deep = `${'{"items":'.repeat(10_000)}{}${"}".repeat(10_000)}`;
  expect(() => specIn(`{"definitions":{"A":${deep}}}`)).toThrow("the document is deeper than 250 levels");
});

test("what is of no form in a spec is left out", () => {
  expect(specIn('{"paths":{"/a":1},"definitions":[],"parameters":null}')).toEqual({
    paths: {},
    definitions: {},
    parameters: {},
  });
});

test("a document of version 3 says what that of version 2 says", () => {
  const third = thirdOfSecond(specIn(JSON.stringify(wardleV2())));
  const paths = third["paths"] as Record<string, JsonDocument>;
  const schema = { $ref: "#/components/schemas/com.example.wardle.v1alpha1.Flunder" };
  expect(paths[flunderPath]).toEqual({
    parameters: [{ name: "pretty", in: "query", schema: { type: "string", uniqueItems: true } }],
    post: {
      description: "create a Flunder",
      operationId: "createFlunder",
      requestBody: { content: { "application/json": { schema } } },
      responses: { 201: { description: "Created", content: { "application/json": { schema } } } },
      "x-kubernetes-action": "post",
      "x-kubernetes-group-version-kind": {
        group: "wardle.example.com",
        kind: "Flunder",
        version: "v1alpha1",
      },
    },
  });
  expect(JSON.stringify(third)).not.toContain("#/definitions/");
});

test("nothing stands beside a reference in version 3", () => {
  const definitions = { A: { properties: { b: { description: "B.", $ref: "#/definitions/B" } } }, B: {} };
  const third = thirdOfSecond({ paths: {}, definitions, parameters: {} });
  expect(third["components"]).toEqual({
    schemas: {
      A: { properties: { b: { description: "B.", allOf: [{ $ref: "#/components/schemas/B" }] } } },
      B: {},
    },
  });
});
