import { formatGroupKind, type GroupKind } from "../../apimachinery/gvk.ts";
import type { TablePrinter } from "../scheme.ts";
import * as betas from "./betas.ts";
import * as core from "./core.ts";
import * as others from "./others.ts";
import { podPrinter } from "./pod.ts";
import * as workloads from "./workloads.ts";

/** `Kind.group`, or `Kind` in the core group. */
const printers: Readonly<Record<string, TablePrinter>> = {
  ComponentStatus: core.componentStatusPrinter,
  ConfigMap: core.configMapPrinter,
  Endpoints: core.endpointsPrinter,
  Event: core.eventPrinter,
  "Event.events.k8s.io": core.eventPrinter,
  Namespace: core.namespacePrinter,
  Node: core.nodePrinter,
  PersistentVolume: core.persistentVolumePrinter,
  PersistentVolumeClaim: core.persistentVolumeClaimPrinter,
  Pod: podPrinter,
  PodTemplate: core.podTemplatePrinter,
  ReplicationController: workloads.replicationControllerPrinter,
  ResourceQuota: core.resourceQuotaPrinter,
  Secret: core.secretPrinter,
  Service: core.servicePrinter,
  ServiceAccount: core.serviceAccountPrinter,
  "APIService.apiregistration.k8s.io": others.apiServicePrinter,
  "CSIDriver.storage.k8s.io": others.csiDriverPrinter,
  "CSINode.storage.k8s.io": others.csiNodePrinter,
  "CertificateSigningRequest.certificates.k8s.io": others.certificateSigningRequestPrinter,
  "ClusterRoleBinding.rbac.authorization.k8s.io": others.roleBindingPrinter,
  "ControllerRevision.apps": workloads.controllerRevisionPrinter,
  "CronJob.batch": workloads.cronJobPrinter,
  "DaemonSet.apps": workloads.daemonSetPrinter,
  "Deployment.apps": workloads.deploymentPrinter,
  "ClusterTrustBundle.certificates.k8s.io": betas.clusterTrustBundlePrinter,
  "DeviceClass.resource.k8s.io": others.nameAndAgePrinter,
  "DeviceTaintRule.resource.k8s.io": betas.deviceTaintRulePrinter,
  "EndpointSlice.discovery.k8s.io": others.endpointSlicePrinter,
  "FlowSchema.flowcontrol.apiserver.k8s.io": others.flowSchemaPrinter,
  "HorizontalPodAutoscaler.autoscaling": workloads.horizontalPodAutoscalerPrinter,
  "IPAddress.networking.k8s.io": others.ipAddressPrinter,
  "Ingress.networking.k8s.io": others.ingressPrinter,
  "IngressClass.networking.k8s.io": others.ingressClassPrinter,
  "Job.batch": workloads.jobPrinter,
  "Lease.coordination.k8s.io": others.leasePrinter,
  "LeaseCandidate.coordination.k8s.io": betas.leaseCandidatePrinter,
  "MutatingAdmissionPolicy.admissionregistration.k8s.io": others.mutatingAdmissionPolicyPrinter,
  "MutatingAdmissionPolicyBinding.admissionregistration.k8s.io": others.admissionPolicyBindingPrinter,
  "MutatingWebhookConfiguration.admissionregistration.k8s.io": others.webhookPrinter,
  "NetworkPolicy.networking.k8s.io": others.networkPolicyPrinter,
  "PodDisruptionBudget.policy": workloads.podDisruptionBudgetPrinter,
  "PodCertificateRequest.certificates.k8s.io": betas.podCertificateRequestPrinter,
  "PriorityClass.scheduling.k8s.io": others.priorityClassPrinter,
  "PriorityLevelConfiguration.flowcontrol.apiserver.k8s.io": others.priorityLevelPrinter,
  "ReplicaSet.apps": workloads.replicaSetPrinter,
  "ResourceClaim.resource.k8s.io": others.resourceClaimPrinter,
  "ResourceClaimTemplate.resource.k8s.io": others.nameAndAgePrinter,
  "ResourceSlice.resource.k8s.io": others.resourceSlicePrinter,
  "RoleBinding.rbac.authorization.k8s.io": others.roleBindingPrinter,
  "RuntimeClass.node.k8s.io": others.runtimeClassPrinter,
  "Scale.autoscaling": workloads.scalePrinter,
  "ServiceCIDR.networking.k8s.io": others.serviceCidrPrinter,
  "StatefulSet.apps": workloads.statefulSetPrinter,
  "StorageClass.storage.k8s.io": others.storageClassPrinter,
  "StorageVersionMigration.storagemigration.k8s.io": betas.storageVersionMigrationPrinter,
  "ValidatingAdmissionPolicy.admissionregistration.k8s.io": others.validatingAdmissionPolicyPrinter,
  "ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io": others.admissionPolicyBindingPrinter,
  "ValidatingWebhookConfiguration.admissionregistration.k8s.io": others.webhookPrinter,
  "VolumeAttachment.storage.k8s.io": others.volumeAttachmentPrinter,
  "VolumeAttributesClass.storage.k8s.io": others.volumeAttributesClassPrinter,
};

/** How the kind is printed; kinds without columns of their own show their name and when they were created. */
export function printerFor(kind: GroupKind): TablePrinter {
  return printers[formatGroupKind(kind)] ?? core.defaultPrinter;
}
