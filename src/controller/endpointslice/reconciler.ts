import type { Node, Pod, Service } from "../../api/types/core-v1.ts";
import type { Endpoint, EndpointSlice } from "../../api/types/discovery-v1.ts";
import { isBeingDeleted } from "../../apimachinery/object.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerWatch, ReconcileResult } from "../controller.ts";
import { isPodReady } from "../pods.ts";
import {
  addressesOf,
  endpointHostname,
  endpointPods,
  endpointPorts,
  inheritedLabels,
} from "../service-endpoints.ts";
import {
  type AddressType,
  managedByLabel,
  planSlices,
  serviceNameLabel,
  type WantedGroup,
} from "../slice-plan.ts";
import { SliceWriter } from "../slice-writer.ts";
import { addressTypesOf, hintsFor } from "./families.ts";

export const managedBy = "endpointslice-controller.k8s.io";
const zoneLabel = "topology.kubernetes.io/zone";

/** A pod of a node that is not there is looked at again: the node may only be late. */
const nodeMissingMs = 1000;

/** Keeps the EndpointSlices of a Service with a selector. */
export class EndpointSliceReconciler {
  readonly #services: Informer<Service>;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #writer: SliceWriter;

  constructor(context: ControllerContext) {
    this.#services = context.informers.informer(resources.services);
    this.#pods = context.informers.informer(resources.pods);
    this.#nodes = context.informers.informer(resources.nodes);
    this.#slices = context.informers.informer(resources.endpointslices);
    this.#slices.addIndex("service", (slice) => [serviceKeyOf(slice) ?? ""]);
    this.#writer = new SliceWriter(context, this.#slices);
  }

  watches(): ControllerWatch[] {
    return this.#writer.watches();
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const service = this.#services.getByKey(key);
    if (service === undefined) {
      // The garbage collector takes its slices.
      this.#writer.forget(key);
      return undefined;
    }
    if (Object.keys(service.spec.selector ?? {}).length === 0 || service.spec.type === "ExternalName")
      return undefined;
    if (this.#writer.isBehind(key)) return undefined;
    const existing = this.#slices
      .byIndex("service", key)
      .filter(
        (slice) => slice.metadata.labels?.[managedByLabel] === managedBy && this.#writer.isThere(slice),
      );
    const types = addressTypesOf(service);
    const { pods, nodeMissing } = this.#endpointPods(service);
    for (const slice of existing) {
      if (!types.includes(slice.addressType as AddressType)) await this.#writer.delete(slice);
    }
    for (const type of types) {
      const own = existing.filter((slice) => slice.addressType === type);
      const groups = this.#groupsOf(service, pods, type);
      const plan = planSlices({ object: service, labels: labelsOf(service) }, type, groups, own);
      if (isBeingDeleted(service)) plan.create.length = 0;
      await this.#writer.carryOut(key, plan);
    }
    return nodeMissing ? { requeueAfterMs: nodeMissingMs } : undefined;
  }

  /** Pods of nodes that do not exist are not reachable; they are published only where readiness does not matter. */
  #endpointPods(service: Service): { pods: Pod[]; nodeMissing: boolean } {
    const all = endpointPods(service, this.#pods);
    const pods = all.filter(
      ({ spec }) =>
        (spec.nodeName ?? "") === "" ||
        service.spec.publishNotReadyAddresses === true ||
        this.#nodes.get(spec.nodeName ?? "") !== undefined,
    );
    return { pods, nodeMissing: pods.length < all.length };
  }

  #groupsOf(service: Service, pods: readonly Pod[], type: AddressType): WantedGroup[] {
    const groups = new Map<string, { ports: WantedGroup["ports"]; endpoints: Endpoint[] }>();
    for (const pod of pods) {
      const addresses = addressesOf(pod).filter((ip) => ip.includes(":") === (type === "IPv6"));
      if (addresses.length === 0) continue;
      const ports = endpointPorts(service, pod);
      const key = JSON.stringify(ports);
      const group = groups.get(key) ?? { ports: ports.map((port) => ({ ...port })), endpoints: [] };
      groups.set(key, group);
      group.endpoints.push(this.#endpointOf(service, pod, addresses));
    }
    return [...groups.values()];
  }

  #endpointOf(service: Service, pod: Pod, addresses: string[]): Endpoint {
    const { nodeName = "" } = pod.spec;
    const zoneName = this.#nodes.get(nodeName)?.metadata.labels?.[zoneLabel] ?? "";
    const zone = zoneName === "" ? undefined : zoneName;
    const hostname = endpointHostname(service, pod);
    const serving = isPodReady(pod);
    const terminating = isBeingDeleted(pod);
    const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
    const { namespace, name, uid } = pod.metadata;
    return {
      addresses,
      conditions: { ready, serving, terminating },
      ...(hostname === undefined ? {} : { hostname }),
      targetRef: { kind: "Pod", namespace, name, uid },
      ...(nodeName === "" ? {} : { nodeName }),
      ...(zone === undefined ? {} : { zone }),
      ...hintsFor(service, pod, zone, ready),
    };
  }
}

const labelsOf = (service: Service): Record<string, string> => ({
  ...inheritedLabels(service, [serviceNameLabel, managedByLabel]),
  [serviceNameLabel]: service.metadata.name ?? "",
  [managedByLabel]: managedBy,
});

/** The key of the Service that a slice belongs to. */
export function serviceKeyOf({ metadata }: EndpointSlice): string | undefined {
  const service = metadata.labels?.[serviceNameLabel];
  return service === undefined || service === "" ? undefined : `${metadata.namespace}/${service}`;
}
