import { afterEach, describe, expect, it } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { failure, settle, TestApi } from "../testing/api.ts";
import { type HttpsFixture, listenForTest } from "../testing/https.ts";
import { adminUser, startTestServer } from "../testing/test-server.ts";
import { Auditor } from "./auditor.ts";
import { AuditPolicy } from "./policy.ts";

interface AuditEvent {
  readonly kind: string;
  readonly apiVersion: string;
  readonly level: string;
  readonly auditID: string;
  readonly stage: string;
  readonly requestURI: string;
  readonly verb: string;
  readonly user: { username?: string };
  readonly sourceIPs?: string[];
  readonly userAgent?: string;
  readonly objectRef?: Record<string, string>;
  readonly responseStatus?: Record<string, unknown>;
  readonly requestObject?: Record<string, unknown>;
  readonly responseObject?: Record<string, unknown>;
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly annotations?: Record<string, string>;
}

let https: HttpsFixture | undefined;
afterEach(async () => {
  await https?.close();
  https = undefined;
});

async function start(rules: string) {
  const lines: string[] = [];
  const write = (line: string): boolean => lines.push(line) > 0;
  const clock = new VirtualClock();
  const audit = new Auditor({
    policy: AuditPolicy.parse(`{apiVersion: audit.k8s.io/v1, kind: Policy, rules: ${rules}}`),
    backends: [{ plugin: "log", lost: 0, write, close: () => Promise.resolve() }],
    clock,
    random: new SeededRandom(2),
  });
  const { server } = await startTestServer({ audit, clock });
  const listener = await listenForTest(server, Date.now());
  https = listener;
  const events = (): AuditEvent[] => lines.map((line) => JSON.parse(line) as AuditEvent);
  const api = new TestApi(server.inProcessTransport(adminUser));
  const request: HttpsFixture["request"] = (path, options) => listener.request(path, options);
  return { server, request, api, lines, events };
}

const configMaps = "/api/v1/namespaces/a/configmaps";
const json = { "content-type": "application/json" };
const body = JSON.stringify({ metadata: { name: "c" }, data: { k: "secret value" } });

describe("an audited request", () => {
  it("is told when it comes and when it is answered, without its bodies at level Metadata", async () => {
    const { request, events, lines } = await start("[{level: Metadata}]");
    await request(`${configMaps}?fieldManager=a%2Fb`, {
      method: "POST",
      headers: {
        ...json,
        "user-agent": "kubectl/v1.36",
        "x-forwarded-for": "10.0.0.9, nonsense",
        "x-real-ip": "10.0.0.8",
      },
      body,
    });
    const [received, complete] = events();
    expect(received).toMatchObject({
      kind: "Event",
      apiVersion: "audit.k8s.io/v1",
      level: "Metadata",
      stage: "RequestReceived",
      requestURI: `${configMaps}?fieldManager=a%2Fb`,
      verb: "create",
      user: { username: "admin", groups: ["system:masters"] },
      sourceIPs: ["10.0.0.9", "10.0.0.8", "127.0.0.1"],
      userAgent: "kubectl/v1.36",
      objectRef: { resource: "configmaps", namespace: "a", apiVersion: "v1" },
    });
    expect(received).not.toHaveProperty("responseStatus");
    expect(complete).toMatchObject({
      stage: "ResponseComplete",
      auditID: received?.auditID,
      objectRef: { resource: "configmaps", namespace: "a", name: "c", apiVersion: "v1" },
      responseStatus: { metadata: {}, code: 201 },
      annotations: { "authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "" },
    });
    expect(complete?.stageTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(lines.join("")).not.toContain("secret value");
    expect(Object.keys(complete ?? {})).toEqual([
      "kind",
      "apiVersion",
      "level",
      "auditID",
      "stage",
      "requestURI",
      "verb",
      "user",
      "sourceIPs",
      "userAgent",
      "objectRef",
      "responseStatus",
      "requestReceivedTimestamp",
      "stageTimestamp",
      "annotations",
    ]);
  });

  it("brings its bodies at the levels Request and RequestResponse", async () => {
    const { request, events } = await start("[{level: Request, verbs: [create]}, {level: RequestResponse}]");
    await request(configMaps, { method: "POST", headers: json, body });
    await request(`${configMaps}/c`);
    const [, created, , read] = events();
    expect(created?.requestObject).toMatchObject({ kind: "ConfigMap", data: { k: "secret value" } });
    expect(created).not.toHaveProperty("responseObject");
    expect(read?.responseObject).toMatchObject({ kind: "ConfigMap", metadata: { name: "c" } });
    expect(read).not.toHaveProperty("requestObject");
  });

  it("shows the answer as JSON in the form that the client asked for", async () => {
    const { request, events } = await start(
      "[{level: RequestResponse, verbs: [list], omitManagedFields: true}]",
    );
    await request(configMaps, { method: "POST", headers: json, body });
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    await request(`${configMaps}?includeObject=Object`, { headers: { accept, "user-agent": "curl/8" } });
    await request(configMaps, { headers: { accept: "application/yaml" } });
    const [, table, , list] = events();
    expect(table?.responseObject).toMatchObject({
      kind: "Table",
      rows: [{ object: { metadata: { name: "c" } } }],
    });
    expect(list?.responseObject).toMatchObject({
      kind: "ConfigMapList",
      items: [{ metadata: { name: "c" } }],
    });
    expect(JSON.stringify(events())).not.toContain("managedFields");
  });

  it("shows a patch as it was sent and the options of a delete", async () => {
    const { request, api, events } = await start("[{level: Request, verbs: [patch, delete]}]");
    await request(configMaps, { method: "POST", headers: json, body });
    const patch = JSON.stringify([{ op: "add", path: "/data/x", value: "y" }]);
    await request(`${configMaps}/c`, {
      method: "PATCH",
      headers: { "content-type": "application/json-patch+json" },
      body: patch,
    });
    await api.delete(`${configMaps}/c`, { gracePeriodSeconds: 0 });
    const complete = events().filter(({ stage }) => stage === "ResponseComplete");
    expect(complete[0]?.requestObject).toEqual(JSON.parse(patch));
    expect(complete[1]?.requestObject).toMatchObject({ kind: "DeleteOptions", gracePeriodSeconds: 0 });
    expect(complete[1]?.responseStatus).toMatchObject({
      status: "Success",
      details: { name: "c" },
      code: 200,
    });
  });

  it("that fails says why", async () => {
    const { request, events } = await start("[{level: RequestResponse}]");
    await request(`${configMaps}/none`);
    const status = {
      status: "Failure",
      message: 'configmaps "none" not found',
      reason: "NotFound",
      details: { name: "none", kind: "configmaps" },
      code: 404,
    };
    expect(events()[1]?.responseStatus).toEqual({ metadata: {}, ...status });
    expect(events()[1]?.responseObject).toMatchObject({ kind: "Status", ...status });
  });

  it("of nobody is told once, when it is refused", async () => {
    const { request, events } = await start("[{level: Metadata}]");
    await request("/api/v1/pods", { headers: { authorization: "Bearer wrong" } });
    expect(events()).toHaveLength(1);
    expect(events()[0]).toMatchObject({
      stage: "ResponseStarted",
      verb: "list",
      user: {},
      objectRef: { resource: "pods", apiVersion: "v1" },
      responseStatus: { status: "Failure", message: "Unauthorized", reason: "Unauthorized", code: 401 },
    });
  });

  it("that lasts is told when its answer starts, too", async () => {
    const { request, events } = await start("[{level: RequestResponse, verbs: [watch]}]");
    await request(configMaps, { method: "POST", headers: json, body });
    await request(`${configMaps}?watch=true&resourceVersion=0`, { untilBytes: 1 });
    for (let turn = 0; turn < 20 && events().length < 3; turn++) await settle();
    expect(events().map(({ stage }) => stage)).toEqual([
      "RequestReceived",
      "ResponseStarted",
      "ResponseComplete",
    ]);
    expect(events()[1]?.responseStatus).toEqual({ metadata: {}, code: 200 });
    expect(events()[2]).not.toHaveProperty("responseObject");
  });

  it("of this process is told as well", async () => {
    const { api, events } = await start("[{level: RequestResponse}]");
    await api.post(configMaps, JSON.parse(body));
    expect((await failure(api.get(`${configMaps}/none`))).code).toBe(404);
    expect(
      events().map(({ stage, verb, responseStatus }) => [stage, verb, responseStatus?.["code"]]),
    ).toEqual([
      ["RequestReceived", "create", undefined],
      ["ResponseComplete", "create", 201],
      ["RequestReceived", "get", undefined],
      ["ResponseComplete", "get", 404],
    ]);
    expect(events()[1]?.responseObject).toMatchObject({ kind: "ConfigMap" });
    expect(events()[1]?.sourceIPs).toEqual(["::1"]);
  });

  it("outside the API has no objects, whatever the level", async () => {
    const { request, events } = await start("[{level: RequestResponse}]");
    await request("/version");
    expect(events()[1]).toMatchObject({ verb: "get", requestURI: "/version", responseStatus: { code: 200 } });
    expect(events()[1]).not.toHaveProperty("objectRef");
    expect(events()[1]).not.toHaveProperty("responseObject");
  });

  it("has its user agent cut where it is too long", async () => {
    const { request, events } = await start("[{level: Metadata}]");
    await request("/version", { headers: { "user-agent": "a".repeat(2000) } });
    expect(events()[0]?.userAgent).toBe(`${"a".repeat(1024)}...TRUNCATED`);
  });
});

describe("the policy", () => {
  it("leaves out levels and stages that nobody wants", async () => {
    const { request, events } = await start(
      '[{level: None, nonResourceURLs: ["/version"]}, {level: Metadata, omitStages: [RequestReceived]}]',
    );
    await request("/version");
    await request(configMaps);
    expect(events().map(({ stage, requestURI }) => [stage, requestURI])).toEqual([
      ["ResponseComplete", configMaps],
    ]);
  });

  it("is counted in the metrics", async () => {
    const { request, server } = await start("[{level: Metadata, omitStages: [RequestReceived]}]");
    await request(configMaps);
    expect(server.metrics.text()).toContain("apiserver_audit_event_total 1\n");
    expect(server.metrics.text()).toContain('apiserver_audit_level_total{level="Metadata"} 1\n');
  });
});

describe("the Audit-Id", () => {
  it("of the client is used and returned", async () => {
    const { request, events } = await start("[{level: Metadata}]");
    const { headers } = await request("/version", { headers: { "audit-id": "mine" } });
    expect(headers["audit-id"]).toBe("mine");
    expect(events().map(({ auditID }) => auditID)).toEqual(["mine", "mine"]);
  });

  it("is made and returned where the client brings none, with or without a policy", async () => {
    const { server } = await startTestServer();
    https = await listenForTest(server, Date.now());
    for (const path of ["/version", "/api/v1/pods", "/api/v1/namespaces/a/pods/none", "/nowhere"]) {
      const { headers } = await https.request(path);
      expect(headers["audit-id"]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
    }
  });
});
