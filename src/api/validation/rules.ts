import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { resourceTable } from "../generated/resources.ts";
import * as autoscaling from "./autoscaling.ts";
import { nameIsDnsLabel, nameIsLong, nameIsPathSegment } from "./basics.ts";
import { checkCronJob } from "./batch/cron-job.ts";
import { checkJob, checkJobUpdate } from "./batch/job.ts";
import { checkJobStatus } from "./batch/job-status.ts";
import { clusterKinds } from "./cluster-kinds.ts";
import * as config from "./config.ts";
import * as discovery from "./discovery.ts";
import { checkEndpoints } from "./endpoints.ts";
import * as events from "./events.ts";
import { anyName, type KindRules, rules } from "./kind-rules.ts";
import * as namespaces from "./namespace.ts";
import * as networking from "./networking.ts";
import * as nodes from "./node.ts";
import type { MetadataRules } from "./object-meta.ts";
import { checkEphemeralContainersUpdate } from "./pod/ephemeral-containers.ts";
import { checkPodCreate } from "./pod/pod.ts";
import { checkResize } from "./pod/resize.ts";
import { checkPodStatusUpdate } from "./pod/status.ts";
import { checkPodUpdate } from "./pod/update.ts";
import * as policy from "./policy.ts";
import * as quota from "./quota.ts";
import * as rbac from "./rbac.ts";
import * as services from "./service.ts";
import * as small from "./small-kinds.ts";
import * as volumes from "./storage/volumes.ts";
import * as workloads from "./workloads.ts";

/**
 * The rules of what runs in a cluster and how it is run; those of the cluster itself stand in `cluster-kinds.ts`. A kind
 * without an entry has its metadata checked and nothing else.
 */
const role = rules({ create: rbac.checkRole, name: nameIsPathSegment });

const byKind: Readonly<Record<string, KindRules>> = {
  "v1/Binding": rules({ create: small.checkBinding, name: anyName }),
  "v1/ConfigMap": rules({ create: config.checkConfigMap, update: config.checkConfigMapUpdate }),
  "v1/Endpoints": rules({
    create: checkEndpoints,
    update: (now, old, errors) => checkEndpoints(now, errors, old),
  }),
  "v1/Event": rules({
    create: events.checkCoreEvent,
    update: events.checkCoreEventUpdate,
    ownMetadata: true,
  }),
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
    subresources: { status: nodes.checkNodeStatus },
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
    name: nameIsLong,
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
    create: checkJob,
    update: checkJobUpdate,
    subresources: { status: checkJobStatus },
  }),
  "batch/v1/CronJob": rules({
    create: checkCronJob,
    update: (now, old, errors) => checkCronJob(now, errors, old),
  }),
  "autoscaling/v2/HorizontalPodAutoscaler": rules({
    create: autoscaling.checkAutoscaler,
    update: (now, old, errors) => autoscaling.checkAutoscaler(now, errors, old),
    subresources: { status: autoscaling.checkAutoscalerStatus },
  }),
  "autoscaling/v1/HorizontalPodAutoscaler": rules({
    create: autoscaling.checkAutoscalerV1,
    update: (now, old, errors) => autoscaling.checkAutoscalerV1(now, errors, old),
    subresources: { status: autoscaling.checkAutoscalerStatus },
  }),
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
  "discovery.k8s.io/v1/EndpointSlice": rules({
    create: discovery.checkEndpointSlice,
    update: discovery.checkEndpointSliceUpdate,
  }),
};

const ownRules = (kind: string): KindRules | undefined => byKind[kind] ?? clusterKinds[kind];
const noRules = rules<UnstructuredObject>({});

/** Older versions of a kind whose rules are those of v1. */
export function rulesFor(apiVersion: string, kind: string): KindRules {
  const own = ownRules(`${apiVersion}/${kind}`);
  if (own !== undefined) return own;
  const stable = apiVersion.replace(/\/v1(?:alpha|beta)[0-9]+$/, "/v1");
  return ownRules(`${stable}/${kind}`) ?? noRules;
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
