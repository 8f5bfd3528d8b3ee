import type { Pod, Service, ServicePort } from "../api/types/core-v1.ts";
import { selectorFromMap } from "../apimachinery/labels.ts";
import { keyOf } from "../apimachinery/object.ts";
import type { Lister } from "../client/informer.ts";
import { isPodTerminal } from "./pods.ts";

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
    .filter((pod) => !isPodTerminal(pod))
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

/** A Service's port in one pod, as Endpoints and slices name it. */
export interface EndpointPortNumber {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly appProtocol?: string;
}

/** Those of the Service's ports that the pod has. */
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

const headlessLabel = "service.kubernetes.io/headless";

/** Labels of a Service that its endpoints carry on, but for those in `reserved`; a Service without address is marked. */
export function inheritedLabels(
  { metadata, spec }: Service,
  reserved: readonly string[] = [],
): Record<string, string> {
  const labels = { ...metadata.labels };
  for (const own of [...reserved, headlessLabel]) delete labels[own];
  if ((spec.clusterIP ?? "") === "" || spec.clusterIP === "None") labels[headlessLabel] = "";
  return labels;
}
