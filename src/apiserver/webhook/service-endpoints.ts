import type { Service } from "../../api/types/core-v1.ts";
import type { EndpointSlice } from "../../api/types/discovery-v1.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { ObjectReader } from "../object-reader.ts";

/** Where to connect to. */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * The addresses behind a port of a Service, in the order in which to try them: its ready endpoints, shuffled. The server
 * goes to them directly, so that it waits for no rule of the packet filter and works where there is none. Throws with what is
 * missing; the wordings follow apiserver/pkg/util/proxy.
 */
export function serviceAddresses(
  reader: ObjectReader,
  random: Random,
  service: { readonly namespace: string; readonly name: string; readonly port: number },
): SocketAddress[] {
  const { namespace, name, port } = service;
  const found = reader.get<Service>({ group: "", resource: "services" }, namespace, name);
  if (found === undefined) throw new Error(`service ${JSON.stringify(name)} not found`);
  const { spec } = found;
  if (spec.type === "ExternalName") return [{ host: spec.externalName ?? "", port }];
  const servicePort = (spec.ports ?? []).find((candidate) => candidate.port === port);
  if (servicePort === undefined)
    throw new Error(`no service port ${port} found for service ${JSON.stringify(name)}`);
  const addresses = reader
    .list<EndpointSlice>({ group: "discovery.k8s.io", resource: "endpointslices" }, namespace)
    .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name)
    .flatMap((slice) => addressesOf(slice, servicePort.name ?? ""));
  if (addresses.length === 0) throw new Error(`no endpoints available for service ${JSON.stringify(name)}`);
  const first = Math.floor(random.next() * addresses.length);
  return [...addresses.slice(first), ...addresses.slice(0, first)];
}

function addressesOf({ endpoints, ports }: EndpointSlice, portName: string): SocketAddress[] {
  const port = (ports ?? []).find((candidate) => (candidate.name ?? "") === portName)?.port;
  if (port === undefined) return [];
  return (endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses }) => addresses.slice(0, 1).map((host) => ({ host, port })));
}
