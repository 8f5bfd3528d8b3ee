import { describe, expect, test, vi } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { newForbidden } from "../../apimachinery/status.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../admission/admission.ts";
import { Auditor } from "../audit/auditor.ts";
import { AuditPolicy } from "../audit/policy.ts";
import type { AuthorizationAttributes, Authorizer } from "../authorization/authorizer.ts";
import type { ApiRequest, RequestState } from "../endpoints/api-request.ts";
import { PendingRequest } from "../endpoints/pending-request.ts";
import { newFlowControl } from "../flowcontrol/testing/new-flow-control.ts";
import { ServerMetrics } from "../metrics.ts";
import type { ResourceExtension } from "../registry/strategy.ts";
import type { UserInfo } from "../request-context.ts";
import { failure, TestApi } from "../testing/api.ts";
import { openSecurity, startTestServer } from "../testing/test-server.ts";
import { buildChain, type ChainOptions } from "./chain.ts";
import { requestInfo } from "./request-info.ts";

const jane: UserInfo = { name: "jane", uid: "", groups: ["dev"], extra: {} };

/** Permits what the function says. */
const authorizer = (permits: (attributes: AuthorizationAttributes) => boolean): Authorizer => ({
  authorize: async (attributes) => ({ decision: permits(attributes) ? "allow" : "noOpinion", reason: "" }),
  rulesFor: async () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
});

const clock = new VirtualClock();
const metrics = new ServerMetrics(clock);

const chainOptions = (options: Partial<ChainOptions> = {}): ChainOptions => ({
  authenticator: openSecurity().authenticator,
  authorizer: authorizer(() => true),
  audit: undefined,
  requestTimeoutMs: 60_000,
  flowControl: newFlowControl(clock, metrics),
  clock,
  logger: silentLogger,
  metrics,
  ...options,
});

function stateOf(
  path: string,
  headers: Record<string, string> = {},
  request: Partial<ApiRequest> = {},
): RequestState {
  const query = new URLSearchParams();
  const method = request.method ?? "GET";
  const full: ApiRequest = {
    method,
    path,
    query,
    header: (name) => headers[name],
    headerNames: () => Object.keys(headers),
    body: { type: "value", value: undefined },
    credentials: jane,
    signal: new AbortController().signal,
    isInProcess: false,
    ...request,
  };
  return new PendingRequest(full, requestInfo(method, path, query), "a");
}

const ok = { type: "value", status: 200, value: { kind: "Status", apiVersion: "v1" } } as const;

describe("authorization", () => {
  const transportOf = async () => {
    const security = { ...openSecurity(), authorizer: authorizer(({ verb }) => verb === "get") };
    const { server } = await startTestServer({ security: () => security });
    return new TestApi(server.inProcessTransport(jane));
  };

  test.each([
    [
      "/api/v1/namespaces/default/pods",
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    ],
    [
      "/api/v1/nodes",
      'nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope',
    ],
    [
      "/apis/apps/v1/deployments",
      'deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the cluster scope',
    ],
  ])("of %s is refused in Kubernetes' words", async (path, message) => {
    const api = await transportOf();
    expect(await failure(api.list(path))).toMatchObject({ code: 403, reason: "Forbidden", message });
  });

  test("comes before anything is looked at", async () => {
    const api = await transportOf();
    expect((await failure(api.delete("/api/v1/namespaces/default/pods/none"))).code).toBe(403);
    expect((await failure(api.get("/api/v1/namespaces/default/pods/none"))).code).toBe(404);
  });

  test("of a path that names no resource", async () => {
    const chain = buildChain(chainOptions({ authorizer: authorizer(() => false) }), async () => ok);
    expect(await failure(chain(stateOf("/metrics")))).toMatchObject({
      message: 'forbidden: User "jane" cannot get path "/metrics"',
      details: {},
    });
  });
});

test("what nobody expected is 500 InternalError, and the server goes on", async () => {
  const route = vi.fn<() => Promise<typeof ok>>().mockRejectedValueOnce(new TypeError("x is undefined"));
  const chain = buildChain(chainOptions(), route.mockResolvedValue(ok));
  expect(await failure(chain(stateOf("/version")))).toMatchObject({
    code: 500,
    reason: "InternalError",
    message: "Internal error occurred: x is undefined",
  });
  expect(await chain(stateOf("/version"))).toBe(ok);
});

test("a request that takes too long is 504, and what it started is aborted", async () => {
  const clock = new VirtualClock();
  let signal: AbortSignal | undefined;
  const chain = buildChain(chainOptions({ clock }), (state) => {
    signal = state.signal;
    return new Promise(() => undefined);
  });
  const request = failure(chain(stateOf("/api/v1/pods")));
  await clock.advance(60_000);
  expect(await request).toMatchObject({
    code: 504,
    reason: "Timeout",
    message: "Timeout: request did not complete within the allotted timeout",
  });
  expect(signal?.aborted).toBe(true);
});

describe("audit", () => {
  const audited = () => {
    const lines: string[] = [];
    const write = (line: string): boolean => lines.push(line) > 0;
    const auditor = new Auditor({
      policy: AuditPolicy.parse("{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: Metadata}]}"),
      backends: [{ plugin: "log", lost: 0, write, close: () => Promise.resolve() }],
      clock: new VirtualClock(),
      random: new SeededRandom(1),
    });
    return { auditor, events: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
  };

  test("sees who asked, and a failure that nobody expected as a panic", async () => {
    const { auditor, events } = audited();
    const chain = buildChain(chainOptions({ audit: auditor }), async () => {
      throw new TypeError("oh");
    });
    expect((await failure(chain(stateOf("/version")))).code).toBe(500);
    expect(events()).toMatchObject([
      { stage: "RequestReceived", user: { username: "jane", groups: ["dev"] } },
      {
        stage: "Panic",
        responseStatus: {
          status: "Failure",
          message: "APIServer panic'd: oh",
          reason: "InternalError",
          code: 500,
        },
      },
    ]);
  });

  test("knows who was impersonated", async () => {
    const { auditor, events } = audited();
    const state = stateOf("/version", { "impersonate-user": "joe" });
    await buildChain(chainOptions({ audit: auditor }), async () => ok)(state);
    state.audit?.complete();
    const [received, complete] = events();
    expect(received).not.toHaveProperty("impersonatedUser");
    expect(complete).toMatchObject({
      user: { username: "jane" },
      impersonatedUser: { username: "joe", groups: ["system:authenticated"] },
    });
  });
});

describe("admission", () => {
  const log: string[] = [];
  const plugin = (name: string): AdmissionPlugin => ({
    name,
    handles: () => true,
    admit({ operation, object }: AdmissionAttributes) {
      log.push(`${name} admits ${operation}`);
      if (object !== undefined)
        object.metadata.annotations = { ...object.metadata.annotations, [name]: "seen" };
    },
    validate: ({ operation, subresource }) => void log.push(`${name} validates ${operation} ${subresource}`),
  });
  const strategy: ResourceExtension = {
    group: "",
    resource: "configmaps",
    setup: () => ({
      strategy: {
        prepareForCreate: () => void log.push("prepare"),
        validateCreate: () => {
          log.push("validate");
          return [];
        },
      },
    }),
  };

  test("mutates before the strategy, validates after it", async () => {
    const security = openSecurity([plugin("a"), plugin("b")]);
    const { transport } = await startTestServer({ security: () => security, extensions: [strategy] });
    const api = new TestApi(transport);
    log.length = 0;
    const created = await api.post("/api/v1/namespaces/x/configmaps", { metadata: { name: "c" } });
    expect(log).toEqual([
      "a admits CREATE",
      "b admits CREATE",
      "prepare",
      "validate",
      "a validates CREATE ",
      "b validates CREATE ",
    ]);
    expect(created.metadata.annotations).toEqual({ a: "seen", b: "seen" });
    log.length = 0;
    await api.delete("/api/v1/namespaces/x/configmaps/c");
    expect(log.filter((line) => line.startsWith("a"))).toEqual(["a admits DELETE", "a validates DELETE "]);
  });

  test("that refuses leaves nothing behind", async () => {
    const refusing: AdmissionPlugin = {
      name: "no",
      handles: ({ operation }) => operation === "CREATE",
      validate({ resource, name }) {
        throw newForbidden(resource, name, "not today");
      },
    };
    const { transport } = await startTestServer({ security: () => openSecurity([refusing]) });
    const api = new TestApi(transport);
    const path = "/api/v1/namespaces/x/configmaps";
    expect((await failure(api.post(path, { metadata: { name: "c" } }))).message).toBe(
      'configmaps "c" is forbidden: not today',
    );
    expect((await api.list(path)).items).toEqual([]);
  });
});
