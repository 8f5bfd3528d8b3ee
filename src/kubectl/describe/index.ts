import { parseApiVersion } from "../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { Session } from "../session.ts";
import { DescribeContext, type Describer } from "./context.ts";
import { Description } from "./description.ts";

const workloads = () => import("./workloads.ts");
const services = () => import("./services.ts");
const addresses = () => import("./addresses.ts");
const storage = () => import("./storage.ts");
const cluster = () => import("./cluster.ts");
const rbac = () => import("./rbac.ts");

/** By `Kind.group`; each loaded when first needed. */
const describers: Readonly<Record<string, () => Promise<Describer>>> = {
  Pod: async () => (await import("./pods.ts")).describePod,
  ReplicationController: async () => (await workloads()).describeReplicationController,
  "Deployment.apps": async () => (await workloads()).describeDeployment,
  "ReplicaSet.apps": async () => (await workloads()).describeReplicaSet,
  "StatefulSet.apps": async () => (await workloads()).describeStatefulSet,
  "DaemonSet.apps": async () => (await workloads()).describeDaemonSet,
  "Job.batch": async () => (await workloads()).describeJob,
  "CronJob.batch": async () => (await workloads()).describeCronJob,
  "PodDisruptionBudget.policy": async () => (await workloads()).describePodDisruptionBudget,
  "HorizontalPodAutoscaler.autoscaling": async () => (await workloads()).describeHorizontalPodAutoscaler,
  Service: async () => (await services()).describeService,
  Endpoints: async () => (await services()).describeEndpoints,
  "EndpointSlice.discovery.k8s.io": async () => (await services()).describeEndpointSlice,
  "Ingress.networking.k8s.io": async () => (await services()).describeIngress,
  "IngressClass.networking.k8s.io": async () => (await services()).describeIngressClass,
  "NetworkPolicy.networking.k8s.io": async () => (await services()).describeNetworkPolicy,
  "ServiceCIDR.networking.k8s.io": async () => (await addresses()).describeServiceCidr,
  "IPAddress.networking.k8s.io": async () => (await addresses()).describeIpAddress,
  PersistentVolume: async () => (await storage()).describePersistentVolume,
  PersistentVolumeClaim: async () => (await storage()).describePersistentVolumeClaim,
  "StorageClass.storage.k8s.io": async () => (await storage()).describeStorageClass,
  Node: async () => (await cluster()).describeNode,
  Namespace: async () => (await cluster()).describeNamespace,
  ResourceQuota: async () => (await cluster()).describeResourceQuota,
  LimitRange: async () => (await cluster()).describeLimitRange,
  ServiceAccount: async () => (await cluster()).describeServiceAccount,
  Secret: async () => (await cluster()).describeSecret,
  ConfigMap: async () => (await cluster()).describeConfigMap,
  "PriorityClass.scheduling.k8s.io": async () => (await cluster()).describePriorityClass,
  "Role.rbac.authorization.k8s.io": async () => (await rbac()).describeRole,
  "ClusterRole.rbac.authorization.k8s.io": async () => (await rbac()).describeRole,
  "RoleBinding.rbac.authorization.k8s.io": async () => (await rbac()).describeRoleBinding,
  "ClusterRoleBinding.rbac.authorization.k8s.io": async () => (await rbac()).describeRoleBinding,
};

/** The text of `kubectl describe` for one object. */
export async function describeObject(
  session: Session,
  object: UnstructuredObject,
  { showEvents = true }: { showEvents?: boolean } = {},
): Promise<string> {
  const { group } = parseApiVersion(object.apiVersion);
  const load = describers[group === "" ? object.kind : `${object.kind}.${group}`];
  const describer = load === undefined ? (await import("./generic.ts")).describeAnything : await load();
  const description = new Description(session.clock.now());
  await describer(description, object, new DescribeContext(session.api, showEvents));
  return description.toString();
}
