import { invalid } from "../../apimachinery/field-error.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { resourceTable } from "../generated/resources.ts";
import * as registration from "./admission-registration.ts";
import * as autoscaling from "./autoscaling.ts";
import {
  type Errors,
  immutableMessage,
  nameIsDnsLabel,
  nameIsDnsSubdomain,
  nameIsPathSegment,
  type ObjectNameRule,
  same,
} from "./basics.ts";
import * as batch from "./batch.ts";
import * as certificates from "./certificates.ts";
import * as config from "./config.ts";
import * as discovery from "./discovery.ts";
import { checkEndpoints } from "./endpoints.ts";
import * as events from "./events.ts";
import * as namespaces from "./namespace.ts";
import * as networking from "./networking.ts";
import * as nodes from "./node.ts";
import type { MetadataRules } from "./object-meta.ts";
import { checkPodCreate } from "./pod/pod.ts";
import { checkPodStatusUpdate } from "./pod/status.ts";
import { checkEphemeralContainersUpdate, checkResize } from "./pod/subresources.ts";
import { checkPodUpdate } from "./pod/update.ts";
import * as policy from "./policy.ts";
import * as quota from "./quota.ts";
import * as rbac from "./rbac.ts";
import * as services from "./service.ts";
import * as small from "./small-kinds.ts";
import * as classes from "./storage/classes.ts";
import * as volumes from "./storage/volumes.ts";
import * as workloads from "./workloads.ts";

/**
 * The rules of each kind in one place. A kind without an entry has its metadata checked and nothing else.
 * An object is decoded by its schema before, so it has the shape of its type.
 */
type Create = (object: UnstructuredObject, errors: Errors) => void;
type Update = (object: UnstructuredObject, old: UnstructuredObject, errors: Errors) => void;

export interface KindRules {
  /** Rules of the object but for its metadata. */
  readonly create: Create;
  /** Rules of a change, those of the new object included, but for metadata. */
  readonly update: Update;
  /** By subresource. One that has no entry changes nothing but metadata. */
  readonly subresources: Readonly<Record<string, Update>>;
  /** The rules check metadata themselves, in an order of their own. */
  readonly ownMetadata: boolean;
  /** The name, where it is not a DNS subdomain; undefined where the kind's own rules look at it. */
  readonly name: ObjectNameRule | undefined;
  /** Finalizers without a domain must be known ones. */
  readonly standardFinalizers: boolean;
}

interface Rules<T> {
  readonly create?: (object: T, errors: Errors) => void;
  readonly update?: (object: T, old: T, errors: Errors) => void;
  readonly subresources?: Readonly<Record<string, (object: T, old: T, errors: Errors) => void>>;
  readonly ownMetadata?: boolean;
  readonly name?: ObjectNameRule;
  readonly standardFinalizers?: boolean;
}

function rules<T>({
  create,
  update,
  subresources,
  ownMetadata,
  name,
  standardFinalizers,
}: Rules<T>): KindRules {
  const known = create as unknown as Create | undefined;
  const onCreate: Create = known ?? (() => {});
  const byDefault: Update = (object, _old, errors) => onCreate(object, errors);
  return {
    create: onCreate,
    update: (update as unknown as Update | undefined) ?? byDefault,
    subresources: (subresources as unknown as Record<string, Update> | undefined) ?? {},
    ownMetadata: ownMetadata ?? false,
    name: name ?? nameIsDnsSubdomain,
    standardFinalizers: standardFinalizers ?? true,
  };
}

const anyName: ObjectNameRule = () => [];

const role = rules({ create: rbac.checkRole, name: nameIsPathSegment });
const autoscalerStatus = { status: autoscaling.checkAutoscalerStatus };

const byKind: Readonly<Record<string, KindRules>> = {
  "v1/Binding": rules({ create: small.checkBinding, name: anyName }),
  "v1/ConfigMap": rules({ create: config.checkConfigMap, update: config.checkConfigMapUpdate }),
  "v1/Endpoints": rules({
    create: checkEndpoints,
    update: (now, old, errors) => checkEndpoints(now, errors, old),
  }),
  "v1/Event": rules({ create: events.checkCoreEvent, ownMetadata: true }),
  "v1/LimitRange": rules({ create: quota.checkLimitRange }),
  "v1/Namespace": rules({
    create: namespaces.checkNamespace,
    update: () => {},
    subresources: { status: namespaces.checkNamespaceStatus, finalize: namespaces.checkNamespaceFinalize },
    name: nameIsDnsLabel,
  }),
  "v1/Node": rules({
    create: nodes.checkNode,
    update: nodes.checkNodeUpdate,
    subresources: { status: nodes.checkNodeUpdate },
  }),
  "v1/PersistentVolume": rules({ create: volumes.checkVolume, update: volumes.checkVolumeUpdate }),
  "v1/PersistentVolumeClaim": rules({
    create: volumes.checkClaim,
    update: volumes.checkClaimUpdate,
    subresources: { status: volumes.checkClaimStatus },
  }),
  "v1/Pod": rules({
    create: checkPodCreate,
    update: checkPodUpdate,
    subresources: {
      status: checkPodStatusUpdate,
      ephemeralcontainers: checkEphemeralContainersUpdate,
      resize: checkResize,
    },
    ownMetadata: true,
  }),
  "v1/PodTemplate": rules({
    create: workloads.checkPodTemplateObject,
    update: (now, old, errors) => workloads.checkPodTemplateObject(now, errors, old),
  }),
  "v1/ReplicationController": rules({
    create: workloads.checkReplicationController,
    update: (now, old, errors) => workloads.checkReplicationController(now, errors, old),
    subresources: { status: workloads.checkReplicaStatus },
  }),
  "v1/ResourceQuota": rules({
    create: quota.checkResourceQuota,
    update: quota.checkResourceQuotaUpdate,
    subresources: { status: quota.checkResourceQuotaStatus },
  }),
  "v1/Secret": rules({ create: config.checkSecret, update: config.checkSecretUpdate }),
  "v1/Service": rules({
    create: services.checkService,
    update: services.checkServiceUpdate,
    subresources: { status: services.checkServiceStatus },
    name: nameIsDnsLabel,
  }),
  "apps/v1/ControllerRevision": rules({
    create: workloads.checkControllerRevision,
    update: workloads.checkControllerRevisionUpdate,
  }),
  "apps/v1/DaemonSet": rules({
    create: workloads.checkDaemonSet,
    update: workloads.checkDaemonSetUpdate,
    subresources: { status: workloads.checkDaemonSetStatus },
  }),
  "apps/v1/Deployment": rules({
    create: workloads.checkDeployment,
    update: workloads.checkDeploymentUpdate,
    subresources: { status: workloads.checkDeploymentStatus },
  }),
  "apps/v1/ReplicaSet": rules({
    create: workloads.checkReplicaSet,
    update: workloads.checkReplicaSetUpdate,
    subresources: { status: workloads.checkReplicaStatus },
  }),
  "apps/v1/StatefulSet": rules({
    create: workloads.checkStatefulSet,
    update: workloads.checkStatefulSetUpdate,
    subresources: { status: workloads.checkStatefulSetStatus },
    name: nameIsDnsLabel,
  }),
  "batch/v1/Job": rules({
    create: batch.checkJob,
    update: batch.checkJobUpdate,
    subresources: { status: batch.checkJobStatus },
  }),
  "batch/v1/CronJob": rules({
    create: batch.checkCronJob,
    update: (now, old, errors) => batch.checkCronJob(now, errors, old),
  }),
  "autoscaling/v2/HorizontalPodAutoscaler": rules({
    create: autoscaling.checkAutoscaler,
    subresources: autoscalerStatus,
  }),
  "autoscaling/v1/HorizontalPodAutoscaler": rules({ create: autoscaling.checkAutoscalerV1 }),
  "policy/v1/PodDisruptionBudget": rules({
    create: policy.checkDisruptionBudget,
    subresources: { status: policy.checkDisruptionBudgetStatus },
    name: nameIsPathSegment,
    standardFinalizers: false,
  }),
  "rbac.authorization.k8s.io/v1/Role": role,
  "rbac.authorization.k8s.io/v1/ClusterRole": rules({
    create: rbac.checkClusterRole,
    name: nameIsPathSegment,
  }),
  "rbac.authorization.k8s.io/v1/RoleBinding": rules({
    create: rbac.checkRoleBinding,
    update(now, old, errors) {
      rbac.checkRoleBinding(now, errors);
      rbac.checkRoleRefUpdate(now, old, errors);
    },
    name: nameIsPathSegment,
  }),
  "rbac.authorization.k8s.io/v1/ClusterRoleBinding": rules({
    create: rbac.checkClusterRoleBinding,
    update(now, old, errors) {
      rbac.checkClusterRoleBinding(now, errors);
      rbac.checkRoleRefUpdate(now, old, errors);
    },
    name: nameIsPathSegment,
  }),
  "networking.k8s.io/v1/Ingress": rules({
    create: networking.checkIngress,
    update: networking.checkIngressUpdate,
    subresources: { status: networking.checkIngressStatus },
  }),
  "networking.k8s.io/v1/IngressClass": rules({
    create: networking.checkIngressClass,
    update: networking.checkIngressClassUpdate,
  }),
  "networking.k8s.io/v1/NetworkPolicy": rules({
    create: networking.checkNetworkPolicy,
    update: (now, old, errors) => networking.checkNetworkPolicy(now, errors, old),
  }),
  "networking.k8s.io/v1/IPAddress": rules({
    create: networking.checkIpAddress,
    update: networking.checkIpAddressUpdate,
    name: anyName,
  }),
  "networking.k8s.io/v1/ServiceCIDR": rules({
    create: networking.checkServiceCidr,
    update: networking.checkServiceCidrUpdate,
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
    name: anyName,
  }),
  "storage.k8s.io/v1/CSINode": rules({ create: classes.checkCsiNode, update: classes.checkCsiNodeUpdate }),
  "storage.k8s.io/v1/CSIStorageCapacity": rules({
    create: classes.checkStorageCapacity,
    update: classes.checkStorageCapacityUpdate,
  }),
  "events.k8s.io/v1/Event": rules({ create: events.checkEvent, update: events.checkEventUpdate }),
  "discovery.k8s.io/v1/EndpointSlice": rules({
    create: discovery.checkEndpointSlice,
    update: discovery.checkEndpointSliceUpdate,
  }),
  "coordination.k8s.io/v1/Lease": rules({ create: small.checkLease, standardFinalizers: false }),
  "scheduling.k8s.io/v1/PriorityClass": rules({
    create: small.checkPriorityClass,
    update: small.checkPriorityClassUpdate,
  }),
  "node.k8s.io/v1/RuntimeClass": rules({
    create: small.checkRuntimeClass,
    update: small.checkRuntimeClassUpdate,
  }),
  "certificates.k8s.io/v1/CertificateSigningRequest": rules({
    create: certificates.checkSigningRequest,
    update: certificates.checkSigningRequestUpdate,
    subresources: {
      status: (now, old, errors) => certificates.checkSigningRequestUpdate(now, old, errors, "status"),
      approval: (now, old, errors) => certificates.checkSigningRequestUpdate(now, old, errors, "approval"),
    },
  }),
  "certificates.k8s.io/v1beta1/ClusterTrustBundle": rules({
    create: certificates.checkTrustBundle,
    update: certificates.checkTrustBundleUpdate,
    name: anyName,
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
  "flowcontrol.apiserver.k8s.io/v1/FlowSchema": rules({ create: small.checkFlowSchema }),
  "flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration": rules({ create: small.checkPriorityLevel }),
  "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration": rules({
    create: registration.checkWebhooks,
  }),
  "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration": rules({
    create: registration.checkWebhooks,
  }),
  "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy": rules({
    create: registration.checkAdmissionPolicy,
  }),
  "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding": rules({
    create: registration.checkPolicyBinding,
  }),
  "apiregistration.k8s.io/v1/APIService": rules({ name: nameIsPathSegment }),
  "resource.k8s.io/v1/ResourceClaim": rules({ update: specIsFixed }),
  "resource.k8s.io/v1/ResourceClaimTemplate": rules({ update: specIsFixed }),
  "storagemigration.k8s.io/v1beta1/StorageVersionMigration": rules({ update: specIsFixed }),
};

function specIsFixed(now: UnstructuredObject, old: UnstructuredObject, errors: Errors): void {
  if (!same(now["spec"], old["spec"])) errors.push(invalid("spec", now["spec"], immutableMessage));
}

const noRules = rules<UnstructuredObject>({});

/** Older versions of a kind whose rules are those of v1. */
export function rulesFor(apiVersion: string, kind: string): KindRules {
  const own = byKind[`${apiVersion}/${kind}`];
  if (own !== undefined) return own;
  const stable = apiVersion.replace(/\/v1(?:alpha|beta)[0-9]+$/, "/v1");
  return byKind[`${stable}/${kind}`] ?? noRules;
}

let clusterScoped: Set<string> | undefined;

/** True for kinds whose objects lie in namespaces. */
export function isNamespaced(apiVersion: string, kind: string): boolean {
  clusterScoped ??= new Set(
    resourceTable
      .split("\n")
      .map((line) => line.split("\t"))
      .filter(([, , , scope]) => scope === "C")
      .map(([version, , name]) => `${version}/${name}`),
  );
  return !clusterScoped.has(`${apiVersion}/${kind}`);
}

const metadata = new Map<string, MetadataRules>();

export function metadataRulesFor(
  apiVersion: string,
  kind: string,
  { name, standardFinalizers }: KindRules,
): MetadataRules {
  const key = `${apiVersion}/${kind}`;
  let found = metadata.get(key);
  if (found === undefined) {
    const namespaced = isNamespaced(apiVersion, kind);
    found = { namespaced, name: name ?? anyName, standardFinalizers };
    metadata.set(key, found);
  }
  return found;
}
