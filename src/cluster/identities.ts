import type { UserInfo } from "../apiserver/request-context.ts";

/** Who the parts of the cluster are to the API server: the names that Kubernetes' bootstrap roles are bound to. */

const authenticated = "system:authenticated";

function user(name: string, ...groups: string[]): UserInfo {
  return { name, uid: "", groups: [...groups, authenticated], extra: {} };
}

/** May do everything: the owner of the cluster, and bootstrapping. */
export const adminUser = user("kubernetes-admin", "system:masters");

/** Somebody of whom no more is known than the name. */
export const plainUser = (name: string): UserInfo => user(name);

/** Fills the shared caches of all controllers: may read everything. */
export const controllerManagerUser = user("system:kube-controller-manager");

export const schedulerUser = user("system:kube-scheduler");

export const nodeUser = (nodeName: string): UserInfo => user(`system:node:${nodeName}`, "system:nodes");

/** Where a controller's ServiceAccount is not named as the controller is. */
const accountOf: Readonly<Record<string, string>> = {
  "bootstrap-signer-controller": "bootstrap-signer",
  "certificatesigningrequest-approving-controller": "certificate-controller",
  "certificatesigningrequest-cleaner-controller": "certificate-controller",
  "certificatesigningrequest-signing-controller": "certificate-controller",
  "daemonset-controller": "daemon-set-controller",
  "endpoints-controller": "endpoint-controller",
  "endpointslice-mirroring-controller": "endpointslicemirroring-controller",
  "garbage-collector-controller": "generic-garbage-collector",
  "legacy-serviceaccount-token-cleaner-controller": "legacy-service-account-token-cleaner",
  "node-lifecycle-controller": "node-controller",
  "persistentvolume-protection-controller": "pv-protection-controller",
  "persistentvolumeclaim-protection-controller": "pvc-protection-controller",
  "persistentvolume-binder-controller": "persistent-volume-binder",
  "pod-garbage-collector-controller": "pod-garbage-collector",
  "replicationcontroller-controller": "replication-controller",
  "root-ca-certificate-publisher-controller": "root-ca-cert-publisher",
  "service-cidr-controller": "service-cidrs-controller",
  "serviceaccount-controller": "service-account-controller",
  "taint-eviction-controller": "node-controller",
  "token-cleaner-controller": "token-cleaner",
};

/** Controllers that Kubernetes does not know. */
const unknownToKubernetes = new Set([
  "event-ttl-controller",
  "local-provisioner-controller",
  "service-address-controller",
  "service-lb-controller",
]);

/** The identity that a controller writes with. */
export function controllerUser(name: string): UserInfo {
  // It writes Secrets of every namespace, as the manager itself may and none of its accounts.
  if (name === "serviceaccount-token-controller") return controllerManagerUser;
  if (unknownToKubernetes.has(name)) return user(`system:sampan:${name}`, "system:masters");
  const account = accountOf[name] ?? name;
  return user(
    `system:serviceaccount:kube-system:${account}`,
    "system:serviceaccounts",
    "system:serviceaccounts:kube-system",
  );
}
