import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RealClock } from "../apimachinery/clock.ts";
import { SeededRandom } from "../apimachinery/random.ts";
import { Auditor } from "../apiserver/audit/auditor.ts";
import { AuditPolicy } from "../apiserver/audit/policy.ts";
import { signTestToken } from "../apiserver/authentication/testing/sign-token.ts";
import { newUser } from "../apiserver/authentication/users.ts";
import type { UserInfo } from "../apiserver/request-context.ts";
import { TestApi } from "../apiserver/testing/api.ts";
import { CertificateAuthority, createPki, createSigningRequest, parseSigningRequest } from "../pki/index.ts";
import { generateKey, privateKeyToPem, publicKeyToPem } from "../pki/keys.ts";
import { Cluster } from "./cluster.ts";
import { adminUser } from "./identities.ts";

/**
 * Attempts to get what one has no right to, each over a socket of its own, written byte by byte: nothing between the
 * test and the server tidies a path or a header. Every attempt ends as it would in Kubernetes, and the audit log has it.
 */

interface Identity {
  readonly token?: string;
  readonly certificate?: { readonly certificate: string; readonly key: string };
}

interface Attempt {
  readonly as?: Identity;
  readonly method?: string;
  readonly path: string;
  readonly headers?: readonly string[];
  readonly body?: unknown;
}

interface Answer {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly body: Record<string, unknown>;
}

interface AuditEvent {
  readonly auditID: string;
  readonly stage: string;
  readonly responseStatus?: { readonly code: number };
}

const clock = new RealClock();
const random = new SeededRandom(1);
const events: AuditEvent[] = [];
const pki = createPki({ clock });
const issuer = "https://kubernetes.default.svc.cluster.local";
let cluster: Cluster;
let admin: TestApi;
let port = 0;
const people = [
  "nobody",
  "reader",
  "role-writer",
  "cluster-role-writer",
  "binder",
  "as-bob",
  "executor",
  "pod-star",
  "one-secret",
  "pod-writer",
  "strict-writer",
  "deploy-writer",
  "proxy-user",
  "asker",
  "approver",
  "endpoint-writer",
  "owner-setter",
  "owner-blocker",
  "finalizer",
  "local-reviewer",
] as const;
/** A static token for each of them. */
const users = new Map<string, UserInfo>(
  people.map((name) => [`token-of-${name}`, newUser(name, ["people"])]),
);

const core = (kind: string, name: string, namespace?: string, rest: object = {}) => ({
  apiVersion: "v1",
  kind,
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  ...rest,
});
const rbac = (kind: string, name: string, rest: object) => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind,
  metadata: { name },
  ...rest,
});
const rbacPath = "/apis/rbac.authorization.k8s.io/v1";
const team = "/api/v1/namespaces/team";
const teamRbac = `${rbacPath}/namespaces/team`;
const csrPath = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/** `get,list pods,pods/log a,b`: verbs, resources (of any group, after a dot), names. */
function ruleOf(text: string): Rule {
  const [verbs = "", what = "", names = ""] = text.split(" ");
  const resources = what.split(",").map((each) => each.split("@")[0] ?? "");
  const groups = what.split(",").map((each) => each.split("@")[1] ?? "");
  return {
    verbs: verbs.split(","),
    apiGroups: [...new Set(groups)],
    resources,
    ...(names === "" ? {} : { resourceNames: names.split(",") }),
  };
}

/** A user with rights in the namespace `team`, or in all of the cluster when they begin with "*". */
async function user(name: (typeof people)[number], ...rights: string[]): Promise<void> {
  const subjects = [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name }];
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: `test:${name}` };
  const everywhere = rights.filter((right) => right.startsWith("*")).map((right) => ruleOf(right.slice(1)));
  const inTeam = rights.filter((right) => !right.startsWith("*")).map(ruleOf);
  if (everywhere.length > 0) {
    await admin.post(`${rbacPath}/clusterroles`, rbac("ClusterRole", `test:${name}`, { rules: everywhere }));
    await admin.post(
      `${rbacPath}/clusterrolebindings`,
      rbac("ClusterRoleBinding", `test:${name}`, { subjects, roleRef }),
    );
  }
  if (inTeam.length > 0) {
    await admin.post(`${teamRbac}/roles`, rbac("Role", `test:${name}`, { rules: inTeam }));
    await admin.post(
      `${teamRbac}/rolebindings`,
      rbac("RoleBinding", `test:${name}`, { subjects, roleRef: { ...roleRef, kind: "Role" } }),
    );
  }
}

const by = (name: (typeof people)[number]): Identity => ({ token: `token-of-${name}` });
const bearer = (token: string): Identity => ({ token });

let attempts = 0;

async function send({ as = {}, method = "GET", path, headers = [], body }: Attempt): Promise<Answer> {
  const auditId = `attempt-${++attempts}`;
  const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
  const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    `Audit-ID: ${auditId}`,
    ...(as.token === undefined ? [] : [`Authorization: Bearer ${as.token}`]),
    ...headers,
    ...(text === "" ? [] : [`Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(text)}`]),
    ...(headers.some((line) => line.startsWith("Connection:")) ? [] : ["Connection: close"]),
  ];
  const answer = await exchange(`${lines.join("\r\n")}\r\n\r\n${text}`, as.certificate);
  await expect.poll(() => auditedCode(auditId)).toBe(answer.code);
  return answer;
}

/** The code with which the audit log says that the request was answered. */
const auditedCode = (auditId: string): number | undefined =>
  events.findLast(({ auditID, responseStatus }) => auditID === auditId && responseStatus !== undefined)
    ?.responseStatus?.code;

function exchange(bytes: string, certificate: Identity["certificate"]): Promise<Answer> {
  const client = certificate === undefined ? {} : { cert: certificate.certificate, key: certificate.key };
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      host: "127.0.0.1",
      port,
      ca: pki.authority.certificate,
      ALPNProtocols: ["http/1.1"],
      ...client,
    });
    const chunks: Buffer[] = [];
    socket.on("secureConnect", () => socket.write(bytes));
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => resolve(answerOf(Buffer.concat(chunks).toString())));
  });
}

function answerOf(text: string): Answer {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const code = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
  let body: Record<string, unknown> = {};
  try {
    body = JSON.parse(rest.join("\r\n\r\n")) as Record<string, unknown>;
  } catch {
    body = { message: rest.join("") };
  }
  const { reason = "", message = "" } = body;
  return { code, reason: String(reason), message: String(message), body };
}

beforeAll(async () => {
  const auditor = new Auditor({
    policy: AuditPolicy.parse("{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: Metadata}]}"),
    backends: [
      {
        plugin: "log",
        lost: 0,
        write: (line) => events.push(JSON.parse(line) as AuditEvent) > 0,
        close: () => Promise.resolve(),
      },
    ],
    clock,
    random,
  });
  cluster = new Cluster({
    clock,
    pki,
    scheduler: false,
    audit: auditor,
    security: { staticTokens: users, enableAdmission: ["OwnerReferencesPermissionEnforcement"] },
  });
  await cluster.startApi();
  await cluster.bootstrap();
  port = await cluster.listen({ address: "127.0.0.1", port: 0 });
  admin = new TestApi(cluster.server.inProcessTransport(adminUser));
  await makeObjects();
  await makeUsers();
});

afterAll(async () => {
  await cluster.stop();
});

const podOf = (name: string, spec: object = {}, metadata: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, ...metadata },
  spec: { containers: [{ name: "c", image: "x" }], serviceAccountName: "robot", ...spec },
});

async function makeObjects(): Promise<void> {
  await admin.post("/api/v1/namespaces", core("Namespace", "team"));
  await admin.post("/api/v1/namespaces", core("Namespace", "other"));
  const enforce = { "pod-security.kubernetes.io/enforce": "restricted" };
  await admin.post("/api/v1/namespaces", {
    ...core("Namespace", "strict"),
    metadata: { name: "strict", labels: enforce },
  });
  for (const namespace of ["team", "other", "strict"]) {
    for (const name of ["default", "robot"]) {
      await admin.post(`/api/v1/namespaces/${namespace}/serviceaccounts`, core("ServiceAccount", name));
    }
    await admin.post(`/api/v1/namespaces/${namespace}/secrets`, core("Secret", "s"));
    await admin.post(`/api/v1/namespaces/${namespace}/configmaps`, core("ConfigMap", "c"));
  }
  await admin.post(`${team}/secrets`, core("Secret", "mine"));
  await admin.post(`${team}/secrets`, core("Secret", "theirs"));
  await admin.post(`${team}/configmaps`, core("ConfigMap", "theirs"));
  await admin.post(`${team}/serviceaccounts`, core("ServiceAccount", "stranger"));
  for (const name of ["n1", "n2"]) {
    const spec = { taints: [{ key: "gpu", effect: "NoSchedule" }] };
    await admin.post("/api/v1/nodes", core("Node", name, undefined, { spec }));
  }
  const secret = (secretName: string) => ({ volumes: [{ name: "v", secret: { secretName } }] });
  await admin.post(`${team}/pods`, podOf("on-n1", { nodeName: "n1", ...secret("mine") }));
  await admin.post(
    `${team}/pods`,
    podOf("on-n2", { nodeName: "n2", serviceAccountName: "stranger", ...secret("theirs") }),
  );
  await admin.post(`${team}/services`, {
    ...core("Service", "out"),
    spec: { clusterIP: "None", ports: [{ port: 80 }] },
  });
  await admin.post(`${team}/configmaps`, core("ConfigMap", "owner"));
  await admin.post(csrPath, signingRequest("waiting", "example.com/own", "joe", ["dev"]));
}

async function makeUsers(): Promise<void> {
  const roles = "create,update,patch,get roles,rolebindings@rbac.authorization.k8s.io";
  await user("nobody");
  await user("reader", "get,list,watch pods,pods/log,services,configmaps");
  await user("role-writer", roles, "get,list pods");
  await user(
    "cluster-role-writer",
    "*create,update,patch,get clusterroles,clusterrolebindings@rbac.authorization.k8s.io",
  );
  await user("binder", roles, "bind clusterroles@rbac.authorization.k8s.io view");
  await user("as-bob", "*impersonate users bob", "*impersonate groups dev");
  await user("executor", "get pods,pods/exec,pods/attach,pods/portforward");
  await user("pod-star", "get,create pods/*");
  await user("one-secret", "get,list,create,update,delete,deletecollection secrets mine");
  await user("pod-writer", "get,create,update,patch,delete pods");
  await user("strict-writer", "*create pods");
  await user("deploy-writer", "get,update,patch deployments@apps");
  await user("proxy-user", "get,create services/proxy,pods/proxy");
  await user("asker", "*create,get certificatesigningrequests@certificates.k8s.io");
  await user(
    "approver",
    "*get,update,patch certificatesigningrequests,certificatesigningrequests/approval,certificatesigningrequests/status@certificates.k8s.io",
  );
  await user("endpoint-writer", "create endpoints,endpointslices@discovery.k8s.io");
  await user("owner-setter", "create,update,patch,delete configmaps");
  await user("owner-blocker", "create,update,patch,delete,get configmaps");
  await user("finalizer", "update pods/finalizers", "get pods");
  await user("local-reviewer", "create localsubjectaccessreviews@authorization.k8s.io");
}

function signingRequest(
  name: string,
  signerName: string,
  commonName: string,
  organizations: string[],
  usages: string[] = ["client auth", "digital signature"],
) {
  const request = Buffer.from(createSigningRequest(generateKey(), { commonName, organizations }));
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name },
    spec: { request: request.toString("base64"), signerName, usages },
  };
}

const kubelet = (name: string, organizations = ["system:nodes"]): Identity => ({
  certificate: pki.authority.issueClient({ commonName: `system:node:${name}`, organizations }, clock.now()),
});
const n1 = kubelet("n1");

type Row = readonly [what: string, attempt: Attempt, code: number, message: RegExp];

const reasons: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  422: "Invalid",
  503: "ServiceUnavailable",
};

async function outcomeOf(attempt: Attempt): Promise<Omit<Answer, "body">> {
  const { code, reason, message } = await send(attempt);
  return { code, reason, message };
}

const denied = (code: number, message: RegExp) => ({
  code,
  reason: reasons[code],
  message: expect.stringMatching(message) as unknown,
});

const escalates = /attempting to grant RBAC permissions not currently held:\n\{APIGroups:|NonResourceURLs:/;
const rules = (...texts: string[]) => texts.map(ruleOf);
const toRole = (kind: string, name: string) => ({
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name },
});
const subjects = [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "role-writer" }];

describe("roles", () => {
  test.each<Row>([
    [
      "a role with rights that its writer lacks",
      {
        as: by("role-writer"),
        method: "POST",
        path: `${teamRbac}/roles`,
        body: rbac("Role", "r", { rules: rules("get secrets") }),
      },
      403,
      /^roles.rbac.authorization.k8s.io "r" is forbidden: user "role-writer" \(groups=\["people" "system:authenticated"\]\) is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}$/,
    ],
    [
      "a role of everything",
      {
        as: by("role-writer"),
        method: "POST",
        path: `${teamRbac}/roles`,
        body: rbac("Role", "r", { rules: rules("* *@*") }),
      },
      403,
      escalates,
    ],
    [
      "one's own role, widened",
      {
        as: by("role-writer"),
        method: "PATCH",
        path: `${teamRbac}/roles/test:role-writer`,
        body: { rules: rules("* *@*") },
      },
      403,
      escalates,
    ],
    [
      "a subresource beside the resource held",
      {
        as: by("role-writer"),
        method: "POST",
        path: `${teamRbac}/roles`,
        body: rbac("Role", "r", { rules: rules("get pods/exec") }),
      },
      403,
      escalates,
    ],
    [
      "all names where some are held",
      {
        as: by("one-secret"),
        method: "POST",
        path: `${teamRbac}/roles`,
        body: rbac("Role", "r", { rules: rules("get secrets") }),
      },
      403,
      /cannot create resource "roles"/,
    ],
    [
      "a cluster role for paths",
      {
        as: by("cluster-role-writer"),
        method: "POST",
        path: `${rbacPath}/clusterroles`,
        body: rbac("ClusterRole", "r", { rules: [{ verbs: ["get"], nonResourceURLs: ["/metrics"] }] }),
      },
      403,
      /\{NonResourceURLs:\["\/metrics"\], Verbs:\["get"\]\}$/,
    ],
    [
      "a cluster role that flows into admin",
      {
        as: by("cluster-role-writer"),
        method: "POST",
        path: `${rbacPath}/clusterroles`,
        body: {
          ...rbac("ClusterRole", "r", { rules: rules("get nodes") }),
          metadata: { name: "r", labels: { "rbac.authorization.k8s.io/aggregate-to-admin": "true" } },
        },
      },
      403,
      escalates,
    ],
    [
      "a cluster role that gathers others",
      {
        as: by("cluster-role-writer"),
        method: "POST",
        path: `${rbacPath}/clusterroles`,
        body: rbac("ClusterRole", "r", { rules: [], aggregationRule: { clusterRoleSelectors: [{}] } }),
      },
      403,
      /must have cluster-admin privileges to use the aggregationRule$/,
    ],
    [
      "a binding to a role of more",
      {
        as: by("role-writer"),
        method: "POST",
        path: `${teamRbac}/rolebindings`,
        body: rbac("RoleBinding", "b", { subjects, ...toRole("ClusterRole", "cluster-admin") }),
      },
      403,
      escalates,
    ],
    [
      "a binding to a role that is not the one granted",
      {
        as: by("binder"),
        method: "POST",
        path: `${teamRbac}/rolebindings`,
        body: rbac("RoleBinding", "b", { subjects, ...toRole("ClusterRole", "edit") }),
      },
      403,
      escalates,
    ],
    [
      "a cluster-wide binding",
      {
        as: by("role-writer"),
        method: "POST",
        path: `${rbacPath}/clusterrolebindings`,
        body: rbac("ClusterRoleBinding", "b", { subjects, ...toRole("ClusterRole", "view") }),
      },
      403,
      /cannot create resource "clusterrolebindings" in API group "rbac.authorization.k8s.io" at the cluster scope$/,
    ],
    [
      "oneself bound to cluster-admin",
      {
        as: by("cluster-role-writer"),
        method: "POST",
        path: `${rbacPath}/clusterrolebindings`,
        body: rbac("ClusterRoleBinding", "b", { subjects, ...toRole("ClusterRole", "cluster-admin") }),
      },
      403,
      escalates,
    ],
    [
      "oneself among the subjects of a greater role",
      {
        as: by("cluster-role-writer"),
        method: "PATCH",
        path: `${rbacPath}/clusterrolebindings/cluster-admin`,
        body: { subjects },
      },
      403,
      escalates,
    ],
    [
      "another role for a binding",
      {
        as: by("binder"),
        method: "PATCH",
        path: `${teamRbac}/rolebindings/test:reader`,
        body: toRole("ClusterRole", "view"),
      },
      422,
      /roleRef: Invalid value: .*: cannot change roleRef$/,
    ],
    [
      "a binding to no role",
      {
        as: by("role-writer"),
        method: "POST",
        path: `${teamRbac}/rolebindings`,
        body: rbac("RoleBinding", "b", { subjects, ...toRole("ClusterRole", "later") }),
      },
      404,
      /^clusterroles.rbac.authorization.k8s.io "later" not found$/,
    ],
  ])("%s", async (_what, attempt, code, message) => {
    expect(await outcomeOf(attempt)).toEqual(denied(code, message));
  });
});

const as = (name: string): string => `Impersonate-User: ${name}`;

describe("impersonation", () => {
  test.each<Row>([
    [
      "without a right",
      { as: by("nobody"), path: "/api/v1/pods", headers: [as("kubernetes-admin")] },
      403,
      /User "nobody" cannot impersonate/,
    ],
    [
      "of another user than the one granted",
      { as: by("as-bob"), path: "/api/v1/pods", headers: [as("root")] },
      403,
      /cannot impersonate/,
    ],
    [
      "of the group of masters",
      { as: by("as-bob"), path: "/api/v1/pods", headers: [as("bob"), "Impersonate-Group: system:masters"] },
      403,
      /cannot impersonate/,
    ],
    [
      "of a granted group and the masters in one line",
      {
        as: by("as-bob"),
        path: "/api/v1/pods",
        headers: [as("bob"), "Impersonate-Group: dev,system:masters"],
      },
      403,
      /cannot impersonate/,
    ],
    [
      "of a granted group and the masters in two lines",
      {
        as: by("as-bob"),
        path: "/api/v1/pods",
        headers: [as("bob"), "Impersonate-Group: dev", "Impersonate-Group: system:masters"],
      },
      403,
      /cannot impersonate/,
    ],
    [
      "with a uid",
      { as: by("as-bob"), path: "/api/v1/pods", headers: [as("bob"), "Impersonate-Uid: 1"] },
      403,
      /cannot impersonate/,
    ],
    [
      "with an extra",
      { as: by("as-bob"), path: "/api/v1/pods", headers: [as("bob"), "Impersonate-Extra-Scopes: all"] },
      403,
      /cannot impersonate/,
    ],
    [
      "of a service account",
      {
        as: by("as-bob"),
        path: "/api/v1/pods",
        headers: [as("system:serviceaccount:kube-system:clusterrole-aggregation-controller")],
      },
      403,
      /cannot impersonate/,
    ],
    [
      "of a node",
      { as: by("as-bob"), path: "/api/v1/pods", headers: [as("system:node:n1")] },
      403,
      /cannot impersonate/,
    ],
    [
      "of a group and no user",
      { as: by("as-bob"), path: "/api/v1/pods", headers: ["Impersonate-Group: system:masters"] },
      400,
      /without impersonating a user name$/,
    ],
    ["by nobody at all", { path: "/api/v1/pods", headers: [as("kubernetes-admin")] }, 401, /^Unauthorized$/],
    [
      "that is granted gives the other's rights and no more",
      { as: by("as-bob"), path: "/api/v1/pods", headers: [as("bob"), "Impersonate-Group: dev"] },
      403,
      /^pods is forbidden: User "bob" cannot list resource "pods" in API group "" at the cluster scope$/,
    ],
    [
      "after a first line without value",
      { as: by("as-bob"), path: "/api/v1/pods", headers: ["Impersonate-User:", as("bob")] },
      403,
      /is forbidden/,
    ],
  ])("%s", async (_what, attempt, code, message) => {
    expect(await outcomeOf(attempt)).toEqual(denied(code, message));
  });
});

const unrelated = /no relationship found between node 'n1' and this object$/;
const tokenRequest = (spec: object) => ({
  apiVersion: "authentication.k8s.io/v1",
  kind: "TokenRequest",
  metadata: {},
  spec: { audiences: [], ...spec },
});

describe("a kubelet", () => {
  test.each<Row>([
    ["reads a secret of a pod elsewhere", { as: n1, path: `${team}/secrets/theirs` }, 403, unrelated],
    ["reads a secret of no pod", { as: n1, path: "/api/v1/namespaces/other/secrets/s" }, 403, unrelated],
    ["lists secrets", { as: n1, path: `${team}/secrets` }, 403, /No Object name found$/],
    [
      "lists secrets of all namespaces",
      { as: n1, path: "/api/v1/secrets" },
      403,
      /can only read namespaced object of this type$/,
    ],
    [
      "lists secrets by the name of one it may read, and others",
      { as: n1, path: `${team}/secrets?fieldSelector=metadata.name!=mine` },
      403,
      /No Object name found$/,
    ],
    [
      "changes a secret that it may read",
      { as: n1, method: "PATCH", path: `${team}/secrets/mine`, body: { data: {} } },
      403,
      /can only read resources of this type$/,
    ],
    ["reads a config map of a pod elsewhere", { as: n1, path: `${team}/configmaps/theirs` }, 403, unrelated],
    [
      "asks for a token of an account of a pod elsewhere",
      { as: n1, method: "POST", path: `${team}/serviceaccounts/stranger/token`, body: tokenRequest({}) },
      403,
      unrelated,
    ],
    [
      "asks for a token bound to nothing",
      { as: n1, method: "POST", path: `${team}/serviceaccounts/robot/token`, body: tokenRequest({}) },
      403,
      /node requested token not bound to a pod$/,
    ],
    [
      "asks for a token bound to a pod elsewhere",
      {
        as: n1,
        method: "POST",
        path: `${team}/serviceaccounts/robot/token`,
        body: tokenRequest({ boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "on-n2", uid: "x" } }),
      },
      403,
      /does not match the UID in record/,
    ],
    [
      "reads another node",
      { as: n1, path: "/api/v1/nodes/n2" },
      403,
      /node 'n1' cannot read 'n2', only its own Node object$/,
    ],
    [
      "writes another node's status",
      { as: n1, method: "PATCH", path: "/api/v1/nodes/n2/status", body: { status: { phase: "Running" } } },
      403,
      /node "n1" is not allowed to modify node "n2"$/,
    ],
    [
      "labels itself for work that is kept from it",
      {
        as: n1,
        method: "PATCH",
        path: "/api/v1/nodes/n1",
        body: { metadata: { labels: { "node-restriction.kubernetes.io/pci": "true" } } },
      },
      403,
      /is not allowed to modify labels: node-restriction.kubernetes.io\/pci$/,
    ],
    [
      "takes its taints off",
      { as: n1, method: "PATCH", path: "/api/v1/nodes/n1", body: { spec: { taints: null } } },
      403,
      /node "n1" is not allowed to modify taints$/,
    ],
    [
      "takes its taints off by its status",
      {
        as: n1,
        method: "PATCH",
        path: "/api/v1/nodes/n1/status",
        body: { metadata: { labels: { "x.k8s.io/a": "b" } } },
      },
      403,
      /is not allowed to modify labels: x.k8s.io\/a$/,
    ],
    [
      "deletes itself",
      { as: n1, method: "DELETE", path: "/api/v1/nodes/n1" },
      403,
      /cannot delete resource "nodes"/,
    ],
    [
      "deletes a pod elsewhere",
      { as: n1, method: "DELETE", path: `${team}/pods/on-n2` },
      403,
      /can only delete pods with spec.nodeName set to itself$/,
    ],
    [
      "evicts a pod elsewhere",
      {
        as: n1,
        method: "POST",
        path: `${team}/pods/on-n2/eviction`,
        body: { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "on-n2" } },
      },
      403,
      /can only evict pods with spec.nodeName set to itself$/,
    ],
    [
      "writes the status of a pod elsewhere",
      { as: n1, method: "PATCH", path: `${team}/pods/on-n2/status`, body: { status: { phase: "Failed" } } },
      403,
      /can only update pod status for pods with spec.nodeName set to itself$/,
    ],
    [
      "makes an ordinary pod",
      { as: n1, method: "POST", path: `${team}/pods`, body: podOf("new", { nodeName: "n1" }) },
      403,
      /can only create mirror pods$/,
    ],
    [
      "makes a mirror pod with an account",
      {
        as: n1,
        method: "POST",
        path: `${team}/pods`,
        body: podOf("new", { nodeName: "n1" }, { annotations: { "kubernetes.io/config.mirror": "x" } }),
      },
      403,
      /can only create pods with an owner reference set to itself$/,
    ],
    [
      "makes a mirror pod of another node",
      {
        as: n1,
        method: "POST",
        path: `${team}/pods`,
        body: podOf("new", { nodeName: "n2" }, { annotations: { "kubernetes.io/config.mirror": "x" } }),
      },
      403,
      /can only create pods with spec.nodeName set to itself$/,
    ],
    [
      "runs a command in its pod by way of the API",
      { as: n1, method: "POST", path: `${team}/pods/on-n1/exec?command=sh` },
      403,
      /cannot create resource "pods\/exec"/,
    ],
    [
      "binds a pod",
      {
        as: n1,
        method: "POST",
        path: `${team}/pods/on-n1/binding`,
        body: core("Binding", "on-n1", "team", { target: { kind: "Node", name: "n1" } }),
      },
      403,
      /cannot create resource "pods\/binding"/,
    ],
    [
      "writes the lease of another node",
      {
        as: n1,
        method: "PUT",
        path: "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n2",
        body: {},
      },
      403,
      /can only access node lease with the same name as the requesting node$/,
    ],
    [
      "asks for another node's certificate",
      {
        as: n1,
        method: "POST",
        path: csrPath,
        body: signingRequest("n2", "kubernetes.io/kube-apiserver-client-kubelet", "system:node:n2", [
          "system:nodes",
        ]),
      },
      403,
      /can only create a node CSR with CN=system:node:n1$/,
    ],
    [
      "approves its own certificate",
      { as: n1, method: "PATCH", path: `${csrPath}/waiting/approval`, body: {} },
      403,
      /cannot patch resource "certificatesigningrequests\/approval"/,
    ],
    [
      "is none without its group",
      { as: kubelet("n1", ["dev"]), path: `${team}/secrets/mine` },
      403,
      /User "system:node:n1" cannot get resource "secrets"/,
    ],
    [
      "is none without a name",
      { as: kubelet(""), path: `${team}/secrets/mine` },
      403,
      /unknown node for user "system:node:"$/,
    ],
  ])("%s", async (_what, attempt, code, message) => {
    expect(await outcomeOf(attempt)).toEqual(denied(code, message));
  });

  test("reads the secrets of its own pods", async () => {
    expect((await send({ as: n1, path: `${team}/secrets/mine` })).code).toBe(200);
  });
});

describe("tokens", () => {
  const nowSeconds = Math.floor(clock.now() / 1000);
  let uid = "";
  const claims = (changes: object = {}, bound: object = {}) => ({
    iss: issuer,
    aud: [issuer],
    sub: "system:serviceaccount:team:robot",
    exp: nowSeconds + 600,
    iat: nowSeconds - 10,
    nbf: nowSeconds - 10,
    "kubernetes.io": {
      namespace: "team",
      serviceaccount: { name: "robot", uid: uid },
      ...bound,
    },
    ...changes,
  });
  const [keyId = ""] = pki.serviceAccountKeys.keys();
  const header = { alg: "ES256", kid: keyId };
  const signed = (changes: object = {}, bound: object = {}): string =>
    signTestToken(header, claims(changes, bound), pki.serviceAccountKey, "ES256");

  beforeAll(async () => {
    uid = (await admin.get(`${team}/serviceaccounts/robot`)).metadata.uid ?? "";
  });

  const statusOf = async (token: string): Promise<number> =>
    (await send({ as: bearer(token), path: "/api" })).code;

  test("a good one is good", async () => {
    expect(await statusOf(signed())).toBe(200);
  });

  test.each<[string, () => string]>([
    ["for another audience", () => signed({ aud: ["vault"] })],
    ["that has ended", () => signed({ exp: nowSeconds - 120 })],
    ["that has no end", () => signed({ exp: undefined })],
    ["that has not begun", () => signed({ nbf: nowSeconds + 300 })],
    ["of another issuer", () => signed({ iss: "https://evil.example" })],
    ["in the name of another account", () => signed({ sub: "system:serviceaccount:kube-system:default" })],
    ["of a former account of that name", () => signed({}, { serviceaccount: { name: "robot", uid: "old" } })],
    [
      "of an account that is not there",
      () =>
        signed({ sub: "system:serviceaccount:team:ghost" }, { serviceaccount: { name: "ghost", uid: "x" } }),
    ],
    ["of a pod that is not there", () => signed({}, { pod: { name: "ghost", uid: "x" } })],
    ["of a former pod of that name", () => signed({}, { pod: { name: "on-n1", uid: "old" } })],
    ["of a node that is not there", () => signed({}, { node: { name: "n9", uid: "x" } })],
    [
      "signed by nobody",
      () =>
        `${signTestToken({ alg: "none", kid: keyId }, claims(), "", "HS256").split(".").slice(0, 2).join(".")}.`,
    ],
    [
      "that says it is signed by nobody",
      () => signTestToken({ ...header, alg: "none" }, claims(), pki.serviceAccountKey, "ES256"),
    ],
    [
      "signed with the public key as a secret",
      () =>
        signTestToken({ ...header, alg: "HS256" }, claims(), publicKeyToPem(pki.serviceAccountKey), "HS256"),
    ],
    ["signed with another key of that name", () => signTestToken(header, claims(), generateKey(), "ES256")],
    [
      "that brings its own key",
      () => {
        const key = generateKey();
        const jwk = { ...key.export({ format: "jwk" }), d: undefined };
        return signTestToken({ alg: "ES256", kid: "own", jwk }, claims(), key, "ES256");
      },
    ],
    [
      "whose key is a path",
      () => signTestToken({ alg: "ES256", kid: "../../dev/null" }, claims(), generateKey(), "ES256"),
    ],
    [
      "whose key is a member of every object",
      () => signTestToken({ alg: "ES256", kid: "__proto__" }, claims(), generateKey(), "ES256"),
    ],
    [
      "whose claims were changed after it was signed",
      () => {
        const [head, , signature] = signed().split(".");
        const other = claims({ sub: "system:serviceaccount:kube-system:default" });
        return `${head}.${Buffer.from(JSON.stringify(other)).toString("base64url")}.${signature}`;
      },
    ],
    [
      "of the kind kept in secrets, for a secret that is not there",
      () =>
        signTestToken(
          header,
          {
            iss: "kubernetes/serviceaccount",
            sub: "system:serviceaccount:team:robot",
            "kubernetes.io/serviceaccount/namespace": "team",
            "kubernetes.io/serviceaccount/secret.name": "gone",
            "kubernetes.io/serviceaccount/service-account.name": "robot",
            "kubernetes.io/serviceaccount/service-account.uid": uid,
          },
          pki.serviceAccountKey,
          "ES256",
        ),
    ],
    ["that is a bootstrap token nobody made", () => "abcdef.0123456789abcdef"],
    ["that is no token", () => "x"],
  ])("one %s is refused", async (_what, make) => {
    expect(await outcomeOf({ as: bearer(make()), path: `${team}/secrets/mine` })).toEqual(
      denied(401, /^Unauthorized$/),
    );
  });

  const fresh = async (path: string, spec: object): Promise<string> => {
    const answer = await admin.post(path, tokenRequest({ audiences: [issuer], ...spec }));
    return (answer as unknown as { status: { token: string } }).status.token;
  };

  test("one ends with its pod, at once, and a pod of the same name does not bring it back", async () => {
    const pod = await admin.post(`${team}/pods`, podOf("brief"));
    const boundObjectRef = { apiVersion: "v1", kind: "Pod", name: "brief", uid: pod.metadata.uid };
    const token = await fresh(`${team}/serviceaccounts/robot/token`, { boundObjectRef });
    expect(await statusOf(token)).toBe(200);
    await admin.delete(`${team}/pods/brief`, { gracePeriodSeconds: 0 });
    expect(await statusOf(token)).toBe(401);
    await admin.post(`${team}/pods`, podOf("brief"));
    expect(await statusOf(token)).toBe(401);
  });

  test("one ends with its account, at once, and an account of the same name does not bring it back", async () => {
    await admin.post(`${team}/serviceaccounts`, core("ServiceAccount", "brief"));
    const token = await fresh(`${team}/serviceaccounts/brief/token`, {});
    expect(await statusOf(token)).toBe(200);
    await admin.delete(`${team}/serviceaccounts/brief`);
    expect(await statusOf(token)).toBe(401);
    await admin.post(`${team}/serviceaccounts`, core("ServiceAccount", "brief"));
    expect(await statusOf(token)).toBe(401);
  });

  test("one ends with its secret, at once", async () => {
    await admin.post(`${team}/secrets`, core("Secret", "brief"));
    const boundObjectRef = { apiVersion: "v1", kind: "Secret", name: "brief" };
    const token = await fresh(`${team}/serviceaccounts/robot/token`, { boundObjectRef });
    expect(await statusOf(token)).toBe(200);
    await admin.delete(`${team}/secrets/brief`);
    expect(await statusOf(token)).toBe(401);
  });
});

describe("certificates", () => {
  const foreign = CertificateAuthority.create("kubernetes", clock.now());
  const masters = { commonName: "root", organizations: ["system:masters"] };
  test.each<[string, () => Identity]>([
    [
      "of another authority of the same name",
      () => ({ certificate: foreign.issueClient(masters, clock.now()) }),
    ],
    [
      "that has ended",
      () => ({ certificate: pki.authority.issueClient(masters, clock.now() - 7_200_000, 3_600_000) }),
    ],
    [
      "for servers",
      () => {
        const key = generateKey();
        const request = parseSigningRequest(createSigningRequest(key, masters));
        const certificate = pki.authority.sign(request, ["server auth"], clock.now(), 3_600_000);
        return { certificate: { certificate, key: privateKeyToPem(key) } };
      },
    ],
    [
      "of the front proxy's authority for somebody else",
      () => ({ certificate: pki.frontProxyAuthority.issueClient(masters, clock.now()) }),
    ],
  ])("one %s is refused", async (_what, make) => {
    expect(
      await outcomeOf({
        as: make(),
        path: "/api/v1/secrets",
        headers: ["X-Remote-User: root", "X-Remote-Group: system:masters"],
      }),
    ).toEqual(denied(401, /^Unauthorized$/));
  });
});

describe("paths", () => {
  const forbidden = /is forbidden|^forbidden: /;
  const other = "/api/v1/namespaces/other/secrets";
  test.each<[string, string]>([
    ["another namespace", other],
    ["a slash twice", `/${other}`],
    ["an empty segment", other.replace("/v1/", "/v1//")],
    ["an empty segment for a namespace", "/api/v1/namespaces//secrets"],
    ["a way up", "/api/v1/namespaces/team/../other/secrets"],
    ["a way up, escaped", "/api/v1/namespaces/team/%2e%2e/other/secrets"],
    ["a way up, with an escaped slash", "/api/v1/namespaces/team%2f..%2fother/secrets"],
    ["a way up, escaped twice", "/api/v1/namespaces/team/%252e%252e/other/secrets"],
    ["a way up from the version", "/apis/apps/v1/../../../api/v1/secrets"],
    ["a way up by the name", "/api/v1/namespaces/team/configmaps/..%2f..%2fother%2fsecrets%2fs"],
    ["a parameter of the path", "/api/v1/namespaces/other;a=b/secrets"],
    ["a parameter of the name", `${other}/s;configmaps`],
    ["capitals", "/API/v1/secrets"],
    ["capitals in the resource", "/api/v1/namespaces/other/Secrets"],
    ["a slash at the end", `${other}/`],
    ["a question mark, escaped", `${other}%3flimit=1`],
    ["a zero byte", `${other}%00`],
    ["the old form of a watch", "/api/v1/watch/secrets"],
    ["the old form of a watch in a namespace", "/api/v1/watch/namespaces/other/secrets/s"],
    ["a namespace as a subresource of a readable resource", "/api/v1/namespaces/team/configmaps/c/secrets"],
    ["a whole URL", "https://127.0.0.1/api/v1/secrets"],
    ["another host's URL", "http://kubernetes.default/api/v1/namespaces/other/secrets/s"],
    ["all namespaces", "/api/v1/secrets"],
    ["all namespaces, narrowed by a selector", "/api/v1/configmaps?fieldSelector=metadata.namespace=team"],
    ["a path that is no resource", "/logs/"],
    ["metrics", "/metrics"],
    ["profiles", "/debug/pprof/heap"],
  ])("%s: 403", async (_what, path) => {
    expect(await outcomeOf({ as: by("reader"), path })).toEqual(denied(403, forbidden));
  });

  test("a method that is none is no way in", async () => {
    expect(await outcomeOf({ as: by("reader"), method: "PROPFIND", path: other })).toEqual(
      denied(403, forbidden),
    );
  });

  test("a method in a header is not one", async () => {
    const headers = ["X-HTTP-Method-Override: DELETE"];
    const attempt = { as: by("reader"), path: `${team}/configmaps/c`, headers };
    expect((await send(attempt)).code).toBe(200);
    expect((await admin.get(`${team}/configmaps/c`)).metadata.name).toBe("c");
  });
});

describe("nobody", () => {
  test.each([
    "/",
    "/api",
    "/apis",
    "/api/v1",
    "/api/v1/pods",
    "/apis/apps/v1",
    "/metrics",
    "/openapi/v2",
    "/openapi/v3",
    "/openid/v1/jwks",
    "/.well-known/openid-configuration",
    "/logs",
    "/debug/pprof/",
    "/healthzz",
    "/versions",
    "/readyz%2f..%2fapi%2fv1%2fsecrets",
    "//healthz",
    "/Healthz",
    "/api/v1/namespaces/kube-public/configmaps/cluster-info",
  ])("sees nothing of %s", async (path) => {
    expect(await outcomeOf({ path })).toEqual(denied(401, /^Unauthorized$/));
  });

  test.each(["/healthz/../api/v1/secrets", "/readyz/..%2f..%2fapi", "/version/../apis"])(
    "gets no further than the door: %s",
    async (path) => {
      expect(await outcomeOf({ path })).toEqual(
        denied(403, /^forbidden: User "system:anonymous" cannot get path/),
      );
    },
  );

  test.each<[string, string[]]>([
    [
      "a user in the header of a proxy",
      ["X-Remote-User: kubernetes-admin", "X-Remote-Group: system:masters"],
    ],
    ["a name and a password", [`Authorization: Basic ${Buffer.from("admin:admin").toString("base64")}`]],
    ["a token without its scheme", ["Authorization: token-of-reader"]],
    ["a good token after a bad one", ["Authorization: Bearer x", "Authorization: Bearer token-of-reader"]],
    ["a token in a cookie", ["Cookie: token=token-of-reader"]],
    ["an empty token", ["Authorization: Bearer "]],
  ])("is somebody by %s: 401", async (_what, headers) => {
    expect(await outcomeOf({ path: `${team}/pods`, headers })).toEqual(denied(401, /^Unauthorized$/));
  });

  test("a token in the address is not looked at", async () => {
    expect(await outcomeOf({ path: `${team}/pods?access_token=token-of-reader` })).toEqual(
      denied(401, /^Unauthorized$/),
    );
  });
});

const webSocket = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol: v5.channel.k8s.io",
];
const slice = (address: string) => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: {
    name: `s-${address.replaceAll(/[^a-z0-9]/g, "-")}`,
    labels: { "kubernetes.io/service-name": "out" },
  },
  addressType: address.includes(":") ? "IPv6" : "IPv4",
  endpoints: [{ addresses: [address] }],
  ports: [{ port: 80 }],
});
const slices = "/apis/discovery.k8s.io/v1/namespaces/team/endpointslices";

describe("pods, their insides and what lies behind proxies", () => {
  test.each<Row>([
    [
      "exec by who may read",
      { as: by("reader"), path: `${team}/pods/on-n1/exec?command=sh`, headers: webSocket },
      403,
      /cannot get resource "pods\/exec"/,
    ],
    [
      "exec by GET without the right to create",
      { as: by("executor"), path: `${team}/pods/on-n1/exec?command=sh`, headers: webSocket },
      403,
      /^pods "on-n1" is forbidden: User "executor" cannot create resource "pods\/exec" in API group "" in the namespace "team"$/,
    ],
    [
      "attach by GET without the right to create",
      { as: by("executor"), path: `${team}/pods/on-n1/attach`, headers: webSocket },
      403,
      /cannot create resource "pods\/attach"/,
    ],
    [
      "port-forward by GET without the right to create",
      { as: by("executor"), path: `${team}/pods/on-n1/portforward`, headers: webSocket },
      403,
      /cannot create resource "pods\/portforward"/,
    ],
    [
      "exec by POST without the right to create",
      { as: by("executor"), method: "POST", path: `${team}/pods/on-n1/exec?command=sh` },
      403,
      /cannot create resource "pods\/exec"/,
    ],
    [
      "a star after the slash",
      { as: by("pod-star"), path: `${team}/pods/on-n1/log` },
      403,
      /cannot get resource "pods\/log"/,
    ],
    [
      "a star after the slash, for the pod itself",
      { as: by("pod-star"), path: `${team}/pods/on-n1` },
      403,
      /cannot get resource "pods"/,
    ],
    [
      "a star after the slash, for exec",
      { as: by("pod-star"), method: "POST", path: `${team}/pods/on-n1/exec?command=sh` },
      403,
      /cannot create resource "pods\/exec"/,
    ],
    [
      "ephemeral containers by who may patch pods",
      {
        as: by("pod-writer"),
        method: "PATCH",
        path: `${team}/pods/on-n1/ephemeralcontainers`,
        body: { spec: { ephemeralContainers: [{ name: "e", image: "x" }] } },
      },
      403,
      /cannot patch resource "pods\/ephemeralcontainers"/,
    ],
    [
      "a status by who may patch pods",
      {
        as: by("pod-writer"),
        method: "PATCH",
        path: `${team}/pods/on-n1/status`,
        body: { status: { phase: "Failed" } },
      },
      403,
      /cannot patch resource "pods\/status"/,
    ],
    [
      "a node by who may patch pods",
      { as: by("pod-writer"), method: "POST", path: `${team}/pods/on-n1/binding`, body: {} },
      403,
      /cannot create resource "pods\/binding"/,
    ],
    [
      "another size by who may patch pods",
      { as: by("pod-writer"), method: "PATCH", path: `${team}/pods/on-n1/resize`, body: {} },
      403,
      /cannot patch resource "pods\/resize"/,
    ],
    [
      "an eviction by who may delete pods",
      { as: by("pod-writer"), method: "POST", path: `${team}/pods/on-n1/eviction`, body: {} },
      403,
      /cannot create resource "pods\/eviction"/,
    ],
    [
      "a log by who may read pods only",
      { as: by("pod-writer"), path: `${team}/pods/on-n1/log` },
      403,
      /cannot get resource "pods\/log"/,
    ],
    [
      "a scale by who may patch deployments",
      {
        as: by("deploy-writer"),
        method: "PATCH",
        path: "/apis/apps/v1/namespaces/team/deployments/d/scale",
        body: { spec: { replicas: 9 } },
      },
      403,
      /cannot patch resource "deployments\/scale"/,
    ],
    [
      "a new deployment by way of an update",
      {
        as: by("deploy-writer"),
        method: "PUT",
        path: "/apis/apps/v1/namespaces/other/deployments/d",
        body: {},
      },
      403,
      /cannot update resource "deployments"/,
    ],
    [
      "finalizers by the right to set them, on the pod itself",
      {
        as: by("finalizer"),
        method: "PATCH",
        path: `${team}/pods/on-n1`,
        body: { metadata: { finalizers: null } },
      },
      403,
      /cannot patch resource "pods"/,
    ],
    [
      "a proxy to a pod by who may read it",
      { as: by("reader"), path: `${team}/pods/on-n1/proxy/` },
      403,
      /cannot get resource "pods\/proxy"/,
    ],
    [
      "a proxy to a service by who may read it",
      { as: by("reader"), path: `${team}/services/out/proxy/` },
      403,
      /cannot get resource "services\/proxy"/,
    ],
    [
      "a proxy to a node by who may to pods",
      { as: by("proxy-user"), path: "/api/v1/nodes/n1/proxy/metrics" },
      403,
      /cannot get resource "nodes\/proxy"/,
    ],
    [
      "a proxy to a node's port",
      { as: by("proxy-user"), path: "/api/v1/nodes/n1:10250/proxy/exec" },
      403,
      /cannot get resource "nodes\/proxy"/,
    ],
    [
      "a proxy in another namespace",
      { as: by("proxy-user"), path: "/api/v1/namespaces/other/services/out/proxy/" },
      403,
      /cannot get resource "services\/proxy"/,
    ],
    [
      "a proxy that deletes, by who may read and write through it",
      { as: by("proxy-user"), method: "DELETE", path: `${team}/services/out/proxy/x` },
      403,
      /cannot delete resource "services\/proxy"/,
    ],
    [
      "a proxy to an address for a name",
      { as: by("proxy-user"), path: `${team}/services/127.0.0.1:6443/proxy/` },
      404,
      /not found$/,
    ],
    [
      "a proxy to the address of metadata for a name",
      { as: by("proxy-user"), path: `${team}/services/169.254.169.254/proxy/latest/meta-data` },
      404,
      /not found$/,
    ],
    [
      "a proxy to an address for a pod",
      { as: by("proxy-user"), path: `${team}/pods/http:169.254.169.254:80/proxy/` },
      404,
      /not found$/,
    ],
    [
      "endpoints at the loopback",
      { as: by("endpoint-writer"), method: "POST", path: slices, body: slice("127.0.0.1") },
      422,
      /may not be in the loopback range \(127.0.0.0\/8, ::1\/128\)/,
    ],
    [
      "endpoints at the loopback of IPv6",
      { as: by("endpoint-writer"), method: "POST", path: slices, body: slice("::1") },
      422,
      /may not be in the loopback range/,
    ],
    [
      "endpoints at the address of metadata",
      { as: by("endpoint-writer"), method: "POST", path: slices, body: slice("169.254.169.254") },
      422,
      /may not be in the link-local range/,
    ],
    [
      "endpoints of the older kind at the loopback",
      {
        as: by("endpoint-writer"),
        method: "POST",
        path: `${team}/endpoints`,
        body: core("Endpoints", "out", "team", {
          subsets: [{ addresses: [{ ip: "127.0.0.1" }], ports: [{ port: 80 }] }],
        }),
      },
      422,
      /may not be in the loopback range/,
    ],
    [
      "a pod that sees the machine's files",
      {
        as: by("strict-writer"),
        method: "POST",
        path: "/api/v1/namespaces/strict/pods",
        body: podOf("p", { volumes: [{ name: "v", hostPath: { path: "/" } }] }),
      },
      403,
      /violates PodSecurity "restricted:latest": .*hostPath/,
    ],
    [
      "a pod that is the machine",
      {
        as: by("strict-writer"),
        method: "POST",
        path: "/api/v1/namespaces/strict/pods",
        body: podOf("p", {
          hostPID: true,
          containers: [{ name: "c", image: "x", securityContext: { privileged: true } }],
        }),
      },
      403,
      /violates PodSecurity "restricted:latest": host namespaces \(hostPID=true\), privileged/,
    ],
    [
      "a mirror pod with an account",
      {
        as: by("pod-writer"),
        method: "POST",
        path: `${team}/pods`,
        body: podOf("m", { nodeName: "n1" }, { annotations: { "kubernetes.io/config.mirror": "x" } }),
      },
      403,
      /a mirror pod may not reference service accounts$/,
    ],
    [
      "a mirror pod with a secret",
      {
        as: by("pod-writer"),
        method: "POST",
        path: `${team}/pods`,
        body: podOf(
          "m",
          {
            nodeName: "n1",
            serviceAccountName: "",
            volumes: [{ name: "v", secret: { secretName: "theirs" } }],
          },
          { annotations: { "kubernetes.io/config.mirror": "x" } },
        ),
      },
      403,
      /a mirror pod may not reference secrets$/,
    ],
    [
      "a pod of an account that is not there",
      {
        as: by("pod-writer"),
        method: "POST",
        path: `${team}/pods`,
        body: podOf("m", { serviceAccountName: "ghost" }),
      },
      403,
      /error looking up service account team\/ghost: serviceaccount "ghost" not found$/,
    ],
  ])("%s", async (_what, attempt, code, message) => {
    expect(await outcomeOf(attempt)).toEqual(denied(code, message));
  });

  test("a service whose endpoints somebody else wrote leads nowhere", async () => {
    await admin.post(slices, slice("10.0.0.1"));
    expect(await outcomeOf({ as: by("proxy-user"), path: `${team}/services/out/proxy/` })).toEqual(
      denied(503, /no endpoints available for service "out"/),
    );
  });

  test("a status that is sent with the object is not taken", async () => {
    await admin.post(`${team}/pods`, podOf("plain"));
    const body = { status: { phase: "Succeeded", podIP: "127.0.0.1" } };
    const answer = await send({ as: by("pod-writer"), method: "PATCH", path: `${team}/pods/plain`, body });
    expect(answer.code).toBe(200);
    expect(answer.body["status"]).toMatchObject({ phase: "Pending" });
    expect(answer.body["status"]).not.toHaveProperty("podIP");
  });
});

describe("rights for one name", () => {
  test.each<Row>([
    [
      "another one",
      { as: by("one-secret"), path: `${team}/secrets/theirs` },
      403,
      /cannot get resource "secrets"/,
    ],
    ["all of them", { as: by("one-secret"), path: `${team}/secrets` }, 403, /cannot list resource "secrets"/],
    [
      "all of them, by a selector that names it not",
      { as: by("one-secret"), path: `${team}/secrets?fieldSelector=metadata.name!=mine` },
      403,
      /cannot list resource "secrets"/,
    ],
    [
      "all of them, by a second selector",
      { as: by("one-secret"), path: `${team}/secrets?fieldSelector=&fieldSelector=metadata.name%3Dmine` },
      403,
      /cannot list resource "secrets"/,
    ],
    [
      "a new one",
      { as: by("one-secret"), method: "POST", path: `${team}/secrets`, body: core("Secret", "mine") },
      403,
      /cannot create resource "secrets"/,
    ],
    [
      "deleting all",
      { as: by("one-secret"), method: "DELETE", path: `${team}/secrets` },
      403,
      /cannot deletecollection resource "secrets"/,
    ],
    [
      "the name in the body",
      { as: by("one-secret"), method: "PUT", path: `${team}/secrets/theirs`, body: core("Secret", "mine") },
      403,
      /cannot update resource "secrets"/,
    ],
  ])("do not cover %s", async (_what, attempt, code, message) => {
    expect(await outcomeOf(attempt)).toEqual(denied(code, message));
  });

  test("cover a list by that name, and of two names at once there is nothing", async () => {
    const listed = async (selector: string): Promise<unknown[]> => {
      const path = `${team}/secrets?fieldSelector=${encodeURIComponent(selector)}`;
      const { body } = await send({ as: by("one-secret"), path });
      return (body["items"] as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
    };
    expect(await listed("metadata.name=mine")).toEqual(["mine"]);
    expect(await listed("metadata.name=mine,metadata.name=theirs")).toEqual([]);
    expect(await listed("metadata.name=mine,metadata.name!=mine")).toEqual([]);
  });

  test("another name in the body than in the address is a mistake", async () => {
    const attempt: Attempt = {
      as: by("one-secret"),
      method: "PUT",
      path: `${team}/secrets/mine`,
      body: core("Secret", "theirs"),
    };
    expect(await outcomeOf(attempt)).toEqual(
      denied(400, /the name of the object \(theirs\) does not match the name on the URL \(mine\)$/),
    );
  });

  test("another namespace in the body than in the address is a mistake", async () => {
    const attempt: Attempt = {
      as: by("owner-setter"),
      method: "POST",
      path: `${team}/configmaps`,
      body: core("ConfigMap", "x", "other"),
    };
    expect(await outcomeOf(attempt)).toEqual(
      denied(400, /the namespace of the provided object does not match the namespace sent on the request$/),
    );
  });
});

const owner = { apiVersion: "v1", kind: "Pod", name: "on-n1", uid: "1", blockOwnerDeletion: true };
const owned = (references: object[]) => ({
  ...core("ConfigMap", "owned"),
  metadata: { name: "owned", ownerReferences: references },
});

describe("certificates for others, reviews, owners", () => {
  test.each<Row>([
    [
      "a certificate of the masters",
      {
        as: by("asker"),
        method: "POST",
        path: csrPath,
        body: signingRequest("m", "kubernetes.io/kube-apiserver-client", "root", ["system:masters"]),
      },
      403,
      /use of kubernetes.io\/kube-apiserver-client signer with system:masters group is not allowed$/,
    ],
    [
      "a certificate by the signer without rules",
      {
        as: by("asker"),
        method: "POST",
        path: csrPath,
        body: signingRequest("m", "kubernetes.io/legacy-unknown", "root", ["system:masters"]),
      },
      422,
      /the legacy signerName is not allowed via this API version/,
    ],
    [
      "an approval of one's own",
      { as: by("asker"), method: "PATCH", path: `${csrPath}/waiting/approval`, body: {} },
      403,
      /cannot patch resource "certificatesigningrequests\/approval"/,
    ],
    [
      "an approval without the signer's right",
      {
        as: by("approver"),
        method: "PATCH",
        path: `${csrPath}/waiting/approval`,
        body: { status: { conditions: [{ type: "Approved", status: "True", reason: "x" }] } },
      },
      403,
      /user not permitted to approve requests with signerName "example.com\/own"$/,
    ],
    [
      "an approval by way of the status",
      {
        as: by("approver"),
        method: "PATCH",
        path: `${csrPath}/waiting/status`,
        body: { status: { conditions: [{ type: "Failed", status: "True", reason: "x" }] } },
      },
      403,
      /user not permitted to sign requests with signerName "example.com\/own"$/,
    ],
    [
      "a signature without the signer's right",
      {
        as: by("approver"),
        method: "PATCH",
        path: `${csrPath}/waiting/status`,
        body: { status: { certificate: Buffer.from(pki.authority.certificate).toString("base64") } },
      },
      403,
      /user not permitted to sign/,
    ],
    [
      "a token of a stronger account",
      {
        as: by("pod-writer"),
        method: "POST",
        path: "/api/v1/namespaces/kube-system/serviceaccounts/clusterrole-aggregation-controller/token",
        body: tokenRequest({}),
      },
      403,
      /cannot create resource "serviceaccounts\/token"/,
    ],
    [
      "whose a token is",
      {
        as: by("reader"),
        method: "POST",
        path: "/apis/authentication.k8s.io/v1/tokenreviews",
        body: {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenReview",
          spec: { token: "token-of-binder" },
        },
      },
      403,
      /cannot create resource "tokenreviews"/,
    ],
    [
      "what others may do",
      {
        as: by("reader"),
        method: "POST",
        path: "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        body: {
          apiVersion: "authorization.k8s.io/v1",
          kind: "SubjectAccessReview",
          spec: { user: "root", nonResourceAttributes: { path: "/", verb: "get" } },
        },
      },
      403,
      /cannot create resource "subjectaccessreviews"/,
    ],
    [
      "what others may do elsewhere, by the right to ask here",
      {
        as: by("local-reviewer"),
        method: "POST",
        path: "/apis/authorization.k8s.io/v1/namespaces/team/localsubjectaccessreviews",
        body: {
          apiVersion: "authorization.k8s.io/v1",
          kind: "LocalSubjectAccessReview",
          metadata: { namespace: "team" },
          spec: {
            user: "root",
            resourceAttributes: { namespace: "other", verb: "get", resource: "secrets" },
          },
        },
      },
      422,
      /must match metadata.namespace$/,
    ],
    [
      "an owner that blocks, by who may not finalize it",
      { as: by("owner-blocker"), method: "POST", path: `${team}/configmaps`, body: owned([owner]) },
      403,
      /cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: /,
    ],
    [
      "a namespace's end",
      { as: by("pod-writer"), method: "PUT", path: `${team}/finalize`, body: {} },
      403,
      /cannot update resource "namespaces\/finalize"/,
    ],
    [
      "a webhook that sees everything",
      {
        as: by("cluster-role-writer"),
        method: "POST",
        path: "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
        body: {},
      },
      403,
      /cannot create resource "validatingwebhookconfigurations"/,
    ],
    [
      "an API of one's own",
      {
        as: by("cluster-role-writer"),
        method: "POST",
        path: "/apis/apiregistration.k8s.io/v1/apiservices",
        body: {},
      },
      403,
      /cannot create resource "apiservices"/,
    ],
  ])("%s", async (_what, attempt, code, message) => {
    expect(await outcomeOf(attempt)).toEqual(denied(code, message));
  });

  test("who asks for a certificate is who asks, whatever the request says", async () => {
    const request = signingRequest("mine", "kubernetes.io/kube-apiserver-client", "joe", ["dev"]);
    const spec = {
      ...request.spec,
      username: "root",
      groups: ["system:masters"],
      uid: "0",
      extra: { a: ["b"] },
    };
    const answer = await send({ as: by("asker"), method: "POST", path: csrPath, body: { ...request, spec } });
    expect(answer.code).toBe(201);
    expect(answer.body["spec"]).toMatchObject({
      username: "asker",
      groups: ["people", "system:authenticated"],
    });
    expect(answer.body["spec"]).not.toHaveProperty("uid");
    expect(answer.body["spec"]).not.toHaveProperty("extra");
  });
});
