import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { request as httpsRequest } from "node:https";
import { type Duplex, duplexPair, PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pod } from "../../api/types/core-v1.ts";
import { StatusError } from "../../apimachinery/status.ts";
import { failure, type TestApi } from "../../apiserver/testing/api.ts";
import { listenForTest } from "../../apiserver/testing/https.ts";
import type { TestServer } from "../../apiserver/testing/test-server.ts";
import type { ByteStream, NodeConnection } from "../../streaming/node-connection.ts";
import { startRegistryServer } from "../testing/registry-server.ts";
import { chooseContainer } from "./containers.ts";
import { connectHandlers } from "./index.ts";

const pod = (spec: Partial<Pod["spec"]>): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p" },
  spec: { containers: [], ...spec },
});
const named = (...names: string[]) => names.map((name) => ({ name, image: "app" }));

describe("chooseContainer()", () => {
  it.each<[string, Partial<Pod["spec"]>, string, string]>([
    ["the only one", { containers: named("a"), initContainers: named("i") }, "", "a"],
    ["the one asked for", { containers: named("a", "b") }, "b", "b"],
    ["an init container", { containers: named("a"), initContainers: named("i") }, "i", "i"],
    ["an ephemeral container", { containers: named("a"), ephemeralContainers: named("e") }, "e", "e"],
  ])("takes %s", (_, spec, asked, expected) => {
    expect(chooseContainer(pod(spec), asked)).toBe(expected);
  });

  it.each<[Partial<Pod["spec"]>, string, string]>([
    [{ containers: named("a") }, "x", "container x is not valid for pod p"],
    [
      { containers: named("a", "b") },
      "",
      "a container name must be specified for pod p, choose one of: [a b]",
    ],
    [
      { containers: named("a", "b"), initContainers: named("i", "j") },
      "",
      "a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i j]",
    ],
  ])("refuses %j with %j", (spec, asked, message) => {
    expect(() => chooseContainer(pod(spec), asked)).toThrow(message);
  });
});

describe("through a node's connection", () => {
  let server: TestServer & { readonly api: TestApi };
  let api: TestApi;
  /** Behind it a server answers and does not close its connection. */
  const stubbornPort = 7777;
  /** "pod:port METHOD path" of every request that reached a pod. */
  let reached: string[];

  /** Pods are web servers that say what they were asked. */
  const web = createServer((request: IncomingMessage, response: ServerResponse): unknown => {
    reached.push(`${request.method} ${request.url} ${request.headers.authorization ?? "anonymous"}`);
    response.setHeader("x-served-by", "pod");
    if (request.url === "/headers") return response.end(JSON.stringify(request.headers));
    if (request.url === "/page") {
      response.setHeader("content-type", "text/html; charset=utf-8");
      return response.end('<a href="/next">next</a>');
    }
    if (request.url === "/old") {
      response.setHeader("access-control-allow-origin", "*");
      response.writeHead(302, { location: "/new" });
      return response.end();
    }
    response.statusCode = request.url === "/teapot" ? 418 : 200;
    return response.end(`asked for ${request.url}`);
  });
  /** Answers, and does not close its side. */
  const stubborn = (): ByteStream => {
    const [readable, writable] = [new PassThrough(), new PassThrough()];
    writable.on("data", () => readable.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    return {
      readable,
      writable,
      close() {
        readable.destroy();
        writable.destroy();
      },
    };
  };
  const node: NodeConnection = {
    logs: async ({ podUid, container }, { tailLines }) => {
      const line = Buffer.from(`${container} ${podUid === "" ? "?" : "known"} ${tailLines}\n`);
      return (async function* () {
        yield line;
      })();
    },
    exec: () => Promise.reject(new Error("unused")),
    attach: () => Promise.reject(new Error("unused")),
    page: async (path) => (path === "/pods" ? { contentType: "application/json", body: "{}" } : undefined),
    portForward: async ({ pod: name }, port) => {
      reached.push(`${name}:${port}`);
      if (port === stubbornPort) return stubborn();
      const [near, far] = duplexPair();
      web.emit("connection", far);
      return { readable: near, writable: near, close: () => near.destroy() };
    },
  };

  beforeEach(async () => {
    reached = [];
    server = await startRegistryServer({
      nodes: { connection: (name) => (name === "n1" ? node : undefined) },
      connect: (dependencies) => connectHandlers(dependencies, server?.clock),
    });
    api = server.api;
    const ports = [{ containerPort: 8080 }];
    const create = async (name: string, spec: object): Promise<unknown> =>
      await api.post(pods, { apiVersion: "v1", kind: "Pod", metadata: { name }, spec });
    const setPodAddress = async (name: string, podIP: string): Promise<unknown> =>
      await api.patch("merge", `${pods}/${name}/status`, { status: { podIP, podIPs: [{ ip: podIP }] } });
    await create("web", { nodeName: "n1", containers: [{ name: "main", image: "app", ports }] });
    await create("two", { nodeName: "n1", containers: named("a", "b") });
    await create("waiting", { containers: named("a") });
    await create("lost", { nodeName: "n9", containers: named("a") });
    await create("inward", { nodeName: "n1", containers: named("a") });
    for (const name of ["web", "two", "lost"]) await setPodAddress(name, "10.1.2.3");
    await setPodAddress("inward", "127.0.0.1");
  });
  afterEach(async () => server.server.close());

  const base = "/api/v1/namespaces/default";
  const pods = `${base}/pods`;
  const read = async (path: string, query: Record<string, string> = {}): Promise<string> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await server.transport.stream({ method: "GET", path, query }))
      chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };
  const exec = async (name: string, query: Record<string, string | string[]>): Promise<unknown> =>
    await server.transport.connect({ path: `${pods}/${name}/exec`, query, protocols: ["v5.channel.k8s.io"] });

  it("a proxy reaches the pod's first port, or the one named, with path and query", async () => {
    expect(await read(`${pods}/web/proxy/a/b`, { x: "1" })).toBe("asked for /a/b?x=1");
    expect(await read(`${pods}/web:9090/proxy/`)).toBe("asked for /");
    expect(reached).toEqual(["web:8080", "GET /a/b?x=1 anonymous", "web:9090", "GET / anonymous"]);
  });

  interface Answer {
    readonly status: number;
    readonly headers: object;
    readonly body: string;
  }

  /** Requests over sockets, as a client makes them that does not follow redirections. */
  async function askAll(...lines: string[]): Promise<Answer[]> {
    const https = await listenForTest(server.server, Date.parse("2026-01-01T00:00:00Z"));
    const ask = (line: string): Promise<Answer> => {
      const [method, path] = line.split(" ");
      return new Promise((resolve, reject) => {
        const outgoing = httpsRequest({
          host: "127.0.0.1",
          port: https.port,
          rejectUnauthorized: false,
          method,
          path,
          headers: { authorization: "Bearer admin", host: "cluster.example" },
        });
        outgoing.on("error", reject);
        outgoing.on("response", (response) => {
          const { statusCode: status = 0, headers } = response;
          void text(response).then((body) => resolve({ status, headers, body }), reject);
        });
        outgoing.end();
      });
    };
    try {
      return await Promise.all(lines.map(ask));
    } finally {
      await https.close();
    }
  }

  it("reads of a proxy without a slash are sent to the one with it", async () => {
    await api.post("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
    const paths = [`${pods}/web/proxy`, "/api/v1/nodes/n1/proxy"];
    const lines = paths.flatMap((path) => [`GET ${path}?x=1`, `HEAD ${path}`]);
    expect(await askAll(...lines)).toMatchObject(
      paths.flatMap((path) => [
        { status: 301, headers: { location: `${path}/?x=1` } },
        { status: 301, headers: { location: `${path}/` } },
      ]),
    );
    expect(reached).toEqual([]);
  });

  it("other methods of a proxy without a slash reach the pod", async () => {
    await askAll(`DELETE ${pods}/web/proxy`);
    expect(reached).toEqual(["web:8080", "DELETE / anonymous"]);
  });

  it("a pod learns under which address the client knows it, and redirections lead through the proxy", async () => {
    const [seen, moved, page] = await askAll(
      ...["headers", "old", "page"].map((name) => `GET ${pods}/web/proxy/${name}`),
    );
    expect(JSON.parse(seen?.body ?? "")).toMatchObject({
      host: "cluster.example",
      "x-forwarded-uri": `${pods}/web/proxy/headers`,
      "x-forwarded-for": "127.0.0.1",
    });
    expect(moved).toMatchObject({ status: 302, headers: { location: `${pods}/web/proxy/new` } });
    expect(page?.body).toBe(`<a href="${pods}/web/proxy/next">next</a>`);
    expect(moved?.headers).not.toHaveProperty("access-control-allow-origin");
  });

  it("a pod that answers an upgrade like any other request, and stays, harms nobody but its client", async () => {
    const failures: unknown[] = [];
    const onFailure = (error: unknown): void => void failures.push(error);
    process.prependListener("uncaughtException", onFailure);
    const https = await listenForTest(server.server, Date.parse("2026-01-01T00:00:00Z"));
    try {
      const outgoing = httpsRequest({
        host: "127.0.0.1",
        port: https.port,
        rejectUnauthorized: false,
        path: `${pods}/web:${stubbornPort}/proxy/socket`,
        headers: { authorization: "Bearer admin", connection: "Upgrade", upgrade: "echo" },
      });
      const status = await new Promise((resolve, reject) => {
        outgoing.on("error", reject);
        outgoing.on("response", (response) => {
          response.resume().on("close", () => resolve(response.statusCode));
        });
        outgoing.end();
      });
      expect(status).toBe(200);
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(failures).toEqual([]);
    } finally {
      process.off("uncaughtException", onFailure);
      await https.close();
    }
  });

  it("a proxy lets client and pod agree on another protocol", async () => {
    web.once("upgrade", (request: IncomingMessage, socket: Duplex) => {
      reached.push(`${request.headers.upgrade} ${request.url}`);
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello ");
      socket.pipe(socket);
    });
    const https = await listenForTest(server.server, Date.parse("2026-01-01T00:00:00Z"));
    try {
      const outgoing = httpsRequest({
        host: "127.0.0.1",
        port: https.port,
        rejectUnauthorized: false,
        path: `${pods}/web/proxy/socket`,
        headers: { authorization: "Bearer admin", connection: "Upgrade", upgrade: "echo" },
      });
      const received = await new Promise<string>((resolve, reject) => {
        outgoing.on("error", reject);
        outgoing.on("response", ({ statusCode }) => reject(new Error(`answered ${statusCode}`)));
        outgoing.on("upgrade", (_response, socket, head) => {
          let text = head.toString();
          socket.on("data", (chunk: Buffer) => {
            text += chunk.toString();
            if (text.endsWith("world")) socket.end();
          });
          socket.on("close", () => resolve(text));
          socket.write("world");
        });
        outgoing.end();
      });
      expect(received).toBe("hello world");
      expect(reached).toEqual(["web:8080", "echo /socket"]);
    } finally {
      await https.close();
    }
  });

  it("a proxy to a Service reaches a pod that is ready, by name or number of the port", async () => {
    await api.post(`${base}/services`, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "front" },
      spec: { ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    });
    expect(await failure(read(`${base}/services/front/proxy/`))).toMatchObject({
      code: 404,
      reason: "NotFound",
      message: 'services "front" not found',
    });
    const endpoint = (name: string, ready: boolean) => ({
      addresses: ["10.0.0.1"],
      conditions: { ready },
      targetRef: { kind: "Pod", name, namespace: "default" },
    });
    await api.post("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: "front-1", labels: { "kubernetes.io/service-name": "front" } },
      addressType: "IPv4",
      ports: [{ name: "http", port: 8080 }],
      endpoints: [endpoint("two", false), endpoint("web", true)],
    });
    for (const name of ["front:http", "http:front:80"])
      expect(await read(`${base}/services/${name}/proxy/x`)).toBe("asked for /x");
    expect(reached.filter((line) => line.includes(":"))).toEqual(["web:8080", "web:8080"]);
    for (const [name, message] of [
      ["front", 'no endpoints available for service "front"'],
      ["front:nope", 'no endpoints available for service "front"'],
      ["front:81", 'no service port 81 found for service "front"'],
    ])
      expect(await failure(read(`${base}/services/${name}/proxy/`))).toMatchObject({ code: 503, message });
    expect(await failure(read(`${base}/services/ftp:front:http/proxy/`))).toMatchObject({
      code: 400,
      message: 'invalid service request "ftp:front:http"',
    });
  });

  it.each<[string, string, object]>([
    ["of a pod that does not exist", "nobody", { code: 404, message: 'pods "nobody" not found' }],
    ["of a pod without an address", "waiting", { code: 400, message: "address not allowed" }],
    ["of a pod that says it is here", "inward", { code: 400, message: "address not allowed" }],
    [
      "of a node that is away",
      "lost",
      { code: 503, message: "error trying to reach service: node n9 is not connected" },
    ],
  ])("a proxy %s fails", async (_, name, expected) => {
    expect(await failure(read(`${pods}/${name}/proxy/`))).toMatchObject(expected);
  });

  it.each<[string, Record<string, string | string[]>, string]>([
    [
      "two",
      { command: "ls", stdout: "true" },
      "a container name must be specified for pod two, choose one of: [a b]",
    ],
    ["two", { command: "ls", stdout: "true", container: "x" }, "container x is not valid for pod two"],
    ["web", { stdout: "true" }, "you must specify at least 1 command for the container"],
    ["web", { command: "ls" }, "you must specify at least 1 of stdin, stdout, stderr"],
    ["waiting", { command: "ls", stdout: "true" }, "pod waiting does not have a host assigned"],
    ["lost", { command: "ls", stdout: "true" }, 'nodes "n9" not found'],
  ])("exec in %s with %j is refused: %s", async (name, query, message) => {
    const refusal = exec(name, query);
    await expect(refusal).rejects.toThrow(message);
    await expect(refusal).rejects.toBeInstanceOf(StatusError);
  });

  describe("a proxy to a node", () => {
    beforeEach(async () => {
      for (const name of ["n1", "n9"])
        await api.post("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name } });
    });

    it.each(["n1", "n1:10250", "https:n1:10250"])("shows what a kubelet serves: %s", async (name) => {
      expect(await read(`/api/v1/nodes/${name}/proxy/pods`)).toBe("{}");
    });

    it("shows the logs of the node's own containers", async () => {
      const at = "/api/v1/nodes/n1/proxy/containerLogs/default";
      expect(await read(`${at}/two/b?tailLines=3`)).toBe("b known 3\n");
      expect(await failure(read(`${at}/lost/a`))).toMatchObject({ code: 404 });
    });

    it("of another port leads to the node's address, which is not this machine's loopback", async () => {
      const setAddress = async (address: string): Promise<unknown> =>
        await api.patch("merge", "/api/v1/nodes/n1/status", {
          status: { addresses: [{ type: "InternalIP", address }] },
        });
      await setAddress("127.0.0.1");
      const path = "/api/v1/nodes/http:n1:1/proxy/";
      expect(await failure(read(path))).toMatchObject({ code: 400, message: "address not allowed" });
    });

    it.each([
      ["n1/proxy/logs/", { code: 404 }],
      ["n1/proxy/%zz", { code: 400 }],
      ["n1:22/proxy/pods", { code: 400, message: "no addresses for hostname" }],
      ["ftp:n1:1/proxy/pods", { code: 400, message: 'invalid node request "ftp:n1:1"' }],
      ["n9/proxy/pods", { code: 503 }],
      ["n2/proxy/pods", { code: 404 }],
    ])("refuses %s", async (path, expected) => {
      expect(await failure(read(`/api/v1/nodes/${path}`))).toMatchObject(expected);
    });
  });
});
