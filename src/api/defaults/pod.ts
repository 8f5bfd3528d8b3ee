import { Quantity } from "../../apimachinery/quantity.ts";
import type { Container, Pod, PodStatus } from "../types/core-v1.ts";
import { defaultPodSpec, roundRequirements } from "./pod-spec.ts";
import { addMissing, type ResourceList, roundResourceList } from "./resource-list.ts";

/** Defaults of a pod itself, which its template in a workload does not get. */
export function defaultPod(pod: Pod): void {
  dropInitContainerAnnotations(pod);
  // One that is frozen is that of a stored pod, which has its defaults.
  if (!Object.isFrozen(pod.spec)) defaultOwnSpec(pod);
  if (pod.status !== undefined) defaultPodStatus(pod.status);
}

function defaultOwnSpec(pod: Pod): void {
  const { spec } = pod;
  defaultPodSpec(spec);
  // Negative periods mean the shortest there is; those of templates stay as they are.
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) spec.terminationGracePeriodSeconds = 1;
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  for (const { resources } of containers) {
    if (resources?.limits === undefined) continue;
    resources.requests ??= {};
    addMissing(resources.requests, resources.limits);
  }
  defaultPodResources(pod);
  spec.enableServiceLinks ??= true;
  if (spec.hostNetwork === true) {
    for (const port of containers.flatMap((container) => container.ports ?? [])) {
      port.hostPort ||= port.containerPort;
    }
  }
}

const initContainerAnnotation = /^pod\.(?:alpha|beta)\.kubernetes\.io\/init-container(?:s|-statuses)$/;

/** What init containers were before they had a field. */
function dropInitContainerAnnotations({ metadata }: Pod): void {
  for (const key in metadata.annotations) {
    if (initContainerAnnotation.test(key)) delete metadata.annotations[key];
  }
}

/** The first address stands in two fields; where they differ, the older field rules. */
function defaultPodStatus(status: PodStatus): void {
  const first = status.podIPs?.[0]?.ip;
  if (status.podIP && status.podIP !== first) status.podIPs = [{ ip: status.podIP }];
  else if (first !== undefined) status.podIP = first;
  for (const container of [
    ...(status.containerStatuses ?? []),
    ...(status.initContainerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ]) {
    roundResourceList(container.allocatedResources);
    roundRequirements(container.resources);
  }
}

/** Resources of the whole pod, where some are given: mirrors defaultPodRequests and defaultHugePagePodLimits. */
function defaultPodResources({ spec }: Pod): void {
  const { resources } = spec;
  if (resources === undefined) return;
  const hasSome =
    Object.keys(resources.limits ?? {}).length + Object.keys(resources.requests ?? {}).length > 0;
  if (!hasSome) return;
  const limits = { ...resources.limits };
  const aggregate = aggregateResources(spec.containers ?? [], spec.initContainers ?? [], "limits");
  for (const [name, value] of Object.entries(aggregate)) {
    if (isHugePages(name) && resources.requests?.[name] === undefined) limits[name] ??= value;
  }
  if (Object.keys(limits).length === 0) return;
  resources.limits = limits;
  const requests = { ...resources.requests };
  const requested = aggregateResources(spec.containers ?? [], spec.initContainers ?? [], "requests");
  for (const [name, value] of Object.entries(requested)) {
    if (isPodLevel(name) && !isHugePages(name)) requests[name] ??= value;
  }
  for (const [name, value] of Object.entries(limits)) if (isPodLevel(name)) requests[name] ??= value;
  if (Object.keys(requests).length > 0) resources.requests = requests;
}

const isHugePages = (name: string): boolean => name.startsWith("hugepages-");
const isPodLevel = (name: string): boolean => name === "cpu" || name === "memory" || isHugePages(name);

/**
 * What the containers need together: all of them and the sidecars at once, or one ordinary init container beside the
 * sidecars started before it, whichever is more.
 */
function aggregateResources(
  containers: readonly Container[],
  initContainers: readonly Container[],
  field: "limits" | "requests",
): ResourceList {
  const total = new Map<string, Quantity>();
  for (const container of containers) addTo(total, container.resources?.[field]);
  const sidecars = new Map<string, Quantity>();
  const atInit = new Map<string, Quantity>();
  for (const container of initContainers) {
    if (container.restartPolicy === "Always") {
      addTo(total, container.resources?.[field]);
      addTo(sidecars, container.resources?.[field]);
      raiseTo(atInit, sidecars);
    } else {
      const now = new Map(sidecars);
      addTo(now, container.resources?.[field]);
      raiseTo(atInit, now);
    }
  }
  raiseTo(total, atInit);
  return Object.fromEntries([...total].map(([name, quantity]) => [name, quantity.toString()]));
}

function addTo(total: Map<string, Quantity>, list: ResourceList | undefined): void {
  for (const [name, text] of Object.entries(list ?? {})) {
    const quantity = Quantity.parse(text);
    total.set(name, total.get(name)?.add(quantity) ?? quantity);
  }
}

function raiseTo(total: Map<string, Quantity>, other: ReadonlyMap<string, Quantity>): void {
  for (const [name, quantity] of other) {
    const known = total.get(name);
    if (known === undefined || known.compare(quantity) < 0) total.set(name, quantity);
  }
}
