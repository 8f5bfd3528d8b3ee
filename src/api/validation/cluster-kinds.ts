import { configMapKeyErrors } from "../../apimachinery/names.ts";
import * as bindings from "./admission-registration/bindings.ts";
import * as policies from "./admission-registration/policies.ts";
import { checkWebhooks, checkWebhooksUpdate } from "./admission-registration/webhooks.ts";
import { checkApiService, checkApiServiceStatus, checkApiServiceUpdate } from "./api-service.ts";
import * as coordination from "./coordination.ts";
import * as events from "./events.ts";
import * as flowcontrol from "./flowcontrol.ts";
import { anyName, type KindRules, rules } from "./kind-rules.ts";
import * as certificates from "./pod-certificates.ts";
import { resourceKinds } from "./resource/index.ts";
import * as addresses from "./service-addresses.ts";
import * as small from "./small-kinds.ts";
import * as classes from "./storage/classes.ts";
import * as migration from "./storage/migration.ts";

const webhooks = rules({ create: checkWebhooks, update: checkWebhooksUpdate, standardFinalizers: false });

/** The rules of the kinds that are about the cluster itself rather than about what runs in it. */
export const clusterKinds: Readonly<Record<string, KindRules>> = {
  "networking.k8s.io/v1/IPAddress": rules({
    create: addresses.checkIpAddress,
    update: addresses.checkIpAddressUpdate,
    name: addresses.nameIsIp,
  }),
  "networking.k8s.io/v1/ServiceCIDR": rules({
    create: addresses.checkServiceCidr,
    update: addresses.checkServiceCidrUpdate,
  }),
  "storage.k8s.io/v1/StorageClass": rules({
    create: classes.checkStorageClass,
    update: classes.checkStorageClassUpdate,
  }),
  "storage.k8s.io/v1/VolumeAttributesClass": rules({
    create: classes.checkAttributesClass,
    update: classes.checkAttributesClassUpdate,
  }),
  "storage.k8s.io/v1/VolumeAttachment": rules({
    create: classes.checkVolumeAttachment,
    update: classes.checkVolumeAttachmentUpdate,
    subresources: { status: classes.checkVolumeAttachmentUpdate },
  }),
  "storage.k8s.io/v1/CSIDriver": rules({
    create: classes.checkCsiDriver,
    update: classes.checkCsiDriverUpdate,
  }),
  "storage.k8s.io/v1/CSINode": rules({ create: classes.checkCsiNode, update: classes.checkCsiNodeUpdate }),
  "storage.k8s.io/v1/CSIStorageCapacity": rules({
    create: classes.checkStorageCapacity,
    update: classes.checkStorageCapacityUpdate,
  }),
  "events.k8s.io/v1/Event": rules({
    create: events.checkEvent,
    update: events.checkEventUpdate,
    ownMetadata: true,
  }),
  "coordination.k8s.io/v1/Lease": rules({ create: coordination.checkLease, standardFinalizers: false }),
  "coordination.k8s.io/v1beta1/LeaseCandidate": rules({
    create: coordination.checkLeaseCandidate,
    update: coordination.checkLeaseCandidateUpdate,
    name: (name) => configMapKeyErrors(name),
    standardFinalizers: false,
  }),
  "scheduling.k8s.io/v1/PriorityClass": rules({
    create: small.checkPriorityClass,
    update: small.checkPriorityClassUpdate,
  }),
  "node.k8s.io/v1/RuntimeClass": rules({
    create: small.checkRuntimeClass,
    update: small.checkRuntimeClassUpdate,
    standardFinalizers: false,
  }),
  // What a signing request asks is read by the registry.
  "certificates.k8s.io/v1/CertificateSigningRequest": rules({ name: anyName }),
  "certificates.k8s.io/v1beta1/ClusterTrustBundle": rules({
    create: certificates.checkTrustBundle,
    update: certificates.checkTrustBundleUpdate,
    ownMetadata: true,
  }),
  "certificates.k8s.io/v1beta1/PodCertificateRequest": rules({
    create: certificates.checkPodCertificateRequest,
    update: certificates.checkPodCertificateRequestUpdate,
  }),
  "authentication.k8s.io/v1/TokenReview": rules({ create: small.checkTokenReview, ownMetadata: true }),
  "authorization.k8s.io/v1/SubjectAccessReview": rules({
    create: small.checkAccessReview,
    ownMetadata: true,
  }),
  "authorization.k8s.io/v1/LocalSubjectAccessReview": rules({
    create: small.checkAccessReview,
    ownMetadata: true,
  }),
  "authorization.k8s.io/v1/SelfSubjectAccessReview": rules({
    create: small.checkSelfAccessReview,
    ownMetadata: true,
  }),
  "authorization.k8s.io/v1/SelfSubjectRulesReview": rules({ ownMetadata: true }),
  "authentication.k8s.io/v1/SelfSubjectReview": rules({ ownMetadata: true }),
  "flowcontrol.apiserver.k8s.io/v1/FlowSchema": rules({
    create: flowcontrol.checkFlowSchema,
    subresources: { status: flowcontrol.checkFlowStatus },
  }),
  "flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration": rules({
    create: flowcontrol.checkPriorityLevel,
    subresources: { status: flowcontrol.checkFlowStatus },
  }),
  "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration": webhooks,
  "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration": webhooks,
  "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy": rules({
    create: policies.checkValidatingPolicy,
    update: policies.checkValidatingPolicyUpdate,
    subresources: { status: policies.checkPolicyStatus },
    standardFinalizers: false,
  }),
  "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding": rules({
    create: bindings.checkValidatingBinding,
    standardFinalizers: false,
  }),
  "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy": rules({
    create: policies.checkMutatingPolicy,
    update: policies.checkMutatingPolicyUpdate,
    standardFinalizers: false,
  }),
  "admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding": rules({
    create: bindings.checkMutatingBinding,
    standardFinalizers: false,
  }),
  // What definitions say is judged by the machinery of custom resources, which most clusters never load.
  "apiextensions.k8s.io/v1/CustomResourceDefinition": rules({ standardFinalizers: false }),
  "apiregistration.k8s.io/v1/APIService": rules({
    create: checkApiService,
    update: checkApiServiceUpdate,
    subresources: { status: checkApiServiceStatus },
    ownMetadata: true,
  }),
  ...resourceKinds,
  "storagemigration.k8s.io/v1beta1/StorageVersionMigration": rules({
    create: migration.checkMigration,
    update: migration.checkMigrationUpdate,
    subresources: { status: migration.checkMigrationStatus },
  }),
};
