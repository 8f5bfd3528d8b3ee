import { once } from "node:events";
import { request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { CertificateAuthority } from "../../pki/index.ts";
import { MemoryStorage } from "../../storage/memory/memory-storage.ts";
import type { AuthenticationRequest } from "../authentication/authenticator.ts";
import { TestApi } from "../testing/api.ts";
import { type HttpsFixture, listenForTest } from "../testing/https.ts";
import { adminUser, openSecurity, startTestServer } from "../testing/test-server.ts";
import { streamBody } from "./http2-exchange.ts";

const configMaps = "/api/v1/namespaces/default/configmaps";
const tableV1 = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const clock = new RealClock();
let https: HttpsFixture;
let api: TestApi;
let seen: AuthenticationRequest | undefined;

beforeAll(async () => {
  const security = {
    ...openSecurity(),
    authenticator: {
      authenticate: async (request: AuthenticationRequest) => {
        seen = request;
        return request.bearerToken === "admin" || request.certificates.length > 0
          ? { user: adminUser }
          : undefined;
      },
    },
  };
  const { server, transport } = await startTestServer({ clock, security: () => security });
  api = new TestApi(transport);
  https = await listenForTest(server, clock.now());
  await api.post(configMaps, { metadata: { name: "a", annotations: { x: "ü" } }, data: { k: "v" } });
});

afterAll(() => https.close());

describe("HTTP/2", () => {
  test("answers with the bytes of the cached object", async () => {
    const response = await https.request(`${configMaps}/a`);
    expect(response.status).toBe(200);
    expect(response.headers["content-type"]).toBe("application/json");
    expect(response.headers["cache-control"]).toBe("no-cache, private");
    expect(response.headers["content-length"]).toBe(String(response.bytes.length));
    expect(response.json()).toEqual(await api.get(`${configMaps}/a`));
    expect(
      response.text.startsWith('{"kind":"ConfigMap","apiVersion":"v1","metadata":{"resourceVersion":"1",'),
    ).toBe(true);
  });

  test("HEAD has the head alone, and resources have none", async () => {
    const response = await https.request("/healthz", { method: "HEAD" });
    expect([response.status, response.bytes.length]).toEqual([200, 0]);
    expect((await https.request(`${configMaps}/a`, { method: "HEAD" })).status).toBe(405);
  });

  test("lists, with items that leave out their kind", async () => {
    const list = (await https.request(configMaps)).json<{ kind: string; items: UnstructuredObject[] }>();
    expect(list.kind).toBe("ConfigMapList");
    expect(Object.keys(list.items[0] ?? {})).toEqual(["metadata", "data"]);
  });

  test("creates, updates, patches and deletes", async () => {
    const body = JSON.stringify({ metadata: { name: "b" }, data: { x: "1" } });
    const created = await https.request(configMaps, { method: "POST", body });
    expect(created.status).toBe(201);
    const path = `${configMaps}/b`;
    expect((await https.request(path, { method: "PUT", body: created.text })).status).toBe(200);
    const headers = { "content-type": "application/merge-patch+json" };
    const patched = await https.request(path, { method: "PATCH", headers, body: '{"data":{"y":"2"}}' });
    expect(patched.json()["data"]).toEqual({ x: "1", y: "2" });
    expect((await https.request(path, { method: "DELETE" })).json()).toMatchObject({
      kind: "Status",
      status: "Success",
    });
  });

  test("watches, frame by frame", async () => {
    const watching = https.request(`${configMaps}?watch=1&resourceVersion=0`, { untilBytes: 100 });
    const [frame = ""] = (await watching).text.split("\n");
    expect(JSON.parse(frame)).toEqual({ type: "ADDED", object: await api.get(`${configMaps}/a`) });
  });

  test("a watch that is too old is 200 with an ERROR", async () => {
    const storage = new MemoryStorage();
    for (const name of ["b", "c"]) {
      const value = Buffer.from(JSON.stringify({ kind: "Secret", apiVersion: "v1", metadata: { name } }));
      await storage.txn([], [{ type: "put", key: `/registry/core/secrets/a/${name}`, value }]);
    }
    await storage.compact(2);
    const { server } = await startTestServer({ clock, storage });
    const own = await listenForTest(server, clock.now());
    const response = await own.request(`${configMaps}?watch=1&resourceVersion=1`);
    expect(response.status).toBe(200);
    expect(response.json()).toMatchObject({
      type: "ERROR",
      object: { kind: "Status", code: 410, reason: "Expired", message: "too old resource version: 1 (2)" },
    });
    await own.close();
  });
});

describe("forms", () => {
  test("YAML in and out", async () => {
    const headers = { "content-type": "application/yaml", accept: "application/yaml" };
    const body = 'metadata:\n  name: yaml\ndata:\n  on: "yes"\n';
    const created = await https.request(`${configMaps}?dryRun=All`, { method: "POST", headers, body });
    expect(created.headers["content-type"]).toBe("application/yaml");
    expect(created.text).toContain("\n  name: yaml\n");
  });

  test("protobuf in and out", async () => {
    const accept = "application/vnd.kubernetes.protobuf";
    const found = await https.request(`${configMaps}/a`, { headers: { accept } });
    expect(found.headers["content-type"]).toBe(accept);
    expect(found.bytes.subarray(0, 4).toString("latin1")).toBe("k8s\0");
    const put = await https.request(`${configMaps}/a`, {
      method: "PUT",
      headers: { "content-type": accept },
      body: found.bytes,
    });
    expect(put.json()).toEqual(await api.get(`${configMaps}/a`));
    const list = await https.request(configMaps, { headers: { accept } });
    expect(list.bytes.subarray(0, 4).toString("latin1")).toBe("k8s\0");
  });

  test("protobuf watch frames are preceded by their length", async () => {
    const headers = { accept: "application/vnd.kubernetes.protobuf" };
    const watching = await https.request(`${configMaps}?watch=1&resourceVersion=0`, {
      headers,
      untilBytes: 50,
    });
    expect(watching.headers["content-type"]).toBe("application/vnd.kubernetes.protobuf;stream=watch");
    expect(watching.bytes.readUInt32BE(0)).toBe(watching.bytes.length - 4);
  });

  test("tables for people", async () => {
    const table = (await https.request(configMaps, { headers: { accept: tableV1 } })).json();
    expect(table).toMatchObject({
      kind: "Table",
      apiVersion: "meta.k8s.io/v1",
      columnDefinitions: [
        { name: "Name", type: "string", format: "name" },
        { name: "Data" },
        { name: "Age" },
      ],
      rows: [{ cells: ["a", 1, expect.any(String)], object: { kind: "PartialObjectMetadata" } }],
    });
    const bare = await https.request(`${configMaps}?includeObject=None`, { headers: { accept: tableV1 } });
    expect((bare.json()["rows"] as object[])[0]).not.toHaveProperty("object");
    const full = await https.request(`${configMaps}/a?includeObject=Object`, {
      headers: { accept: tableV1 },
    });
    expect(full.json()).toMatchObject({ rows: [{ object: { kind: "ConfigMap", data: { k: "v" } } }] });
    expect(
      (await https.request(`${configMaps}?includeObject=x`, { headers: { accept: tableV1 } })).status,
    ).toBe(400);
  });

  test("a scale has a table too", async () => {
    const deployments = "/apis/apps/v1/namespaces/default/deployments";
    const labels = { app: "web" };
    await api.post(deployments, {
      metadata: { name: "web" },
      spec: {
        replicas: 3,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "x" }] } },
      },
    });
    const scale = await https.request(`${deployments}/web/scale`, { headers: { accept: tableV1 } });
    expect(scale.json()).toMatchObject({
      kind: "Table",
      columnDefinitions: [{ name: "Name" }, { name: "Desired" }, { name: "Available" }, { name: "Age" }],
      rows: [{ cells: ["web", 3, 0, expect.any(String)], object: { metadata: { name: "web" } } }],
    });
  });

  test("metadata alone", async () => {
    const accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    const list = (await https.request(configMaps, { headers: { accept } })).json<{ items: object[] }>();
    expect(list).toMatchObject({
      kind: "PartialObjectMetadataList",
      items: [{ kind: "PartialObjectMetadata" }],
    });
    expect(list.items[0]).not.toHaveProperty("data");
  });

  test("metadata alone in protobuf, as clients of metadata ask for it", async () => {
    const type = "application/vnd.kubernetes.protobuf";
    const form = "as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    const accept = `${type};${form},application/json;${form}`;
    const list = await https.request(configMaps, { headers: { accept } });
    expect(list.headers["content-type"]).toContain(type);
    expect(list.bytes.toString("latin1")).toContain("PartialObjectMetadataList");
  });

  test("indented on request", async () => {
    expect((await https.request(`${configMaps}/a?pretty=true`)).text).toContain('\n  "kind": "ConfigMap"');
    expect((await https.request(`${configMaps}/a`, { headers: { "user-agent": "curl/8" } })).text).toContain(
      "\n  ",
    );
  });

  test("compressed when large", async () => {
    await api.post(configMaps, { metadata: { name: "large" }, data: { x: "x".repeat(200_000) } });
    const headers = { "accept-encoding": "gzip" };
    const response = await https.request(`${configMaps}/large`, { headers });
    expect(response.headers["content-encoding"]).toBe("gzip");
    expect(response.json()).toEqual(await api.get(`${configMaps}/large`));
    expect((await https.request(`${configMaps}/a`, { headers })).headers["content-encoding"]).toBeUndefined();
    await api.delete(`${configMaps}/large`);
  });

  test.each([
    ["POST", "text/html", undefined, 415, "the body of the request was in an unknown format"],
    [
      "GET",
      undefined,
      "text/html",
      406,
      "406: Not Acceptable\n\nAvailable representations: application/json",
    ],
    ["PATCH", "application/json", undefined, 415, "415: Unsupported Media Type"],
  ])("%s of %s, accepting %s, is %i", async (method, type, accept, status, message) => {
    const headers = {
      ...(type === undefined ? {} : { "content-type": type }),
      ...(accept === undefined ? {} : { accept }),
    };
    const path = method === "POST" ? configMaps : `${configMaps}/a`;
    const response = await https.request(path, {
      method,
      headers,
      ...(method === "GET" ? {} : { body: "{}" }),
    });
    expect(response.status).toBe(status);
    expect(response.json()["message"]).toContain(message);
  });
});

describe("bad input", () => {
  test("JSON that is none is named", async () => {
    const response = await https.request(configMaps, { method: "POST", body: '{"metadata":' });
    expect(response.status).toBe(400);
    expect(response.json()["message"]).toContain(
      "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: ",
    );
  });

  test("a body beyond 3 MB is refused, and the connection stays", async () => {
    const response = await https.request(configMaps, {
      method: "POST",
      body: "x".repeat(3 * 1024 * 1024 + 1),
    });
    expect(response.status).toBe(413);
    expect(response.json()).toMatchObject({
      reason: "RequestEntityTooLarge",
      message: "Request entity too large: limit is 3145728",
    });
    expect((await https.request(`${configMaps}/a`)).status).toBe(200);
  });

  test("a body that is cut short is the client's fault, and nothing is logged", async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connectTls(
        { host: "127.0.0.1", port: https.port, ca: https.authority.certificate },
        () =>
          socket.end(
            `POST ${configMaps} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer admin\r\ncontent-length: 50\r\n\r\n{`,
          ),
      );
      let text = "";
      socket.on("data", (part) => {
        text += String(part);
      });
      socket.on("close", () => resolve(text));
      socket.on("error", reject);
    });
    expect(answer).not.toContain("HTTP/1.1 5");
    const body = streamBody(Readable.from([]).destroy());
    const reading = body.type === "bytes" ? body.read(10) : undefined;
    await expect(reading).rejects.toMatchObject({ code: 400, message: "unexpected EOF" });
  });

  test("a body that was thrown away before anybody wanted it is not waited for", async () => {
    const source = Readable.from([Buffer.from("{}")]);
    source.resume();
    await once(source, "end");
    await expect(streamBody(source).read(10)).rejects.toMatchObject({
      code: 400,
      message: "unexpected EOF",
    });
  });

  test("an upgrade that is refused leaves no socket behind, though its client goes on sending", async () => {
    const sockets = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
    const before = sockets();
    const upgrade = `GET /api/v1/nope HTTP/1.1\r\nhost: x\r\nauthorization: Bearer admin\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`;
    for (let client = 0; client < 3; client++) {
      const socket = connectTls({ host: "127.0.0.1", port: https.port, ca: https.authority.certificate });
      socket.write(upgrade + "x".repeat(100_000));
      await once(socket, "data");
      socket.destroy();
    }
    for (let wait = 0; wait < 100 && sockets() > before; wait++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(sockets()).toBeLessThanOrEqual(before);
  });

  test("a request line of HTTP/1.1 may be as long as a selector of many names", async () => {
    const names = Array.from({ length: 20_000 }, (_, n) => `n${n}`).join();
    const status = await new Promise((resolve, reject) => {
      const options = {
        host: "127.0.0.1",
        port: https.port,
        ca: https.authority.certificate,
        path: `${configMaps}?labelSelector=${encodeURIComponent(`a in (${names})`)}`,
        headers: { authorization: "Bearer admin" },
      };
      httpsRequest(options, (response) => resolve(response.resume().statusCode))
        .on("error", reject)
        .end();
    });
    expect(status).toBe(200);
  });

  test("warnings are headers", async () => {
    const body = '{"metadata":{"name":"w"},"a \\"b\\"":1}';
    const response = await https.request(`${configMaps}?dryRun=All`, { method: "POST", body });
    expect(response.headers["warning"]).toBe('299 - "unknown field \\"a \\\\\\"b\\\\\\"\\""');
  });

  test.each(["/api/v1/things", `${configMaps}/a/status`])("%s is 404 with a Status", async (path) => {
    const response = await https.request(path);
    expect(response.status).toBe(404);
    expect(response.json()).toMatchObject({
      kind: "Status",
      reason: "NotFound",
      message: "the server could not find the requested resource",
      details: {},
    });
  });

  test.each(["/apis/none/v1/things", "/nothing"])(
    "%s is 404 in plain text, as no version is spoken there",
    async (path) => {
      const response = await https.request(path);
      expect([response.status, response.text]).toEqual([404, "404 page not found\n"]);
    },
  );

  test("a method that a path does not have is 405", async () => {
    const response = await https.request(`${configMaps}/a`, { method: "POST", body: "{}" });
    expect(response.json()).toMatchObject({
      code: 405,
      reason: "MethodNotAllowed",
      message: "the server does not allow this method on the requested resource",
    });
  });
});

describe("who asks", () => {
  test("is told by a client certificate of our authority", async () => {
    const certificate = https.authority.issueClient(
      { commonName: "jane", organizations: ["dev"] },
      clock.now(),
    );
    expect((await https.request(`${configMaps}/a`, { certificate })).status).toBe(200);
    expect(seen?.certificates).toHaveLength(1);
    expect(seen?.bearerToken).toBeUndefined();
  });

  test("a foreign certificate counts for nothing", async () => {
    const foreign = CertificateAuthority.create("foreign", clock.now());
    const certificate = foreign.issueClient(
      { commonName: "admin", organizations: ["system:masters"] },
      clock.now(),
    );
    const response = await https.request(`${configMaps}/a`, { certificate });
    expect(seen?.certificates).toEqual([]);
    expect(response.json()).toMatchObject({ code: 401, reason: "Unauthorized", message: "Unauthorized" });
  });

  test("nobody is refused", async () => {
    expect((await https.request("/api", { headers: { authorization: "Bearer wrong" } })).status).toBe(401);
  });
});

describe("HTTP/1.1", () => {
  const get = (path: string, headers = {}) =>
    new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const { port, authority } = https;
      const all = { authorization: "Bearer admin", ...headers };
      const request = httpsRequest(
        { host: "127.0.0.1", port, path, ca: authority.certificate, headers: all, agent: false },
        (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => (text += chunk));
          response.on("end", () => resolve({ status: response.statusCode, text }));
        },
      );
      request.on("error", reject);
      request.end();
    });

  test("is served on the same port", async () => {
    const { status, text } = await get(`${configMaps}/a`);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual(await api.get(`${configMaps}/a`));
  });

  test("an upgrade that cannot be is answered with a Status", async () => {
    const pods = "/api/v1/namespaces/default/pods";
    const headers = {
      connection: "upgrade",
      upgrade: "websocket",
      "sec-websocket-protocol": "v5.channel.k8s.io",
    };
    expect(JSON.parse((await get(`${pods}/none/exec`, headers)).text)).toMatchObject({
      code: 404,
      message: 'pods "none" not found',
    });
  });
});
