import type { Service } from "../api/types/core-v1.ts";
import type { Endpoint, EndpointSlice } from "../api/types/discovery-v1.ts";
import { joinKey, keyOf } from "../apimachinery/object.ts";

/**
 * The cluster's names as records, after the Kubernetes DNS specification 1.1.0: pure functions from informer caches to
 * answers. Pod names by address (`10-244-0-2.default.pod`) are answered for every address, as CoreDNS's "pods insecure".
 */
export interface ClusterView {
  service(namespace: string, name: string): Service | undefined;
  /** Slices of the Service, by `namespace/name`. */
  endpointSlices(serviceKey: string): readonly EndpointSlice[];
  hasNamespace(name: string): boolean;
  /** Services that own the address as ClusterIP. */
  serviceByClusterIp(ip: string): Service | undefined;
  /** Endpoints with the address, with the Service they belong to. */
  endpointsByIp(
    ip: string,
  ): readonly { readonly serviceKey: string; readonly endpoint: Endpoint; readonly headless: boolean }[];
}

export type Answer =
  | { readonly type: "A"; readonly name: string; readonly ttl: number; readonly data: string }
  | { readonly type: "AAAA"; readonly name: string; readonly ttl: number; readonly data: string }
  | { readonly type: "CNAME"; readonly name: string; readonly ttl: number; readonly data: string }
  | { readonly type: "PTR"; readonly name: string; readonly ttl: number; readonly data: string }
  | { readonly type: "TXT"; readonly name: string; readonly ttl: number; readonly data: string[] }
  | {
      readonly type: "SRV";
      readonly name: string;
      readonly ttl: number;
      readonly data: {
        readonly target: string;
        readonly port: number;
        readonly priority: number;
        readonly weight: number;
      };
    };

export interface Resolution {
  /** The name exists, whatever types it has. */
  readonly exists: boolean;
  readonly answers: readonly Answer[];
  readonly additionals: readonly Answer[];
}

/** Seconds that answers may be kept: as short as CoreDNS's default for Kubernetes. */
export const ttlSeconds = 5;

const absent: Resolution = { exists: false, answers: [], additionals: [] };
const noData: Resolution = { exists: true, answers: [], additionals: [] };

/** One address of a headless Service with the host name it answers to. */
interface Member {
  readonly hostname: string;
  readonly ip: string;
  readonly ports: EndpointSlice["ports"];
  readonly v6: boolean;
}

/** Undefined when the name is not the cluster's to answer. `name` is in lower case, without the last dot. */
export function resolve(
  view: ClusterView,
  domain: string,
  name: string,
  type: string,
): Resolution | undefined {
  if (name.endsWith(".in-addr.arpa")) return resolveReverse(view, domain, name, type);
  if (name !== domain && !name.endsWith(`.${domain}`)) return undefined;
  const labels = name === domain ? [] : name.slice(0, -domain.length - 1).split(".");
  if (labels.length === 0) return noData;
  if (labels.length === 1 && labels[0] === "dns-version") {
    return {
      ...noData,
      answers: type === "TXT" ? [{ type: "TXT", name, ttl: ttlSeconds, data: ["1.1.0"] }] : [],
    };
  }
  switch (labels.at(-1)) {
    case "svc":
      return resolveService(view, domain, name, labels.slice(0, -1), type);
    case "pod":
      return resolvePod(view, name, labels.slice(0, -1), type);
    default:
      return absent;
  }
}

function resolvePod(view: ClusterView, name: string, labels: readonly string[], type: string): Resolution {
  const namespace = labels.at(-1);
  if (namespace === undefined) return noData;
  if (!view.hasNamespace(namespace)) return absent;
  if (labels.length === 1) return noData;
  const ip = (labels[0] ?? "").replaceAll("-", ".");
  if (labels.length !== 2 || !isIpv4(ip)) return absent;
  return { ...noData, answers: type === "A" ? [{ type: "A", name, ttl: ttlSeconds, data: ip }] : [] };
}

function resolveService(
  view: ClusterView,
  domain: string,
  name: string,
  labels: readonly string[],
  type: string,
): Resolution {
  const namespace = labels.at(-1);
  if (namespace === undefined) return noData;
  if (!view.hasNamespace(namespace)) return absent;
  const serviceName = labels.at(-2);
  if (serviceName === undefined) return noData;
  const service = view.service(namespace, serviceName);
  if (service === undefined) return absent;
  const rest = labels.slice(0, -2);
  const base = `${serviceName}.${namespace}.svc.${domain}`;

  if (service.spec.type === "ExternalName") {
    if (rest.length > 0 || service.spec.externalName === undefined) return absent;
    return {
      ...noData,
      answers: [{ type: "CNAME", name, ttl: ttlSeconds, data: service.spec.externalName }],
    };
  }
  if (rest.length === 2 && rest.every((label) => label.startsWith("_"))) {
    return resolvePorts(view, service, base, name, (rest[0] ?? "").slice(1), (rest[1] ?? "").slice(1), type);
  }
  if (rest.length > 1) return absent;
  if (isHeadless(service)) {
    const members = membersOf(view, service).filter(
      ({ hostname }) => rest.length === 0 || hostname === rest[0],
    );
    if (members.length === 0) return rest.length === 0 ? noData : absent;
    if (type === "SRV") return rest.length === 0 ? headlessPorts(members, base, name, () => true) : noData;
    return { ...noData, answers: members.flatMap(({ ip, v6 }) => address(name, ip, v6, type)) };
  }
  if (rest.length === 1) return absent;
  if (type === "SRV") {
    const ports = service.spec.ports ?? [];
    return {
      ...noData,
      answers: ports.map((port) => srv(name, base, port.port)),
      additionals: clusterIps(service).flatMap((ip) => address(base, ip, ip.includes(":"), "A")),
    };
  }
  return {
    ...noData,
    answers: clusterIps(service).flatMap((ip) => address(name, ip, ip.includes(":"), type)),
  };
}

/** `_port._protocol.service…`. */
function resolvePorts(
  view: ClusterView,
  service: Service,
  base: string,
  name: string,
  portName: string,
  protocol: string,
  type: string,
): Resolution {
  const matches = (port: { name?: string | undefined; protocol?: string | undefined }): boolean =>
    (port.name ?? "") === portName && (port.protocol ?? "TCP").toLowerCase() === protocol;
  if (isHeadless(service)) {
    const found = headlessPorts(membersOf(view, service), base, name, matches);
    if (found.answers.length === 0) return absent;
    return type === "SRV" ? found : noData;
  }
  const port = (service.spec.ports ?? []).find(matches);
  if (port === undefined) return absent;
  if (type !== "SRV") return noData;
  return {
    ...noData,
    answers: [srv(name, base, port.port)],
    additionals: clusterIps(service).flatMap((ip) => address(base, ip, ip.includes(":"), "A")),
  };
}

function headlessPorts(
  members: readonly Member[],
  base: string,
  name: string,
  matches: (port: { name?: string; protocol?: string }) => boolean,
): Resolution {
  const answers: Answer[] = [];
  const additionals: Answer[] = [];
  for (const member of members) {
    const target = `${member.hostname}.${base}`;
    const ports = (member.ports ?? []).filter((port) =>
      matches(port as { name?: string; protocol?: string }),
    );
    for (const { port } of ports) if (port !== undefined) answers.push(srv(name, target, port));
    if (ports.length > 0)
      additionals.push(...address(target, member.ip, member.v6, member.v6 ? "AAAA" : "A"));
  }
  return { exists: true, answers, additionals };
}

/** The addresses of a headless Service that are ready (or published all the same). */
function membersOf(view: ClusterView, service: Service): Member[] {
  const all = service.spec.publishNotReadyAddresses === true;
  return view.endpointSlices(keyOf(service)).flatMap((slice) => {
    if (slice.addressType === "FQDN") return [];
    return (slice.endpoints ?? [])
      .filter((endpoint) => all || endpoint.conditions?.ready !== false)
      .flatMap((endpoint) =>
        endpoint.addresses.map((ip) => ({
          hostname: endpoint.hostname ?? hostnameOf(ip),
          ip,
          ports: slice.ports,
          v6: slice.addressType === "IPv6",
        })),
      );
  });
}

function resolveReverse(
  view: ClusterView,
  domain: string,
  name: string,
  type: string,
): Resolution | undefined {
  const ip = name.slice(0, -".in-addr.arpa".length).split(".").toReversed().join(".");
  if (!isIpv4(ip)) return undefined;
  const targets: string[] = [];
  const service = view.serviceByClusterIp(ip);
  if (service !== undefined)
    targets.push(`${service.metadata.name}.${service.metadata.namespace}.svc.${domain}`);
  for (const { serviceKey, endpoint, headless } of view.endpointsByIp(ip)) {
    const [namespace, serviceName] = serviceKey.split("/");
    if (headless)
      targets.push(`${endpoint.hostname ?? hostnameOf(ip)}.${serviceName}.${namespace}.svc.${domain}`);
  }
  // An address that is not the cluster's may be known upstream.
  if (targets.length === 0) return undefined;
  return {
    ...noData,
    answers: type === "PTR" ? targets.map((data) => ({ type: "PTR", name, ttl: ttlSeconds, data })) : [],
  };
}

const hostnameOf = (ip: string): string => ip.replaceAll(/[.:]/g, "-");
const isHeadless = (service: Service): boolean => service.spec.clusterIP === "None";
const clusterIps = (service: Service): string[] =>
  (service.spec.clusterIPs ?? [service.spec.clusterIP ?? ""]).filter((ip) => ip !== "" && ip !== "None");

function srv(name: string, target: string, port: number): Answer {
  return { type: "SRV", name, ttl: ttlSeconds, data: { target, port, priority: 0, weight: 100 } };
}

function address(name: string, data: string, v6: boolean, type: string): Answer[] {
  if (type === "A" && !v6) return [{ type: "A", name, ttl: ttlSeconds, data }];
  if (type === "AAAA" && v6) return [{ type: "AAAA", name, ttl: ttlSeconds, data }];
  return [];
}

function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}

/** The key under which an EndpointSlice's Service is found. */
export const sliceServiceKey = (slice: EndpointSlice): string =>
  joinKey(slice.metadata.namespace, slice.metadata.labels?.["kubernetes.io/service-name"] ?? "");
