import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { Duplex, type Readable } from "node:stream";
import type { Pod, Service } from "../../api/types/core-v1.ts";
import type { EndpointSlice } from "../../api/types/discovery-v1.ts";
import { newBadRequest, newNotFound, newServiceUnavailable } from "../../apimachinery/status.ts";
import type { ApiResponse, UpgradeRequest } from "../../apiserver/endpoints/api-request.ts";
import type { ConnectCall } from "../../apiserver/endpoints/connect.ts";
import type { ObjectReader } from "../../apiserver/object-reader.ts";
import type { NodeLocator } from "../../apiserver/registry/strategy.ts";
import { nodeOf } from "./node-of.ts";

/** Headers of one hop, and what must not travel to a pod: the client's credentials. */
const notForwarded = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "authorization",
  "host",
  "http2-settings",
]);

/** What a proxy leads to: one port of one pod. */
interface Target {
  readonly pod: Pod;
  readonly port: number;
  readonly tls: boolean;
}

/** pods/proxy and services/proxy: the request goes through the node's connection to the pod, never anywhere else. */
export async function proxyRequest(
  call: ConnectCall,
  reader: ObjectReader,
  nodes: NodeLocator,
): Promise<ApiResponse> {
  if (call.resource === "nodes")
    throw newBadRequest(
      "proxying to a node is not supported; its logs and streams have subresources of pods",
    );
  const target = call.resource === "pods" ? podTarget(call) : serviceTarget(call, reader);
  const { node, target: podTargetOf } = nodeOf(target.pod, nodes);
  const connection = await node.portForward(podTargetOf, target.port, call.context.signal);
  const socket = Duplex.from({ readable: connection.readable, writable: connection.writable });
  // It also fails when the pod goes away behind an answer, and then nobody else listens any more.
  socket.on("error", () => connection.close());
  // Node's http brings fetch along, 15 ms of a start that only a proxy would need.
  const send = target.tls ? httpsRequest : (await import("node:http")).request;
  const query = call.request.query.toString();
  const { upgrade } = call.request;
  return await new Promise((resolve, reject) => {
    const outgoing = send({
      method: call.request.method,
      path: `${call.path === "" ? "/" : call.path}${query === "" ? "" : `?${query}`}`,
      headers: { ...headersOf(call), ...upgradeHeaders(upgrade) },
      createConnection: () => socket,
      // Certificates of pods are not the cluster's; the connection does not leave the node.
      ...(target.tls ? { rejectUnauthorized: false } : {}),
      signal: call.context.signal,
    });
    outgoing.on("error", (error) => {
      connection.close();
      reject(newServiceUnavailable(`error trying to reach service: ${error.message}`));
    });
    outgoing.on("response", (incoming) => {
      incoming.on("close", () => connection.close());
      resolve({
        type: "stream",
        status: incoming.statusCode ?? 502,
        headers: forwardable(incoming.headers),
        chunks: incoming,
      });
    });
    if (upgrade !== undefined) {
      outgoing.on("upgrade", (incoming, remote, head) => {
        resolve({ type: "upgraded", ended: join(upgrade, incoming, remote, head, () => connection.close()) });
      });
    }
    const { body } = call.request;
    if (body.type === "bytes" && isReadable(body.source)) body.source.pipe(outgoing);
    else
      outgoing.end(
        body.type === "value" && body.value !== undefined ? JSON.stringify(body.value) : undefined,
      );
  });
}

const upgradeHeaders = (upgrade: UpgradeRequest | undefined): Record<string, string> =>
  upgrade === undefined ? {} : { connection: "Upgrade", upgrade: upgrade.message.headers.upgrade ?? "" };

/** The pod has agreed to speak something else than HTTP: from here on bytes go both ways until one side ends. */
function join(
  { socket, head: early }: UpgradeRequest,
  incoming: IncomingMessage,
  remote: Duplex,
  head: Buffer,
  close: () => void,
): Promise<void> {
  const lines = [`HTTP/1.1 ${incoming.statusCode} ${incoming.statusMessage}`];
  for (let index = 0; index + 1 < incoming.rawHeaders.length; index += 2)
    lines.push(`${incoming.rawHeaders[index]}: ${incoming.rawHeaders[index + 1]}`);
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  socket.write(head);
  remote.write(early);
  return new Promise((resolve) => {
    const end = (): void => {
      socket.destroy();
      remote.destroy();
      close();
      resolve();
    };
    for (const side of [socket, remote]) side.once("close", end).on("error", end);
    remote.pipe(socket);
    socket.pipe(remote);
  });
}

const isReadable = (source: unknown): source is Readable =>
  typeof source === "object" && source !== null && "pipe" in source && typeof source.pipe === "function";

function headersOf({ request }: ConnectCall): Record<string, string> {
  const headers: Record<string, string> = { host: "localhost" };
  for (const name of request.headerNames()) {
    const value = request.header(name);
    const isIdentity = name.startsWith("impersonate-") || name.startsWith("x-remote-");
    if (value !== undefined && !name.startsWith(":") && !isIdentity && !notForwarded.has(name)) {
      headers[name] = value;
    }
  }
  return headers;
}

function forwardable(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const result: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !notForwarded.has(name)) result[name] = value;
  }
  return result;
}

/** "https:web:8443" → scheme, name, port. */
function parseName(name: string): { tls: boolean; name: string; port: string } {
  const parts = name.split(":");
  if (parts.length === 3) return { tls: parts[0] === "https", name: parts[1] ?? "", port: parts[2] ?? "" };
  return { tls: false, name: parts[0] ?? "", port: parts[1] ?? "" };
}

function podTarget(call: ConnectCall): Target {
  const pod = call.object as unknown as Pod | undefined;
  const { tls, name, port } = parseName(call.name);
  if (pod === undefined) throw newNotFound({ group: "", resource: "pods" }, name);
  if (port !== "") return { pod, port: portNumber(port), tls };
  const first = pod.spec.containers.flatMap(({ ports }) => ports ?? [])[0]?.containerPort;
  return { pod, port: first ?? 80, tls };
}

function serviceTarget(call: ConnectCall, reader: ObjectReader): Target {
  const service = call.object as unknown as Service | undefined;
  const { tls, name, port } = parseName(call.name);
  if (service === undefined) throw newNotFound({ group: "", resource: "services" }, name);
  const ports = service.spec.ports ?? [];
  const chosen =
    port === ""
      ? ports[0]
      : ports.find((candidate) => candidate.name === port || String(candidate.port) === port);
  const unavailable = newServiceUnavailable(`no endpoints available for service "${name}"`);
  if (chosen === undefined) throw unavailable;
  const slices = reader
    .list<EndpointSlice>({ group: "discovery.k8s.io", resource: "endpointslices" }, call.namespace)
    .filter((slice) => slice.metadata.labels?.["kubernetes.io/service-name"] === name);
  for (const slice of slices) {
    const number = slice.ports?.find((candidate) => (candidate.name ?? "") === (chosen.name ?? ""))?.port;
    const endpoint = (slice.endpoints ?? []).find(({ conditions }) => conditions?.ready !== false);
    const podName = endpoint?.targetRef?.name;
    if (number === undefined || podName === undefined) continue;
    const pod = reader.get<Pod>({ group: "", resource: "pods" }, call.namespace, podName);
    if (pod !== undefined) return { pod, port: number, tls };
  }
  throw unavailable;
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) throw newBadRequest(`invalid port "${text}"`);
  return port;
}
