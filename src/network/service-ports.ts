import type { Service, ServicePort } from "../api/types/core-v1.ts";
import type { Endpoint, EndpointSlice } from "../api/types/discovery-v1.ts";
import { keyOf } from "../apimachinery/object.ts";

/**
 * What the data path must know of one port of one Service: from Service and EndpointSlices to addresses, without a word of
 * nftables. Selection of endpoints mirrors pkg/proxy/topology.go of Kubernetes.
 */
export interface ServicePortState {
  /** `namespace/name:port`, the port's name or number. */
  readonly id: string;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly port: number;
  readonly clusterIps: readonly string[];
  /** External and load balancer addresses: reached at `port`, subject to `externalTrafficPolicy`. */
  readonly externalIps: readonly string[];
  /** Source ranges allowed to use the load balancer addresses; empty: all. */
  readonly sourceRanges: readonly string[];
  /** 0 without a node port. */
  readonly nodePort: number;
  /** Seconds that a client stays with its endpoint; 0 without session affinity. */
  readonly affinitySeconds: number;
  readonly clusterEndpoints: readonly EndpointAddress[];
  readonly externalEndpoints: readonly EndpointAddress[];
}

export interface EndpointAddress {
  readonly ip: string;
  readonly port: number;
}

const protocols = { TCP: "tcp", UDP: "udp", SCTP: "sctp" } as const;

/** The states of all ports of the Service; none for headless and ExternalName Services. */
export function servicePortStates(
  service: Service,
  slices: readonly EndpointSlice[],
  nodeName: string,
): ServicePortState[] {
  const { spec } = service;
  if (
    spec.type === "ExternalName" ||
    spec.clusterIP === undefined ||
    spec.clusterIP === "" ||
    spec.clusterIP === "None"
  ) {
    return [];
  }
  return (spec.ports ?? []).map((port) => portState(service, port, slices, nodeName));
}

function portState(
  service: Service,
  port: ServicePort,
  slices: readonly EndpointSlice[],
  nodeName: string,
): ServicePortState {
  const { spec, status } = service;
  const candidates = candidatesOf(slices, port);
  const loadBalancerIps = (status?.loadBalancer?.ingress ?? [])
    .filter((ingress) => ingress.ipMode !== "Proxy")
    .flatMap((ingress) => (ingress.ip === undefined ? [] : [ingress.ip]));
  return {
    id: `${keyOf(service)}:${port.name ?? port.port}`,
    protocol: protocols[(port.protocol ?? "TCP") as keyof typeof protocols] ?? "tcp",
    port: port.port,
    clusterIps: ipv4(spec.clusterIPs ?? [spec.clusterIP ?? ""]),
    externalIps: ipv4([...(spec.externalIPs ?? []), ...loadBalancerIps]),
    sourceRanges: ipv4(spec.loadBalancerSourceRanges ?? []),
    nodePort: port.nodePort ?? 0,
    affinitySeconds:
      spec.sessionAffinity === "ClientIP"
        ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800)
        : 0,
    clusterEndpoints: choose(candidates, spec.internalTrafficPolicy === "Local" ? nodeName : undefined),
    externalEndpoints: choose(candidates, spec.externalTrafficPolicy === "Local" ? nodeName : undefined),
  };
}

interface Candidate extends EndpointAddress {
  readonly endpoint: Endpoint;
}

/** Endpoints of the slices that carry this port, by name as EndpointSlices name ports. */
function candidatesOf(slices: readonly EndpointSlice[], port: ServicePort): Candidate[] {
  return slices
    .filter((slice) => slice.addressType === "IPv4")
    .flatMap((slice) =>
      (slice.ports ?? [])
        .filter((candidate) => (candidate.name ?? "") === (port.name ?? "") && candidate.port !== undefined)
        .flatMap((candidate) =>
          (slice.endpoints ?? []).flatMap((endpoint) =>
            endpoint.addresses.map((ip) => ({ ip, port: candidate.port ?? 0, endpoint })),
          ),
        ),
    );
}

/** Ready endpoints; where there are none, those that are terminating but still serve. */
function choose(candidates: readonly Candidate[], onlyNode: string | undefined): EndpointAddress[] {
  const near =
    onlyNode === undefined ? candidates : candidates.filter(({ endpoint }) => endpoint.nodeName === onlyNode);
  const ready = near.filter(({ endpoint }) => endpoint.conditions?.ready !== false);
  const usable =
    ready.length > 0
      ? ready
      : near.filter(
          ({ endpoint }) =>
            endpoint.conditions?.serving !== false && endpoint.conditions?.terminating === true,
        );
  const unique = new Map(usable.map(({ ip, port }) => [`${ip}:${port}`, { ip, port }]));
  return [...unique.keys()].toSorted().flatMap((key) => unique.get(key) ?? []);
}

/** The data path is IPv4. */
const ipv4 = (addresses: readonly string[]): string[] =>
  addresses.filter((address) => /^[\d./]+$/.test(address));
