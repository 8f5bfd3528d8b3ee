import { existsSync, globSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import protobuf from "protobufjs";
import { describe, expect, test } from "vitest";
import { isObject } from "../../apimachinery/json.ts";
import type { Schema, SchemaSet } from "../../apimachinery/schema.ts";
import { parseYaml } from "../../apimachinery/yaml.ts";
import { builtinScheme } from "../builtin-scheme.ts";
import type { ResourceInfo } from "../scheme.ts";
import { hasReference, readReference, referenceFolder } from "../testing/reference.ts";
import { type JoinedDocument, loadDescriptions, type OpenApiDocuments, openApiDocuments } from "./index.ts";

type Json = Record<string, unknown>;

const scheme = builtinScheme();
const source = { resources: scheme.resources(), schemas: scheme.schemas, version: "v1.36.0" };
const documents = await openApiDocuments(source);

const parse = async (document: JoinedDocument | undefined): Promise<Json> =>
  JSON.parse(((await document?.plain()) ?? Buffer.alloc(0)).toString()) as Json;
const v2 = async (of: OpenApiDocuments): Promise<Json> => parse(await of.v2("json"));
const v3 = async (of: OpenApiDocuments, name: string): Promise<Json> => parse(await of.v3(name, "json"));
const hashes = (of: OpenApiDocuments): ReadonlyMap<string, string> => of.v3Hashes();

/** The value at a path of names. */
function at(value: unknown, ...names: string[]): unknown {
  return names.reduce<unknown>((current, name) => (isObject(current) ? current[name] : undefined), value);
}

/** Without prose, and without what 1.36 has added since the reference of 1.35 when `old`. */
function bare(value: unknown, old = false): unknown {
  if (Array.isArray(value)) {
    return value
      .filter((item) => !old || at(item, "name") !== "shardSelector")
      .map((item) => bare(item, old));
  }
  if (!isObject(value)) return value;
  const entries = Object.entries(value).filter(
    ([name, child]) => !(name === "description" && typeof child === "string"),
  );
  return Object.fromEntries(entries.map(([name, child]) => [name, bare(child, old)]));
}

describe.skipIf(!hasReference)("compared with Kubernetes", async () => {
  const all = builtinScheme({ betas: true });
  const full = await openApiDocuments({
    resources: all.resources(),
    schemas: all.schemas,
    version: "unversioned",
  });
  const unserved = /v\d+alpha|internal\.apiserver|^\/logs/;

  test("OpenAPI v2 is the same but for prose", async () => {
    const mine = bare(await v2(full)) as Json;
    const theirs = bare(readReference("openapi-v2.json")) as Json;
    const served = (part: string): Json =>
      Object.fromEntries(Object.entries(theirs[part] as Json).filter(([name]) => !unserved.test(name)));
    expect(Object.keys(mine["paths"] as Json).toSorted()).toEqual(Object.keys(served("paths")).toSorted());
    for (const [path, item] of Object.entries(served("paths")))
      expect([path, at(mine, "paths", path)]).toEqual([path, item]);
    for (const [name, definition] of Object.entries(served("definitions"))) {
      expect([name, at(mine, "definitions", name)]).toEqual([name, definition]);
    }
    const { "logpath-Noq7euwC": _, ...parameters } = theirs["parameters"] as Json;
    expect(mine["parameters"]).toEqual(parameters);
    expect(mine["securityDefinitions"]).toEqual(theirs["securityDefinitions"]);
    expect(mine["security"]).toEqual(theirs["security"]);
  });

  test("OpenAPI v3 has the same operations", async () => {
    for (const file of globSync("**/*.json", { cwd: `${referenceFolder}openapi-v3` })) {
      const name = file.replace(/\.json$/, "");
      if (unserved.test(name)) continue;
      const mine = bare(await v3(full, name), true);
      const theirs = bare(readReference(`openapi-v3/${file}`)) as Json;
      for (const [path, item] of Object.entries(theirs["paths"] as Json)) {
        expect([path, at(mine, "paths", path)]).toEqual([path, item]);
      }
    }
  });

  /** Differences that are none of ours, by path. The reference of v3 is of 1.35; that of v2 is of 1.36 and is met wholly. */
  const allowed: readonly (readonly [RegExp, string])[] = [
    [
      /^(DeleteOptions|WatchEvent)\.x-kubernetes-group-version-kind$/,
      "groups and versions that came and went",
    ],
    [/^ListMeta\.properties\.shardInfo$|^ShardInfo$/, "sharded lists came with 1.36"],
    [
      /^PodSpec\.properties\.(schedulingGroup|workloadRef)$/,
      "pod groups took the place of workload references in 1.36",
    ],
    [/^(WorkloadReference|PodSchedulingGroup)$/, "pod groups took the place of workload references in 1.36"],
    [
      /\.properties\.nodeAllocatableResource(Mappings|ClaimStatuses)$|^NodeAllocatableResource\w+$/,
      "new in 1.36",
    ],
    [/^DeviceAttribute\.properties\.(bools|ints|strings|versions)$/, "new in 1.36"],
    [/^DeviceTaint(Rule\w*|Selector)$/, "beta since 1.36"],
    [/^(MutatingAdmissionPolicy\w*|Mutation|ApplyConfiguration|JSONPatch)$/, "stable since 1.36"],
    [/^CSIDriverSpec\.properties\.preventPodSchedulingIfMissing$/, "new in 1.36"],
    [/^PodCertificateRequestSpec\.(required|properties\.stubPKCS10Request)$/, "new in 1.36"],
    [/^ResourceHealth\.properties\.message$/, "new in 1.36"],
    [/^VolumeMountStatus\.properties\.volumeStatus$|^(Image)?VolumeStatus$/, "new in 1.36"],
    [/^\w+\.required$/, "1.36 derives them from validation; those of v2 are met"],
    [
      /^(IngressRule\.properties\.http|JSONSchemaProps\.properties\.\w+)\.(allOf|\$ref)$/,
      "the few references without a description stand bare in Kubernetes",
    ],
  ];

  test("OpenAPI v3 describes every type with the same fields, types, defaults and extensions", async () => {
    const found = new Set<string>();
    const excused = new Set<RegExp>();
    const note = (path: string, mine: unknown, theirs: unknown): void => {
      const known = allowed.find(([pattern]) => pattern.test(path));
      if (known !== undefined) excused.add(known[0]);
      else found.add(`${path}: ${JSON.stringify(mine)} instead of ${JSON.stringify(theirs)}`);
    };
    for (const file of globSync("**/*.json", { cwd: `${referenceFolder}openapi-v3` })) {
      const name = file.replace(/\.json$/, "");
      if (unserved.test(name) || name === "logs") continue;
      const mine = at(bare(await v3(full, name)), "components") as Json;
      const theirs = at(bare(readReference(`openapi-v3/${file}`)), "components") as Json;
      expect(mine["securitySchemes"]).toEqual(theirs["securitySchemes"]);
      compare(mine["schemas"] ?? {}, theirs["schemas"] ?? {}, "", note);
    }
    expect([...found]).toEqual([]);
    // What is excused is there: the table does not outlive its reasons.
    expect(allowed.filter(([pattern]) => !excused.has(pattern))).toEqual([]);
  });
});

/** Tells each member in which two documents differ; a type is named by the last part of its name. */
function compare(
  mine: unknown,
  theirs: unknown,
  path: string,
  note: (path: string, mine: unknown, theirs: unknown) => void,
): void {
  if (!isObject(mine) || !isObject(theirs)) {
    if (JSON.stringify(mine) !== JSON.stringify(theirs)) note(path, mine, theirs);
    return;
  }
  for (const name of new Set([...Object.keys(mine), ...Object.keys(theirs)])) {
    const child = path === "" ? (name.split(".").at(-1) ?? "") : `${path}.${name}`;
    if (Object.hasOwn(mine, name) && Object.hasOwn(theirs, name))
      compare(mine[name], theirs[name], child, note);
    else note(child, mine[name], theirs[name]);
  }
}

test("kubectl finds that dry runs are supported, and for which kinds", async () => {
  const patch = at(
    await v2(documents),
    "paths",
    "/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
    "patch",
  );
  expect(at(patch, "x-kubernetes-group-version-kind")).toEqual({
    group: "apps",
    kind: "Deployment",
    version: "v1",
  });
  const names = (at(patch, "parameters") as Json[]).map(({ name }) => name);
  expect(names).toContain("dryRun");
  expect(names).toContain("fieldValidation");
});

test("only what is served is described", async () => {
  const document = await v2(documents);
  expect(at(document, "paths", "/apis/networking.k8s.io/v1beta1/ipaddresses")).toBeUndefined();
  expect(Object.keys(document["definitions"] as Json).filter((name) => /beta|alpha/.test(name))).toEqual([]);
});

test("the index of OpenAPI v3 leads to a document for each group and version", async () => {
  expect([...documents.v3Hashes().keys()]).toEqual(
    expect.arrayContaining(["api", "api/v1", "apis", "apis/apps", "apis/apps/v1", "version"]),
  );
  for (const [name, hash] of documents.v3Hashes()) {
    const document = await documents.v3(name, "json");
    expect(document?.hash).toBe(hash);
    expect(hash).toMatch(/^[0-9A-F]{128}$/);
    expect((await parse(document))["openapi"]).toBe("3.0.0");
  }
  expect(await documents.v3("apis/example.com/v1", "json")).toBeUndefined();
});

describe("custom resources", async () => {
  const resource: ResourceInfo = {
    group: "stable.example.com",
    version: "v1",
    kind: "CronTab",
    listKind: "CronTabList",
    resource: "crontabs",
    singular: "crontab",
    shortNames: ["ct"],
    categories: [],
    namespaced: true,
    verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    subresources: [{ name: "status", verbs: ["get", "patch", "update"] }],
    schemaName: "com.example.stable.v1.CronTab",
    storage: { group: "stable.example.com", version: "v1", resource: "crontabs" },
  };
  const schema: Schema = {
    type: "object",
    description: "A table of times.",
    properties: {
      metadata: { ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" },
      spec: {
        type: "object",
        required: ["cron"],
        properties: {
          cron: { type: "string", description: "When." },
          replicas: { type: "integer", default: 1 },
          port: { intOrString: true },
          extra: { type: "object", preserveUnknownFields: true, properties: { a: { type: "string" } } },
          suffix: { type: "string", nullable: true },
        },
      },
    },
  };
  const schemas: SchemaSet = {
    get: (name) => (name === resource.schemaName ? schema : scheme.schemas.get(name)),
  };
  const custom = await openApiDocuments({
    resources: [...scheme.resources(), resource],
    schemas,
    version: "v1.36.0",
  });
  const third = await v3(custom, "apis/stable.example.com/v1");

  test("have their paths", async () => {
    const path = "/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}";
    expect(at(third, "paths", path, "get", "operationId")).toBe("readStableExampleComV1NamespacedCronTab");
    expect(at(third, "paths", `${path}/status`, "patch", "x-kubernetes-action")).toBe("patch");
  });

  test("have their schema, a list and their kind", async () => {
    const definition = at(third, "components", "schemas", resource.schemaName);
    expect(definition).toMatchObject({
      description: "A table of times.",
      properties: {
        metadata: {
          allOf: [{ $ref: "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" }],
        },
        spec: {
          type: "object",
          required: ["cron"],
          properties: {
            cron: { type: "string", description: "When." },
            replicas: { type: "integer", default: 1 },
            port: { "x-kubernetes-int-or-string": true },
            extra: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
            suffix: { type: "string", nullable: true },
          },
        },
      },
      "x-kubernetes-group-version-kind": [{ group: "stable.example.com", kind: "CronTab", version: "v1" }],
    });
    expect(at(third, "components", "schemas", "com.example.stable.v1.CronTabList")).toMatchObject({
      properties: {
        items: { type: "array", items: { $ref: `#/components/schemas/${resource.schemaName}` } },
      },
      "x-kubernetes-group-version-kind": [
        { group: "stable.example.com", kind: "CronTabList", version: "v1" },
      ],
    });
  });

  test("are described in OpenAPI v2 so that old clients reject nothing that is allowed", async () => {
    const fields = at(
      await v2(custom),
      "definitions",
      resource.schemaName,
      "properties",
      "spec",
      "properties",
    );
    expect(fields).toEqual({
      cron: { type: "string", description: "When." },
      replicas: { type: "integer" },
      port: { "x-kubernetes-int-or-string": true },
      extra: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      suffix: {},
    });
  });

  test("are in OpenAPI v2 too, and leave the hashes of other documents alone", async () => {
    expect(at(await v2(custom), "definitions", resource.schemaName, "type")).toBe("object");
    expect(hashes(custom).get("apis/apps/v1")).toBe(hashes(documents).get("apis/apps/v1"));
    expect((await custom.v2("json")).hash).not.toBe((await documents.v2("json")).hash);
  });
});

/** The part of gnostic's OpenAPIv2.proto that kubectl reads. */
const proto = `
  syntax = "proto3";
  message Any { string yaml = 2; }
  message NamedAny { string name = 1; Any value = 2; }
  message Info { string title = 1; string version = 2; }
  message TypeItem { repeated string value = 1; }
  message ItemsItem { repeated Schema schema = 1; }
  message AdditionalPropertiesItem { Schema schema = 1; }
  message Properties { repeated NamedSchema additional_properties = 1; }
  message Schema {
    string ref = 1; string format = 2; string description = 4; repeated string required = 19;
    AdditionalPropertiesItem additional_properties = 21; TypeItem type = 22; ItemsItem items = 23;
    Properties properties = 25; repeated NamedAny vendor_extension = 31;
  }
  message NamedSchema { string name = 1; Schema value = 2; }
  message Definitions { repeated NamedSchema additional_properties = 1; }
  message Query { bool required = 1; string in = 2; string description = 3; string name = 4; string type = 6; bool unique = 20; }
  message Path { bool required = 1; string in = 2; string description = 3; string name = 4; string type = 5; bool unique = 19; }
  message Body { string name = 2; string in = 3; bool required = 4; Schema schema = 5; }
  message NonBody { Query query = 3; Path path = 4; }
  message Parameter { Body body = 1; NonBody other = 2; }
  message JsonReference { string ref = 1; }
  message ParametersItem { Parameter parameter = 1; JsonReference reference = 2; }
  message Operation {
    repeated string tags = 1; string operation_id = 5; repeated string produces = 6; repeated string consumes = 7;
    repeated ParametersItem parameters = 8; repeated string schemes = 10; repeated NamedAny vendor_extension = 13;
  }
  message PathItem { Operation get = 2; Operation put = 3; Operation post = 4; Operation patch = 8; repeated ParametersItem parameters = 9; }
  message NamedPathItem { string name = 1; PathItem value = 2; }
  message Paths { repeated NamedPathItem path = 2; }
  message NamedParameter { string name = 1; Parameter value = 2; }
  message ParameterDefinitions { repeated NamedParameter additional_properties = 1; }
  message Document {
    string swagger = 1; Info info = 2; Paths paths = 8; Definitions definitions = 9; ParameterDefinitions parameters = 10;
  }`;

interface Named {
  name: string;
  value: Json;
}

test("OpenAPI v2 in protobuf says the same", async () => {
  const type = protobuf.parse(proto, { keepCase: true }).root.lookupType("Document");
  const decoded = type.toObject(type.decode(await (await documents.v2("protobuf")).plain()), {
    arrays: true,
  });
  const json = await v2(documents);
  const named = (...names: string[]): Named[] => (at(decoded, ...names) as Named[] | undefined) ?? [];
  const find = (list: Named[], name: string): Json | undefined =>
    list.find((entry) => entry.name === name)?.value;
  expect(decoded["swagger"]).toBe("2.0");
  expect(decoded["info"]).toEqual({ title: "Kubernetes", version: "v1.36.0" });

  const definitions = named("definitions", "additional_properties");
  expect(definitions.map(({ name }) => name)).toEqual(Object.keys(json["definitions"] as Json));
  const pod = find(definitions, "io.k8s.api.core.v1.Pod");
  const kinds = find(at(pod, "vendor_extension") as Named[], "x-kubernetes-group-version-kind");
  expect(parseYaml(String(kinds?.["yaml"]))).toEqual([{ group: "", kind: "Pod", version: "v1" }]);
  const fields = at(pod, "properties", "additional_properties") as Named[];
  expect(find(fields, "spec")?.["ref"]).toBe("#/definitions/io.k8s.api.core.v1.PodSpec");
  expect(at(find(fields, "kind"), "type", "value")).toEqual(["string"]);

  const paths = named("paths", "path");
  expect(paths.map(({ name }) => name)).toEqual(Object.keys(json["paths"] as Json));
  const patch = at(find(paths, "/api/v1/namespaces/{namespace}/pods/{name}"), "patch");
  const parameters = at(patch, "parameters") as Json[];
  expect(parameters[0]).toMatchObject({ reference: { ref: "#/parameters/body-78PwaGsr" } });
  expect(parameters[1]).toMatchObject({
    parameter: { other: { query: { name: "dryRun", type: "string" } } },
  });
  const shared = named("parameters", "additional_properties");
  expect(find(shared, "namespace-vgWSWtn3")).toMatchObject({
    other: { path: { name: "namespace", required: true } },
  });
  expect(find(shared, "body-2Y1dVQaQ")).toMatchObject({ body: { name: "body" } });
});

const proto3 = `
  syntax = "proto3";
  message Any { string yaml = 2; }
  message NamedAny { string name = 1; Any value = 2; }
  message Info { string title = 1; string version = 6; }
  message DefaultType { oneof oneof { double number = 1; bool boolean = 2; string string = 3; } }
  message ItemsItem { repeated SchemaOrReference schema_or_reference = 1; }
  message AdditionalPropertiesItem { SchemaOrReference schema_or_reference = 1; bool boolean = 2; }
  message Schema {
    repeated string required = 23; string type = 25; repeated SchemaOrReference all_of = 26;
    repeated SchemaOrReference one_of = 27; ItemsItem items = 30; Named properties = 31;
    AdditionalPropertiesItem additional_properties = 32; DefaultType default = 33; string description = 34;
    string format = 35; repeated NamedAny specification_extension = 36;
  }
  message Reference { string _ref = 1; }
  message SchemaOrReference { Schema schema = 1; Reference reference = 2; }
  message NamedSchema { string name = 1; SchemaOrReference value = 2; }
  message Named { repeated NamedSchema additional_properties = 1; }
  message Components { Named schemas = 1; }
  message MediaType { SchemaOrReference schema = 1; }
  message NamedMediaType { string name = 1; MediaType value = 2; }
  message MediaTypes { repeated NamedMediaType additional_properties = 1; }
  message RequestBody { MediaTypes content = 2; bool required = 3; }
  message RequestBodyOrReference { RequestBody request_body = 1; }
  message Parameter { string name = 1; string in = 2; bool required = 4; SchemaOrReference schema = 10; }
  message ParameterOrReference { Parameter parameter = 1; }
  message Operation {
    repeated string tags = 1; string operation_id = 5; repeated ParameterOrReference parameters = 6;
    RequestBodyOrReference request_body = 7; repeated NamedAny specification_extension = 13;
  }
  message PathItem { Operation get = 4; Operation put = 5; Operation post = 6; repeated ParameterOrReference parameters = 13; }
  message NamedPathItem { string name = 1; PathItem value = 2; }
  message Paths { repeated NamedPathItem path = 1; }
  message Document { string openapi = 1; Info info = 2; Paths paths = 4; Components components = 5; }
`;

test("OpenAPI v3 in protobuf says the same", async () => {
  const type = protobuf.parse(proto3, { keepCase: true }).root.lookupType("Document");
  const decoded = type.toObject(
    type.decode((await (await documents.v3("apis/apps/v1", "protobuf"))?.plain()) ?? new Uint8Array()),
    {
      arrays: true,
    },
  );
  const json = await v3(documents, "apis/apps/v1");
  const named = (list: unknown, name: string): Json | undefined =>
    (list as Named[]).find((entry) => entry.name === name)?.value;
  expect(decoded).toMatchObject({ openapi: "3.0.0", info: { title: "Kubernetes" } });
  expect((at(decoded, "paths", "path") as Named[]).map(({ name }) => name)).toEqual(
    Object.keys(json["paths"] as Json),
  );

  const post = at(
    named(at(decoded, "paths", "path"), "/apis/apps/v1/namespaces/{namespace}/deployments"),
    "post",
  );
  const content = at(post, "request_body", "request_body", "content", "additional_properties");
  expect(at(named(content, "*/*"), "schema", "reference", "_ref")).toBe(
    "#/components/schemas/io.k8s.api.apps.v1.Deployment",
  );
  const action = named(at(post, "specification_extension"), "x-kubernetes-action");
  expect(parseYaml(String(action?.["yaml"]))).toBe("post");

  const schemas = at(decoded, "components", "schemas", "additional_properties");
  const deployment = named(
    at(named(schemas, "io.k8s.api.apps.v1.Deployment"), "schema", "properties", "additional_properties"),
    "spec",
  );
  expect(at(deployment, "schema")).toMatchObject({
    all_of: [{ reference: { _ref: "#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec" } }],
    default: {},
  });
  const container = at(named(schemas, "io.k8s.api.core.v1.Container"), "schema");
  expect(at(container, "required")).toEqual(["name"]);
  expect(at(named(at(container, "properties", "additional_properties"), "name"), "schema")).toMatchObject({
    type: "string",
    default: { string: "" },
  });
});

test("descriptions are written where they are at hand", async () => {
  const described = await openApiDocuments({
    ...source,
    descriptions: {
      "io.k8s.api.core.v1.Pod": { "": "A pod.", spec: "What it should be." },
      "io.k8s.api.core.v1.PodStatus": { "": "How a pod is." },
    },
  });
  const pod = ["components", "schemas", "io.k8s.api.core.v1.Pod"];
  const document = await v3(described, "api/v1");
  expect(at(document, ...pod, "description")).toBe("A pod.");
  expect(at(document, ...pod, "properties", "spec", "description")).toBe("What it should be.");
  expect(at(document, ...pod, "properties", "status", "description")).toBe("How a pod is.");
  expect(hashes(described).get("api/v1")).not.toBe(hashes(documents).get("api/v1"));
});

test("a missing file of descriptions is no error", async () => {
  const folder = await mkdtemp(join(tmpdir(), "descriptions-"));
  try {
    const file = join(folder, "descriptions.json");
    expect(existsSync(file)).toBe(false);
    expect(await loadDescriptions(file)).toBeUndefined();
    await writeFile(file, '{"A":{"":"b"}}');
    expect(await loadDescriptions(file)).toEqual({ A: { "": "b" } });
  } finally {
    await rm(folder, { recursive: true });
  }
});
