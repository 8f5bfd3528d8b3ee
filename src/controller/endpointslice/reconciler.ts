import type { Pod, Service } from "../../api/types/core-v1.ts";
import type { Endpoint, EndpointPort, EndpointSlice } from "../../api/types/discovery-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { controllerOf, isBeingDeleted, newControllerRef } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext } from "../controller.ts";
import {
  addressesOf,
  endpointHostname,
  endpointPods,
  endpointPorts,
  inheritedLabels,
  isReady,
  isServing,
} from "../service-endpoints.ts";

export const managedByLabel = "endpointslice.kubernetes.io/managed-by";
export const managedBy = "endpointslice-controller.k8s.io";
export const serviceNameLabel = "kubernetes.io/service-name";
const zoneLabel = "topology.kubernetes.io/zone";

/** As `--max-endpoints-per-slice` defaults to. */
const maxEndpointsPerSlice = 100;

/** What a Service wants: the endpoints of one address type and one set of ports. */
interface WantedGroup {
  readonly addressType: "IPv4" | "IPv6";
  readonly ports: EndpointPort[];
  readonly endpoints: Map<string, Endpoint>;
}

/**
 * Keeps the EndpointSlices of a Service with a selector. Slices that are right are left alone; one that differs is
 * updated; endpoints that have no place yet fill up slices before new ones are made.
 */
export class EndpointSliceReconciler {
  readonly #context: ControllerContext;
  readonly #services: Informer<Service>;
  readonly #pods: Informer<Pod>;
  readonly #slices: Informer<EndpointSlice>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#services = context.informers.informer(resources.services);
    this.#pods = context.informers.informer(resources.pods);
    this.#slices = context.informers.informer(resources.endpointslices);
    this.#slices.addIndex("service", (slice) => [
      `${slice.metadata.namespace}/${slice.metadata.labels?.[serviceNameLabel] ?? ""}`,
    ]);
  }

  async reconcile(key: string): Promise<void> {
    const service = this.#services.getByKey(key);
    const existing = this.#slices
      .byIndex("service", key)
      .filter((slice) => slice.metadata.labels?.[managedByLabel] === managedBy && !isBeingDeleted(slice));
    if (service === undefined || isBeingDeleted(service)) {
      // The garbage collector takes the slices of a Service that is gone; those without an owner are ours to take.
      await Promise.all(
        existing.filter((slice) => controllerOf(slice) === undefined).map((slice) => this.#delete(slice)),
      );
      return;
    }
    if (Object.keys(service.spec.selector ?? {}).length === 0 || service.spec.type === "ExternalName") return;

    const groups = this.#wantedGroups(service);
    const unused = new Set(existing);
    for (const group of groups) {
      const own = existing.filter(
        (slice) => slice.addressType === group.addressType && deepEqual(slice.ports ?? [], group.ports),
      );
      for (const slice of own) unused.delete(slice);
      await this.#reconcileGroup(service, group, own);
    }
    // With no endpoints at all one empty slice stays, so that readers see the Service is known.
    const keep = groups.length === 0 && unused.size === 0;
    if (keep) await this.#create(service, "IPv4", [], []);
    for (const slice of unused) {
      if (groups.length === 0 && slice === existing[0]) {
        if ((slice.endpoints ?? []).length > 0) await this.#update(service, slice, []);
      } else {
        await this.#delete(slice);
      }
    }
  }

  #wantedGroups(service: Service): WantedGroup[] {
    const groups = new Map<string, WantedGroup>();
    for (const pod of endpointPods(service, this.#pods)) {
      const ports = endpointPorts(service, pod);
      // A pod that lacks every named port takes part in no Service that has ports.
      if (ports.length === 0 && (service.spec.ports ?? []).length > 0) continue;
      for (const family of service.spec.ipFamilies ?? ["IPv4"]) {
        const addresses = addressesOf(pod).filter((ip) => ip.includes(":") === (family === "IPv6"));
        if (addresses.length === 0) continue;
        const addressType = family === "IPv6" ? "IPv6" : "IPv4";
        const groupKey = `${addressType} ${JSON.stringify(ports)}`;
        const group = groups.get(groupKey) ?? {
          addressType,
          ports: ports.map((port) => ({ ...port })),
          endpoints: new Map(),
        };
        groups.set(groupKey, group);
        group.endpoints.set(pod.metadata.uid ?? "", this.#endpointOf(service, pod, addresses));
      }
    }
    return [...groups.values()];
  }

  #endpointOf(service: Service, pod: Pod, addresses: string[]): Endpoint {
    const node = pod.spec.nodeName;
    const zone =
      node === undefined
        ? undefined
        : this.#context.informers.informer(resources.nodes).get(node)?.metadata.labels?.[zoneLabel];
    const hostname = endpointHostname(service, pod);
    return {
      addresses: addresses.slice(0, 1),
      conditions: {
        ready: isServing(service, pod),
        serving: service.spec.publishNotReadyAddresses === true || isReady(pod),
        terminating: isBeingDeleted(pod),
      },
      ...(hostname === undefined ? {} : { hostname }),
      ...(node === undefined ? {} : { nodeName: node }),
      targetRef: {
        kind: "Pod",
        namespace: pod.metadata.namespace,
        name: pod.metadata.name,
        uid: pod.metadata.uid,
      },
      ...(zone === undefined ? {} : { zone }),
    };
  }

  async #reconcileGroup(service: Service, group: WantedGroup, own: readonly EndpointSlice[]): Promise<void> {
    const pending = new Map(group.endpoints);
    const kept = own.map((slice) => {
      const endpoints = (slice.endpoints ?? []).flatMap((endpoint) => {
        const uid = endpoint.targetRef?.uid ?? "";
        const wanted = pending.get(uid);
        pending.delete(uid);
        return wanted === undefined ? [] : [wanted];
      });
      return { slice, endpoints };
    });
    for (const { slice, endpoints } of kept) {
      const room = maxEndpointsPerSlice - endpoints.length;
      const changed = !deepEqual(slice.endpoints ?? [], endpoints);
      if (pending.size > 0 && room > 0) {
        for (const [uid, endpoint] of [...pending].slice(0, room)) {
          pending.delete(uid);
          endpoints.push(endpoint);
        }
      } else if (!changed && !this.#labelsDiffer(service, slice)) {
        continue;
      }
      if (endpoints.length === 0 && kept.length > 1) await this.#delete(slice);
      else await this.#update(service, slice, endpoints);
    }
    const rest = [...pending.values()];
    for (let from = 0; from < rest.length; from += maxEndpointsPerSlice) {
      await this.#create(
        service,
        group.addressType,
        group.ports,
        rest.slice(from, from + maxEndpointsPerSlice),
      );
    }
  }

  #labels(service: Service): Record<string, string> {
    return {
      ...inheritedLabels(service),
      [serviceNameLabel]: service.metadata.name ?? "",
      [managedByLabel]: managedBy,
    };
  }

  #labelsDiffer(service: Service, slice: EndpointSlice): boolean {
    return !deepEqual(slice.metadata.labels ?? {}, this.#labels(service));
  }

  async #create(
    service: Service,
    addressType: "IPv4" | "IPv6",
    ports: EndpointPort[],
    endpoints: Endpoint[],
  ): Promise<void> {
    await this.#context.client.resource(resources.endpointslices).create({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        generateName: `${service.metadata.name}-`,
        namespace: service.metadata.namespace,
        labels: this.#labels(service),
        ownerReferences: [newControllerRef(service)],
      },
      addressType,
      ports,
      endpoints,
    });
  }

  async #update(service: Service, slice: EndpointSlice, endpoints: Endpoint[]): Promise<void> {
    await this.#context.client.resource(resources.endpointslices).update({
      ...slice,
      metadata: { ...slice.metadata, labels: this.#labels(service) },
      endpoints,
    });
  }

  async #delete(slice: EndpointSlice): Promise<void> {
    const { name = "", namespace } = slice.metadata;
    await this.#context.client
      .resource(resources.endpointslices)
      .delete(name, { namespace })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }
}
