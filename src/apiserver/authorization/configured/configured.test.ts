import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, test, vi } from "vitest";
import { RealClock, VirtualClock } from "../../../apimachinery/clock.ts";
import { silentLogger } from "../../../apimachinery/logger.ts";
import { newInternalError } from "../../../apimachinery/status.ts";
import type { TransportRequest, TransportResponse } from "../../../apimachinery/transport.ts";
import { newUser } from "../../authentication/users.ts";
import type { AuthorizationAttributes, Authorizer } from "../authorizer.ts";
import { noRules } from "../union.ts";
import { ConfiguredAuthorizers } from "./configured-authorizers.ts";
import { compileCondition } from "./match-conditions.ts";
import { readConfiguration } from "./read-configuration.ts";
import { WebhookAuthorizer, type WebhookAuthorizerOptions } from "./webhook-authorizer.ts";

let folder = "";
let kubeconfig = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-authorization-"));
  kubeconfig = join(folder, "kubeconfig");
  const parts = {
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1/authorize" } }],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  writeFileSync(kubeconfig, JSON.stringify(parts));
});
afterEach(() => rmSync(folder, { recursive: true }));

const webhook = (changes: object = {}): object => ({
  timeout: "3s",
  subjectAccessReviewVersion: "v1",
  matchConditionSubjectAccessReviewVersion: "v1",
  failurePolicy: "Deny",
  connectionInfo: { type: "KubeConfigFile", kubeConfigFile: kubeconfig },
  ...changes,
});
const node = { type: "Node", name: "node" };
const rbac = { type: "RBAC", name: "rbac" };
const hook = (changes?: object): object => ({ type: "Webhook", name: "hook", webhook: webhook(changes) });
const configuration = (...authorizers: object[]): string =>
  JSON.stringify({
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "AuthorizationConfiguration",
    authorizers,
  });

describe("readConfiguration()", () => {
  it("keeps the order, and fills in what is not said", () => {
    const conditions = [{ expression: "request.user != 'root'" }];
    const settings = readConfiguration(configuration(hook({ matchConditions: conditions }), node, rbac));
    expect(settings.map(({ type }) => type)).toEqual(["Webhook", "Node", "RBAC"]);
    expect(settings[0]).toMatchObject({
      webhook: {
        name: "hook",
        version: "v1",
        timeoutMs: 3_000,
        authorizedTtlMs: 300_000,
        unauthorizedTtlMs: 30_000,
        failurePolicy: "Deny",
        kubeConfigFile: kubeconfig,
        conditions: [expect.anything()],
      },
    });
  });

  it("remembers nothing where that is said", () => {
    const changes = { cacheAuthorizedRequests: false, unauthorizedTTL: "1m30s" };
    const [setting] = readConfiguration(configuration(hook(changes), node, rbac));
    expect(setting).toMatchObject({ webhook: { authorizedTtlMs: 0, unauthorizedTtlMs: 90_000 } });
  });

  it.each<[() => object[], string]>([
    [() => [], "authorizers: Required value: at least one authorization mode must be defined"],
    [() => [{ name: "x" }], "authorizers[0].type: Required value"],
    [() => [{ type: "Ask", name: "x" }], 'authorizers[0].type: Unsupported value: "Ask"'],
    [() => [node, node], 'authorizers[1].type: Duplicate value: "Node"'],
    [() => [{ type: "Node" }, rbac], "authorizers[0].name: Required value"],
    [() => [{ ...node, name: "mine" }, rbac], "expected name node for authorizer Node instead of mine"],
    [
      () => [{ type: "ABAC", name: "abac" }, node, rbac],
      "authorizers of type ABAC are not supported: use RBAC",
    ],
    [() => [rbac], "missing required types: [Node]"],
    [() => [hook(), hook(), node, rbac], 'authorizers[1].name: Duplicate value: "hook"'],
    [
      () => [{ type: "Webhook", name: "h" }],
      "authorizers[0].webhook: Required value: required when type=Webhook",
    ],
    [() => [{ ...node, webhook: {} }], "may only be specified when type=Webhook"],
    [() => [hook({ timeout: undefined })], "authorizers[0].timeout: Required value"],
    [() => [hook({ timeout: "31s" })], "must be > 0s and <= 30s"],
    [
      () => [hook({ authorizedTTL: "-1s" })],
      'authorizers[0].authorizedTTL: Invalid value: "-1s": must be > 0s',
    ],
    [
      () => [hook({ subjectAccessReviewVersion: "v2" })],
      'subjectAccessReviewVersion: Unsupported value: "v2"',
    ],
    [() => [hook({ failurePolicy: "Fail" })], 'failurePolicy: Unsupported value: "Fail"'],
    [() => [hook({ connectionInfo: { type: "InClusterConfig" } })], "connectionInfo.type: Unsupported value"],
    [
      () => [hook({ connectionInfo: { type: "KubeConfigFile", kubeConfigFile: "here" } })],
      'kubeConfigFile: Invalid value: "here": must be an absolute path',
    ],
    [
      () => [hook({ matchConditions: [{ expression: "request.user" }] })],
      "must evaluate to bool but got string",
    ],
    [() => [hook({ matchConditions: [{ expression: "request.nobody" }] })], "undefined field 'nobody'"],
    [() => [hook({ matchConditions: [{}] })], "matchConditions[0].expression: Required value"],
    [() => [{ ...node, more: 1 }, rbac], 'unknown field "authorizers[0].more"'],
  ])("refuses %#", (authorizers, message) => {
    expect(() => readConfiguration(configuration(...authorizers()))).toThrow(message);
  });
});

const ask = (changes: Partial<AuthorizationAttributes> = {}): AuthorizationAttributes => ({
  user: newUser("jane", ["devs"], { extra: { scope: ["a"] } }),
  verb: "list",
  isResourceRequest: true,
  namespace: "shop",
  group: "",
  version: "v1",
  resource: "pods",
  subresource: "",
  name: "",
  path: "/api/v1/namespaces/shop/pods",
  fieldSelector: [{ field: "spec.nodeName", operator: "=", value: "n1" }],
  ...changes,
});

function start(answer: () => unknown, options: Partial<WebhookAuthorizerOptions> = {}) {
  const clock = new VirtualClock();
  const bodies: unknown[] = [];
  const authorizer = new WebhookAuthorizer({
    name: "hook",
    version: "v1",
    timeoutMs: 3_000,
    authorizedTtlMs: 60_000,
    unauthorizedTtlMs: 10_000,
    failurePolicy: "NoOpinion",
    conditions: [],
    clock,
    logger: silentLogger,
    transport: {
      request: async ({ body }: TransportRequest): Promise<TransportResponse> => {
        bodies.push(body);
        return { status: 200, body: { status: await answer() }, warnings: [] };
      },
    },
    ...options,
  });
  return { clock, bodies, authorizer };
}

describe("WebhookAuthorizer", () => {
  it("asks with a review that leaves out what is empty", async () => {
    const { bodies, authorizer } = start(() => ({ allowed: true }));
    await authorizer.authorize(ask());
    const spec = {
      user: "jane",
      groups: ["devs"],
      extra: { scope: ["a"] },
      resourceAttributes: {
        namespace: "shop",
        verb: "list",
        version: "v1",
        resource: "pods",
        fieldSelector: { requirements: [{ key: "spec.nodeName", operator: "In", values: ["n1"] }] },
      },
    };
    const apiVersion = "authorization.k8s.io/v1";
    expect(bodies).toEqual([
      { apiVersion, kind: "SubjectAccessReview", metadata: {}, spec, status: { allowed: false } },
    ]);
  });

  it("asks about paths, and in the older version", async () => {
    const { bodies, authorizer } = start(() => ({ allowed: true }), { version: "v1beta1" });
    await authorizer.authorize(ask({ isResourceRequest: false, path: "/metrics", verb: "get" }));
    expect(bodies).toMatchObject([
      {
        apiVersion: "authorization.k8s.io/v1beta1",
        spec: { group: ["devs"], nonResourceAttributes: { path: "/metrics", verb: "get" } },
      },
    ]);
  });

  it.each([
    [
      { allowed: true, reason: "a friend" },
      { decision: "allow", reason: "a friend" },
    ],
    [
      { allowed: false, reason: "who?" },
      { decision: "noOpinion", reason: "who?" },
    ],
    [
      { allowed: false, denied: true, reason: "no" },
      { decision: "deny", reason: "no" },
    ],
    [
      { allowed: true, denied: true },
      { decision: "deny", reason: "" },
    ],
    [undefined, { decision: "noOpinion", reason: "" }],
  ])("takes %j for %j", async (status, decision) => {
    expect(await start(() => status).authorizer.authorize(ask())).toEqual(decision);
  });

  it("remembers answers for a while, each for its own request", async () => {
    let allowed = true;
    const { clock, bodies, authorizer } = start(() => ({ allowed }));
    for (let turn = 0; turn < 3; turn++) await authorizer.authorize(ask());
    expect(bodies).toHaveLength(1);
    allowed = false;
    expect((await authorizer.authorize(ask({ namespace: "other" }))).decision).toBe("noOpinion");
    await clock.advance(20_000);
    await authorizer.authorize(ask({ namespace: "other" }));
    expect((await authorizer.authorize(ask())).decision).toBe("allow");
    expect(bodies).toHaveLength(3);
    await clock.advance(60_000);
    expect((await authorizer.authorize(ask())).decision).toBe("noOpinion");
  });

  it("is not asked where a condition is false, whatever became of the others", async () => {
    const conditions = [
      "request.groups[7] == 'x'",
      "has(request.resourceAttributes)",
      "request.user == 'root'",
    ];
    const { bodies, authorizer } = start(() => ({ allowed: true }), {
      conditions: conditions.map(compileCondition).filter((program) => typeof program !== "string"),
    });
    expect((await authorizer.authorize(ask())).decision).toBe("noOpinion");
    expect(bodies).toEqual([]);
    const { authorizer: failing } = start(() => ({ allowed: true }), {
      failurePolicy: "Deny",
      conditions: conditions
        .slice(0, 1)
        .map(compileCondition)
        .filter((program) => typeof program !== "string"),
    });
    expect(() => failing.authorize(ask())).toThrow(
      /expression 'request\.groups\[7\] == 'x'' resulted in error/,
    );
  });

  it("tries again what may pass, and leaves the decision to others or refuses to decide", async () => {
    const broken = (): never => {
      throw newInternalError("stumbled");
    };
    const lenient = start(broken);
    const decision = lenient.authorizer.authorize(ask());
    await lenient.clock.advance(10_000);
    expect(await decision).toEqual({ decision: "noOpinion", reason: "" });
    expect(lenient.bodies).toHaveLength(5);
    const strict = start(broken, { failurePolicy: "Deny" });
    const refused = Promise.resolve(strict.authorizer.authorize(ask())).catch((error: unknown) => error);
    await strict.clock.advance(10_000);
    expect(await refused).toMatchObject({ code: 500 });
  });
});

test("the file says who decides in which order, and is followed while it is right", async () => {
  const file = join(folder, "authorization.json");
  const asked: string[] = [];
  const own = (name: string, decision: "allow" | "noOpinion"): Authorizer => ({
    authorize: () => {
      asked.push(name);
      return { decision, reason: "" };
    },
    rulesFor: async () => noRules,
  });
  writeFileSync(file, configuration(rbac, node));
  const configured = new ConfiguredAuthorizers({ file, clock: new RealClock(), logger: silentLogger });
  try {
    const authorizer = configured.open({ node: own("node", "noOpinion"), rbac: own("rbac", "noOpinion") });
    expect(authorizer.authorize(ask())).toMatchObject({ decision: "noOpinion" });
    expect(asked).toEqual(["rbac", "node"]);
    writeFileSync(file, "nonsense");
    writeFileSync(file, configuration(node, { type: "AlwaysAllow", name: "alwaysallow" }, rbac));
    await vi.waitFor(() => expect(authorizer.authorize(ask())).toMatchObject({ decision: "allow" }), 5_000);
    expect(asked.at(-1)).toBe("node");
  } finally {
    configured.close();
  }
});

test("a file that holds a mistake opens nothing", () => {
  const file = join(folder, "authorization.json");
  writeFileSync(file, configuration(rbac));
  expect(() => new ConfiguredAuthorizers({ file, clock: new RealClock(), logger: silentLogger })).toThrow(
    "missing required types: [Node]",
  );
});
