/**
 * What discovery says of a resource and no reference table does: short names, categories, the kinds of subresource
 * bodies, the order of groups. Mirrors the storage packages below pkg/registry and the priorities in
 * pkg/controlplane/apiserver/aggregator.go of Kubernetes.
 */

/** Groups in the order of discovery. */
export const groupOrder = [
  "",
  "apiregistration.k8s.io",
  "apps",
  "events.k8s.io",
  "authentication.k8s.io",
  "authorization.k8s.io",
  "autoscaling",
  "batch",
  "certificates.k8s.io",
  "networking.k8s.io",
  "policy",
  "rbac.authorization.k8s.io",
  "storage.k8s.io",
  "admissionregistration.k8s.io",
  "apiextensions.k8s.io",
  "scheduling.k8s.io",
  "coordination.k8s.io",
  "node.k8s.io",
  "discovery.k8s.io",
  "resource.k8s.io",
  "flowcontrol.apiserver.k8s.io",
  "internal.apiserver.k8s.io",
  "storagemigration.k8s.io",
];

/** Versions in the order of preference; alpha versions are not generated at all. */
export const versionOrder = ["v2", "v1", "v1beta2", "v1beta1"];

/** Keyed by `resource.group`, or `resource` for the core group. */
export const shortNames: Readonly<Record<string, readonly string[]>> = {
  componentstatuses: ["cs"],
  configmaps: ["cm"],
  endpoints: ["ep"],
  events: ["ev"],
  "events.events.k8s.io": ["ev"],
  limitranges: ["limits"],
  namespaces: ["ns"],
  nodes: ["no"],
  persistentvolumeclaims: ["pvc"],
  persistentvolumes: ["pv"],
  pods: ["po"],
  replicationcontrollers: ["rc"],
  resourcequotas: ["quota"],
  serviceaccounts: ["sa"],
  services: ["svc"],
  "customresourcedefinitions.apiextensions.k8s.io": ["crd", "crds"],
  "daemonsets.apps": ["ds"],
  "deployments.apps": ["deploy"],
  "replicasets.apps": ["rs"],
  "statefulsets.apps": ["sts"],
  "horizontalpodautoscalers.autoscaling": ["hpa"],
  "cronjobs.batch": ["cj"],
  "certificatesigningrequests.certificates.k8s.io": ["csr"],
  "ingresses.networking.k8s.io": ["ing"],
  "ipaddresses.networking.k8s.io": ["ip"],
  "networkpolicies.networking.k8s.io": ["netpol"],
  "poddisruptionbudgets.policy": ["pdb"],
  "priorityclasses.scheduling.k8s.io": ["pc"],
  "storageclasses.storage.k8s.io": ["sc"],
  "volumeattributesclasses.storage.k8s.io": ["vac"],
};

/** Keyed as `shortNames`. */
export const categories: Readonly<Record<string, readonly string[]>> = {
  pods: ["all"],
  replicationcontrollers: ["all"],
  services: ["all"],
  "daemonsets.apps": ["all"],
  "deployments.apps": ["all"],
  "replicasets.apps": ["all"],
  "statefulsets.apps": ["all"],
  "horizontalpodautoscalers.autoscaling": ["all"],
  "cronjobs.batch": ["all"],
  "jobs.batch": ["all"],
  "customresourcedefinitions.apiextensions.k8s.io": ["api-extensions"],
  "apiservices.apiregistration.k8s.io": ["api-extensions"],
  "mutatingadmissionpolicies.admissionregistration.k8s.io": ["api-extensions"],
  "mutatingadmissionpolicybindings.admissionregistration.k8s.io": ["api-extensions"],
  "mutatingwebhookconfigurations.admissionregistration.k8s.io": ["api-extensions"],
  "validatingadmissionpolicies.admissionregistration.k8s.io": ["api-extensions"],
  "validatingadmissionpolicybindings.admissionregistration.k8s.io": ["api-extensions"],
  "validatingwebhookconfigurations.admissionregistration.k8s.io": ["api-extensions"],
};

/** Bodies that are not of the resource's own kind: `resource/subresource` or `/subresource` → `apiVersion/kind`. */
export const subresourceKinds: Readonly<Record<string, string>> = {
  "/scale": "autoscaling/v1/Scale",
  "pods/attach": "v1/PodAttachOptions",
  "pods/binding": "v1/Binding",
  "pods/eviction": "policy/v1/Eviction",
  "pods/exec": "v1/PodExecOptions",
  "pods/portforward": "v1/PodPortForwardOptions",
  "pods/proxy": "v1/PodProxyOptions",
  "nodes/proxy": "v1/NodeProxyOptions",
  "services/proxy": "v1/ServiceProxyOptions",
  "serviceaccounts/token": "authentication.k8s.io/v1/TokenRequest",
};

/** Discovery names the HTTP verbs of subresources that only connect. */
export const connectVerbs: Readonly<Record<string, readonly string[]>> = {
  attach: ["create", "get"],
  exec: ["create", "get"],
  portforward: ["create", "get"],
  proxy: ["create", "delete", "get", "patch", "update"],
};

/** Resources whose objects are kept under another group or version. */
export const sharedStorage: Readonly<Record<string, string>> = {
  "autoscaling/v1/horizontalpodautoscalers": "autoscaling/v2",
  "events.k8s.io/v1/events": "v1",
};
