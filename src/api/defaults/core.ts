import type {
  Endpoints,
  LimitRange,
  LimitRangeItem,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  PodTemplate,
  ReplicationController,
  ResourceQuota,
  Secret,
  Service,
} from "../types/core-v1.ts";
import { defaultClaimSpec, defaultPodTemplate } from "./pod-spec.ts";
import { addMissing, roundResourceList } from "./resource-list.ts";
import { defaultDiskSources } from "./volume-sources.ts";

export function defaultReplicationController(controller: ReplicationController): void {
  const { spec } = controller;
  defaultPodTemplate(spec.template);
  const labels = spec.template?.metadata?.labels;
  if (labels !== undefined) {
    if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
    if (Object.keys(controller.metadata.labels ?? {}).length === 0)
      controller.metadata.labels = { ...labels };
  }
  spec.replicas ??= 1;
}

export function defaultService(service: Service): void {
  const { spec } = service;
  spec.sessionAffinity ||= "None";
  if (spec.sessionAffinity === "None") delete spec.sessionAffinityConfig;
  if (
    spec.sessionAffinity === "ClientIP" &&
    spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined
  ) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: 10800 } };
  }
  spec.type ||= "ClusterIP";
  for (const port of spec.ports ?? []) {
    port.protocol ||= "TCP";
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === "") {
      port.targetPort = port.port;
    }
  }
  if (isReachableFromOutside(service)) spec.externalTrafficPolicy ||= "Cluster";
  if (spec.type !== "ExternalName") spec.internalTrafficPolicy ??= "Cluster";
  if (spec.type !== "LoadBalancer") return;
  spec.allocateLoadBalancerNodePorts ??= true;
  for (const ingress of service.status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= "VIP";
}

function isReachableFromOutside({ spec }: Service): boolean {
  if (spec.type === "LoadBalancer" || spec.type === "NodePort") return true;
  return spec.type === "ClusterIP" && (spec.externalIPs ?? []).length > 0;
}

/** `stringData` is written into `data` and never kept. */
export function defaultSecret(secret: Secret): void {
  secret.type ||= "Opaque";
  if (secret.stringData === undefined) return;
  for (const [key, text] of Object.entries(secret.stringData)) {
    secret.data ??= {};
    secret.data[key] = Buffer.from(text, "utf8").toString("base64");
  }
  delete secret.stringData;
}

export function defaultNamespace(namespace: Namespace): void {
  const { name } = namespace.metadata;
  if (name) {
    namespace.metadata.labels = { ...namespace.metadata.labels, "kubernetes.io/metadata.name": name };
  }
  namespace.status ??= {};
  namespace.status.phase ||= "Active";
}

export function defaultNode(node: Node): void {
  const { spec, status } = node;
  const first = spec?.podCIDRs?.[0];
  if (spec?.podCIDR && spec.podCIDR !== first) spec.podCIDRs = [spec.podCIDR];
  else if (first !== undefined && spec.podCIDR !== first) spec.podCIDR = first;
  roundResourceList(status?.capacity);
  roundResourceList(status?.allocatable);
  if (status?.capacity !== undefined && status.allocatable === undefined) {
    status.allocatable = { ...status.capacity };
  }
}

export function defaultPersistentVolume(volume: PersistentVolume): void {
  const { spec } = volume;
  volume.status ??= {};
  volume.status.phase ||= "Pending";
  spec.persistentVolumeReclaimPolicy ||= "Retain";
  spec.volumeMode ??= "Filesystem";
  if (spec.hostPath !== undefined) spec.hostPath.type ??= "";
  defaultDiskSources(spec);
  roundResourceList(spec.capacity);
}

export function defaultPersistentVolumeClaim(claim: PersistentVolumeClaim): void {
  claim.status ??= {};
  claim.status.phase ||= "Pending";
  defaultClaimSpec(claim.spec);
  roundResourceList(claim.status.capacity);
  roundResourceList(claim.status.allocatedResources);
}

export function defaultEndpoints(endpoints: Endpoints): void {
  for (const port of (endpoints.subsets ?? []).flatMap((subset) => subset.ports ?? [])) {
    port.protocol ||= "TCP";
  }
}

export function defaultLimitRange(range: LimitRange): void {
  for (const item of range.spec.limits ?? []) defaultLimitRangeItem(item);
}

/** Of limits for containers: the maximum is the default limit, which is the default request; else the minimum is. */
function defaultLimitRangeItem(item: LimitRangeItem): void {
  for (const list of [item.max, item.min, item.default, item.defaultRequest, item.maxLimitRequestRatio]) {
    roundResourceList(list);
  }
  if (item.type !== "Container") return;
  const limits = { ...item.default };
  const requests = { ...item.defaultRequest };
  addMissing(limits, item.max);
  addMissing(requests, limits);
  addMissing(requests, item.min);
  if (Object.keys(limits).length > 0) item.default = limits;
  if (Object.keys(requests).length > 0) item.defaultRequest = requests;
}

export function defaultResourceQuota(quota: ResourceQuota): void {
  roundResourceList(quota.spec.hard);
  roundResourceList(quota.status?.hard);
  roundResourceList(quota.status?.used);
}

export function defaultPodTemplateObject(template: PodTemplate): void {
  defaultPodTemplate(template.template);
}
