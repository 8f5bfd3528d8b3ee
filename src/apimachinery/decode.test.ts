import { describe, expect, it } from "vitest";
import { decodeObject, newStrictDecodingError, numberOutOfRange, parseJson } from "./decode.ts";
import type { Schema } from "./schema.ts";
import { StatusError } from "./status.ts";
import { factsSchemas, fixtureNames, hasReference, readSharedJson } from "./testing/reference.ts";

const schemas = new Map<string, Schema>([
  [
    "io.example.v1.Web",
    {
      type: "object",
      properties: {
        apiVersion: { type: "string" },
        kind: { type: "string" },
        metadata: { ref: "io.example.v1.ObjectMeta", default: {} },
        spec: { ref: "io.example.v1.WebSpec", default: {} },
        status: { ref: "io.example.v1.WebStatus", default: {} },
      },
    },
  ],
  [
    "io.example.v1.ObjectMeta",
    {
      type: "object",
      properties: {
        name: { type: "string" },
        labels: { type: "object", values: { type: "string" } },
        creationTimestamp: { ref: "io.k8s.apimachinery.pkg.apis.meta.v1.Time" },
      },
    },
  ],
  [
    "io.example.v1.WebSpec",
    {
      type: "object",
      required: ["rules"],
      properties: {
        replicas: { type: "integer", format: "int32" },
        generation: { type: "integer", format: "int64" },
        paused: { type: "boolean" },
        weight: { type: "number", format: "double" },
        image: { type: "string", default: "" },
        protocol: { type: "string", default: "TCP" },
        args: { type: "array", items: { type: "string" } },
        rules: { type: "array", items: { type: "string" } },
        ports: { type: "array", items: { ref: "io.example.v1.Port", default: {} } },
        byName: { type: "object", values: { ref: "io.example.v1.Port" } },
        limits: { type: "object", values: { ref: "io.k8s.apimachinery.pkg.api.resource.Quantity" } },
        max: { ref: "io.k8s.apimachinery.pkg.util.intstr.IntOrString" },
        data: { type: "object", values: { type: "string", format: "byte" } },
        renewTime: { ref: "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime" },
        raw: { ref: "io.k8s.apimachinery.pkg.runtime.RawExtension" },
        marker: { ref: "io.example.v1.Empty" },
        child: { ref: "io.example.v1.WebSpec" },
        open: { type: "object", preserveUnknownFields: true, properties: { known: { type: "string" } } },
      },
    },
  ],
  [
    "io.example.v1.WebStatus",
    { type: "object", properties: { ready: { type: "integer", format: "int32" } } },
  ],
  ["io.example.v1.Empty", { type: "object" }],
  [
    "io.example.v1.Port",
    {
      type: "object",
      required: ["port"],
      properties: { port: { type: "integer", format: "int32", default: 0 }, name: { type: "string" } },
    },
  ],
]);

const web = (spec: unknown, metadata: unknown = {}): Record<string, unknown> => ({
  apiVersion: "example.io/v1",
  kind: "Web",
  metadata,
  spec,
});
const decodeSpec = (spec: unknown) => {
  const { object, unknownFields } = decodeObject(schemas, "io.example.v1.Web", web(spec));
  return { spec: object["spec"], unknownFields };
};
const messageOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof StatusError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "no error";
};

describe("decodeObject()", () => {
  it("fills in what Go prints although nobody set it, and no API default", () => {
    const { object } = decodeObject(schemas, "io.example.v1.Web", {
      kind: "Web",
      apiVersion: "example.io/v1",
    });
    expect(object).toEqual({
      kind: "Web",
      apiVersion: "example.io/v1",
      metadata: {},
      spec: { image: "" },
      status: {},
    });
  });

  it.each<[string, unknown, unknown]>([
    ["null is absence", { image: "a", replicas: null, args: null }, { image: "a" }],
    ["an empty optional list is dropped", { image: "a", args: [] }, { image: "a" }],
    ["an empty required list is kept", { image: "a", rules: [] }, { image: "a", rules: [] }],
    ["an empty optional map is dropped", { image: "a", limits: {} }, { image: "a" }],
    ["an empty struct is kept", { image: "a", marker: {} }, { image: "a", marker: {} }],
    [
      "null in a list is the zero value",
      { image: "a", args: [null], ports: [null] },
      { image: "a", args: [""], ports: [{ port: 0 }] },
    ],
    ["null in a map is the zero value", { image: "a", data: { k: null } }, { image: "a", data: { k: "" } }],
    [
      "quantities are canonical",
      { image: "a", limits: { cpu: 0.5, memory: "1024Mi" } },
      { image: "a", limits: { cpu: "500m", memory: "1Gi" } },
    ],
    ["int-or-string keeps either", { image: "a", max: "25%" }, { image: "a", max: "25%" }],
    ["int-or-string keeps a number", { image: "a", max: 3 }, { image: "a", max: 3 }],
    [
      "base64 loses its line breaks",
      { image: "a", data: { k: "YWJj\nZGVm" } },
      { image: "a", data: { k: "YWJjZGVm" } },
    ],
    [
      "micro times keep six digits",
      { image: "a", renewTime: "2026-01-01T01:00:00.123456+01:00" },
      { image: "a", renewTime: "2026-01-01T00:00:00.123456Z" },
    ],
    [
      "raw values are kept as they are",
      { image: "a", raw: { a: [null, { b: null }] } },
      { image: "a", raw: { a: [null, { b: null }] } },
    ],
    [
      "unknown fields may be preserved",
      { image: "a", open: { known: "x", other: { y: 1 } } },
      { image: "a", open: { known: "x", other: { y: 1 } } },
    ],
    [
      "types may contain themselves",
      { image: "a", child: { child: {} } },
      { image: "a", child: { image: "", child: { image: "" } } },
    ],
    [
      "a member named __proto__ is data",
      { image: "a", data: JSON.parse('{"__proto__":"YQ=="}') as unknown },
      { image: "a", data: JSON.parse('{"__proto__":"YQ=="}') as unknown },
    ],
  ])("%s", (_claim, spec, expected) => {
    expect(decodeSpec(spec).spec).toEqual(expected);
  });

  it("takes over what is known, where it is in its place, and decodes all else", () => {
    const labels = { app: "x" };
    const spec = { image: "a", nobodyKnows: null };
    const known = { spec, metadata: { labels } };
    const decode = (value: Record<string, unknown>) =>
      decodeObject(schemas, "io.example.v1.Web", value, known).object;
    const kept = decode(web(spec, { labels, name: "n" }));
    expect(kept["spec"]).toBe(spec);
    expect(kept.metadata.labels).toBe(labels);
    expect(Object.keys(kept)).toEqual(["apiVersion", "kind", "metadata", "spec", "status"]);
    const other = decode({ ...web({ ...spec, child: spec }, { labels: { ...labels } }), status: labels });
    expect(other["spec"]).toEqual({ image: "a", child: { image: "a" } });
    expect(other.metadata.labels).not.toBe(labels);
    expect(other["status"]).toEqual({});
  });

  it("turns times into UTC seconds and drops Go's zero time", () => {
    const times = ["2026-01-01T02:00:00.5+02:00", "0001-01-01T00:00:00Z"].map(
      (creationTimestamp) =>
        decodeObject(schemas, "io.example.v1.Web", web({}, { creationTimestamp })).object.metadata,
    );
    expect(times).toEqual([{ creationTimestamp: "2026-01-01T00:00:00Z" }, {}]);
  });

  it("drops unknown fields and lists them by path, case included", () => {
    const { spec, unknownFields } = decodeSpec({
      image: "a",
      Replicas: 1,
      ports: [{ port: 1 }, { port: 2, nope: true }],
      byName: { http: { port: 1, wrong: 1 } },
      marker: { x: 1 },
    });
    expect(spec).toEqual({
      image: "a",
      ports: [{ port: 1 }, { port: 2 }],
      byName: { http: { port: 1 } },
      marker: {},
    });
    expect(unknownFields).toEqual([
      'unknown field "spec.Replicas"',
      'unknown field "spec.ports[1].nope"',
      'unknown field "spec.byName.http.wrong"',
      'unknown field "spec.marker.x"',
    ]);
  });

  it("shares nothing with its input", () => {
    const input = web({ image: "a", raw: { a: [1] }, args: ["x"] });
    const { object } = decodeObject(schemas, "io.example.v1.Web", input);
    const before = structuredClone(object);
    const spec = input["spec"] as { raw: { a: number[] }; args: string[] };
    spec.raw.a.push(2);
    spec.args.push("y");
    expect(object).toEqual(before);
  });

  it.each<[unknown, string]>([
    [
      { replicas: "3" },
      "json: cannot unmarshal string into Go struct field WebSpec.spec.replicas of type int32",
    ],
    [
      { replicas: 1.5 },
      "json: cannot unmarshal number 1.5 into Go struct field WebSpec.spec.replicas of type int32",
    ],
    [
      { replicas: 3e9 },
      "json: cannot unmarshal number 3000000000 into Go struct field WebSpec.spec.replicas of type int32",
    ],
    [
      { generation: 1e19 },
      "json: cannot unmarshal number 10000000000000000000 into Go struct field WebSpec.spec.generation of type int64",
    ],
    [
      { paused: "yes" },
      "json: cannot unmarshal string into Go struct field WebSpec.spec.paused of type bool",
    ],
    [{ image: 3 }, "json: cannot unmarshal number into Go struct field WebSpec.spec.image of type string"],
    [{ image: {} }, "json: cannot unmarshal object into Go struct field WebSpec.spec.image of type string"],
    [{ args: "a" }, "json: cannot unmarshal string into Go struct field WebSpec.spec.args of type []string"],
    [
      { ports: {} },
      "json: cannot unmarshal object into Go struct field WebSpec.spec.ports of type []v1.Port",
    ],
    [
      { ports: [{ name: 8 }] },
      "json: cannot unmarshal number into Go struct field Port.spec.ports.name of type string",
    ],
    [
      { limits: [] },
      "json: cannot unmarshal array into Go struct field WebSpec.spec.limits of type map[string]resource.Quantity",
    ],
    [
      { limits: { cpu: "x" } },
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [{ data: { k: "a" } }, "illegal base64 data at input byte 0"],
    [{ data: { k: "YW*j" } }, "illegal base64 data at input byte 2"],
    [{ max: true }, "json: cannot unmarshal bool into Go struct field WebSpec.spec.max of type int32"],
    [
      { renewTime: "2026-01-01T00:00:00Z" },
      'parsing time "2026-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"',
    ],
    [[], "json: cannot unmarshal array into Go struct field Web.spec of type v1.WebSpec"],
  ])("refuses %j", (spec, message) => {
    expect(messageOf(() => decodeSpec(spec))).toBe(
      `400 Web in version "v1" cannot be handled as a Web: ${message}`,
    );
  });

  it.each([
    [
      "the first of several wrong types",
      { image: 3, replicas: "1" },
      "json: cannot unmarshal number into Go struct field WebSpec.spec.image of type string",
    ],
    [
      "a value that reads itself before a type that was wrong earlier",
      { image: 3, limits: { cpu: "x" } },
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      "a wrong type before text that is no base64",
      { image: 3, data: { k: "a" } },
      "json: cannot unmarshal number into Go struct field WebSpec.spec.image of type string",
    ],
    [
      "whatever is wrong with a number or text",
      { image: 3, max: true },
      "json: cannot unmarshal bool into Go struct field WebSpec.spec.max of type int32",
    ],
  ])("tells of %s", (_what, spec, message) => {
    expect(messageOf(() => decodeSpec(spec))).toBe(
      `400 Web in version "v1" cannot be handled as a Web: ${message}`,
    );
  });

  it("leaves keys of maps out of the message", () => {
    expect(messageOf(() => decodeObject(schemas, "io.example.v1.Web", web({}, { labels: { a: 1 } })))).toBe(
      '400 Web in version "v1" cannot be handled as a Web: json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    );
  });

  it("refuses values that are no objects", () => {
    expect(messageOf(() => decodeObject(schemas, "io.example.v1.Web", []))).toBe(
      "400 json: cannot unmarshal array into Go value of type v1.Web",
    );
  });

  it("refuses nesting without end", () => {
    let spec: unknown = {};
    for (let depth = 0; depth < 2000; depth++) spec = { child: spec };
    expect(messageOf(() => decodeSpec(spec))).toContain("exceeded max depth");
  });

  it("words strict decoding errors as the API server does", () => {
    const error = newStrictDecodingError(web({}), ['unknown field "spec.a"', 'duplicate field "spec.b"']);
    expect(error.message).toBe(
      'Web in version "v1" cannot be handled as a Web: strict decoding error: unknown field "spec.a", duplicate field "spec.b"',
    );
  });
});

describe("parseJson()", () => {
  it("reports duplicate members by path, once each", () => {
    const { value, duplicates } = parseJson(
      '{"a":{"b":1,"b":2,"b":3},"l":[{"x":":"},{"x":1,"x":2}],"\\u0061":1}',
    );
    expect(value).toEqual({ a: 1, l: [{ x: ":" }, { x: 2 }] });
    expect(duplicates).toEqual(['duplicate field "a.b"', 'duplicate field "l[1].x"', 'duplicate field "a"']);
  });

  it.each([
    ['"\\ud800"', "\ufffd"],
    ['"a\\uDC00b\\ud83d\\ude00"', "a\ufffdb😀"],
    ['"\\ud83d\\ud83d\\ude00"', "\ufffd😀"],
    ['"\\\\ud800"', "\\ud800"],
  ])("reads half a character as Go does: %s", (text, expected) => {
    expect(parseJson(text).value).toBe(expected);
  });

  it("is not confused by colons and quotes in strings", () => {
    expect(parseJson('{"a:\\"b\\\\":"{\\":\\"}","c":":"}').duplicates).toEqual([]);
  });

  it("bounds nesting", () => {
    const deep = `${"[".repeat(5000)}${"]".repeat(5000)}`;
    expect(messageOf(() => parseJson(deep))).toBe("400 invalid character '[' exceeded max depth");
  });

  it.each([
    ["", "unexpected end of JSON input"],
    ['{"a":1', "unexpected end of JSON input"],
    ["abc", "invalid character 'a' looking for beginning of value"],
    ["{a:1}", "invalid character 'a' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
    ["[1 2]", "invalid character '2' after array element"],
    ["{} x", "invalid character 'x' after top-level value"],
    ['"a\nb"', "invalid character '\\n' in string literal"],
    ['"\\x"', "invalid character 'x' in string escape code"],
    ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
    ["tru3", "invalid character '3' in literal true (expecting 'e')"],
    ["-a", "invalid character 'a' in numeric literal"],
    ["1.x", "invalid character 'x' after decimal point in numeric literal"],
    ["1ex", "invalid character 'x' in exponent of numeric literal"],
    ["01", "invalid character '1' after top-level value"],
  ])("words the error of %j as Go does", (text, message) => {
    expect(messageOf(() => parseJson(text))).toBe(`400 ${message}`);
  });
});

describe.skipIf(!hasReference)("decodeObject() with the facts of Kubernetes (needs ../shared)", () => {
  const facts = hasReference ? factsSchemas() : undefined;

  it("drops zero values that Go holds by value, and keeps those behind pointers", () => {
    if (facts === undefined) return;
    const { object } = decodeObject(facts.schemas, facts.nameOf("v1", "Pod"), {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "a", generateName: "", generation: 0 },
      spec: {
        hostNetwork: false,
        nodeName: "",
        terminationGracePeriodSeconds: 0,
        automountServiceAccountToken: false,
        runtimeClassName: "",
        containers: [
          { name: "", image: "", stdin: false, ports: [{ containerPort: 0, hostPort: 0, protocol: "" }] },
        ],
      },
    });
    expect(object.metadata).toEqual({ name: "a" });
    expect(object["spec"]).toEqual({
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      runtimeClassName: "",
      containers: [{ name: "", resources: {}, ports: [{ containerPort: 0 }] }],
    });
  });

  it.each<[string, string, object, object]>([
    ["rbac.authorization.k8s.io/v1", "Role", {}, { rules: null }],
    ["rbac.authorization.k8s.io/v1", "ClusterRole", { rules: [] }, { rules: [] }],
    ["v1", "ReplicationController", { spec: {} }, { spec: {} }],
    [
      "v1",
      "Pod",
      {
        spec: {
          containers: [{ env: [{ name: "a", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } }] }],
        },
      },
      { spec: { containers: [{ env: [{ valueFrom: { resourceFieldRef: { divisor: "0" } } }] }] } },
    ],
  ])("prints of %s %s %j what Go prints although nobody set it", (apiVersion, kind, parts, expected) => {
    if (facts === undefined) return;
    const name = facts.nameOf(apiVersion, kind);
    const { object } = decodeObject(facts.schemas, name, { apiVersion, kind, metadata: {}, ...parts });
    expect(object).toMatchObject(expected);
    expect(object["spec"] ?? {}).not.toHaveProperty("minReadySeconds");
  });

  it.each(hasReference ? fixtureNames() : [])("reads %s and changes nothing", (name) => {
    const fixture = readSharedJson(`reference/kubernetes/fixtures/${name}.json`) as {
      apiVersion: string;
      kind: string;
    };
    if (facts === undefined) return;
    const schemaName = facts.nameOf(fixture.apiVersion, fixture.kind);
    if (facts.schemas.get(schemaName) === undefined) return;
    const { object, unknownFields } = decodeObject(facts.schemas, schemaName, fixture);
    expect(unknownFields).toEqual([]);
    expect(object).toEqual(fixture);
  });
});

describe("numberOutOfRange", () => {
  it.each([
    ['{"a":1e400}', "1e400"],
    ['{"a":[1,-1E+999]}', "-1E+999"],
    [`[1${"0".repeat(309)}]`, `1${"0".repeat(309)}`],
    ['{"a":"1e400","b":"\\"1e400"}', undefined],
    ['{"a":1e308,"b":1e-400,"c":0.1e+0100}', undefined],
    [`{"a":"${"9".repeat(400)}"}`, undefined],
  ])("of %s is %s", (text, expected) => {
    expect(numberOutOfRange(text)).toBe(expected);
  });
});
