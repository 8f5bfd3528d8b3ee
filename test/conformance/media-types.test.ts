import { request as httpRequest } from "node:https";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadProtobufTables } from "../../src/api/protobuf-tables.ts";
import { decodeEnvelope, decodeProtobuf, encodeProtobuf } from "../../src/apimachinery/protobuf.ts";
import { parseYaml } from "../../src/apimachinery/yaml.ts";
import type { HttpsResponse } from "../../src/apiserver/testing/https.ts";
import { ServerUnderTest } from "./resources/server.ts";

/** The forms of requests and answers: which is chosen, which is refused, and with which words. */
let server: ServerUnderTest;
const configMaps = "/api/v1/namespaces/default/configmaps";
const path = `${configMaps}/there`;
const tables = await loadProtobufTables();

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.post(configMaps, configMap("there"));
});
afterAll(async () => {
  await server.close();
});

const configMap = (name: string): Record<string, unknown> => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data: { a: "1", b: "<ü&>" },
});
const failure = (response: HttpsResponse): unknown => {
  const { kind, status, reason, message, code } = response.json();
  return { kind, status, reason, message, code, http: response.status };
};
const refused = (code: number, reason: string, message: string): object => ({
  kind: "Status",
  status: "Failure",
  reason,
  message,
  code,
  http: code,
});
const protobuf = "application/vnd.kubernetes.protobuf";
const message = "k8s.io.api.core.v1.ConfigMap";
const read = (bytes: Uint8Array, type = message): Record<string, unknown> => {
  const { apiVersion, kind, raw } = decodeEnvelope(bytes);
  return { apiVersion, kind, ...decodeProtobuf(type, raw, tables) };
};

describe("JSON is written as Go writes it", () => {
  test.each([path, configMaps, "/version", "/api"])(
    "%s ends with a line unless it is indented",
    async (at) => {
      const isObject = at !== "/version";
      expect((await server.get(at)).text.endsWith("}\n")).toBe(isObject);
      expect((await server.get(`${at}?pretty=true`)).text.endsWith("}")).toBe(true);
    },
  );

  test.each(["", "?pretty=true"])("what could be taken for markup is escaped%s", async (query) => {
    for (const at of [path, configMaps]) {
      const { text } = await server.get(at + query);
      expect(text).toContain("\\u003cü\\u0026\\u003e");
      expect(text).not.toMatch(/[<>&]/);
    }
  });

  test("metadata of a list is not the metadata of an object", async () => {
    const as = (kind: string): string => `application/json;as=${kind};g=meta.k8s.io;v=v1`;
    const said = async (at: string, kind: string): Promise<unknown> =>
      (await server.get(at, as(kind))).json()["message"];
    expect(await said(configMaps, "PartialObjectMetadata")).toBe(
      "you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)",
    );
    expect(await said(path, "PartialObjectMetadataList")).toBe(
      "you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)",
    );
  });
});

describe("what is accepted", () => {
  test.each([
    ["", "application/json"],
    ["*/*", "application/json"],
    ["application/json;q=0.3, application/yaml;q=0.4", "application/yaml"],
    ["*/*, application/yaml", "application/yaml"],
    [`${protobuf}, */*`, protobuf],
    ["text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "application/json"],
    ["application/cbor, application/json", "application/json"],
    ["application/json;as=Table;g=meta.k8s.io;v=v9, application/json", "application/json"],
    [
      `${protobuf};as=Table;g=meta.k8s.io;v=v1, application/json;as=Table;g=meta.k8s.io;v=v1`,
      "application/json",
    ],
  ])("Accept: %s is answered with %s", async (accept, type) => {
    const response = await server.get(path, accept);
    expect([response.status, response.headers["content-type"]]).toEqual([200, type]);
  });

  const types = `application/json, application/yaml, ${protobuf}`;

  test.each(["text/html", "application/cbor", "application/x-yaml", "application/*"])(
    "Accept: %s is 406 by the route, told in JSON",
    async (accept) => {
      const response = await server.get(path, accept);
      expect(response.headers["content-type"]).toBe("application/json");
      const message = `406: Not Acceptable\n\nAvailable representations: ${types}`;
      expect(failure(response)).toEqual(refused(406, "NotAcceptable", message));
      expect(response.text.startsWith("{\n  ")).toBe(accept !== "application/*");
    },
  );

  test("a list has the types of a watch too", async () => {
    const streams = `application/json;stream=watch, ${protobuf};stream=watch`;
    for (const query of ["", "?watch=1"]) {
      expect(failure(await server.get(configMaps + query, "text/html"))).toMatchObject({
        message: `406: Not Acceptable\n\nAvailable representations: ${types}, ${streams}`,
      });
    }
  });

  test("a form that no object has is 406 by the handler", async () => {
    const response = await server.get(path, "application/json;as=Table;g=apps;v=v1");
    const message = `only the following media types are accepted: ${types}`;
    expect(failure(response)).toEqual(refused(406, "NotAcceptable", message));
  });

  test("a write whose answer could not be told is not made", async () => {
    const response = await server.ask(configMaps, {
      method: "POST",
      headers: { accept: "text/html", "content-type": "application/json" },
      body: JSON.stringify(configMap("untold")),
    });
    expect(response.status).toBe(406);
    expect((await server.get(`${configMaps}/untold`)).status).toBe(404);
  });

  test("a watch in YAML is 406, told in YAML", async () => {
    const response = await server.get(`${configMaps}?watch=1`, "application/yaml");
    expect([response.status, parseYaml(response.text)]).toMatchObject([
      406,
      {
        reason: "NotAcceptable",
        message: `only the following media types are accepted: application/json;stream=watch, ${protobuf};stream=watch`,
      },
    ]);
  });

  test.each([
    ["?pretty=true", true],
    ["?pretty=1", true],
    ["?pretty=false", false],
    ["?pretty=yes", false],
    ["", false],
  ])("%s is pretty: %s", async (query, isPretty) => {
    expect((await server.get(path + query)).text.startsWith("{\n  ")).toBe(isPretty);
  });

  test("pretty may be asked for with the type, and people get it unasked", async () => {
    expect((await server.get(path, "application/json;pretty=1")).text).toMatch(/^\{\n {2}"/);
    const headers = { accept: "application/json", "user-agent": "curl/8.0" };
    expect((await server.ask(path, { headers })).text).toMatch(/^\{\n {2}"/);
  });
});

describe("what is sent", () => {
  test.each(["application/cbor", "text/yaml", "application/x-yaml", "text/plain", "application/xml"])(
    "%s is 415",
    async (type) => {
      expect(failure(await server.send("POST", configMaps, configMap("x"), type))).toEqual(
        refused(
          415,
          "UnsupportedMediaType",
          "the body of the request was in an unknown format - accepted media types include: " +
            `application/json, application/yaml, ${protobuf}`,
        ),
      );
    },
  );

  test.each(["application/apply-patch+cbor", "application/json", "application/cbor"])(
    "a %s patch is 415",
    async (type) => {
      expect(failure(await server.send("PATCH", path, {}, type))).toEqual(
        refused(415, "UnsupportedMediaType", "415: Unsupported Media Type"),
      );
    },
  );

  test("types may have parameters, and none means JSON", async () => {
    const typed = await server.send(
      "POST",
      configMaps,
      configMap("typed"),
      "application/json; charset=utf-8",
    );
    const body = JSON.stringify(configMap("untyped"));
    const untyped = await server.ask(configMaps, { method: "POST", body });
    expect([typed.status, untyped.status]).toEqual([201, 201]);
    expect((await server.send("PATCH", path, {}, "application/merge-patch+json; charset=utf-8")).status).toBe(
      200,
    );
  });

  test("a compressed body is read as it is, which no form is", async () => {
    const response = await server.ask(configMaps, {
      method: "POST",
      headers: { "content-type": "application/json", "content-encoding": "gzip" },
      body: gzipSync(JSON.stringify(configMap("zipped"))),
    });
    expect([response.status, response.json()["reason"]]).toEqual([400, "BadRequest"]);
  });

  test("a JSON patch has ten thousand operations at most", async () => {
    const operation = { op: "test", path: "/kind", value: "ConfigMap" };
    const many = (count: number): Promise<HttpsResponse> =>
      server.patch(
        "json",
        path,
        Array.from({ length: count }, () => operation),
      );
    expect((await many(10_000)).status).toBe(200);
    expect(failure(await many(10_001))).toEqual(
      refused(
        413,
        "RequestEntityTooLarge",
        "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001",
      ),
    );
  });

  test("faults of a strict YAML body are told by line, and as warnings line by line", async () => {
    const yaml = (name: string): string =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  a: "1"\n  a: "2"\nunheard: 1\nmore: {}\nmore: []\n`;
    const post = (name: string, mode: string): Promise<HttpsResponse> =>
      server.ask(`${configMaps}?fieldValidation=${mode}`, {
        method: "POST",
        headers: { "content-type": "application/yaml" },
        body: yaml(name),
      });
    expect((await post("strict", "Strict")).json()["message"]).toBe(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: yaml: unmarshal errors:\n' +
        '  line 7: key "a" already set in map\n  line 10: key "more" already set in map, ' +
        'unknown field "more", unknown field "unheard"',
    );
    const warned = await post("warned", "Warn");
    expect([warned.status, warned.headers["warning"]]).toEqual([
      201,
      '299 - "line 7: key \\"a\\" already set in map", 299 - "line 10: key \\"more\\" already set in map", ' +
        '299 - "unknown field \\"more\\"", 299 - "unknown field \\"unheard\\""',
    ]);
    expect((await post("ignored", "Ignore")).headers["warning"]).toBeUndefined();
  });

  test("an applied configuration that says a key twice is told so, and one of unknown fields is none", async () => {
    const apply = (text: string, mode: string): Promise<HttpsResponse> =>
      server.ask(`${configMaps}/applied?fieldManager=me&fieldValidation=${mode}`, {
        method: "PATCH",
        headers: { "content-type": "application/apply-patch+yaml" },
        body: `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied}\n${text}`,
      });
    const twice = 'data:\n  a: "1"\n  a: "2"\n';
    const strict = await apply(twice, "Strict");
    expect([strict.status, strict.json()["message"]]).toEqual([
      400,
      "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n" +
        '  line 6: key "a" already set in map',
    ]);
    const warned = await apply(twice, "Warn");
    expect([warned.status, warned.headers["warning"]]).toEqual([
      201,
      '299 - "line 6: key \\"a\\" already set in map"',
    ]);
    const unknown = await apply("unheard: 1\n", "Ignore");
    expect([unknown.status, unknown.json()["message"]]).toEqual([
      500,
      "failed to create typed patch object (/applied; /v1, Kind=ConfigMap): .unheard: field not declared in schema",
    ]);
  });
});

describe("protobuf", () => {
  const binary = { "content-type": protobuf, accept: protobuf };

  test("creates, lists, watches and deletes in it", async () => {
    const body = encodeProtobuf(message, configMap("binary"), tables);
    const created = await server.ask(configMaps, { method: "POST", headers: binary, body });
    expect([created.status, created.headers["content-type"]]).toEqual([201, protobuf]);
    const object = (await server.get(`${configMaps}/binary`)).json();
    expect(read(created.bytes)).toEqual(object);
    const query = `${configMaps}?fieldSelector=metadata.name%3Dbinary`;
    const { kind: _1, apiVersion: _2, ...item } = object;
    const list = read((await server.get(query, protobuf)).bytes, `${message}List`);
    expect(list).toMatchObject({ apiVersion: "v1", kind: "ConfigMapList", items: [item] });
    const watched = await server.ask(`${query}&watch=1`, { headers: { accept: protobuf }, untilBytes: 4 });
    expect(watched.headers["content-type"]).toBe(`${protobuf};stream=watch`);
    expect(readFrame(watched.bytes)).toEqual({ type: "ADDED", object });
    const options = encodeProtobuf(
      "k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions",
      { apiVersion: "meta.k8s.io/v1", kind: "DeleteOptions", preconditions: { uid: "another" } },
      tables,
    );
    const refusal = await server.ask(`${configMaps}/binary`, {
      method: "DELETE",
      headers: binary,
      body: options,
    });
    expect(read(refusal.bytes, "k8s.io.apimachinery.pkg.apis.meta.v1.Status")).toMatchObject({
      kind: "Status",
      code: 409,
      reason: "Conflict",
    });
    const deleted = await server.ask(`${configMaps}/binary`, {
      method: "DELETE",
      headers: { accept: protobuf },
    });
    expect(read(deleted.bytes, "k8s.io.apimachinery.pkg.apis.meta.v1.Status")).toMatchObject({
      status: "Success",
    });
  });

  test("metadata alone comes in it too", async () => {
    const form = (name: string): string => `${protobuf};as=${name};g=meta.k8s.io;v=v1`;
    const one = await server.get(path, form("PartialObjectMetadata"));
    const meta = "k8s.io.apimachinery.pkg.apis.meta.v1";
    expect(read(one.bytes, `${meta}.PartialObjectMetadata`)).toMatchObject({
      apiVersion: "meta.k8s.io/v1",
      kind: "PartialObjectMetadata",
      metadata: { name: "there" },
    });
    const all = await server.get(`${configMaps}?limit=1`, form("PartialObjectMetadataList"));
    expect(read(all.bytes, `${meta}.PartialObjectMetadataList`)).toMatchObject({
      kind: "PartialObjectMetadataList",
      items: [{ metadata: { name: expect.any(String) } }],
    });
  });
});

/** The first frame of a watch: its length, then a WatchEvent of a type and an enveloped object. */
function readFrame(bytes: Buffer): { type: string; object: unknown } {
  const frame = bytes.subarray(4, 4 + bytes.readUInt32BE(0));
  const typeLength = frame[1] ?? 0;
  const type = frame.subarray(2, 2 + typeLength).toString();
  return { type, object: read(frame.subarray(frame.indexOf("k8s\0"))) };
}

test("YAML says what JSON says", async () => {
  const object = (await server.get(path)).json();
  expect(parseYaml((await server.get(path, "application/yaml")).text)).toEqual(object);
  const list = (await server.get(configMaps)).json();
  expect(parseYaml((await server.get(configMaps, "application/yaml")).text)).toEqual(list);
});

describe("methods and paths", () => {
  const methodNotAllowed = refused(
    405,
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
  );

  test.each([
    ["OPTIONS", path],
    ["OPTIONS", configMaps],
    ["POST", path],
    ["PUT", configMaps],
    ["PATCH", configMaps],
    ["DELETE", "/api/v1/namespaces"],
    ["DELETE", "/api/v1/configmaps"],
    ["POST", "/api/v1/pods"],
    ["GET", "/apis/authorization.k8s.io/v1/subjectaccessreviews"],
    ["DELETE", "/api/v1/componentstatuses/etcd-0"],
  ])("%s %s is 405", async (method, at) => {
    expect(failure(await server.send(method, at, ["POST", "PUT"].includes(method) ? {} : undefined))).toEqual(
      methodNotAllowed,
    );
  });

  test.each(["/api/v1/nothing", "/apis/apps/v1/namespaces/default/nothing/x", `${path}/status`])(
    "GET %s is not found",
    async (at) => {
      const response = await server.get(at);
      expect(failure(response)).toEqual(
        refused(404, "NotFound", "the server could not find the requested resource"),
      );
      expect(response.json()["details"]).toEqual({});
    },
  );

  test("HTTP/1.1 is answered as HTTP/2 is", async () => {
    const second = await server.get(path);
    const first = await new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const outgoing = httpRequest(
        {
          ...server.address,
          path,
          headers: { authorization: "Bearer admin", accept: "application/json" },
          agent: false,
        },
        (response) => {
          let text = "";
          response.on("data", (chunk: Buffer) => (text += chunk.toString()));
          response.on("end", () => resolve({ status: response.statusCode, text }));
        },
      );
      outgoing.on("error", reject);
      outgoing.end();
    });
    expect(first).toEqual({ status: 200, text: second.text });
  });
});
