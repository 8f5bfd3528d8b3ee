import { beforeEach, describe, expect, test } from "vitest";
import type { ClusterRole, PolicyRule, Role, Subject } from "../../api/types/rbac-v1.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { isForbidden, isNotFound } from "../../apimachinery/status.ts";
import { FakeReader } from "../admission/testing/fake-reader.ts";
import { newUser } from "../authentication/users.ts";
import type { UserInfo } from "../request-context.ts";
import type { AuthorizationAttributes } from "./authorizer.ts";
import { bootstrapPolicy } from "./bootstrap-policy.ts";
import { EscalationGuard } from "./escalation.ts";
import { forbiddenError } from "./forbidden.ts";
import { NodeAuthorizer } from "./node.ts";
import { RbacAuthorizer } from "./rbac.ts";
import type { Binding } from "./rbac-index.ts";
import { reconciledBinding, reconciledRole } from "./reconcile-bootstrap-policy.ts";
import { missingRules, rulesAllow } from "./rules.ts";
import { AuthorizerUnion, MastersAuthorizer } from "./union.ts";

const rbacGroup = "rbac.authorization.k8s.io";
const apiVersion = "rbac.authorization.k8s.io/v1";

/** `get pods`, `list deployments.apps in default`, `create pods/exec x in default`, `get /healthz`. */
function ask(user: UserInfo, text: string): AuthorizationAttributes {
  const [request = "", namespace = ""] = text.split(" in ");
  const [verb = "", what = "", name = ""] = request.split(" ");
  const [full = "", subresource = ""] = what.split("/");
  const dot = full.indexOf(".");
  const common = { user, verb, namespace, version: "v1", subresource, name, path: "" };
  if (what.startsWith("/")) {
    return { ...common, isResourceRequest: false, group: "", resource: "", subresource: "", path: what };
  }
  return {
    ...common,
    isResourceRequest: true,
    resource: dot < 0 ? full : full.slice(0, dot),
    group: dot < 0 ? "" : full.slice(dot + 1),
  };
}

const someone = newUser("someone");

describe("rulesAllow()", () => {
  test.each<[string, PolicyRule, string, boolean]>([
    ["a named verb", { verbs: ["get"], apiGroups: [""], resources: ["pods"] }, "get pods", true],
    ["another verb", { verbs: ["get"], apiGroups: [""], resources: ["pods"] }, "list pods", false],
    ["every verb", { verbs: ["*"], apiGroups: [""], resources: ["pods"] }, "delete pods", true],
    ["another group", { verbs: ["get"], apiGroups: ["apps"], resources: ["pods"] }, "get pods", false],
    [
      "every group",
      { verbs: ["get"], apiGroups: ["*"], resources: ["pods"] },
      "get pods.metrics.k8s.io",
      true,
    ],
    [
      "a subresource is not its resource",
      { verbs: ["get"], apiGroups: [""], resources: ["pods"] },
      "get pods/log",
      false,
    ],
    [
      "a resource is not its subresource",
      { verbs: ["get"], apiGroups: [""], resources: ["pods/log"] },
      "get pods",
      false,
    ],
    [
      "a subresource by name",
      { verbs: ["get"], apiGroups: [""], resources: ["pods/log"] },
      "get pods/log",
      true,
    ],
    [
      "every resource has its subresources",
      { verbs: ["get"], apiGroups: [""], resources: ["*"] },
      "get pods/log",
      true,
    ],
    [
      "a subresource of everything",
      { verbs: ["get"], apiGroups: ["*"], resources: ["*/scale"] },
      "get deployments.apps/scale",
      true,
    ],
    [
      "another subresource of everything",
      { verbs: ["get"], apiGroups: ["*"], resources: ["*/scale"] },
      "get deployments.apps/status",
      false,
    ],
    [
      "a name",
      { verbs: ["get"], apiGroups: [""], resources: ["pods"], resourceNames: ["a"] },
      "get pods a",
      true,
    ],
    [
      "another name",
      { verbs: ["get"], apiGroups: [""], resources: ["pods"], resourceNames: ["a"] },
      "get pods b",
      false,
    ],
    [
      "a list has no name",
      { verbs: ["list"], apiGroups: [""], resources: ["pods"], resourceNames: ["a"] },
      "list pods",
      false,
    ],
    ["a path", { verbs: ["get"], nonResourceURLs: ["/healthz"] }, "get /healthz", true],
    ["a path below", { verbs: ["get"], nonResourceURLs: ["/healthz"] }, "get /healthz/etcd", false],
    ["paths with a star", { verbs: ["get"], nonResourceURLs: ["/api/*"] }, "get /api/v1", true],
    [
      "a star does not match its own stem",
      { verbs: ["get"], nonResourceURLs: ["/api/*"] },
      "get /api",
      false,
    ],
    ["every path", { verbs: ["*"], nonResourceURLs: ["*"] }, "post /anything", true],
    ["paths are not resources", { verbs: ["*"], nonResourceURLs: ["*"] }, "get pods", false],
    ["resources are not paths", { verbs: ["*"], apiGroups: ["*"], resources: ["*"] }, "get /healthz", false],
  ])("%s", (_what, rule, request, allowed) => {
    expect(rulesAllow(ask(someone, request), [rule])).toBe(allowed);
  });
});

describe("missingRules()", () => {
  const pods: PolicyRule = { verbs: ["get", "list"], apiGroups: [""], resources: ["pods"] };
  test.each<[string, PolicyRule[], PolicyRule[], number]>([
    ["the same", [pods], [pods], 0],
    ["nothing wanted", [], [], 0],
    ["nothing held", [], [pods], 2],
    [
      "held in parts",
      [
        { ...pods, verbs: ["get"] },
        { ...pods, verbs: ["list"] },
      ],
      [pods],
      0,
    ],
    ["one verb more", [pods], [{ ...pods, verbs: ["get", "delete"] }], 1],
    ["a star is more than every verb named", [pods], [{ ...pods, verbs: ["*"] }], 1],
    ["a star holds all", [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }], [pods], 0],
    ["a name of all", [pods], [{ ...pods, resourceNames: ["a"] }], 0],
    ["all of a name", [{ ...pods, resourceNames: ["a"] }], [pods], 2],
    [
      "a subresource of everything",
      [{ verbs: ["get"], apiGroups: [""], resources: ["*/log"] }],
      [{ verbs: ["get"], apiGroups: [""], resources: ["pods/log"] }],
      0,
    ],
    ["a resource is not its subresource", [pods], [{ ...pods, resources: ["pods/log"] }], 2],
    [
      "a path under a star",
      [{ verbs: ["get"], nonResourceURLs: ["/api/*"] }],
      [{ verbs: ["get"], nonResourceURLs: ["/api/v1"] }],
      0,
    ],
    [
      "a star under a path",
      [{ verbs: ["get"], nonResourceURLs: ["/api"] }],
      [{ verbs: ["get"], nonResourceURLs: ["/api*"] }],
      1,
    ],
    [
      "every resource is not every path",
      [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }],
      [{ verbs: ["get"], nonResourceURLs: ["/x"] }],
      1,
    ],
  ])("%s", (_what, held, wanted, count) => {
    expect(missingRules(held, wanted)).toHaveLength(count);
  });
});

describe("forbiddenError()", () => {
  const jane = newUser("jane");
  test.each([
    [
      "list pods in default",
      "",
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    ],
    [
      "get deployments.apps/scale web in shop",
      "",
      'deployments.apps "web" is forbidden: User "jane" cannot get resource "deployments/scale" in API group "apps" in the namespace "shop"',
    ],
    [
      "delete nodes n1",
      "",
      'nodes "n1" is forbidden: User "jane" cannot delete resource "nodes" in API group "" at the cluster scope',
    ],
    ["get /metrics", "", 'forbidden: User "jane" cannot get path "/metrics"'],
    [
      "get secrets s in default",
      "no relationship found",
      'secrets "s" is forbidden: User "jane" cannot get resource "secrets" in API group "" in the namespace "default": no relationship found',
    ],
    ["get /<script>", "", 'forbidden: User "jane" cannot get path "/&lt;script&gt;"'],
  ])("%s", (request, reason, message) => {
    const error = forbiddenError(ask(jane, request), reason);
    expect(error).toMatchObject({ message, code: 403, reason: "Forbidden" });
  });
});

function clusterRole(name: string, ...rules: PolicyRule[]): ClusterRole {
  return { apiVersion, kind: "ClusterRole", metadata: { name }, rules };
}

function role(namespace: string, name: string, ...rules: PolicyRule[]): Role {
  return { apiVersion, kind: "Role", metadata: { name, namespace }, rules };
}

function binding(namespace: string, name: string, roleName: string, ...subjects: Subject[]): Binding {
  const [kind = "", ref = ""] = roleName.split("/");
  const roleRef = { apiGroup: rbacGroup, kind, name: ref };
  return namespace === ""
    ? { apiVersion, kind: "ClusterRoleBinding", metadata: { name }, roleRef, subjects }
    : { apiVersion, kind: "RoleBinding", metadata: { name, namespace }, roleRef, subjects };
}

const userSubject = (name: string): Subject => ({ apiGroup: rbacGroup, kind: "User", name });
const groupSubject = (name: string): Subject => ({ apiGroup: rbacGroup, kind: "Group", name });

function clusterWith(...objects: KubernetesObject[]): FakeReader {
  const reader = new FakeReader();
  const resourceOf: Record<string, string> = {
    ClusterRole: "clusterroles",
    ClusterRoleBinding: "clusterrolebindings",
    Role: "roles",
    RoleBinding: "rolebindings",
  };
  for (const object of objects)
    reader.put(`${resourceOf[object.kind]}.${rbacGroup}`, structuredClone(object));
  return reader;
}

const { clusterRoles, clusterRoleBindings, roles, roleBindings } = bootstrapPolicy();
const bootstrap = [...clusterRoles, ...clusterRoleBindings, ...roles, ...roleBindings];

function authorizers(reader: FakeReader) {
  const rbac = new RbacAuthorizer(reader);
  const union = new AuthorizerUnion([new MastersAuthorizer(), new NodeAuthorizer(reader), rbac]);
  return { rbac, union, guard: new EscalationGuard(union, rbac) };
}

describe("RbacAuthorizer", () => {
  const readPods: PolicyRule = { verbs: ["get"], apiGroups: [""], resources: ["pods"] };

  test("names the binding, the role and the subject that allowed", async () => {
    const { rbac } = authorizers(
      clusterWith(
        clusterRole("reader", readPods),
        binding("", "readers", "ClusterRole/reader", groupSubject("dev")),
        role("shop", "r", readPods),
        binding("shop", "rs", "Role/r", { kind: "ServiceAccount", name: "robot" }),
      ),
    );
    expect(await rbac.authorize(ask(newUser("jane", ["dev"]), "get pods in default"))).toEqual({
      decision: "allow",
      reason: 'RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to Group "dev"',
    });
    expect(
      await rbac.authorize(ask(newUser("system:serviceaccount:shop:robot"), "get pods in shop")),
    ).toEqual({
      decision: "allow",
      reason: 'RBAC: allowed by RoleBinding "rs/shop" of Role "r" to ServiceAccount "robot/shop"',
    });
  });

  test("a binding to a role that does not exist is said", async () => {
    const { rbac } = authorizers(clusterWith(binding("", "b", "ClusterRole/ghost", userSubject("jane"))));
    expect(await rbac.authorize(ask(newUser("jane"), "get pods in default"))).toEqual({
      decision: "noOpinion",
      reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "ghost" not found',
    });
    expect((await rbac.rulesFor(newUser("jane"), "default")).incomplete).toBe(true);
  });

  test("follows every change of bindings and roles", async () => {
    const reader = clusterWith(role("shop", "r", readPods));
    const { rbac } = authorizers(reader);
    const jane = newUser("jane");
    const decide = async (): Promise<string> =>
      (await rbac.authorize(ask(jane, "get pods in shop"))).decision;
    expect(await decide()).toBe("noOpinion");
    reader.put(`rolebindings.${rbacGroup}`, binding("shop", "b", "Role/r", userSubject("jane")));
    expect(await decide()).toBe("allow");
    reader.put(`rolebindings.${rbacGroup}`, binding("shop", "b", "Role/r", userSubject("bob")));
    expect(await decide()).toBe("noOpinion");
    reader.put(
      `rolebindings.${rbacGroup}`,
      binding("shop", "b", "Role/r", userSubject("bob"), userSubject("jane")),
    );
    expect(await decide()).toBe("allow");
    reader.put(`roles.${rbacGroup}`, role("shop", "r"));
    expect(await decide()).toBe("noOpinion");
    reader.put(`roles.${rbacGroup}`, role("shop", "r", readPods));
    expect(await decide()).toBe("allow");
    reader.remove(`rolebindings.${rbacGroup}`, "shop/b");
    expect(await decide()).toBe("noOpinion");
  });

  test("lists the rules of a user, paths apart", async () => {
    const { rbac } = authorizers(clusterWith(...bootstrap));
    const rules = await rbac.rulesFor(newUser("jane", ["system:authenticated"]), "default");
    expect(rules.incomplete).toBe(false);
    expect(rules.resourceRules).toContainEqual({
      verbs: ["create"],
      apiGroups: ["authorization.k8s.io"],
      resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
    });
    expect(rules.nonResourceRules.flatMap((rule) => rule.nonResourceURLs)).toContain("/version");
  });

  test("five thousand bindings of others cost nothing", async () => {
    const reader = clusterWith(role("shop", "r", readPods));
    for (let index = 0; index < 5000; index++) {
      reader.put(
        `rolebindings.${rbacGroup}`,
        binding("shop", `b${index}`, "Role/r", userSubject(`u${index}`)),
      );
    }
    const { rbac } = authorizers(reader);
    expect([...rbac.index.bindingsFor(newUser("u4999"), "shop")]).toHaveLength(1);
    expect([...rbac.index.bindingsFor(newUser("nobody"), "shop")]).toHaveLength(0);
  });
});

describe("the bootstrap policy", () => {
  const reader = clusterWith(
    ...bootstrap,
    binding("shop", "admins", "ClusterRole/admin", userSubject("ann")),
    binding("shop", "editors", "ClusterRole/edit", userSubject("ed")),
    binding("shop", "viewers", "ClusterRole/view", userSubject("vi")),
    binding("", "root", "ClusterRole/cluster-admin", userSubject("root")),
  );
  const { union } = authorizers(reader);
  const users: Record<string, UserInfo> = {
    masters: newUser("m", ["system:masters"]),
    anonymous: newUser("system:anonymous", ["system:unauthenticated"]),
    kcm: newUser("system:kube-controller-manager", ["system:authenticated"]),
    scheduler: newUser("system:kube-scheduler", ["system:authenticated"]),
    proxy: newUser("system:kube-proxy", ["system:authenticated"]),
    dns: newUser("system:serviceaccount:kube-system:kube-dns", [
      "system:serviceaccounts",
      "system:authenticated",
    ]),
    robot: newUser("system:serviceaccount:shop:default", ["system:serviceaccounts", "system:authenticated"]),
    deployments: newUser("system:serviceaccount:kube-system:deployment-controller", ["system:authenticated"]),
    monitor: newUser("prometheus", ["system:monitoring", "system:authenticated"]),
  };
  const who = (name: string): UserInfo => users[name] ?? newUser(name, ["system:authenticated"]);

  test.each([
    ["masters", "delete nodes n1", "allow"],
    ["masters", "post /anything", "allow"],
    ["root", "delete nodes n1", "allow"],
    ["root", "get /metrics", "allow"],
    ["anonymous", "get /healthz", "allow"],
    ["anonymous", "get /version", "allow"],
    ["anonymous", "get /api", "noOpinion"],
    ["anonymous", "get /metrics", "noOpinion"],
    ["anonymous", "list pods in shop", "noOpinion"],
    ["jane", "get /api", "allow"],
    ["jane", "get /apis/apps/v1", "allow"],
    ["jane", "get /openapi/v3", "allow"],
    ["jane", "get /metrics", "noOpinion"],
    ["jane", "create selfsubjectaccessreviews.authorization.k8s.io", "allow"],
    ["jane", "create selfsubjectreviews.authentication.k8s.io", "allow"],
    ["jane", "create subjectaccessreviews.authorization.k8s.io", "noOpinion"],
    ["jane", "list namespaces", "noOpinion"],
    ["robot", "get /openid/v1/jwks", "allow"],
    ["robot", "list pods in shop", "noOpinion"],
    ["monitor", "get /metrics", "allow"],
    ["ann", "create roles.rbac.authorization.k8s.io in shop", "allow"],
    ["ann", "create deployments.apps in shop", "allow"],
    ["ann", "list pods in shop", "allow"],
    ["ann", "get secrets in shop", "allow"],
    ["ann", "create resourcequotas in shop", "noOpinion"],
    ["ann", "update namespaces shop in shop", "noOpinion"],
    ["ann", "list pods in other", "noOpinion"],
    ["ann", "create clusterroles.rbac.authorization.k8s.io", "noOpinion"],
    ["ed", "create deployments.apps in shop", "allow"],
    ["ed", "get secrets in shop", "allow"],
    ["ed", "create pods/exec x in shop", "allow"],
    ["ed", "create serviceaccounts/token x in shop", "allow"],
    ["ed", "create roles.rbac.authorization.k8s.io in shop", "noOpinion"],
    ["ed", "get roles.rbac.authorization.k8s.io in shop", "noOpinion"],
    ["ed", "create endpoints in shop", "noOpinion"],
    ["ed", "update pods/status x in shop", "noOpinion"],
    ["vi", "list pods in shop", "allow"],
    ["vi", "get pods/log x in shop", "allow"],
    ["vi", "get secrets in shop", "noOpinion"],
    ["vi", "create pods in shop", "noOpinion"],
    ["vi", "create pods/exec x in shop", "noOpinion"],
    ["kcm", "list things.example.com", "allow"],
    ["kcm", "delete pods in shop", "noOpinion"],
    ["scheduler", "create pods/binding x in shop", "allow"],
    ["scheduler", "create pods in shop", "noOpinion"],
    ["proxy", "watch services", "allow"],
    ["proxy", "get secrets in shop", "noOpinion"],
    ["dns", "watch services", "allow"],
    ["dns", "get pods in shop", "noOpinion"],
    ["deployments", "create replicasets.apps in shop", "allow"],
    ["deployments", "create pods in shop", "noOpinion"],
  ])("%s: %s → %s", async (name, request, decision) => {
    expect((await union.authorize(ask(who(name), request))).decision).toBe(decision);
  });

  test("aggregated roles have their rules from the start", () => {
    const rulesOf = (name: string): PolicyRule[] =>
      clusterRoles.find((role) => role.metadata.name === name)?.rules ?? [];
    expect(missingRules(rulesOf("admin"), rulesOf("edit"))).toEqual([]);
    expect(missingRules(rulesOf("edit"), rulesOf("view"))).toEqual([]);
    expect(missingRules(rulesOf("edit"), rulesOf("admin"))).not.toEqual([]);
  });

  test("names are unique and every binding has its role", () => {
    const names = clusterRoles.map((role) => role.metadata.name);
    expect(new Set(names).size).toBe(names.length);
    for (const { roleRef } of clusterRoleBindings) expect(names).toContain(roleRef.name);
    for (const { roleRef, metadata } of roleBindings) {
      expect(
        roles.some(
          (role) => role.metadata.name === roleRef.name && role.metadata.namespace === metadata.namespace,
        ),
      ).toBe(true);
    }
  });
});

describe("reconciling", () => {
  const expected = clusterRole("x", { verbs: ["get"], apiGroups: [""], resources: ["pods"] });
  test("adds missing rules and keeps what people added", () => {
    const extra: PolicyRule = { verbs: ["get"], apiGroups: [""], resources: ["secrets"] };
    expect(reconciledRole({ ...expected, rules: [extra] }, expected).rules).toEqual([
      extra,
      ...(expected.rules ?? []),
    ]);
  });

  test("leaves a role alone that has more than it must", () => {
    const more: ClusterRole = { ...expected, rules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }] };
    expect(reconciledRole(more, expected).rules).toEqual(more.rules);
  });

  test("adds missing subjects, and makes a binding to another role anew", () => {
    const wanted = binding("", "b", "ClusterRole/x", groupSubject("a"));
    const existing = binding("", "b", "ClusterRole/x", groupSubject("b"));
    expect(reconciledBinding(existing, wanted)).toMatchObject({
      subjects: [groupSubject("b"), groupSubject("a")],
    });
    expect(reconciledBinding(binding("", "b", "ClusterRole/y"), wanted)).toBe("recreate");
  });
});

describe("NodeAuthorizer", () => {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "shop" },
    spec: {
      nodeName: "n1",
      serviceAccountName: "robot",
      imagePullSecrets: [{ name: "pull" }],
      initContainers: [{ name: "i", envFrom: [{ secretRef: { name: "init-env" } }] }],
      containers: [
        {
          name: "c",
          env: [
            { name: "A", valueFrom: { secretKeyRef: { name: "env", key: "k" } } },
            { name: "B", valueFrom: { configMapKeyRef: { name: "settings", key: "k" } } },
          ],
        },
      ],
      volumes: [
        { name: "a", secret: { secretName: "vol" } },
        {
          name: "b",
          projected: { sources: [{ secret: { name: "proj" } }, { configMap: { name: "proj-map" } }] },
        },
        { name: "c", persistentVolumeClaim: { claimName: "data" } },
        { name: "d", csi: { driver: "x", nodePublishSecretRef: { name: "csi" } } },
        { name: "scratch", ephemeral: {} },
      ],
    },
  };
  const mirror = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "static-n1", namespace: "shop", annotations: { "kubernetes.io/config.mirror": "x" } },
    spec: { nodeName: "n1", containers: [], volumes: [{ name: "a", secret: { secretName: "stolen" } }] },
  };
  const claim = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data", namespace: "shop" },
    spec: { volumeName: "pv1" },
  };
  const volume = {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "pv1" },
    spec: {
      claimRef: { namespace: "shop", name: "data" },
      csi: { nodeStageSecretRef: { namespace: "storage", name: "stage" } },
    },
  };
  let reader: FakeReader;
  let node: NodeAuthorizer;
  beforeEach(() => {
    reader = new FakeReader()
      .put("pods", structuredClone(pod), structuredClone(mirror))
      .put("persistentvolumeclaims", structuredClone(claim))
      .put("persistentvolumes", structuredClone(volume));
    node = new NodeAuthorizer(reader);
  });
  const kubelet = newUser("system:node:n1", ["system:nodes", "system:authenticated"]);
  const other = newUser("system:node:n2", ["system:nodes", "system:authenticated"]);

  const mine = [
    ...["pull", "init-env", "env", "vol", "proj", "csi"].map((name) => `get secrets ${name} in shop`),
    "list secrets vol in shop",
    "watch secrets vol in shop",
    "get secrets stage in storage",
    "get configmaps settings in shop",
    "get configmaps proj-map in shop",
    "get persistentvolumeclaims data in shop",
    "get persistentvolumeclaims web-scratch in shop",
    "patch persistentvolumeclaims/status data in shop",
    "get persistentvolumes pv1",
    "create serviceaccounts/token robot in shop",
    "get serviceaccounts robot in shop",
    "get pods web in shop",
  ];
  test.each(mine)("%s: allowed to the pod's node, refused to another", async (request) => {
    expect((await node.authorize(ask(kubelet, request))).decision).toBe("allow");
    expect((await node.authorize(ask(other, request))).decision).toBe("noOpinion");
  });

  test.each([
    "get secrets other in shop",
    "get secrets stolen in shop",
    "get secrets vol in default",
    "list secrets in shop",
    "list secrets",
    "update secrets vol in shop",
    "delete secrets vol in shop",
    "create configmaps in shop",
    "list persistentvolumes",
    "list persistentvolumeclaims in shop",
    "update persistentvolumeclaims data in shop",
    "create serviceaccounts/token admin in shop",
    "get serviceaccounts admin in shop",
    "list serviceaccounts in shop",
    "create serviceaccounts in shop",
    "get nodes n2",
    "list nodes",
    "delete nodes n1",
    "delete nodes n2",
    "list pods",
    "list pods in shop",
    "update pods web in shop",
    "patch pods web in shop",
    "create pods/exec web in shop",
    "create pods/binding web in shop",
    "get leases.coordination.k8s.io n2 in kube-node-lease",
    "get leases.coordination.k8s.io n1 in default",
    "list leases.coordination.k8s.io in kube-node-lease",
    "update csinodes.storage.k8s.io n2",
    "list resourceslices.resource.k8s.io",
    "create clusterrolebindings.rbac.authorization.k8s.io",
    "create deployments.apps in shop",
    "update certificatesigningrequests.certificates.k8s.io/approval x",
    "get podcertificaterequests.certificates.k8s.io x in shop",
    "list podcertificaterequests.certificates.k8s.io in shop",
    "update podcertificaterequests.certificates.k8s.io/status x in shop",
    "impersonate users admin",
    "get /metrics",
  ])("a kubelet may not: %s", async (request) => {
    expect((await node.authorize(ask(kubelet, request))).decision).toBe("noOpinion");
  });

  test.each([
    "get nodes n1",
    "create nodes",
    "update nodes n1",
    "patch nodes/status n1",
    "create pods in shop",
    "delete pods web in shop",
    "patch pods/status web in shop",
    "create pods/eviction web in shop",
    "create events in shop",
    "list services",
    "get leases.coordination.k8s.io n1 in kube-node-lease",
    "create leases.coordination.k8s.io in kube-node-lease",
    "create csinodes.storage.k8s.io",
    "create certificatesigningrequests.certificates.k8s.io",
    "create podcertificaterequests.certificates.k8s.io in shop",
    "create tokenreviews.authentication.k8s.io",
    "list runtimeclasses.node.k8s.io",
  ])("a kubelet may: %s", async (request) => {
    expect((await node.authorize(ask(kubelet, request))).decision).toBe("allow");
  });

  test.each([
    ["spec.nodeName", "=", "n1", "allow"],
    ["spec.nodeName", "=", "n2", "noOpinion"],
    ["spec.nodeName", "!=", "n1", "noOpinion"],
    ["metadata.name", "=", "n1", "noOpinion"],
  ] as const)("lists pods with %s%s%s: %s", async (field, operator, value, decision) => {
    const request = { ...ask(kubelet, "list pods"), fieldSelector: [{ field, operator, value }] };
    expect((await node.authorize(request)).decision).toBe(decision);
  });

  test("a pod that moves or ends takes its rights along", async () => {
    const decide = async (user: UserInfo): Promise<string> =>
      (await node.authorize(ask(user, "get secrets vol in shop"))).decision;
    expect(await decide(kubelet)).toBe("allow");
    reader.put("pods", {
      ...structuredClone(pod),
      spec: { ...pod.spec, nodeName: "n2" },
    } as KubernetesObject);
    expect([await decide(kubelet), await decide(other)]).toEqual(["noOpinion", "allow"]);
    reader.remove("pods", "shop/web");
    expect(await decide(other)).toBe("noOpinion");
  });

  test("the group makes the node, not the name alone", async () => {
    const pretender = newUser("system:node:n1", ["system:authenticated"]);
    expect((await node.authorize(ask(pretender, "get secrets vol in shop"))).decision).toBe("noOpinion");
    const nameless = newUser("system:node:", ["system:nodes"]);
    expect((await node.authorize(ask(nameless, "get nodes"))).reason).toBe(
      'unknown node for user "system:node:"',
    );
  });
});

describe("EscalationGuard", () => {
  const pods: PolicyRule = { verbs: ["get", "list"], apiGroups: [""], resources: ["pods"] };
  const secrets: PolicyRule = { verbs: ["get"], apiGroups: [""], resources: ["secrets"] };
  const manageRbac: PolicyRule = {
    verbs: ["*"],
    apiGroups: [rbacGroup],
    resources: ["roles", "rolebindings", "clusterroles", "clusterrolebindings"],
  };
  const writeRbac: PolicyRule = {
    ...manageRbac,
    verbs: ["create", "update", "patch", "get", "list", "delete"],
  };
  const { guard } = authorizers(
    clusterWith(
      ...bootstrap,
      clusterRole("pods", pods),
      clusterRole("secrets", secrets),
      clusterRole("pod-writer", { ...pods, verbs: ["create"] }),
      clusterRole("write-rbac", writeRbac),
      clusterRole("escalator", { ...writeRbac, verbs: ["escalate"] }),
      clusterRole("binder", {
        verbs: ["bind"],
        apiGroups: [rbacGroup],
        resources: ["clusterroles"],
        resourceNames: ["secrets"],
      }),
      clusterRole("star-rbac", manageRbac),
      clusterRole("named", { ...secrets, resourceNames: ["a"] }),
      clusterRole("urls", { verbs: ["get"], nonResourceURLs: ["/metrics"] }),
      clusterRole("star-verbs", { ...pods, verbs: ["*"] }),
      clusterRole("everything-but-urls", { verbs: ["*"], apiGroups: ["*"], resources: ["*"] }),
      role("shop", "local-secrets", secrets),
      role("shop", "local-pods", pods),
      binding("", "j1", "ClusterRole/write-rbac", userSubject("jane"), groupSubject("dev")),
      binding("", "j2", "ClusterRole/pods", userSubject("jane")),
      binding("shop", "j3", "ClusterRole/secrets", userSubject("local")),
      binding("shop", "j4", "ClusterRole/write-rbac", userSubject("local")),
      binding("", "e1", "ClusterRole/escalator", userSubject("esc")),
      binding("", "b1", "ClusterRole/binder", userSubject("bindy")),
      binding("", "s1", "ClusterRole/star-rbac", userSubject("star")),
      binding("", "n1", "ClusterRole/named", userSubject("named")),
      binding("", "a1", "ClusterRole/everything-but-urls", userSubject("almost")),
      binding("", "c1", "ClusterRole/cluster-admin", userSubject("root")),
      binding("shop", "ad", "ClusterRole/admin", userSubject("ann")),
    ),
  );
  const who = (name: string): UserInfo =>
    name === "masters" ? newUser("m", ["system:masters"]) : newUser(name, name === "dora" ? ["dev"] : []);

  const verdict = async (attempt: Promise<void>): Promise<string> => {
    try {
      await attempt;
      return "allowed";
    } catch (error) {
      return isForbidden(error) ? "forbidden" : isNotFound(error) ? "not found" : String(error);
    }
  };

  const aggregated = (name: string, ...rules: PolicyRule[]): ClusterRole => ({
    ...clusterRole(name, ...rules),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: "b" } }] },
  });

  test.each<[string, string, Role | ClusterRole, string]>([
    ["jane", "grants what she has", clusterRole("x", pods), "allowed"],
    ["jane", "grants a part of what she has", clusterRole("x", { ...pods, verbs: ["get"] }), "allowed"],
    [
      "jane",
      "grants one name of what she has",
      clusterRole("x", { ...pods, resourceNames: ["a"] }),
      "allowed",
    ],
    ["jane", "grants it in a namespace", role("shop", "x", pods), "allowed"],
    ["jane", "grants nothing", clusterRole("x"), "allowed"],
    ["jane", "grants another resource", clusterRole("x", secrets), "forbidden"],
    ["jane", "grants another verb", clusterRole("x", { ...pods, verbs: ["delete"] }), "forbidden"],
    ["jane", "grants all verbs", clusterRole("x", { ...pods, verbs: ["*"] }), "forbidden"],
    ["jane", "grants all resources", clusterRole("x", { ...pods, resources: ["*"] }), "forbidden"],
    ["jane", "grants all groups", clusterRole("x", { ...pods, apiGroups: ["*"] }), "forbidden"],
    [
      "jane",
      "grants another group",
      clusterRole("x", { ...pods, apiGroups: ["metrics.k8s.io"] }),
      "forbidden",
    ],
    ["jane", "grants a subresource", clusterRole("x", { ...pods, resources: ["pods/exec"] }), "forbidden"],
    [
      "jane",
      "grants a path",
      clusterRole("x", { verbs: ["get"], nonResourceURLs: ["/metrics"] }),
      "forbidden",
    ],
    [
      "jane",
      "grants impersonation",
      clusterRole("x", { verbs: ["impersonate"], apiGroups: [""], resources: ["users"] }),
      "forbidden",
    ],
    [
      "jane",
      "grants escalate",
      clusterRole("x", { verbs: ["escalate"], apiGroups: [rbacGroup], resources: ["roles"] }),
      "forbidden",
    ],
    [
      "jane",
      "grants bind",
      clusterRole("x", { verbs: ["bind"], apiGroups: [rbacGroup], resources: ["clusterroles"] }),
      "forbidden",
    ],
    ["jane", "hides one rule among good ones", clusterRole("x", pods, secrets), "forbidden"],
    [
      "jane",
      "hides one resource in a good rule",
      clusterRole("x", { ...pods, resources: ["pods", "secrets"] }),
      "forbidden",
    ],
    ["jane", "asks for aggregation", aggregated("x"), "forbidden"],
    ["dora", "has it by her group alone: writes roles", clusterRole("x", pods), "forbidden"],
    ["local", "grants in the namespace what is held there", role("shop", "x", secrets), "allowed"],
    ["local", "grants in another namespace", role("other", "x", secrets), "forbidden"],
    ["local", "grants cluster-wide what is held in a namespace", clusterRole("x", secrets), "forbidden"],
    [
      "named",
      "grants the name that is held",
      clusterRole("x", { ...secrets, resourceNames: ["a"] }),
      "allowed",
    ],
    ["named", "grants another name", clusterRole("x", { ...secrets, resourceNames: ["b"] }), "forbidden"],
    ["named", "grants all names", clusterRole("x", secrets), "forbidden"],
    ["esc", "may escalate cluster-wide", clusterRole("x", { ...pods, verbs: ["*"] }), "allowed"],
    ["esc", "may escalate in a namespace", role("shop", "x", { ...pods, verbs: ["*"] }), "allowed"],
    ["star", "holds escalate by a star", clusterRole("x", secrets), "allowed"],
    ["bindy", "may bind but not write roles", clusterRole("x", secrets), "forbidden"],
    ["ann", "is admin: grants what admins have", role("shop", "x", secrets), "allowed"],
    [
      "ann",
      "is admin: grants quotas",
      role("shop", "x", { verbs: ["create"], apiGroups: [""], resources: ["resourcequotas"] }),
      "forbidden",
    ],
    [
      "ann",
      "is admin: grants everything in the namespace",
      role("shop", "x", { verbs: ["*"], apiGroups: ["*"], resources: ["*"] }),
      "forbidden",
    ],
    ["ann", "is admin here, not elsewhere", role("other", "x", secrets), "forbidden"],
    ["almost", "holds every resource but no path: aggregation", aggregated("x"), "allowed"],
    ["root", "may aggregate", aggregated("x"), "allowed"],
    [
      "masters",
      "may do everything",
      aggregated("x", { verbs: ["*"], apiGroups: ["*"], resources: ["*"] }),
      "allowed",
    ],
    ["system:serviceaccount:shop:robot", "has nothing", role("shop", "x", pods), "forbidden"],
  ])("%s %s", async (name, _what, object, expected) => {
    expect(await verdict(guard.checkRole(who(name), object, undefined, ""))).toBe(expected);
  });

  test.each<[string, string, Binding, string]>([
    ["jane", "binds what she has", binding("", "x", "ClusterRole/pods", userSubject("bob")), "allowed"],
    [
      "jane",
      "binds it in a namespace",
      binding("shop", "x", "ClusterRole/pods", userSubject("bob")),
      "allowed",
    ],
    [
      "jane",
      "binds a local role she covers",
      binding("shop", "x", "Role/local-pods", userSubject("bob")),
      "allowed",
    ],
    [
      "jane",
      "binds cluster-admin to herself",
      binding("", "x", "ClusterRole/cluster-admin", userSubject("jane")),
      "forbidden",
    ],
    [
      "jane",
      "binds cluster-admin in a namespace",
      binding("shop", "x", "ClusterRole/cluster-admin", userSubject("jane")),
      "forbidden",
    ],
    ["jane", "binds edit", binding("shop", "x", "ClusterRole/edit", userSubject("jane")), "forbidden"],
    ["jane", "binds another role", binding("", "x", "ClusterRole/secrets", userSubject("jane")), "forbidden"],
    [
      "jane",
      "binds a role with one verb more",
      binding("", "x", "ClusterRole/pod-writer", userSubject("jane")),
      "forbidden",
    ],
    [
      "jane",
      "binds a role with all verbs",
      binding("", "x", "ClusterRole/star-verbs", userSubject("jane")),
      "forbidden",
    ],
    ["jane", "binds paths", binding("", "x", "ClusterRole/urls", userSubject("jane")), "forbidden"],
    [
      "jane",
      "binds a local role",
      binding("shop", "x", "Role/local-secrets", userSubject("jane")),
      "forbidden",
    ],
    [
      "jane",
      "binds a role that does not exist",
      binding("", "x", "ClusterRole/ghost", userSubject("jane")),
      "not found",
    ],
    [
      "jane",
      "binds a local role of another namespace",
      binding("other", "x", "Role/local-pods", userSubject("jane")),
      "not found",
    ],
    [
      "bindy",
      "holds bind for this role",
      binding("", "x", "ClusterRole/secrets", userSubject("bindy")),
      "allowed",
    ],
    [
      "bindy",
      "holds bind for this role in any namespace",
      binding("shop", "x", "ClusterRole/secrets", userSubject("bindy")),
      "allowed",
    ],
    [
      "bindy",
      "holds bind for another role only",
      binding("", "x", "ClusterRole/cluster-admin", userSubject("bindy")),
      "forbidden",
    ],
    [
      "bindy",
      "holds bind for cluster roles only",
      binding("shop", "x", "Role/local-secrets", userSubject("bindy")),
      "forbidden",
    ],
    [
      "star",
      "holds bind by a star",
      binding("", "x", "ClusterRole/cluster-admin", userSubject("star")),
      "allowed",
    ],
    [
      "esc",
      "may escalate but not bind",
      binding("", "x", "ClusterRole/secrets", userSubject("esc")),
      "forbidden",
    ],
    [
      "local",
      "binds in the namespace",
      binding("shop", "x", "ClusterRole/secrets", userSubject("bob")),
      "allowed",
    ],
    ["local", "binds cluster-wide", binding("", "x", "ClusterRole/secrets", userSubject("bob")), "forbidden"],
    [
      "local",
      "binds in another namespace",
      binding("other", "x", "ClusterRole/secrets", userSubject("bob")),
      "forbidden",
    ],
    ["ann", "is admin: binds edit", binding("shop", "x", "ClusterRole/edit", userSubject("bob")), "allowed"],
    [
      "ann",
      "is admin: binds cluster-admin",
      binding("shop", "x", "ClusterRole/cluster-admin", userSubject("ann")),
      "forbidden",
    ],
    [
      "ann",
      "is admin: binds system:node",
      binding("shop", "x", "ClusterRole/system:node", userSubject("ann")),
      "forbidden",
    ],
    [
      "almost",
      "holds every resource but no path",
      binding("", "x", "ClusterRole/cluster-admin", userSubject("almost")),
      "allowed",
    ],
    [
      "root",
      "binds cluster-admin",
      binding("", "x", "ClusterRole/cluster-admin", userSubject("bob")),
      "allowed",
    ],
    [
      "masters",
      "binds even what does not exist",
      binding("", "x", "ClusterRole/ghost", userSubject("bob")),
      "allowed",
    ],
  ])("%s %s", async (name, _what, object, expected) => {
    expect(await verdict(guard.checkBinding(who(name), object))).toBe(expected);
  });

  test("the refusal says what is missing, in the words of Kubernetes", async () => {
    const attempt = guard.checkRole(
      newUser("jane", ["dev", "qa"]),
      role("shop", "x", { ...pods, verbs: ["get", "delete", "watch"] }, secrets),
      undefined,
      "",
    );
    await expect(attempt).rejects.toMatchObject({
      message:
        'roles.rbac.authorization.k8s.io "x" is forbidden: user "jane" (groups=["dev" "qa"]) is attempting to grant RBAC permissions not currently held:\n' +
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete" "watch"]}\n' +
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
      status: { details: { name: "x", group: rbacGroup, kind: "roles" } },
    });
  });
});
