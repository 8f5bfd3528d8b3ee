import type { EndpointAddress, EndpointSubset, Endpoints, Service } from "../../api/types/core-v1.ts";
import type { Endpoint, EndpointSlice } from "../../api/types/discovery-v1.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerWatch } from "../controller.ts";
import {
  type AddressType,
  managedByLabel,
  planSlices,
  type SliceOwner,
  serviceNameLabel,
  type WantedGroup,
} from "../slice-plan.ts";
import { SliceWriter } from "../slice-writer.ts";

export const managedBy = "endpointslicemirroring-controller.k8s.io";
const skipLabel = "endpointslice.kubernetes.io/skip-mirror";
const leaderAnnotation = "control-plane.alpha.kubernetes.io/leader";

/** At most so many addresses of a subset are mirrored (`--mirroring-max-endpoints-per-subset`). */
const maxPerSubset = 1000;

/**
 * Mirrors Endpoints whose Service has no selector. Keys are those of the Endpoints and of the Service, which are the
 * same. (Mirrors pkg/controller/endpointslicemirroring.)
 */
export class EndpointSliceMirroring {
  readonly #services: Informer<Service>;
  readonly #endpoints: Informer<Endpoints>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #writer: SliceWriter;

  constructor(context: ControllerContext) {
    this.#services = context.informers.informer(resources.services);
    this.#endpoints = context.informers.informer(resources.endpoints);
    this.#slices = context.informers.informer(resources.endpointslices);
    this.#slices.addIndex("mirrored", ({ metadata }) =>
      metadata.labels?.[managedByLabel] === managedBy
        ? [`${metadata.namespace}/${metadata.labels[serviceNameLabel] ?? ""}`]
        : [],
    );
    this.#writer = new SliceWriter(context, this.#slices);
  }

  watches(): ControllerWatch[] {
    return this.#writer.watches();
  }

  async reconcile(key: string): Promise<void> {
    if (this.#writer.isBehind(key)) return;
    const existing = this.#slices.byIndex("mirrored", key).filter((slice) => this.#writer.isThere(slice));
    const endpoints = this.#endpoints.getByKey(key);
    if (endpoints === undefined || !isMirrored(endpoints, this.#services.getByKey(key))) {
      for (const slice of existing) await this.#writer.delete(slice);
      return;
    }
    const owner: SliceOwner = { object: endpoints, labels: labelsOf(endpoints) };
    for (const type of ["IPv4", "IPv6"] as const) {
      const groups = groupsOf(endpoints, type);
      const own = existing.filter((slice) => slice.addressType === type);
      if (groups.length === 0) for (const slice of own) await this.#writer.delete(slice);
      else await this.#writer.carryOut(key, planSlices(owner, type, groups, own));
    }
  }
}

/** People's own Endpoints: not those of a controller, of a leader election, or marked to be left alone. */
function isMirrored({ metadata }: Endpoints, service: Service | undefined): boolean {
  if (service === undefined || Object.keys(service.spec.selector ?? {}).length > 0) return false;
  return metadata.labels?.[skipLabel] !== "true" && metadata.annotations?.[leaderAnnotation] === undefined;
}

function labelsOf({ metadata }: Endpoints): Record<string, string> {
  return {
    ...metadata.labels,
    [serviceNameLabel]: metadata.name ?? "",
    [managedByLabel]: managedBy,
  };
}

function groupsOf({ subsets = [] }: Endpoints, type: AddressType): WantedGroup[] {
  const groups = new Map<string, { ports: WantedGroup["ports"]; endpoints: Endpoint[] }>();
  for (const subset of subsets) {
    const endpoints = endpointsOf(subset).filter(
      ({ addresses }) => addresses[0]?.includes(":") === (type === "IPv6"),
    );
    if (endpoints.length === 0) continue;
    const ports = (subset.ports ?? []).map((port) => ({
      ...port,
      name: port.name ?? "",
      protocol: port.protocol ?? "TCP",
    }));
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    groups.set(key, group);
    group.endpoints.push(...endpoints);
  }
  return [...groups.values()];
}

function endpointsOf({ addresses = [], notReadyAddresses = [] }: EndpointSubset): Endpoint[] {
  return [
    ...addresses.map((address) => endpointOf(address, true)),
    ...notReadyAddresses.map((address) => endpointOf(address, false)),
  ].slice(0, maxPerSubset);
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined || hostname === "" ? {} : { hostname }),
    ...(targetRef === undefined ? {} : { targetRef }),
    ...(nodeName === undefined ? {} : { nodeName }),
  };
}
