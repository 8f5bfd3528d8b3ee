import type { GroupVersionKind } from "../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import * as core from "./core.ts";
import { dropDisabledFields } from "./disabled-fields.ts";
import * as others from "./others.ts";
import { defaultPod } from "./pod.ts";
import * as workloads from "./workloads.ts";

/**
 * Defaults that are rules, one function per kind. What a table can say ("this field is never absent") the decoder has
 * filled in before; a kind without a function has no other defaults.
 */
type Rule = (object: UnstructuredObject) => void;

/** Objects are decoded by their schema, so they have the shape of their type. */
function rule<T>(apply: (object: T) => void): Rule {
  return (object) => {
    apply(object as unknown as T);
  };
}

/** For kinds whose defaults all lie in their spec: nothing to do without one. */
function specRule<T>(apply: (object: T) => void): Rule {
  return (object) => {
    if (object["spec"] !== undefined) apply(object as unknown as T);
  };
}

const rules: Readonly<Record<string, Rule>> = {
  "v1/Endpoints": rule(core.defaultEndpoints),
  "v1/LimitRange": specRule(core.defaultLimitRange),
  "v1/Namespace": rule(core.defaultNamespace),
  "v1/Node": rule(core.defaultNode),
  "v1/PersistentVolume": specRule(core.defaultPersistentVolume),
  "v1/PersistentVolumeClaim": specRule(core.defaultPersistentVolumeClaim),
  "v1/Pod": specRule(defaultPod),
  "v1/PodTemplate": rule(core.defaultPodTemplateObject),
  "v1/ReplicationController": specRule(core.defaultReplicationController),
  "v1/ResourceQuota": specRule(core.defaultResourceQuota),
  "v1/Secret": rule(core.defaultSecret),
  "v1/Service": specRule(core.defaultService),
  "apps/v1/DaemonSet": specRule(workloads.defaultDaemonSet),
  "apps/v1/Deployment": specRule(workloads.defaultDeployment),
  "apps/v1/ReplicaSet": specRule(workloads.defaultReplicaSet),
  "apps/v1/StatefulSet": specRule(workloads.defaultStatefulSet),
  "batch/v1/CronJob": specRule(workloads.defaultCronJob),
  "batch/v1/Job": specRule(workloads.defaultJob),
  "autoscaling/v1/HorizontalPodAutoscaler": specRule(workloads.defaultHorizontalPodAutoscalerV1),
  "autoscaling/v2/HorizontalPodAutoscaler": specRule(workloads.defaultHorizontalPodAutoscaler),
  "authentication.k8s.io/v1/TokenRequest": specRule(others.defaultTokenRequest),
  "certificates.k8s.io/v1beta1/PodCertificateRequest": specRule(others.defaultPodCertificateRequest),
  "rbac.authorization.k8s.io/v1/ClusterRoleBinding": rule(others.defaultRoleBinding),
  "rbac.authorization.k8s.io/v1/RoleBinding": rule(others.defaultRoleBinding),
  "discovery.k8s.io/v1/EndpointSlice": rule(others.defaultEndpointSlice),
  "networking.k8s.io/v1/NetworkPolicy": specRule(others.defaultNetworkPolicy),
  "networking.k8s.io/v1/IngressClass": specRule(others.defaultIngressClass),
  "storage.k8s.io/v1/StorageClass": rule(others.defaultStorageClass),
  "storage.k8s.io/v1/VolumeAttachment": specRule(others.defaultVolumeAttachment),
  "storage.k8s.io/v1/CSIDriver": specRule(others.defaultCsiDriver),
  "scheduling.k8s.io/v1/PriorityClass": rule(others.defaultPriorityClass),
  "flowcontrol.apiserver.k8s.io/v1/FlowSchema": specRule(others.defaultFlowSchema),
  "flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration": specRule(others.defaultPriorityLevel),
  "resource.k8s.io/v1beta1/ResourceSlice": specRule(others.defaultFirstResourceSlice),
  "resource.k8s.io/v1beta1/ResourceClaim": specRule(others.defaultResourceClaim),
  "resource.k8s.io/v1beta1/ResourceClaimTemplate": specRule(others.defaultResourceClaimTemplate),
  "resource.k8s.io/v1beta2/ResourceClaim": specRule(others.defaultResourceClaim),
  "resource.k8s.io/v1beta2/ResourceClaimTemplate": specRule(others.defaultResourceClaimTemplate),
  "resource.k8s.io/v1/ResourceClaim": specRule(others.defaultResourceClaim),
  "resource.k8s.io/v1/ResourceClaimTemplate": specRule(others.defaultResourceClaimTemplate),
  "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration": rule(others.defaultMutatingWebhooks),
  "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration": rule(others.defaultWebhooks),
  "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy": rule(others.defaultMutatingPolicy),
  "admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicy": rule(others.defaultMutatingPolicy),
  "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy": specRule(others.defaultAdmissionPolicy),
  "admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding": rule(others.defaultMutatingBinding),
  "admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicyBinding": rule(others.defaultMutatingBinding),
  "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding": specRule(
    others.defaultAdmissionPolicyBinding,
  ),
  "apiextensions.k8s.io/v1/CustomResourceDefinition": specRule(others.defaultCustomResourceDefinition),
  "apiregistration.k8s.io/v1/APIService": specRule(others.defaultApiService),
};

/**
 * Drops what is not kept and fills in defaults, in place. The object is decoded already and owned by the caller. Doing
 * it twice changes nothing.
 */
export function applyDefaults(kind: GroupVersionKind, object: UnstructuredObject): void {
  const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  dropDisabledFields(kind.kind, object);
  rules[`${apiVersion}/${kind.kind}`]?.(object);
}
