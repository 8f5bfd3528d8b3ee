import type { EndpointAddress, EndpointSubset, Endpoints, Pod, Service } from "../../api/types/core-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { isBeingDeleted } from "../../apimachinery/object.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext } from "../controller.ts";
import {
  addressesOf,
  endpointHostname,
  endpointPods,
  endpointPorts,
  inheritedLabels,
  isServing,
} from "../service-endpoints.ts";

const managedByLabel = "endpoints.kubernetes.io/managed-by";
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
    if (service === undefined || isBeingDeleted(service)) {
      // Only what this controller made goes with the Service.
      if (existing?.metadata.labels?.[managedByLabel] === undefined) return;
      await client.delete(existing.metadata.name ?? "", { namespace: existing.metadata.namespace });
      return;
    }
    if (Object.keys(service.spec.selector ?? {}).length === 0 || service.spec.type === "ExternalName") return;

    const { subsets, truncated } = this.#subsetsOf(service);
    const labels = { ...inheritedLabels(service), [managedByLabel]: "endpoint-controller" };
    const annotations = { ...existing?.metadata.annotations };
    if (truncated) annotations[overCapacity] = "truncated";
    else delete annotations[overCapacity];
    if (existing === undefined) {
      await client.create({
        apiVersion: "v1",
        kind: "Endpoints",
        metadata: { name: service.metadata.name, namespace: service.metadata.namespace, labels, annotations },
        subsets,
      });
    } else if (
      !deepEqual(existing.subsets ?? [], subsets) ||
      !deepEqual(existing.metadata.labels ?? {}, labels) ||
      !deepEqual(existing.metadata.annotations ?? {}, annotations)
    ) {
      await client.update({ ...existing, metadata: { ...existing.metadata, labels, annotations }, subsets });
    }
  }

  #subsetsOf(service: Service): { subsets: EndpointSubset[]; truncated: boolean } {
    const byPorts = new Map<string, EndpointSubset>();
    let count = 0;
    for (const pod of endpointPods(service, this.#pods)) {
      if (isBeingDeleted(pod) && service.spec.publishNotReadyAddresses !== true) continue;
      const ports = endpointPorts(service, pod);
      if (ports.length === 0 && (service.spec.ports ?? []).length > 0) continue;
      const ip = addressesOf(pod).find((address) => !address.includes(":")) ?? addressesOf(pod)[0];
      if (ip === undefined) continue;
      if (++count > maxAddresses) continue;
      const key = JSON.stringify(ports);
      const named = ports.map(({ name, ...port }) => (name === "" ? port : { name, ...port }));
      const subset: EndpointSubset = byPorts.get(key) ?? (named.length === 0 ? {} : { ports: named });
      byPorts.set(key, subset);
      const address = addressOf(service, pod, ip);
      if (isServing(service, pod)) subset.addresses = [...(subset.addresses ?? []), address];
      else subset.notReadyAddresses = [...(subset.notReadyAddresses ?? []), address];
    }
    return { subsets: [...byPorts.values()], truncated: count > maxAddresses };
  }
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
