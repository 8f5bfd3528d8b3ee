import { formatGroupResource, type GroupResource } from "../../apimachinery/gvk.ts";
import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { Quantity, tryParseQuantity } from "../../apimachinery/quantity.ts";
import type {
  PersistentVolumeClaim,
  Pod,
  PodAffinityTerm,
  ResourceQuota,
  ScopedResourceSelectorRequirement,
  Service,
} from "../types/core-v1.ts";
import type { ResourceClaim } from "../types/resource-v1.ts";
import { devicesOfClass, deviceUsage } from "./device-usage.ts";
import { add, isBestEffort, podLimits, podRequests, type ResourceList } from "./pod-resources.ts";

/**
 * How much of a quota an object uses, resource by resource (pkg/quota/v1/evaluator). Every kind is counted as
 * `count/RESOURCE.GROUP`; pods, services and claims, of volumes and of devices, are also measured.
 */
export function usageOf(resource: GroupResource, object: UnstructuredObject, nowMs: number): ResourceList {
  const counted = new Map([[`count/${formatGroupResource(resource)}`, one]]);
  switch (formatGroupResource(resource)) {
    case "pods":
      return add(counted, podUsage(object as unknown as Pod, nowMs));
    case "services":
      return add(counted, serviceUsage(object as unknown as Service));
    case "persistentvolumeclaims":
      return add(counted, claimUsage(object as unknown as PersistentVolumeClaim));
    case "resourceclaims.resource.k8s.io":
      return add(counted, deviceUsage(object as unknown as ResourceClaim));
    case "configmaps":
    case "secrets":
    case "replicationcontrollers":
    case "resourcequotas":
      return add(counted, new Map([[resource.resource, one]]));
    default:
      return counted;
  }
}

const one = Quantity.fromInteger(1);

/** A pod that has ended, or whose grace has passed, uses nothing but its place in storage. */
function podUsage(pod: Pod, nowMs: number): ResourceList {
  const { phase } = pod.status ?? {};
  if (phase === "Failed" || phase === "Succeeded") return new Map();
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  if (deletionTimestamp !== undefined && deletionGracePeriodSeconds !== undefined) {
    if (nowMs > Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000) return new Map();
  }
  return computeUsage(podRequests(pod), podLimits(pod));
}

const compute = ["cpu", "memory", "ephemeral-storage"];
const isExtended = (name: string): boolean =>
  name.includes("/") && !/(^|\.)kubernetes\.io\//.test(name) && !name.startsWith("requests.");

function computeUsage(requests: ResourceList, limits: ResourceList): Map<string, Quantity> {
  const usage = new Map([["pods", one]]);
  for (const [name, quantity] of requests) {
    if (compute.includes(name) || name.startsWith("hugepages-")) usage.set(name, quantity);
    if (compute.includes(name) || name.startsWith("hugepages-") || isExtended(name)) {
      usage.set(`requests.${name}`, quantity);
    }
  }
  for (const [name, quantity] of limits) if (compute.includes(name)) usage.set(`limits.${name}`, quantity);
  return usage;
}

function serviceUsage({ spec }: Service): ResourceList {
  const usage = new Map([["services", one]]);
  const ports = spec?.ports ?? [];
  if (spec?.type === "NodePort") usage.set("services.nodeports", Quantity.fromInteger(ports.length));
  if (spec?.type === "LoadBalancer") {
    const withNodePort =
      spec.allocateLoadBalancerNodePorts === false ? ports.filter((port) => port.nodePort) : ports;
    usage.set("services.loadbalancers", one);
    usage.set("services.nodeports", Quantity.fromInteger(withNodePort.length));
  }
  return usage;
}

function claimUsage({ metadata, spec, status }: PersistentVolumeClaim): ResourceList {
  const usage = new Map([["persistentvolumeclaims", one]]);
  const className =
    metadata.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? spec?.storageClassName ?? "";
  const asked = tryParseQuantity(spec?.resources?.requests?.storage);
  const allocated = tryParseQuantity(status?.allocatedResources?.storage);
  const storage =
    asked !== undefined && allocated !== undefined && allocated.compare(asked) > 0 ? allocated : asked;
  if (storage !== undefined) usage.set("requests.storage", storage);
  if (className !== "") {
    const prefix = `${className}.storageclass.storage.k8s.io/`;
    usage.set(`${prefix}persistentvolumeclaims`, one);
    if (storage !== undefined) usage.set(`${prefix}requests.storage`, storage);
  }
  return usage;
}

/** The resources of the quota that objects of this resource can use. */
export function matchingResources(resource: GroupResource, names: readonly string[]): string[] {
  const full = formatGroupResource(resource);
  return names.filter((name) => {
    if (name === `count/${full}`) return true;
    if (name.startsWith("count/")) return false;
    if (full === "pods") return isPodResource(name);
    if (full === "services") return name === "services" || name.startsWith("services.");
    if (full === "persistentvolumeclaims") {
      return (
        name === "persistentvolumeclaims" ||
        name === "requests.storage" ||
        name.includes(".storageclass.storage.k8s.io/")
      );
    }
    if (full === "resourceclaims.resource.k8s.io") return name.endsWith(devicesOfClass);
    return name === full;
  });
}

function isPodResource(name: string): boolean {
  if (name === "pods" || compute.includes(name) || name.startsWith("hugepages-")) return true;
  const rest = /^(requests|limits)\.(.+)$/.exec(name);
  if (rest === null || rest[2] === "storage") return false;
  const base = rest[2] ?? "";
  if (compute.includes(base)) return true;
  return rest[1] === "requests" && (base.startsWith("hugepages-") || isExtended(base));
}

/** Names that every container must state when the quota bounds them; a mistake of old that is kept for its users. */
const stated = ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

/** `must specify limits.cpu for: a,b; memory for: a`, or undefined when every container states what it must. */
export function missingStatements(pod: Pod, restricted: readonly string[]): string | undefined {
  const required = restricted.filter((name) => stated.includes(name)).toSorted();
  const { requests: podWideRequests = {}, limits: podWideLimits = {} } = pod.spec?.resources ?? {};
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const texts = required.flatMap((name) => {
    const base = name.replace(/^(requests|limits)\./, "");
    const podWide = name.startsWith("limits.") ? podWideLimits : podWideRequests;
    if (podWide[base] !== undefined) return [];
    const lacking = containers.filter(({ resources }) => {
      const list = name.startsWith("limits.") ? resources?.limits : resources?.requests;
      return list?.[base] === undefined;
    });
    if (lacking.length === 0) return [];
    const names = lacking.map((container) => container.name).toSorted();
    return [`${name} for: ${[...new Set(names)].join(",")}`];
  });
  return texts.length === 0 ? undefined : `must specify ${texts.join("; ")}`;
}

/** True when the quota bounds something the object could use, and the object is within all its scopes. */
export function quotaMatches(
  quota: ResourceQuota,
  resource: GroupResource,
  object: UnstructuredObject,
): boolean {
  if (matchingResources(resource, Object.keys(quota.status?.hard ?? {})).length === 0) return false;
  return scopesMatch(scopesOf(quota), resource, object);
}

/** Whether the object is within all of the scopes. */
export const scopesMatch = (
  scopes: readonly ScopedResourceSelectorRequirement[],
  resource: GroupResource,
  object: UnstructuredObject,
): boolean => scopes.every((scope) => scopeMatches(scope, resource, object));

/** The scopes of a quota, of either way to write them. */
export function scopesOf({ spec }: ResourceQuota): ScopedResourceSelectorRequirement[] {
  return [
    ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: "Exists" })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ];
}

function scopeMatches(
  scope: ScopedResourceSelectorRequirement,
  resource: GroupResource,
  object: UnstructuredObject,
): boolean {
  const full = formatGroupResource(resource);
  if (full === "persistentvolumeclaims" && scope.scopeName === "VolumeAttributesClass") {
    const claim = object as unknown as PersistentVolumeClaim;
    return valueMatches(scope, claim.spec?.volumeAttributesClassName ?? "");
  }
  if (full !== "pods") return false;
  const pod = object as unknown as Pod;
  switch (scope.scopeName) {
    case "Terminating":
      return (pod.spec?.activeDeadlineSeconds ?? -1) >= 0;
    case "NotTerminating":
      return (pod.spec?.activeDeadlineSeconds ?? -1) < 0;
    case "BestEffort":
      return isBestEffort(pod);
    case "NotBestEffort":
      return !isBestEffort(pod);
    case "PriorityClass":
      return valueMatches(scope, pod.spec?.priorityClassName ?? "");
    case "CrossNamespacePodAffinity":
      return affinityTerms(pod).some(
        (term) => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined,
      );
    default:
      return false;
  }
}

function valueMatches(
  { scopeName, operator, values }: ScopedResourceSelectorRequirement,
  value: string,
): boolean {
  const expression = { key: scopeName, operator, ...(values === undefined ? {} : { values }) };
  const labels = value === "" ? {} : { [scopeName]: value };
  return selectorFromLabelSelector({ matchExpressions: [expression] }).matches(labels);
}

function affinityTerms({ spec }: Pod): PodAffinityTerm[] {
  return [spec?.affinity?.podAffinity, spec?.affinity?.podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      (weighted) => weighted.podAffinityTerm,
    ),
  ]);
}
