import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from "../../api/types/rbac-v1.ts";
import { controllerRoles } from "./bootstrap-controllers.ts";
import { events, read, readUpdate, readWrite, rule, urls, write } from "./policy-notation.ts";

/**
 * The roles and bindings that every Kubernetes 1.36 cluster has (plugin/pkg/auth/authorizer/rbac/bootstrappolicy), as
 * data; also those that come with its beta resources, which are served here. Made when first asked for, so that a cluster that has them already pays nothing at its start.
 */
export interface BootstrapPolicy {
  readonly clusterRoles: readonly ClusterRole[];
  readonly clusterRoleBindings: readonly ClusterRoleBinding[];
  readonly roles: readonly Role[];
  readonly roleBindings: readonly RoleBinding[];
}

let made: BootstrapPolicy | undefined;

/** The policy; shared, so it must not be changed. */
export function bootstrapPolicy(): BootstrapPolicy {
  made ??= {
    clusterRoles: withAggregatedRules([
      ...generalRoles(),
      ...aggregatedRoles(),
      ...componentRoles(),
      ...controllerClusterRoles(),
    ]),
    clusterRoleBindings: [...generalBindings(), ...controllerBindings()],
    roles: namespacedRoles(),
    roleBindings: namespacedBindings(),
  };
  return made;
}

const defaults = {
  labels: { "kubernetes.io/bootstrapping": "rbac-defaults" },
  annotations: { "rbac.authorization.kubernetes.io/autoupdate": "true" },
};
const apiVersion = "rbac.authorization.k8s.io/v1";

function clusterRole(name: string, rules: PolicyRule[], aggregateTo?: string): ClusterRole {
  const labels =
    aggregateTo === undefined
      ? defaults.labels
      : { ...defaults.labels, [`rbac.authorization.k8s.io/aggregate-to-${aggregateTo}`]: "true" };
  return {
    apiVersion,
    kind: "ClusterRole",
    metadata: { name, labels, annotations: defaults.annotations },
    rules,
  };
}

function aggregate(name: string, aggregateTo?: string): ClusterRole {
  const matchLabels = { [`rbac.authorization.k8s.io/aggregate-to-${name}`]: "true" };
  return {
    ...clusterRole(name, [], aggregateTo),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels }] },
  };
}

/** Fills in at once what the aggregation controller would find, so that `admin`, `edit` and `view` work from the start. */
function withAggregatedRules(roles: ClusterRole[]): ClusterRole[] {
  const sorted = roles.toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
  const rulesOf = (role: ClusterRole): PolicyRule[] => {
    const wanted = Object.keys(role.aggregationRule?.clusterRoleSelectors?.[0]?.matchLabels ?? {})[0];
    if (wanted === undefined) return role.rules ?? [];
    const parts = sorted.filter((other) => other !== role && other.metadata.labels?.[wanted] === "true");
    const distinct = new Map(parts.flatMap(rulesOf).map((part) => [JSON.stringify(part), part]));
    return [...distinct.values()];
  };
  return roles.map((role) => ({ ...role, rules: rulesOf(role) }));
}

function generalRoles(): ClusterRole[] {
  return [
    clusterRole("cluster-admin", [rule("*", "*", "*"), urls("*", "*")]),
    clusterRole("system:discovery", [
      urls("get", "/livez /readyz /healthz /version /version/ /openapi /openapi/* /api /api/* /apis /apis/*"),
    ]),
    clusterRole("system:monitoring", [
      urls(
        "get",
        "/flagz /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/* /statusz",
      ),
      rule("get", "", "nodes/metrics"),
    ]),
    clusterRole("system:basic-user", [
      rule("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
      rule("create", "authentication.k8s.io", "selfsubjectreviews"),
    ]),
    clusterRole("system:public-info-viewer", [urls("get", "/livez /readyz /healthz /version /version/")]),
    clusterRole("system:service-account-issuer-discovery", [
      urls(
        "get",
        "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
      ),
    ]),
    clusterRole("system:auth-delegator", [
      rule("create", "authentication.k8s.io", "tokenreviews"),
      rule("create", "authorization.k8s.io", "subjectaccessreviews"),
    ]),
  ];
}

const eventsGroup = "events.k8s.io";
const legacyWorkloads =
  "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale";

function aggregatedRoles(): ClusterRole[] {
  return [
    aggregate("admin"),
    aggregate("edit", "admin"),
    aggregate("view", "edit"),
    clusterRole(
      "system:aggregate-to-admin",
      [
        rule("create", "authorization.k8s.io", "localsubjectaccessreviews"),
        rule(readWrite, "rbac.authorization.k8s.io", "roles rolebindings"),
      ],
      "admin",
    ),
    clusterRole(
      "system:aggregate-to-edit",
      [
        rule(read, "", "pods/attach pods/proxy pods/exec pods/portforward secrets services/proxy"),
        rule("impersonate", "", "serviceaccounts"),
        rule(write, "", "pods pods/attach pods/proxy pods/exec pods/portforward"),
        rule("create", "", "pods/eviction"),
        rule(
          write,
          "",
          "replicationcontrollers replicationcontrollers/scale serviceaccounts services services/proxy persistentvolumeclaims configmaps secrets",
        ),
        rule("create", "", "serviceaccounts/token"),
        rule(write, ` ${eventsGroup}`, "events"),
        rule(
          write,
          "apps",
          "statefulsets statefulsets/scale daemonsets deployments deployments/scale deployments/rollback replicasets replicasets/scale",
        ),
        rule(write, "autoscaling", "horizontalpodautoscalers"),
        rule(write, "batch", "jobs cronjobs"),
        rule(write, "extensions", legacyWorkloads),
        rule(write, "policy", "poddisruptionbudgets"),
        rule(write, "networking.k8s.io", "networkpolicies ingresses"),
        rule(readWrite, "coordination.k8s.io", "leases"),
        rule(write, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
      ],
      "edit",
    ),
    clusterRole("system:aggregate-to-view", viewRules(), "view"),
  ];
}

function viewRules(): PolicyRule[] {
  return [
    rule(
      read,
      "",
      "pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status endpoints persistentvolumeclaims persistentvolumeclaims/status configmaps",
    ),
    rule(
      read,
      "",
      "limitranges resourcequotas bindings pods/status resourcequotas/status namespaces/status replicationcontrollers/status pods/log",
    ),
    rule(read, "", "namespaces"),
    rule(read, ` ${eventsGroup}`, "events"),
    rule(read, "discovery.k8s.io", "endpointslices"),
    rule(
      read,
      "apps",
      "controllerrevisions statefulsets statefulsets/status statefulsets/scale daemonsets daemonsets/status deployments deployments/status deployments/scale replicasets replicasets/status replicasets/scale",
    ),
    rule(read, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
    rule(read, "batch", "jobs cronjobs cronjobs/status jobs/status"),
    rule(
      read,
      "extensions",
      "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status replicasets replicasets/scale replicasets/status replicationcontrollers/scale networkpolicies",
    ),
    rule(read, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
    rule(read, "networking.k8s.io", "networkpolicies ingresses ingresses/status"),
    rule(read, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
  ];
}

let nodeRulesMade: PolicyRule[] | undefined;

/** What every node may do, whichever pods it runs; the node authorizer narrows some of it down to its own objects. */
export function nodeRules(): PolicyRule[] {
  nodeRulesMade ??= [
    rule("create", "authentication.k8s.io", "tokenreviews"),
    rule("create", "authorization.k8s.io", "subjectaccessreviews localsubjectaccessreviews"),
    rule(read, "", "services"),
    rule("create get list watch", "", "nodes"),
    rule("update patch", "", "nodes/status"),
    rule("update patch", "", "nodes"),
    events(),
    rule(read, "", "pods"),
    rule("create delete", "", "pods"),
    rule("update patch", "", "pods/status"),
    rule("create", "", "pods/eviction"),
    rule(read, "", "secrets configmaps"),
    rule("get", "", "persistentvolumeclaims persistentvolumes"),
    rule("get", "", "endpoints"),
    rule("create get list watch", "certificates.k8s.io", "certificatesigningrequests"),
    rule("get create update patch delete", "coordination.k8s.io", "leases"),
    rule("get", "storage.k8s.io", "volumeattachments"),
    rule("create", "", "serviceaccounts/token"),
    rule("get update patch", "", "persistentvolumeclaims/status"),
    rule(read, "storage.k8s.io", "csidrivers"),
    rule("get create update patch delete", "storage.k8s.io", "csinodes"),
    rule(read, "node.k8s.io", "runtimeclasses"),
    rule("get", "resource.k8s.io", "resourceclaims"),
    rule("deletecollection", "resource.k8s.io", "resourceslices"),
    rule("get", "", "serviceaccounts"),
    rule(read, "certificates.k8s.io", "clustertrustbundles"),
    rule("get list watch create", "certificates.k8s.io", "podcertificaterequests"),
  ];
  return nodeRulesMade;
}

const certificates = "certificates.k8s.io";
const approver = (name: string, signer: string): ClusterRole =>
  clusterRole(`system:certificates.k8s.io:${name}`, [rule("approve", certificates, "signers", signer)]);

function componentRoles(): ClusterRole[] {
  return [
    clusterRole("system:heapster", [
      rule(read, "", "events pods nodes namespaces"),
      rule(read, "extensions", "deployments"),
    ]),
    clusterRole("system:node", nodeRules()),
    clusterRole("system:node-problem-detector", [
      rule("get", "", "nodes"),
      rule("patch", "", "nodes/status"),
      events(),
    ]),
    clusterRole("system:kubelet-api-admin", [
      rule(read, "", "nodes"),
      rule("proxy", "", "nodes"),
      rule("*", "", "nodes/proxy nodes/metrics nodes/stats nodes/log"),
      rule("*", "", "nodes/pods nodes/healthz nodes/configz"),
    ]),
    clusterRole("system:node-bootstrapper", [
      rule("create get list watch", certificates, "certificatesigningrequests"),
    ]),
    clusterRole("system:kube-aggregator", [rule(read, "", "services endpoints")]),
    clusterRole("system:kube-controller-manager", controllerManagerRules()),
    clusterRole("system:kube-dns", [rule("list watch", "", "endpoints services")]),
    clusterRole("system:persistent-volume-provisioner", [
      rule("get list watch create delete", "", "persistentvolumes"),
      rule("get list watch update", "", "persistentvolumeclaims"),
      rule(read, "storage.k8s.io", "storageclasses"),
      rule("watch", "", "events"),
      events(),
    ]),
    clusterRole("system:certificates.k8s.io:certificatesigningrequests:nodeclient", [
      rule("create", certificates, "certificatesigningrequests/nodeclient"),
    ]),
    clusterRole("system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", [
      rule("create", certificates, "certificatesigningrequests/selfnodeclient"),
    ]),
    approver("legacy-unknown-approver", "kubernetes.io/legacy-unknown"),
    approver("kubelet-serving-approver", "kubernetes.io/kubelet-serving"),
    approver("kube-apiserver-client-approver", "kubernetes.io/kube-apiserver-client"),
    approver("kube-apiserver-client-kubelet-approver", "kubernetes.io/kube-apiserver-client-kubelet"),
    clusterRole("system:volume-scheduler", [
      rule(readUpdate, "", "persistentvolumes"),
      rule(read, "storage.k8s.io", "storageclasses"),
      rule(readUpdate, "", "persistentvolumeclaims"),
    ]),
    clusterRole("system:node-proxier", [
      rule("list watch", "", "services endpoints"),
      rule(read, "", "nodes"),
      events(),
      rule("list watch", "networking.k8s.io", "servicecidrs"),
      rule("list watch", "discovery.k8s.io", "endpointslices"),
    ]),
    clusterRole("system:kube-scheduler", schedulerRules()),
    clusterRole("system:cluster-trust-bundle-discovery", [rule(read, certificates, "clustertrustbundles")]),
  ];
}

function controllerManagerRules(): PolicyRule[] {
  return [
    events(),
    rule("create", "coordination.k8s.io", "leases"),
    rule("get update", "coordination.k8s.io", "leases", "kube-controller-manager"),
    rule("create", "", "secrets serviceaccounts"),
    rule("delete", "", "secrets"),
    rule("get", "", "namespaces secrets serviceaccounts configmaps"),
    rule("update", "", "secrets serviceaccounts"),
    rule("create", "authentication.k8s.io", "tokenreviews"),
    rule("create", "authorization.k8s.io", "subjectaccessreviews"),
    rule("list watch", "*", "*"),
    rule("create", "", "serviceaccounts/token"),
  ];
}

function schedulerRules(): PolicyRule[] {
  return [
    events(),
    rule("create", "coordination.k8s.io", "leases"),
    rule("get list update watch", "coordination.k8s.io", "leases", "kube-scheduler"),
    rule(readWrite, "coordination.k8s.io", "leasecandidates"),
    rule(read, "", "nodes"),
    rule("get list watch delete", "", "pods"),
    rule("create", "", "pods/binding bindings"),
    rule("patch update", "", "pods/status"),
    rule(read, "", "services replicationcontrollers"),
    rule(read, "apps extensions", "replicasets"),
    rule(read, "apps", "statefulsets"),
    rule(read, "policy", "poddisruptionbudgets"),
    rule(read, "", "persistentvolumeclaims persistentvolumes"),
    rule("create", "authentication.k8s.io", "tokenreviews"),
    rule("create", "authorization.k8s.io", "subjectaccessreviews"),
    rule(read, "storage.k8s.io", "csinodes"),
    rule(read, "storage.k8s.io", "volumeattachments"),
    rule(read, "", "namespaces"),
    rule(read, "storage.k8s.io", "csidrivers"),
    rule(read, "storage.k8s.io", "csistoragecapacities"),
    rule(read, "resource.k8s.io", "deviceclasses"),
    rule(readUpdate, "resource.k8s.io", "resourceclaims"),
    rule(readUpdate, "resource.k8s.io", "resourceclaims/status"),
    rule("update", "", "pods/finalizers"),
    rule(read, "resource.k8s.io", "resourceslices"),
    rule("create delete", "resource.k8s.io", "resourceclaims"),
    rule("update patch", "resource.k8s.io", "resourceclaims/binding"),
    rule(read, "resource.k8s.io", "devicetaintrules"),
  ];
}

const user = (name: string): Subject => ({ apiGroup: "rbac.authorization.k8s.io", kind: "User", name });
const groupOf = (name: string): Subject => ({ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name });
const account = (name: string): Subject => ({ kind: "ServiceAccount", name, namespace: "kube-system" });

function bind(role: string, ...subjects: Subject[]): ClusterRoleBinding {
  return {
    apiVersion,
    kind: "ClusterRoleBinding",
    metadata: { name: role, ...defaults },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    ...(subjects.length === 0 ? {} : { subjects }),
  };
}

function generalBindings(): ClusterRoleBinding[] {
  return [
    bind("cluster-admin", groupOf("system:masters")),
    bind("system:monitoring", groupOf("system:monitoring")),
    bind("system:discovery", groupOf("system:authenticated")),
    bind("system:basic-user", groupOf("system:authenticated")),
    bind("system:public-info-viewer", groupOf("system:authenticated"), groupOf("system:unauthenticated")),
    bind("system:node-proxier", user("system:kube-proxy")),
    bind("system:kube-controller-manager", user("system:kube-controller-manager")),
    bind("system:kube-dns", account("kube-dns")),
    bind("system:kube-scheduler", user("system:kube-scheduler")),
    bind("system:volume-scheduler", user("system:kube-scheduler")),
    bind("system:service-account-issuer-discovery", groupOf("system:serviceaccounts")),
    bind("system:cluster-trust-bundle-discovery", groupOf("system:serviceaccounts")),
    // Nodes get their rights from the node authorizer.
    bind("system:node"),
  ];
}

function controllerClusterRoles(): ClusterRole[] {
  return Object.entries(controllerRoles()).map(([name, rules]) =>
    clusterRole(`system:controller:${name}`, rules),
  );
}

function controllerBindings(): ClusterRoleBinding[] {
  return Object.keys(controllerRoles()).map((name) => bind(`system:controller:${name}`, account(name)));
}

function role(namespace: string, name: string, rules: PolicyRule[]): Role {
  return { apiVersion, kind: "Role", metadata: { name, namespace, ...defaults }, rules };
}

const lock = (): PolicyRule[] =>
  ["leases", "leasecandidates"].map((resource) =>
    rule("get watch list create update", "coordination.k8s.io", resource),
  );

function namespacedRoles(): Role[] {
  return [
    role("kube-system", "extension-apiserver-authentication-reader", [
      rule(read, "", "configmaps", "extension-apiserver-authentication"),
    ]),
    role("kube-system", "system:controller:bootstrap-signer", [rule(read, "", "secrets")]),
    role("kube-system", "system:controller:cloud-provider", [
      rule("create get list watch", "", "configmaps"),
    ]),
    role("kube-system", "system:controller:token-cleaner", [
      rule("get list watch delete", "", "secrets"),
      events(),
    ]),
    role("kube-system", "system::leader-locking-kube-controller-manager", lock()),
    role("kube-system", "system::leader-locking-kube-scheduler", lock()),
    role("kube-public", "system:controller:bootstrap-signer", [
      rule(read, "", "configmaps"),
      rule("update", "", "configmaps", "cluster-info"),
      events(),
    ]),
  ];
}

function bindIn(namespace: string, name: string, roleName: string, ...subjects: Subject[]): RoleBinding {
  return {
    apiVersion,
    kind: "RoleBinding",
    metadata: { name, namespace, ...defaults },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: roleName },
    subjects,
  };
}

function namespacedBindings(): RoleBinding[] {
  const manager = user("system:kube-controller-manager");
  const scheduler = user("system:kube-scheduler");
  const same = (namespace: string, name: string, ...subjects: Subject[]): RoleBinding =>
    bindIn(namespace, name, name, ...subjects);
  return [
    bindIn(
      "kube-system",
      "system::extension-apiserver-authentication-reader",
      "extension-apiserver-authentication-reader",
      manager,
      scheduler,
    ),
    same(
      "kube-system",
      "system::leader-locking-kube-controller-manager",
      manager,
      account("kube-controller-manager"),
      account("leader-election-controller"),
    ),
    same("kube-system", "system::leader-locking-kube-scheduler", scheduler, account("kube-scheduler")),
    same("kube-system", "system:controller:bootstrap-signer", account("bootstrap-signer")),
    same("kube-system", "system:controller:cloud-provider", account("cloud-provider")),
    same("kube-system", "system:controller:token-cleaner", account("token-cleaner")),
    same("kube-public", "system:controller:bootstrap-signer", account("bootstrap-signer")),
  ];
}
