/** What a proxy leads to, from the name in the URL. */
import { BlockList, isIP } from "node:net";
import type { Node, Pod, Service } from "../../api/types/core-v1.ts";
import type { EndpointSlice } from "../../api/types/discovery-v1.ts";
import { newBadRequest, newNotFound, newServiceUnavailable } from "../../apimachinery/status.ts";
import type { ConnectCall } from "../../apiserver/endpoints/connect.ts";
import type { ObjectReader } from "../../apiserver/object-reader.ts";

/** One port of one pod. */
export interface PodPort {
  readonly pod: Pod;
  readonly port: number;
  readonly tls: boolean;
}

/** One port of a node's own address. */
export interface NodePort {
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
}

interface ProxyName {
  readonly tls: boolean;
  readonly name: string;
  readonly port: string;
}

/** "web", "web:8443" or "https:web:8443"; 400 for anything else. */
export function parseProxyName(kind: string, id: string): ProxyName {
  const parts = id.split(":");
  const [scheme = "", name = "", port = ""] = parts.length === 3 ? parts : ["", ...parts];
  if (parts.length > 3 || name === "" || !["", "http", "https"].includes(scheme)) {
    throw newBadRequest(`invalid ${kind} request ${JSON.stringify(id)}`);
  }
  return { tls: scheme === "https", name, port };
}

/** The port that the name says, or the first that a container declares. */
export function podPort(call: ConnectCall): PodPort {
  const { tls, name, port } = parseProxyName("pod", call.name);
  const pod = call.object as unknown as Pod | undefined;
  if (pod === undefined) throw newNotFound({ group: "", resource: "pods" }, name);
  checkAddress(pod.status?.podIP ?? "");
  if (port !== "") return { pod, port: portNumber(port), tls };
  const first = pod.spec.containers.flatMap(({ ports }) => ports ?? [])[0]?.containerPort;
  return { pod, port: first ?? (tls ? 443 : 80), tls };
}

/** A pod that is ready. Without a port in the name only a port without a name is meant, as in Kubernetes. */
export function servicePort(call: ConnectCall, reader: ObjectReader): PodPort {
  const { tls, name, port } = parseProxyName("service", call.name);
  const service = call.object as unknown as Service | undefined;
  if (service === undefined) throw newNotFound({ group: "", resource: "services" }, name);
  const portName = /^[+-]?\d+$/.test(port) ? nameOfPort(service, Number(port)) : port;
  const slices = reader
    .list<EndpointSlice>({ group: "discovery.k8s.io", resource: "endpointslices" }, call.namespace)
    .filter((slice) => slice.metadata.labels?.["kubernetes.io/service-name"] === name);
  for (const slice of slices) {
    const number = slice.ports?.find((candidate) => (candidate.name ?? "") === portName)?.port;
    if (number === undefined) continue;
    for (const { conditions, targetRef } of slice.endpoints ?? []) {
      if (conditions?.ready === false || targetRef?.name === undefined) continue;
      const pod = reader.get<Pod>({ group: "", resource: "pods" }, call.namespace, targetRef.name);
      if (pod !== undefined) return { pod, port: number, tls };
    }
  }
  const endpoints = { group: "", resource: "endpoints" };
  if (slices.length === 0 && reader.get(endpoints, call.namespace, name) === undefined) {
    throw newNotFound({ group: "", resource: "services" }, name);
  }
  throw newServiceUnavailable(`no endpoints available for service ${JSON.stringify(name)}`);
}

function nameOfPort(service: Service, number: number): string {
  const found = service.spec.ports?.find(({ port }) => port === number);
  if (found !== undefined) return found.name ?? "";
  throw newServiceUnavailable(
    `no service port ${number} found for service ${JSON.stringify(service.metadata.name)}`,
  );
}

/** Addresses of nodes and pods that would lead back into this machine, or to many. */
const notProxyable = new BlockList();
notProxyable.addSubnet("127.0.0.0", 8);
notProxyable.addSubnet("169.254.0.0", 16);
notProxyable.addSubnet("224.0.0.0", 4);
notProxyable.addAddress("0.0.0.0");
notProxyable.addAddress("255.255.255.255");
notProxyable.addAddress("::", "ipv6");
notProxyable.addAddress("::1", "ipv6");
notProxyable.addSubnet("fe80::", 10, "ipv6");
notProxyable.addSubnet("ff00::", 8, "ipv6");

/** A port of the node that is not the kubelet's: of the address under which the node is known. */
export function nodePort(call: ConnectCall): NodePort {
  const { tls, name, port } = parseProxyName("node", call.name);
  const node = call.object as unknown as Node | undefined;
  if (node === undefined) throw newNotFound({ group: "", resource: "nodes" }, name);
  const address = node.status?.addresses?.find(({ type }) => type === "InternalIP")?.address ?? "";
  if (isIP(address) === 0) throw newBadRequest("no addresses for hostname");
  checkAddress(address);
  return { address, port: portNumber(port), tls };
}

/** 400 for an address that proxies must not lead to, or none. */
function checkAddress(address: string): void {
  const family = isIP(address);
  if (family === 0 || notProxyable.check(address, family === 6 ? "ipv6" : "ipv4"))
    throw newBadRequest("address not allowed");
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) throw newBadRequest(`invalid port "${text}"`);
  return port;
}
