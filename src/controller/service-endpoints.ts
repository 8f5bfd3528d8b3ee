import type { Pod, Service, ServicePort } from "../api/types/core-v1.ts";
import { selectorFromMap } from "../apimachinery/labels.ts";
import { isBeingDeleted, keyOf } from "../apimachinery/object.ts";
import type { Lister } from "../client/informer.ts";

/** What Endpoints and EndpointSlices share: which pods stand behind a Service, at which ports. */

/** Keys of the Services that select the pod. */
export function servicesOfPod(services: Lister<Service>, pod: Pod): string[] {
  return services
    .list(pod.metadata.namespace)
    .filter((service) => selects(service, pod))
    .map(keyOf);
}

function selects(service: Service, pod: Pod): boolean {
  const { selector } = service.spec;
  return (
    selector !== undefined &&
    Object.keys(selector).length > 0 &&
    selectorFromMap(selector).matches(pod.metadata.labels)
  );
}

/** Pods that are or will be endpoints: with an address, and not ended. */
export function endpointPods(service: Service, pods: Lister<Pod>): Pod[] {
  return pods
    .list(service.metadata.namespace)
    .filter((pod) => selects(service, pod) && addressesOf(pod).length > 0)
    .filter((pod) => pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed")
    .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

export function addressesOf(pod: Pod): string[] {
  const ips = (pod.status?.podIPs ?? []).map(({ ip }) => ip);
  return ips.length > 0
    ? ips
    : pod.status?.podIP === undefined || pod.status.podIP === ""
      ? []
      : [pod.status.podIP];
}

export const isReady = (pod: Pod): boolean =>
  (pod.status?.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True");

/** Whether traffic may go to the pod: ready and staying, or published in any state. */
export const isServing = (service: Service, pod: Pod): boolean =>
  service.spec.publishNotReadyAddresses === true || (isReady(pod) && !isBeingDeleted(pod));

/** The name that a pod of a headless Service answers to, if it asked for one. */
export const endpointHostname = (service: Service, pod: Pod): string | undefined =>
  pod.spec.hostname !== undefined && pod.spec.hostname !== "" && pod.spec.subdomain === service.metadata.name
    ? pod.spec.hostname
    : undefined;

/** The number behind a Service port in this pod; undefined when the pod has no port of that name. */
export function targetPort(port: ServicePort, pod: Pod): number | undefined {
  const target = port.targetPort === undefined || port.targetPort === 0 ? port.port : port.targetPort;
  if (typeof target === "number") return target;
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  for (const container of [...pod.spec.containers, ...sidecars]) {
    for (const candidate of container.ports ?? []) {
      if (candidate.name === target && (candidate.protocol ?? "TCP") === (port.protocol ?? "TCP"))
        return candidate.containerPort;
    }
  }
  return undefined;
}

/** Ports as Endpoints and slices name them, for this pod. A headless Service without ports has none. */
export interface EndpointPortNumber {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly appProtocol?: string;
}

export function endpointPorts(service: Service, pod: Pod): EndpointPortNumber[] {
  return (service.spec.ports ?? []).flatMap((port) => {
    const number = targetPort(port, pod);
    if (number === undefined) return [];
    return [
      {
        name: port.name ?? "",
        port: number,
        protocol: port.protocol ?? "TCP",
        ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
      },
    ];
  });
}

/** Labels of a Service that its endpoints carry on: all but those the controllers set. */
export function inheritedLabels(service: Service): Record<string, string> {
  const labels = { ...service.metadata.labels };
  for (const own of [
    "kubernetes.io/service-name",
    "endpointslice.kubernetes.io/managed-by",
    "service.kubernetes.io/headless",
  ]) {
    delete labels[own];
  }
  if (service.spec.clusterIP === "None") labels["service.kubernetes.io/headless"] = "";
  return labels;
}
