import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type CompactType, expandType } from "../../src/api/schema-notation.ts";
import { describeModel, modelFiles } from "./descriptions.ts";
import { parseResources, resourceTable, schemaNamesByKind } from "./resources.ts";
import { protobufTable, schemaOfFact, schemaTable, stringModule } from "./schemas.ts";

const reference = "../shared/reference/kubernetes";
const read = (file: string): string => readFileSync(`${reference}/${file}`, "utf8");

test("resources are read in the order of discovery, without alpha versions", () => {
  const rows = parseResources(
    [
      "groupVersion\tplural\tkind\tscope\tverbs\tsubresources",
      "v1\tservices\tService\tNamespaced\tget,list\tproxy(connect) status(get,patch)",
      "apps/v1\tdeployments\tDeployment\tNamespaced\tget\t",
      "v1\tnodes\tNode\tCluster\tget\t",
      "apps/v1alpha1\tthings\tThing\tCluster\tget\t",
    ].join("\n"),
  );
  expect(rows.map(({ plural, namespaced }) => `${plural} ${namespaced}`)).toEqual([
    "nodes false",
    "services true",
    "deployments true",
  ]);
  expect(rows[1]?.subresources).toEqual([
    { name: "proxy", verbs: ["create", "delete", "get", "patch", "update"] },
    { name: "status", verbs: ["get", "patch"] },
  ]);
});

test("facts that are not understood stop the generator", () => {
  expect(() => schemaOfFact({ "x-new": 1 } as object)).toThrow("unknown fact x-new");
});

test("a table that would need escapes stops the generator", () => {
  expect(() => stringModule("x.ts", "table", "a`b")).toThrow("escapes");
});

test("repeated fields of protobuf are marked, and unknown packages left out", () => {
  const facts = {
    "k8s.io.api.core.v1.A": { names: [1, "string", "repeated"], id: [2, "int64", "optional"] },
    "k8s.io.api.old.v1.B": {},
  } as const;
  const table = protobufTable(facts as never, new Set(["k8s.io.api.core.v1"]));
  expect(table).toBe('k8s.io.api.core.v1.A\t{"names":"1 string*","id":"2 int64"}');
});

describe.skipIf(!existsSync(reference))("from the facts of Kubernetes", () => {
  test("the table of schemas can be read back as it was", () => {
    const facts = JSON.parse(read("schema-facts.json")) as Record<string, never>;
    const special = /\.(Quantity|IntOrString|RawExtension|FieldsV1|Patch|JSON|JSONSchemaPropsOr\w+)$/;
    for (const line of schemaTable(facts).split("\n")) {
      const [name = "", compact = ""] = line.split("\t");
      if (special.test(name)) continue;
      expect([name, expandType(JSON.parse(compact) as CompactType)]).toEqual([
        name,
        schemaOfFact(facts[name] ?? {}),
      ]);
    }
  });

  test("the committed tables are up to date", () => {
    const facts = JSON.parse(read("schema-facts.json")) as Record<string, never>;
    const committed = (file: string): string => readFileSync(`src/api/generated/${file}.ts`, "utf8");
    expect(committed("schemas")).toBe(stringModule("schemas.ts", "schemaTable", schemaTable(facts)));
    const resources = resourceTable(parseResources(read("resources.tsv")), schemaNamesByKind(facts));
    expect(committed("resources")).toBe(stringModule("resources.ts", "resourceTable", resources));
  });
});

test.each([
  ["io.k8s.api.core.v1.Event", ["CoreV1Event", "V1Event"]],
  ["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", ["MetaV1ObjectMeta", "V1ObjectMeta"]],
])("the model of %s is one of %j", (name, files) => {
  expect(modelFiles(name)).toEqual(files);
});

test("descriptions are read from the comments of a model", () => {
  const source = [
    "/**",
    " * OpenAPI spec version: release-1.36",
    " */",
    "/**",
    '* A \\"port\\" of a pod\\\'s container.',
    "*/",
    "export declare class V1Thing {",
    "    /**",
    "    * The port.",
    "    * Required.",
    "    */",
    "    'port': number;",
    "    'plain'?: string;",
    "    /**",
    "    * The default.",
    "    */",
    "    '_default'?: any;",
    "}",
  ].join("\n");
  const schema = { properties: { port: {}, default: {}, plain: {} } };
  expect(describeModel(source, schema)).toEqual({
    "": 'A "port" of a pod\'s container.',
    port: "The port.\nRequired.",
    default: "The default.",
  });
});
