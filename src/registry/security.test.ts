import { beforeEach, describe, expect, test } from "vitest";
import { builtinScheme } from "../api/builtin-scheme.ts";
import type { SelfSubjectReview, TokenRequest, TokenReview } from "../api/types/authentication-v1.ts";
import type { CertificateSigningRequest } from "../api/types/certificates-v1.ts";
import { VirtualClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import { SeededRandom } from "../apimachinery/random.ts";
import { newUser } from "../apiserver/authentication/users.ts";
import { reconcileBootstrapPolicyInStores } from "../apiserver/authorization/reconcile-bootstrap-policy.ts";
import type { UserInfo } from "../apiserver/request-context.ts";
import { ApiServer } from "../apiserver/server.ts";
import { createPki, createSigningRequest, parseJwt } from "../pki/index.ts";
import { generateKey } from "../pki/keys.ts";
import { MemoryStorage } from "../storage/memory/memory-storage.ts";
import { registryExtensions } from "./index.ts";
import { newSecurity } from "./security.ts";

const admin = newUser("admin", ["system:masters", "system:authenticated"]);
const jane = newUser("jane", ["dev", "system:authenticated"], { extra: { team: ["a"] } });
const issuer = "https://kubernetes.default.svc.cluster.local";

let server: ApiServer;
let clock: VirtualClock;
let security: ReturnType<typeof newSecurity>;

/** A whole API server: what is claimed here is claimed of requests. */
beforeEach(async () => {
  clock = new VirtualClock();
  const random = new SeededRandom(7);
  security = newSecurity({ pki: createPki({ clock }), clock, random });
  server = new ApiServer({
    storage: new MemoryStorage(),
    scheme: builtinScheme(),
    clock,
    random,
    logger: silentLogger,
    security: security.open,
    extensions: [...registryExtensions({ serviceCidr: "10.96.0.0/16" }), ...security.extensions],
  });
  await server.start();
  for (const name of ["default", "kube-system", "kube-public"]) {
    await post(admin, "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }
  await post(admin, "/api/v1/namespaces/default/serviceaccounts", account("default"));
});

const account = (name: string) => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name, namespace: "default" },
});

async function post<T>(
  user: UserInfo,
  path: string,
  body: object,
  method: "POST" | "PUT" = "POST",
): Promise<T> {
  return (await server.inProcessTransport(user).request({ method, path, body })).body as T;
}

async function refused(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "accepted",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

const pod = (rest: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "default" },
  spec: { containers: [{ name: "c", image: "nginx" }], ...rest },
});
const pods = "/api/v1/namespaces/default/pods";
const authentication = { apiVersion: "authentication.k8s.io/v1", metadata: {} };
const tokenPath = "/api/v1/namespaces/default/serviceaccounts/default/token";
const tokenRequest = (spec: object = {}, metadata: object = {}) => ({
  ...authentication,
  kind: "TokenRequest",
  metadata,
  spec,
});
const review = (token: string, audiences?: string[]) =>
  post<TokenReview>(admin, "/apis/authentication.k8s.io/v1/tokenreviews", {
    ...authentication,
    kind: "TokenReview",
    spec: { token, ...(audiences === undefined ? {} : { audiences }) },
  });

describe("the bootstrap policy", () => {
  test("is made in one pass and found complete in the next", async () => {
    expect(await refused(post(jane, pods, pod()))).toBe(
      'pods is forbidden: User "jane" cannot create resource "pods" in API group "" in the namespace "default"',
    );
    expect(await reconcileBootstrapPolicyInStores(server.stores, server.reader)).toBeGreaterThan(100);
    expect(await reconcileBootstrapPolicyInStores(server.stores, server.reader)).toBe(0);
    await post(jane, "/apis/authentication.k8s.io/v1/selfsubjectreviews", {
      ...authentication,
      kind: "SelfSubjectReview",
    });
  });
});

describe("the bootstrap policy in stores", () => {
  const rbac = "/apis/rbac.authorization.k8s.io/v1";

  test("needs no namespace, and no second pass", async () => {
    const { stores, reader } = server;
    expect(await reconcileBootstrapPolicyInStores(stores, reader)).toBeGreaterThan(100);
    expect(await reconcileBootstrapPolicyInStores(stores, reader)).toBe(0);
  });

  test("mends what was damaged and leaves alone what asks for it", async () => {
    const { stores, reader } = server;
    await reconcileBootstrapPolicyInStores(stores, reader);
    const read = async (path: string): Promise<Record<string, unknown>> =>
      (await server.inProcessTransport(admin).request({ method: "GET", path: `${rbac}/${path}` }))
        .body as Record<string, unknown>;
    const damage = async (path: string, change: object): Promise<void> => {
      await post(admin, `${rbac}/${path}`, { ...(await read(path)), ...change }, "PUT");
    };
    await damage("clusterroles/system:discovery", { rules: [] });
    await damage("clusterrolebindings/system:basic-user", { subjects: [] });
    const metadata = {
      name: "system:monitoring",
      annotations: { "rbac.authorization.kubernetes.io/autoupdate": "false" },
    };
    await damage("clusterroles/system:monitoring", { metadata, rules: [] });
    expect(await reconcileBootstrapPolicyInStores(stores, reader)).toBe(2);
    expect(JSON.stringify(await read("clusterroles/system:discovery"))).toContain("/openapi/*");
    expect((await read("clusterroles/system:monitoring"))["rules"] ?? []).toEqual([]);
  });
});

describe("tokens of service accounts", () => {
  test("default to an hour, for the API server", async () => {
    const answer = await post<TokenRequest>(admin, tokenPath, tokenRequest());
    expect(answer).toMatchObject({
      kind: "TokenRequest",
      metadata: { name: "default", namespace: "default", uid: expect.any(String) },
      spec: { audiences: [issuer], expirationSeconds: 3600 },
      status: { expirationTimestamp: "2026-01-01T01:00:00Z" },
    });
    const { status } = await review(answer.status?.token ?? "");
    expect(status).toMatchObject({
      authenticated: true,
      audiences: [issuer],
      user: {
        username: "system:serviceaccount:default:default",
        groups: ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"],
      },
    });
  });

  test("bound to a pod end with it, and live longer when the plugin asked for them", async () => {
    const made = await post<{ metadata: { uid: string } }>(admin, pods, pod({ nodeName: "n1" }));
    const boundObjectRef = { apiVersion: "v1", kind: "Pod", name: "web", uid: made.metadata.uid };
    const answer = await post<TokenRequest>(
      admin,
      tokenPath,
      tokenRequest({ boundObjectRef, expirationSeconds: 3607 }),
    );
    const token = answer.status?.token ?? "";
    expect(answer.status?.expirationTimestamp).toBe("2026-01-01T01:00:07Z");
    expect(parseJwt(token)?.claims).toMatchObject({
      exp: clock.now() / 1000 + 31_536_000,
      "kubernetes.io": { pod: { name: "web" }, node: { name: "n1" }, warnafter: clock.now() / 1000 + 3607 },
    });
    expect((await review(token)).status?.authenticated).toBe(true);
    await server
      .inProcessTransport(admin)
      .request({ method: "DELETE", path: `${pods}/web`, query: { gracePeriodSeconds: "0" } });
    expect((await review(token)).status).toEqual({
      user: {},
      error: "[invalid bearer token, service account token has been invalidated]",
    });
  });

  test.each<[string, object, object, RegExp]>([
    [
      "too short",
      { expirationSeconds: 599 },
      {},
      /spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes/,
    ],
    [
      "too long",
      { expirationSeconds: 2 ** 32 + 1 },
      {},
      /may not specify a duration larger than 2\^32 seconds/,
    ],
    [
      "of another name",
      {},
      { name: "x" },
      /^TokenRequest.authentication.k8s.io "default" is invalid: metadata.name: Invalid value: "x": must match the service account name if specified$/,
    ],
    [
      "of an account that was there before",
      {},
      { uid: "u" },
      /^Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "default": the UID in the token request \(u\) does not match the UID of the service account \(.+\)$/,
    ],
    [
      "bound to a pod that is not there",
      { boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "x" } },
      {},
      /pods "x" not found/,
    ],
    [
      "bound to something else",
      { boundObjectRef: { apiVersion: "v1", kind: "ConfigMap", name: "x" } },
      {},
      /cannot bind token to object of type \/v1, Kind=ConfigMap/,
    ],
  ])("%s are refused", async (_what, spec, metadata, message) => {
    expect(await refused(post(admin, tokenPath, tokenRequest(spec, metadata)))).toMatch(message);
  });

  test("are for their audience only", async () => {
    const answer = await post<TokenRequest>(admin, tokenPath, tokenRequest({ audiences: ["vault"] }));
    const token = answer.status?.token ?? "";
    expect((await review(token)).status?.authenticated).toBeUndefined();
    expect((await review(token, ["vault", "other"])).status).toMatchObject({
      authenticated: true,
      audiences: ["vault"],
    });
  });

  test("of other kinds are not authenticated", async () => {
    expect((await review("nonsense")).status).toEqual({
      user: {},
      error: "invalid bearer token",
    });
    expect(await refused(review(""))).toMatch(/token is required for TokenReview in authentication/);
  });

  test("the issuer describes itself", () => {
    expect(security.tokens.discovery()).toMatchObject({ issuer });
  });
});

test("SelfSubjectReview answers who asks", async () => {
  await reconcileBootstrapPolicyInStores(server.stores, server.reader);
  const answer = await post<SelfSubjectReview>(jane, "/apis/authentication.k8s.io/v1/selfsubjectreviews", {
    ...authentication,
    kind: "SelfSubjectReview",
  });
  expect(answer.status?.userInfo).toEqual({
    username: "jane",
    groups: ["dev", "system:authenticated"],
    extra: { team: ["a"] },
  });
});

describe("access reviews", () => {
  const authorization = { apiVersion: "authorization.k8s.io/v1", metadata: {} };
  const ask = (
    kind: string,
    spec: object,
    path = `${kind.toLowerCase()}s`,
    metadata: object = {},
    user = admin,
  ) =>
    post<{ status: object }>(user, `/apis/authorization.k8s.io/v1/${path}`, {
      ...authorization,
      metadata,
      kind,
      spec,
    });
  const listPods = { verb: "list", resource: "pods", namespace: "default" };
  beforeEach(() => reconcileBootstrapPolicyInStores(server.stores, server.reader));

  test("answer for others", async () => {
    const spec = { user: "jane", resourceAttributes: listPods };
    expect((await ask("SubjectAccessReview", spec)).status).toEqual({ allowed: false });
    expect((await ask("SubjectAccessReview", { ...spec, groups: ["system:masters"] })).status).toEqual({
      allowed: true,
    });
    const paths = { groups: ["system:authenticated"], nonResourceAttributes: { verb: "get", path: "/api" } };
    expect((await ask("SubjectAccessReview", paths)).status).toEqual({
      allowed: true,
      reason:
        'RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery" to Group "system:authenticated"',
    });
  });

  test("answer for whoever asks", async () => {
    const spec = { resourceAttributes: listPods };
    expect((await ask("SelfSubjectAccessReview", spec)).status).toMatchObject({ allowed: true });
    expect((await ask("SelfSubjectAccessReview", spec, undefined, {}, jane)).status).toEqual({
      allowed: false,
    });
  });

  test("answer within a namespace", async () => {
    const path = "namespaces/default/localsubjectaccessreviews";
    const spec = { user: "jane", resourceAttributes: listPods };
    expect((await ask("LocalSubjectAccessReview", spec, path, { namespace: "default" })).status).toEqual({
      allowed: false,
    });
  });

  test("list the rules of whoever asks", async () => {
    const { status } = await ask("SelfSubjectRulesReview", { namespace: "default" }, undefined, {}, jane);
    expect(status).toMatchObject({ incomplete: false });
    expect(JSON.stringify(status)).toContain("selfsubjectrulesreviews");
  });

  test.each<[string, string, object, string | undefined, object, RegExp]>([
    [
      "nothing asked",
      "SelfSubjectAccessReview",
      {},
      undefined,
      {},
      /exactly one of nonResourceAttributes or resourceAttributes must be specified/,
    ],
    [
      "two things asked",
      "SelfSubjectAccessReview",
      { resourceAttributes: listPods, nonResourceAttributes: { path: "/" } },
      undefined,
      {},
      /cannot be specified in combination with resourceAttributes/,
    ],
    [
      "about nobody",
      "SubjectAccessReview",
      { resourceAttributes: listPods },
      undefined,
      {},
      /spec.user: Invalid value: "": at least one of user or group must be specified/,
    ],
    [
      "with a name",
      "SubjectAccessReview",
      { user: "a", resourceAttributes: listPods },
      undefined,
      { name: "x" },
      /must be empty/,
    ],
    [
      "about another namespace",
      "LocalSubjectAccessReview",
      { user: "a", resourceAttributes: { ...listPods, namespace: "kube-system" } },
      "namespaces/default/localsubjectaccessreviews",
      { namespace: "default" },
      /must match metadata.namespace/,
    ],
    [
      "about paths in a namespace",
      "LocalSubjectAccessReview",
      { user: "a", nonResourceAttributes: { path: "/", verb: "get" } },
      "namespaces/default/localsubjectaccessreviews",
      { namespace: "default" },
      /disallowed on this kind of request/,
    ],
    ["rules of no namespace", "SelfSubjectRulesReview", {}, undefined, {}, /no namespace on request/],
  ])("%s is refused", async (_what, kind, spec, path, metadata, message) => {
    expect(await refused(ask(kind, spec, path, metadata))).toMatch(message);
  });
});

describe("certificate signing requests", () => {
  const path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
  const request = Buffer.from(
    createSigningRequest(generateKey(), { commonName: "jane", organizations: ["dev"] }),
  ).toString("base64");
  const csr = (spec: object = {}, rest: object = {}) => ({
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "r" },
    spec: { request, signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth"], ...spec },
    ...rest,
  });
  const approved = { type: "Approved", status: "True", reason: "Because", message: "fine" };
  const asOwner = newUser("jane", ["system:masters"]);
  const { authority } = createPki({ clock: new VirtualClock() });
  const certificate = Buffer.from(authority.certificate).toString("base64");
  const put = (subresource: string, object: object, user = admin) =>
    post<CertificateSigningRequest>(user, `${path}/r${subresource}`, object, "PUT");

  test("say who asked, whatever the request claims", async () => {
    const made = await post<CertificateSigningRequest>(
      asOwner,
      path,
      csr(
        { username: "root", groups: ["system:masters", "x"], extra: { a: ["b"] } },
        { status: { conditions: [approved], certificate: "eA==" } },
      ),
    );
    expect(made.spec).toMatchObject({ username: "jane", groups: ["system:masters"] });
    expect(made.spec).not.toHaveProperty("extra");
    expect(made.status?.conditions).toBeUndefined();
    expect(made.status?.certificate).toBeUndefined();
  });

  test("are approved by their subresource, which changes nothing else", async () => {
    const made = await post<CertificateSigningRequest>(admin, path, csr());
    const answer = await put("/approval", {
      ...made,
      metadata: { ...made.metadata, annotations: { "example.com/ticket": "7" } },
      spec: { ...made.spec, signerName: "x.example/y" },
      status: { conditions: [approved], certificate: "eA==" },
    });
    expect(answer.spec.signerName).toBe("kubernetes.io/kube-apiserver-client");
    expect(answer.status).toMatchObject({
      conditions: [
        { ...approved, lastUpdateTime: "2026-01-01T00:00:00Z", lastTransitionTime: "2026-01-01T00:00:00Z" },
      ],
    });
    expect(answer.status?.certificate).toBeUndefined();
    expect(answer.metadata.annotations).toEqual({ "example.com/ticket": "7" });
  });

  test("are not approved by their status, nor by their main resource", async () => {
    const made = await post<CertificateSigningRequest>(admin, path, csr());
    const why = /status.conditions: Forbidden: updates may not add a condition of type "Approved"/;
    expect(await refused(put("/status", { ...made, status: { conditions: [approved] } }))).toMatch(why);
    const updated = await put("", {
      ...made,
      status: { conditions: [approved] },
      spec: { ...made.spec, usages: ["any"] },
    });
    expect(updated.status?.conditions ?? []).toEqual([]);
    expect(updated.spec.usages).toEqual(["client auth"]);
  });

  test("keep a decision when a signer writes the certificate", async () => {
    const made = await post<CertificateSigningRequest>(admin, path, csr());
    const decided = await put("/approval", { ...made, status: { conditions: [approved] } });
    const other = { ...approved, message: "another" };
    const signed = await put("/status", { ...decided, status: { conditions: [other], certificate } });
    expect(signed.status).toMatchObject({ certificate, conditions: [approved] });
    const without = put("/status", { ...signed, status: { certificate } });
    expect(await refused(without)).toMatch(/updates may not remove a condition of type "Approved"/);
  });

  test("take nothing but certificates", async () => {
    const made = await post<CertificateSigningRequest>(admin, path, csr());
    const why = /status.certificate: .* must contain at least one CERTIFICATE PEM block/;
    expect(await refused(put("/status", { ...made, status: { certificate: "eA==" } }))).toMatch(why);
  });

  test("that cannot be read are refused", async () => {
    expect(await refused(post(admin, path, csr({ request: "eA==" })))).toMatch(/spec.request/);
  });
});

describe("requests end to end", () => {
  test("a pod is defaulted, mounted, prioritised and charged", async () => {
    const hard = { pods: "1" };
    await post(admin, "/api/v1/namespaces/default/resourcequotas", {
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { name: "q" },
      spec: { hard },
    });
    const quotaPath = "/api/v1/namespaces/default/resourcequotas/q";
    const stored = (await server.inProcessTransport(admin).request({ method: "GET", path: quotaPath }))
      .body as object;
    await post(admin, `${quotaPath}/status`, { ...stored, status: { hard, used: { pods: "0" } } }, "PUT");
    const made = await post<{ spec: Record<string, unknown> }>(admin, pods, pod());
    expect(made.spec).toMatchObject({
      serviceAccountName: "default",
      priority: 0,
      preemptionPolicy: "PreemptLowerPriority",
    });
    expect(JSON.stringify(made.spec)).toContain("kube-api-access-");
    const second = pod();
    second.metadata.name = "other";
    expect(await refused(post(admin, pods, second))).toBe(
      'pods "other" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
    );
  });

  test("nobody escalates over the API", async () => {
    await reconcileBootstrapPolicyInStores(server.stores, server.reader);
    const rbac = "/apis/rbac.authorization.k8s.io/v1";
    const admins = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "a", namespace: "default" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "admin" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "jane" }],
    };
    await post(admin, `${rbac}/namespaces/default/rolebindings`, admins);
    const attempt = {
      ...admins,
      metadata: { name: "b", namespace: "default" },
      roleRef: { ...admins.roleRef, name: "cluster-admin" },
    };
    expect(await refused(post(jane, `${rbac}/namespaces/default/rolebindings`, attempt))).toBe(
      'rolebindings.rbac.authorization.k8s.io "b" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
        '{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}',
    );
    const edit = { ...attempt, roleRef: { ...admins.roleRef, name: "edit" } };
    expect(await refused(post(jane, `${rbac}/namespaces/default/rolebindings`, edit))).toBe("accepted");
  });
});
