import { once } from "node:events";
import { connect as connectTls } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { CertificateAuthority } from "../../pki/index.ts";
import type { Security } from "../server.ts";
import { failure, TestApi } from "../testing/api.ts";
import { type HttpsFixture, listenForTest } from "../testing/https.ts";
import { openSecurity, startTestServer, type TestServer } from "../testing/test-server.ts";
import type { Unavailable } from "./api-services.ts";
import { ExtensionServer, json } from "./testing/extension-server.ts";
import {
  aggregate as aggregateFor,
  apiService,
  apiServicesPath,
  availableAs,
  flundersPath,
  putSlice,
  reachable,
  service,
  wardle,
} from "./testing/objects.ts";

let started: TestServer;
let api: TestApi;
let https: HttpsFixture;
let extension: ExtensionServer;
let told: Unavailable[];

beforeEach(async () => {
  const nowMs = new RealClock().now();
  const frontProxy = CertificateAuthority.create("front-proxy-ca", nowMs);
  const client = frontProxy.issueClient({ commonName: "front-proxy-client", organizations: [] }, nowMs);
  told = [];
  started = await startTestServer({
    aggregation: {
      clientCertificate: () => client,
      onUnavailable: (failed) => told.push(failed),
      userHeaders: { user: ["X-Portal-User"], uid: [], group: [], extraPrefix: ["X-Portal-Extra-"] },
    },
  });
  api = new TestApi(started.transport);
  https = await listenForTest(started.server, nowMs);
  extension = await ExtensionServer.listen();
});

afterEach(async () => {
  await https.close();
  await extension.close();
});

const aggregate = (spec: object = {}): Promise<void> => aggregateFor(api, started.storage, extension, spec);

describe("a request for a version that another server serves", () => {
  it("reaches it with who asks, and what the client says of that is not believed", async () => {
    await aggregate();
    extension.handler = (_request, response) => json(response, { kind: "Flunder" }, 201);
    const answer = await https.request(`${flundersPath}?fieldManager=me`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-remote-user": "root",
        "x-remote-group": "system:masters",
        "x-remote-extra-scopes": "all",
        "x-portal-user": "root",
        "x-portal-extra-scopes": "all",
      },
      body: '{"kind":"Flunder"}',
    });
    expect([answer.status, answer.json()]).toEqual([201, { kind: "Flunder" }]);
    const [seen] = extension.requests;
    expect(seen).toMatchObject({
      method: "POST",
      url: `${flundersPath}?fieldManager=me`,
      body: '{"kind":"Flunder"}',
      client: "front-proxy-client",
      headers: {
        "x-remote-user": "admin",
        "x-remote-group": "system:masters",
        "content-type": "application/json",
        "x-forwarded-uri": flundersPath,
        "x-forwarded-proto": "https",
        "audit-id": answer.headers["audit-id"],
      },
    });
    expect(seen?.headers).not.toHaveProperty("authorization");
    expect(seen?.headers).not.toHaveProperty("x-remote-extra-scopes");
    expect(Object.keys(seen?.headers ?? {}).filter((name) => name.startsWith("x-portal-"))).toEqual([]);
  });

  it("gets what the other server says, errors and tables and all", async () => {
    await aggregate();
    extension.handler = (_request, response) =>
      response
        .writeHead(422, {
          "content-type": "application/json",
          "x-own": "1",
          "access-control-allow-origin": "*",
        })
        .end('{"kind":"Status","code":422,"message":"no such flunder"}');
    const answer = await https.request(flundersPath);
    expect([answer.status, answer.text]).toEqual([
      422,
      '{"kind":"Status","code":422,"message":"no such flunder"}',
    ]);
    expect(answer.headers).toMatchObject({ "x-own": "1", "content-type": "application/json" });
    expect(answer.headers).not.toHaveProperty("access-control-allow-origin");
    // The clients of this process are told as those over sockets are.
    expect(await failure(api.get(flundersPath))).toMatchObject({ code: 422, message: "no such flunder" });
  });

  it("is a watch, whose events come as they are", async () => {
    await aggregate();
    let send: (line: string) => void = () => undefined;
    extension.handler = (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.flushHeaders();
      send = (line) => void response.write(line);
    };
    const event = (name: string): string => `{"type":"ADDED","object":{"metadata":{"name":"${name}"}}}\n`;
    const overSocket = https.request(`${flundersPath}?watch=true`, { untilBytes: 10 });
    await expect.poll(() => extension.requests.length).toBe(1);
    send(event("one"));
    expect((await overSocket).text).toBe(event("one"));
    const inProcess = api.watch(flundersPath);
    await expect.poll(() => extension.requests.length).toBe(2);
    send(event("two"));
    send(event("three"));
    await expect.poll(() => inProcess.short()).toEqual(["ADDED two", "ADDED three"]);
    await inProcess.stop();
  });

  it("may ask for another protocol, and bytes go both ways", async () => {
    await aggregate();
    const socket = connectTls({ port: https.port, host: "127.0.0.1", ca: https.authority.certificate });
    await once(socket, "secureConnect");
    socket.write(
      `GET ${flundersPath}/one/console HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer admin\r\n` +
        "Connection: Upgrade\r\nUpgrade: echo\r\n\r\n",
    );
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    await expect.poll(() => text).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n[^]*upgrade: echo/i);
    socket.write("hello");
    await expect.poll(() => text).toMatch(/hello$/);
    expect(extension.requests[0]?.headers["x-remote-user"]).toBe("admin");
    socket.destroy();
  });

  it("is not led elsewhere by the other server", async () => {
    await aggregate();
    extension.handler = (_request, response) =>
      void response.writeHead(302, { location: "https://example.com" }).end();
    const answer = await https.request(flundersPath);
    expect([answer.status, answer.text, answer.headers["location"]]).toEqual([
      502,
      "the backend attempted to redirect this request, which is not permitted",
      undefined,
    ]);
  });

  it("is for what the version has, too", async () => {
    await aggregate();
    const answer = await https.request("/apis/wardle.example.com/v1alpha1");
    expect(answer.json()).toMatchObject({ kind: "APIResourceList" });
    expect(extension.requests[0]?.headers["x-remote-user"]).toBe("admin");
  });

  it("is told in five seconds that the version does not say what it has", async () => {
    await aggregate();
    const path = "/apis/wardle.example.com/v1alpha1";
    extension.answersDiscovery = false;
    extension.handler = () => undefined;
    const answer = https.request(`${path}?timeout=32s`);
    await expect.poll(() => extension.requests.length).toBe(1);
    await started.clock.advance(5_000);
    expect(await answer).toMatchObject({
      status: 503,
      text: "error trying to reach service: context deadline exceeded\n",
    });
  });

  it.each([
    ["GET", undefined, {}],
    ["DELETE", undefined, {}],
    ["DELETE", '{"kind":"DeleteOptions"}', { "content-length": "24" }],
    ["PATCH", '{"spec":{}}', { "content-length": "11" }],
  ])("%s reaches it with the body %s, and no other", async (method, body, framing) => {
    await aggregate();
    extension.handler = (_request, response) => json(response, { kind: "Flunder" });
    const given = body === undefined ? {} : { body, headers: framing };
    expect((await https.request(flundersPath, { method, ...given })).status).toBe(200);
    const [seen] = extension.requests;
    expect([seen?.method, seen?.body]).toEqual([method, body ?? ""]);
    const { "content-length": length, "transfer-encoding": encoding } = seen?.headers ?? {};
    expect([length, encoding]).toEqual([body === undefined ? undefined : String(body.length), undefined]);
  });

  it("reaches it in chunks where the client does not say how much will come", async () => {
    await aggregate();
    extension.handler = (_request, response) => json(response, { kind: "Flunder" });
    await https.request(flundersPath, { method: "POST", body: "x".repeat(3_000_000) });
    expect(extension.requests[0]?.body).toHaveLength(3_000_000);
  });

  it.each([
    ["GET", 200, 3],
    ["DELETE", 503, 2],
  ])("%s over a connection that breaks is answered with %d", async (method, status, asked) => {
    await aggregate();
    let breaks = false;
    extension.handler = (_request, response) => {
      if (!breaks) return json(response, { kind: "Flunder" });
      breaks = false;
      response.socket?.destroy();
    };
    await https.request(flundersPath);
    breaks = true;
    expect((await https.request(flundersPath, { method })).status).toBe(status);
    expect(extension.requests).toHaveLength(asked);
  });

  it("is finished when its APIService changes or goes meanwhile", async () => {
    await aggregate();
    const answers: (() => void)[] = [];
    extension.handler = (_request, response) =>
      void answers.push(() => json(response, { kind: "FlunderList" }));
    const first = https.request(flundersPath);
    await expect.poll(() => answers.length).toBe(1);
    await api.patch("merge", `${apiServicesPath}/${wardle}`, { spec: { versionPriority: 400 } });
    const second = https.request(flundersPath);
    await expect.poll(() => answers.length).toBe(2);
    await api.delete(`${apiServicesPath}/${wardle}`);
    for (const answer of answers) answer();
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
    expect((await https.request(flundersPath)).status).toBe(404);
  });

  it("for APIServices themselves stays here", async () => {
    await aggregate();
    const leads = { service: { namespace: "wardle", name: "sample-api", port: 7443 } };
    await api.post(apiServicesPath, {
      ...apiService({ group: "apiregistration.k8s.io", version: "v1", ...leads }),
      metadata: { name: "v1.apiregistration.k8s.io" },
    });
    expect(await api.get(apiServicesPath)).toMatchObject({ kind: "APIServiceList" });
    await api.delete(`${apiServicesPath}/v1.apiregistration.k8s.io`);
  });

  it("goes to the other server whatever this one serves itself", async () => {
    await aggregate();
    const { caBundle } = extension;
    const leads = { service: { namespace: "wardle", name: "sample-api", port: 7443 }, caBundle };
    await api.patch("merge", `${apiServicesPath}/v1.batch`, { spec: leads });
    await expect
      .poll(async () => ((await api.get(`${apiServicesPath}/v1.batch`))["status"] as object) ?? {})
      .toMatchObject({ conditions: [{ reason: "Passed" }] });
    extension.handler = (_request, response) => json(response, { kind: "Elsewhere" });
    expect(await api.get("/apis/batch/v1/jobs")).toEqual({ kind: "Elsewhere" });
    await api.delete(`${apiServicesPath}/v1.batch`);
    expect(await api.get("/apis/batch/v1/jobs")).toMatchObject({ kind: "JobList" });
  });
});

it("requests that another server takes its time for hold no place among those of this one", async () => {
  // Not an administrator, who is exempt from all limits.
  const jane = { name: "jane", uid: "", groups: ["system:authenticated"], extra: {} };
  const security = (): Security => ({
    ...openSecurity(),
    authenticator: { authenticate: async () => ({ user: jane }) },
  });
  const small = await startTestServer({ limits: { readOnly: 1, mutating: 1 }, security });
  const fixture = await listenForTest(small.server, new RealClock().now());
  const admin = new TestApi(small.transport);
  await reachable(admin, small.storage, extension.port);
  await admin.post(apiServicesPath, apiService({ caBundle: extension.caBundle }));
  await availableAs(admin, "Passed");
  extension.handler = () => undefined;
  const hanging = Array.from({ length: 8 }, () => fixture.request(flundersPath).catch(() => undefined));
  await expect.poll(() => extension.requests.length, { timeout: 10_000 }).toBe(8);
  expect((await fixture.request("/api/v1/namespaces")).status).toBe(200);
  await fixture.close();
  await Promise.all(hanging);
});

it("a server that starts leads on to others at once, by what was stored", async () => {
  await aggregate();
  await https.close();
  started = await startTestServer({ storage: started.storage });
  api = new TestApi(started.transport);
  https = await listenForTest(started.server, new RealClock().now());
  extension.handler = (_request, response) => json(response, { kind: "FlunderList" });
  expect((await https.request(flundersPath)).json()).toEqual({ kind: "FlunderList" });
});

it("who reports on a server changes its conditions, and nothing else of the APIService", async () => {
  await api.post(apiServicesPath, apiService());
  const change = {
    metadata: { labels: { a: "b" }, finalizers: ["example.com/keep"] },
    spec: { versionPriority: 1 },
    status: { conditions: [{ type: "Seen", status: "True" }] },
  };
  const changed = await api.patch("merge", `${apiServicesPath}/${wardle}/status`, change);
  expect(changed.metadata).not.toHaveProperty("labels");
  expect(changed.metadata).not.toHaveProperty("finalizers");
  expect(changed["spec"]).toMatchObject({ versionPriority: 200 });
  expect(changed["status"]).toMatchObject({ conditions: [{ type: "Seen" }] });
});

describe("a version whose server cannot be reached", () => {
  it("is unavailable in Kubernetes' words", async () => {
    await api.post(apiServicesPath, apiService());
    await availableAs(api, "ServiceNotFound");
    const answer = await https.request(flundersPath);
    expect([answer.status, answer.text, answer.headers["content-type"]]).toEqual([
      503,
      "service unavailable\n",
      "text/plain; charset=utf-8",
    ]);
  });

  it("says why, step by step, and is there once all is well", async () => {
    await api.post(apiServicesPath, apiService({ caBundle: extension.caBundle }));
    expect(await availableAs(api, "ServiceNotFound")).toMatchObject({
      type: "Available",
      status: "False",
      message: 'service/sample-api in "wardle" is not present',
    });
    await api.post("/api/v1/namespaces", { metadata: { name: "wardle" } });
    const services = "/api/v1/namespaces/wardle/services";
    await api.post(services, service({ ports: [{ port: 443, protocol: "TCP" }] }));
    expect(await availableAs(api, "ServicePortError")).toMatchObject({
      message: 'service/sample-api in "wardle" is not listening on port 7443',
    });
    await api.patch("merge", `${services}/sample-api`, {
      spec: { ports: [{ port: 7443, protocol: "TCP" }] },
    });
    expect(await availableAs(api, "EndpointsNotFound")).toMatchObject({
      message: 'cannot find endpointslices for service/sample-api in "wardle"',
    });
    await putSlice(started.storage, extension.port, { endpoints: [] });
    expect(await availableAs(api, "MissingEndpoints")).toMatchObject({
      message: 'endpointslices for service/sample-api in "wardle" have no addresses with port name ""',
    });
    await putSlice(started.storage, extension.port);
    expect(await availableAs(api, "Passed")).toMatchObject({ status: "True", message: "all checks passed" });
    expect(told.map(({ name, reason }) => [name, reason])).toEqual(
      ["ServiceNotFound", "ServicePortError", "EndpointsNotFound", "MissingEndpoints"].map((reason) => [
        wardle,
        reason,
      ]),
    );
  });

  it("keeps the time since when it is so while the reason changes", async () => {
    await api.post(apiServicesPath, apiService());
    const { lastTransitionTime } = await availableAs(api, "ServiceNotFound");
    await started.clock.advance(10_000);
    await api.post("/api/v1/namespaces", { metadata: { name: "wardle" } });
    await api.post("/api/v1/namespaces/wardle/services", service());
    expect(await availableAs(api, "EndpointsNotFound")).toMatchObject({ lastTransitionTime });
  });

  it.each([
    [
      "whose certificate nobody vouches for",
      (): object => ({ caBundle: Buffer.from(https.authority.certificate).toString("base64") }),
      "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ],
    [
      "that nobody vouches for at all",
      (): object => ({}),
      "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ],
    [
      "whose certificate is for another name",
      (): object => ({
        caBundle: extension.caBundle,
        service: { namespace: "wardle", name: "other-api", port: 7443 },
      }),
      "tls: failed to verify certificate: x509: certificate is valid for sample-api.wardle.svc, not other-api.wardle.svc",
    ],
  ])("a server %s fails the check", async (_what, spec, why) => {
    await reachable(api, started.storage, extension.port);
    await api.post("/api/v1/namespaces/wardle/services", {
      ...service({ clusterIP: "10.96.0.8", clusterIPs: ["10.96.0.8"] }),
      metadata: { name: "other-api", namespace: "wardle" },
    });
    await putSlice(started.storage, extension.port, { service: "other-api" });
    await api.post(apiServicesPath, apiService(spec()));
    const { message } = await availableAs(api, "FailedDiscoveryCheck");
    const url = `https://127.0.0.1:${extension.port}/apis/wardle.example.com/v1alpha1`;
    expect(message).toBe(`failing or missing response from ${url}: Get "${url}": ${why}`);
  });

  it("a server of any certificate passes when told so", async () => {
    await aggregate({ caBundle: undefined, insecureSkipTLSVerify: true });
    extension.handler = (_request, response) => json(response, { kind: "FlunderList" });
    expect(await api.get(flundersPath)).toEqual({ kind: "FlunderList" });
  });

  it("a server that has gone is found out by the next check, and told to who asks before", async () => {
    await aggregate();
    const { port } = extension;
    await extension.close();
    const answer = await https.request(flundersPath);
    expect([answer.status, answer.text]).toEqual([
      503,
      `error trying to reach service: dial tcp 127.0.0.1:${port}: connect: connection refused\n`,
    ]);
    await started.clock.advance(30_000);
    const url = `https://127.0.0.1:${port}/apis/wardle.example.com/v1alpha1`;
    const refused = `Get "${url}": dial tcp 127.0.0.1:${port}: connect: connection refused`;
    expect(await availableAs(api, "FailedDiscoveryCheck")).toMatchObject({
      message: `failing or missing response from ${url}: ${refused}`,
    });
    expect((await https.request(flundersPath)).text).toBe("service unavailable\n");
    const { text } = await https.request("/metrics");
    expect(text).toContain(`aggregator_unavailable_apiservice{name="${wardle}"} 1`);
    expect(text).toContain(
      `aggregator_unavailable_apiservice_total{name="${wardle}",reason="FailedDiscoveryCheck"} 1`,
    );
    extension = await ExtensionServer.listen();
  });

  it("a server that answers with an error is no API server", async () => {
    extension.discoveryStatus = 403;
    await reachable(api, started.storage, extension.port);
    await api.post(apiServicesPath, apiService({ caBundle: extension.caBundle }));
    const url = `https://127.0.0.1:${extension.port}/apis/wardle.example.com/v1alpha1`;
    expect(await availableAs(api, "FailedDiscoveryCheck")).toMatchObject({
      message: `failing or missing response from ${url}: bad status from ${url}: 403`,
    });
    extension.discoveryStatus = 200;
    await started.clock.advance(5);
    await availableAs(api, "Passed");
  });

  it("a server that says what it has without an end is there all the same", async () => {
    extension.answersDiscovery = false;
    extension.handler = (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const chunk = Buffer.alloc(64 * 1024, 32);
      const write = (): void => {
        if (!response.destroyed) response.write(chunk, () => setImmediate(write));
      };
      write();
    };
    await reachable(api, started.storage, extension.port);
    await api.post(apiServicesPath, apiService({ caBundle: extension.caBundle }));
    expect(await availableAs(api, "Passed")).toMatchObject({ status: "True" });
    await expect.poll(() => extension.open).toBe(0);
  });

  it("a server that does not answer is given up after five seconds", async () => {
    extension.answersDiscovery = false;
    extension.handler = () => undefined;
    await reachable(api, started.storage, extension.port);
    await api.post(apiServicesPath, apiService({ caBundle: extension.caBundle }));
    await expect.poll(() => extension.seen.length).toBe(1);
    await started.clock.advance(5_000);
    const url = `https://127.0.0.1:${extension.port}/apis/wardle.example.com/v1alpha1`;
    const late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
    expect(await availableAs(api, "FailedDiscoveryCheck")).toMatchObject({
      message: `failing or missing response from ${url}: Get "${url}": ${late}`,
    });
  });

  it("a user whose name no header can hold is told", async () => {
    await aggregate();
    const user = { name: "jane\n", uid: "", groups: [], extra: {} };
    const jane = new TestApi(started.server.inProcessTransport(user));
    expect(await failure(jane.get(flundersPath))).toMatchObject({
      code: 503,
      message: expect.stringContaining("error trying to reach service: Invalid character in header content"),
    });
  });

  it("a bundle that holds no certificate is said to", async () => {
    await reachable(api, started.storage, extension.port);
    await api.post(apiServicesPath, apiService({ caBundle: Buffer.from("nothing").toString("base64") }));
    await api.patch("merge", `${apiServicesPath}/${wardle}/status`, {
      status: { conditions: [{ type: "Available", status: "True" }] },
    });
    const answer = await https.request(flundersPath);
    expect([answer.status, answer.text]).toEqual([
      500,
      "unable to load root certificates: unable to parse bytes as PEM block\n",
    ]);
  });
});
