import type { Service } from "../../api/types/core-v1.ts";
import type { EndpointSlice } from "../../api/types/discovery-v1.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { SocketAddress } from "../webhook/service-endpoints.ts";
import type { Availability } from "./api-service.ts";
import type { RemoteServer } from "./remote-server.ts";
import { authority, type RemoteTransport, UnusableSpecError } from "./remote-transport.ts";

/** Endpoints that are asked at once: one of them is enough. */
const maxAttempts = 5;
const timeoutMs = 5_000;

/**
 * Whether an API server can be reached: first by what is known of its Service, then by asking it for its resources. The
 * wordings are those of kube-aggregator's remote_available_controller.go. Rejects with UnusableSpecError when there is
 * nothing to ask with.
 */
export async function checkAvailability(remote: RemoteServer, reader: ObjectReader): Promise<Availability> {
  const missing = missingOf(remote, reader);
  if (missing !== undefined) return { status: "False", ...missing };
  try {
    await ask(remote);
  } catch (error) {
    if (error instanceof UnusableSpecError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    return { status: "False", reason: "FailedDiscoveryCheck", message };
  }
  return { status: "True", reason: "Passed", message: "all checks passed" };
}

type Missing = Omit<Availability, "status">;

function missingOf({ spec }: RemoteServer, reader: ObjectReader): Missing | undefined {
  const { namespace = "", name = "", port = 443 } = spec.service ?? {};
  const service = reader.get<Service>({ group: "", resource: "services" }, namespace, name);
  const which = `service/${name} in ${JSON.stringify(namespace)}`;
  if (service === undefined) return { reason: "ServiceNotFound", message: `${which} is not present` };
  // Of others it is not known here where they lead.
  if ((service.spec.type ?? "ClusterIP") !== "ClusterIP") return undefined;
  const servicePort = service.spec.ports?.find((each) => each.port === port);
  if (servicePort === undefined)
    return { reason: "ServicePortError", message: `${which} is not listening on port ${port}` };
  const slices = reader
    .list<EndpointSlice>({ group: "discovery.k8s.io", resource: "endpointslices" }, namespace)
    .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name);
  if (slices.length === 0)
    return { reason: "EndpointsNotFound", message: `cannot find endpointslices for ${which}` };
  const portName = servicePort.name ?? "";
  if (slices.some((slice) => hasEndpoint(slice, portName))) return undefined;
  const message = `endpointslices for ${which} have no addresses with port name ${JSON.stringify(portName)}`;
  return { reason: "MissingEndpoints", message };
}

const hasEndpoint = ({ endpoints, ports }: EndpointSlice, portName: string): boolean =>
  (endpoints ?? []).some(({ conditions }) => conditions?.ready !== false) &&
  (ports ?? []).some(({ name, port }) => (name ?? "") === portName && port !== undefined);

/** Resolves when one endpoint has answered as an API server does; rejects with what the last one said. */
async function ask(remote: RemoteServer): Promise<void> {
  const transport = await remote.transport();
  const attempts = transport
    .addresses()
    .slice(0, maxAttempts)
    .map((address) => askOne(transport, address, pathOf(remote)));
  try {
    await Promise.any(attempts);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors.at(-1) : error;
  }
}

async function askOne(transport: RemoteTransport, address: SocketAddress, path: string): Promise<void> {
  const url = `https://${authority(address)}${path}`;
  const failed = (why: string): Error => new Error(`failing or missing response from ${url}: ${why}`);
  let status: number;
  try {
    status = await transport.codeOf(path, timeoutMs, address);
  } catch (error) {
    if (error instanceof UnusableSpecError) throw error;
    throw failed(error instanceof Error ? error.message : String(error));
  }
  if (status < 200 || status >= 300) throw failed(`bad status from ${url}: ${status}`);
}

/** Where each API server says what it has. */
const pathOf = ({ group, version }: RemoteServer): string =>
  group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
