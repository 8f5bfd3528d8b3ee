/**
 * How a kind looks at the metadata of an update, after what is looked at for every kind: as at a change, as at a new object,
 * or both, in this order. Kinds differ for no reason but their history, and the causes of a refusal show it.
 */
export type MetadataStep =
  | "update"
  | "update without finalizers"
  | "create"
  | "create without finalizers"
  | "create without generateName";

const both: readonly MetadataStep[] = ["update", "create"];
const createFirst: readonly MetadataStep[] = ["create", "update"];
const onlyCreate: readonly MetadataStep[] = ["create"];
const onlyUpdate: readonly MetadataStep[] = ["update"];
const bare: readonly MetadataStep[] = ["update without finalizers"];
const namedFirst: readonly MetadataStep[] = ["create without generateName", "update"];
const none: readonly MetadataStep[] = [];

/** By `group/Kind`, or `group/Kind/subresource`; all others are looked at as a change. */
const steps: Readonly<Record<string, readonly MetadataStep[]>> = {
  "/ConfigMap": both,
  "/Endpoints": both,
  "/Event": none,
  "/LimitRange": onlyCreate,
  "/Namespace": createFirst,
  // The rules of nodes look at a change themselves, after what they say of any node.
  "/Node": onlyCreate,
  "/Node/status": onlyUpdate,
  "/PersistentVolume": ["create", "create"],
  "/PersistentVolumeClaim": both,
  // The rules of pods look at metadata themselves.
  "/Pod": none,
  "/Pod/status": none,
  "/Pod/ephemeralcontainers": none,
  "/Pod/resize": none,
  "/Secret": both,
  "/ServiceAccount": both,
  ...Object.fromEntries(
    [
      "MutatingAdmissionPolicy",
      "MutatingAdmissionPolicyBinding",
      "MutatingWebhookConfiguration",
      "ValidatingAdmissionPolicy",
      "ValidatingAdmissionPolicyBinding",
      "ValidatingWebhookConfiguration",
    ].map((kind) => [`admissionregistration.k8s.io/${kind}`, ["create without finalizers"] as const]),
  ),
  "admissionregistration.k8s.io/ValidatingAdmissionPolicy/status": none,
  "apiextensions.k8s.io/CustomResourceDefinition": bare,
  "apiextensions.k8s.io/CustomResourceDefinition/status": bare,
  // The rules of API services look at metadata themselves.
  "apiregistration.k8s.io/APIService": none,
  "apiregistration.k8s.io/APIService/status": bare,
  "apps/ControllerRevision": both,
  "batch/CronJob/status": none,
  "batch/Job": createFirst,
  "certificates.k8s.io/CertificateSigningRequest": namedFirst,
  "certificates.k8s.io/CertificateSigningRequest/approval": namedFirst,
  "certificates.k8s.io/CertificateSigningRequest/status": namedFirst,
  // The rules of bundles look at metadata themselves.
  "certificates.k8s.io/ClusterTrustBundle": none,
  "coordination.k8s.io/Lease": bare,
  "coordination.k8s.io/LeaseCandidate": bare,
  "discovery.k8s.io/EndpointSlice": onlyCreate,
  // The rules of events look at metadata themselves.
  "events.k8s.io/Event": none,
  "flowcontrol.apiserver.k8s.io/FlowSchema": onlyCreate,
  "flowcontrol.apiserver.k8s.io/FlowSchema/status": none,
  "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": onlyCreate,
  "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration/status": none,
  "networking.k8s.io/IPAddress": createFirst,
  "networking.k8s.io/Ingress": both,
  "networking.k8s.io/IngressClass": both,
  "node.k8s.io/RuntimeClass": ["create without finalizers", "update without finalizers"],
  "policy/PodDisruptionBudget": none,
  "policy/PodDisruptionBudget/status": none,
  "rbac.authorization.k8s.io/ClusterRole": createFirst,
  "rbac.authorization.k8s.io/ClusterRoleBinding": createFirst,
  "rbac.authorization.k8s.io/Role": createFirst,
  "rbac.authorization.k8s.io/RoleBinding": createFirst,
  // The rules of device classes look at metadata themselves.
  "resource.k8s.io/DeviceClass": none,
  "resource.k8s.io/ResourceClaim": createFirst,
  "resource.k8s.io/ResourceClaimTemplate": createFirst,
  "storage.k8s.io/CSINode": onlyCreate,
  "storage.k8s.io/CSIStorageCapacity": createFirst,
  "storage.k8s.io/StorageClass": createFirst,
  "storage.k8s.io/VolumeAttachment": onlyCreate,
  "storage.k8s.io/VolumeAttachment/status": onlyCreate,
  "storage.k8s.io/VolumeAttributesClass": both,
  "storagemigration.k8s.io/StorageVersionMigration": createFirst,
  "storagemigration.k8s.io/StorageVersionMigration/status": onlyUpdate,
};

/** The steps of a kind, whatever its version. */
export function metadataStepsOf(
  apiVersion: string,
  kind: string,
  subresource: string,
): readonly MetadataStep[] {
  const slash = apiVersion.indexOf("/");
  const group = slash < 0 ? "" : apiVersion.slice(0, slash);
  const part = subresource === "" || subresource === "scale" ? "" : `/${subresource}`;
  return steps[`${group}/${kind}${part}`] ?? onlyUpdate;
}
