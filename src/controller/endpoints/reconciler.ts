import type { EndpointAddress, EndpointSubset, Endpoints, Pod, Service } from "../../api/types/core-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { isBeingDeleted } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext } from "../controller.ts";
import { isPodReady } from "../pods.ts";
import {
  addressesOf,
  type EndpointPortNumber,
  endpointHostname,
  endpointPods,
  endpointPorts,
  inheritedLabels,
} from "../service-endpoints.ts";

export const managedByLabel = "endpoints.kubernetes.io/managed-by";
const overCapacity = "endpoints.kubernetes.io/over-capacity";

/** Beyond this Endpoints are cut off: readers should use EndpointSlices. */
const maxAddresses = 1000;

/** Keeps the Endpoints object of a Service with a selector: the older form of EndpointSlices. */
export class EndpointsReconciler {
  readonly #context: ControllerContext;
  readonly #services: Informer<Service>;
  readonly #pods: Informer<Pod>;
  readonly #endpoints: Informer<Endpoints>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#services = context.informers.informer(resources.services);
    this.#pods = context.informers.informer(resources.pods);
    this.#endpoints = context.informers.informer(resources.endpoints);
  }

  async reconcile(key: string): Promise<void> {
    const service = this.#services.getByKey(key);
    const existing = this.#endpoints.getByKey(key);
    const client = this.#context.client.resource(resources.endpoints);
    if (service === undefined) {
      if (existing === undefined) return;
      const { name = "", namespace } = existing.metadata;
      await client.delete(name, { namespace }).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
      return;
    }
    if (Object.keys(service.spec.selector ?? {}).length === 0 || service.spec.type === "ExternalName") return;

    const { subsets, truncated } = this.#subsetsOf(service);
    const labels = { ...inheritedLabels(service), [managedByLabel]: "endpoint-controller" };
    const annotations = { ...existing?.metadata.annotations };
    if (truncated) annotations[overCapacity] = "truncated";
    else delete annotations[overCapacity];
    if (existing === undefined) {
      // What is being deleted gets no new endpoints.
      if (isBeingDeleted(service)) return;
      const { name, namespace } = service.metadata;
      const metadata = { name, namespace, labels, ...(truncated ? { annotations } : {}) };
      await client.create({ apiVersion: "v1", kind: "Endpoints", metadata, subsets });
    } else if (
      !deepEqual(existing.subsets ?? [], subsets) ||
      !deepEqual(existing.metadata.labels ?? {}, labels) ||
      !deepEqual(existing.metadata.annotations ?? {}, annotations)
    ) {
      await client.update({ ...existing, metadata: { ...existing.metadata, labels, annotations }, subsets });
    }
  }

  #subsetsOf(service: Service): { subsets: EndpointSubset[]; truncated: boolean } {
    const unready = service.spec.publishNotReadyAddresses === true;
    const candidates = endpointPods(service, this.#pods).flatMap((pod): Candidate[] => {
      if (isBeingDeleted(pod) && !unready) return [];
      const ports = endpointPorts(service, pod);
      // Only a headless Service may be without ports.
      if (ports.length === 0 && ((service.spec.ports ?? []).length > 0 || service.spec.clusterIP !== "None"))
        return [];
      const ip = addressesOf(pod).find((address) => familyOf(address) === wantedFamily(service, pod));
      return ip === undefined ? [] : [{ pod, ip, ports, ready: unready || isPodReady(pod) }];
    });
    // Beyond the capacity, those that serve are kept first.
    const kept = candidates
      .toSorted((a, b) => Number(b.ready) - Number(a.ready) || (a.ip < b.ip ? -1 : 1))
      .slice(0, maxAddresses);
    const byPorts = new Map<string, EndpointSubset>();
    for (const { pod, ip, ports, ready } of kept) {
      const key = JSON.stringify(ports);
      const named = ports.map(({ name, ...port }) => (name === "" ? port : { name, ...port }));
      const subset: EndpointSubset = byPorts.get(key) ?? (named.length === 0 ? {} : { ports: named });
      byPorts.set(key, subset);
      const address = addressOf(service, pod, ip);
      if (ready) subset.addresses = [...(subset.addresses ?? []), address];
      else subset.notReadyAddresses = [...(subset.notReadyAddresses ?? []), address];
    }
    return { subsets: [...byPorts.values()], truncated: candidates.length > maxAddresses };
  }
}

interface Candidate {
  readonly pod: Pod;
  readonly ip: string;
  readonly ports: EndpointPortNumber[];
  readonly ready: boolean;
}

const familyOf = (ip: string): string => (ip.includes(":") ? "IPv6" : "IPv4");

/** Endpoints are of one family: the Service's first. One that names none follows its address, or the pod's. */
function wantedFamily({ spec }: Service, pod: Pod): string {
  if (spec.ipFamilies?.[0] !== undefined) return spec.ipFamilies[0];
  const headless = (spec.clusterIP ?? "") === "" || spec.clusterIP === "None";
  return familyOf(headless ? (addressesOf(pod)[0] ?? "") : (spec.clusterIP ?? ""));
}

function addressOf(service: Service, pod: Pod, ip: string): EndpointAddress {
  const hostname = endpointHostname(service, pod);
  return {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    targetRef: {
      kind: "Pod",
      namespace: pod.metadata.namespace,
      name: pod.metadata.name,
      uid: pod.metadata.uid,
    },
  };
}
