import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { Duplex, pipeline, type Readable } from "node:stream";
import { connect as connectTls } from "node:tls";
import { createDeflateRaw, createGunzip, createGzip, createInflateRaw } from "node:zlib";
import { newServiceUnavailable } from "../../apimachinery/status.ts";
import type { ApiResponse, StreamResponse, UpgradeRequest } from "../../apiserver/endpoints/api-request.ts";
import type { ConnectCall } from "../../apiserver/endpoints/connect.ts";
import { joinUpgrade } from "../../apiserver/endpoints/join-upgrade.ts";
import type { ObjectReader } from "../../apiserver/object-reader.ts";
import type { NodeLocator } from "../../apiserver/registry/strategy.ts";
import type { ByteStream } from "../../streaming/node-connection.ts";
import { proxyPrefix, requestHeaders, responseHeaders, throughProxy } from "./proxy-headers.ts";
import { nodePort, podPort, servicePort } from "./proxy-target.ts";
import { rewriteHtml } from "./rewrite-html.ts";

/** Where a proxy leads: a way there, and under which address the target knows itself. */
interface Target {
  readonly host: string;
  readonly tls: boolean;
  connect(signal: AbortSignal): Promise<ByteStream>;
}

/** pods/proxy and services/proxy: the request goes through the node's connection to the pod, never anywhere else. */
export async function proxyToPod(
  call: ConnectCall,
  reader: ObjectReader,
  nodes: NodeLocator,
): Promise<ApiResponse> {
  const { pod, port, tls } = call.resource === "pods" ? podPort(call) : servicePort(call, reader);
  const { name = "", namespace = "", uid = "" } = pod.metadata;
  const { nodeName = "" } = pod.spec;
  const node = nodes.connection(nodeName);
  if (node === undefined)
    throw newServiceUnavailable(`error trying to reach service: node ${nodeName} is not connected`);
  const target = { namespace, pod: name, podUid: uid };
  return await proxyTo(call, {
    host: `${pod.status?.podIP ?? ""}:${port}`,
    tls,
    connect: (signal) => node.portForward(target, port, signal),
  });
}

/** An address that nobody has is given up after so long. */
const dialTimeoutMs = 30_000;

/** nodes/proxy to another port than the kubelet's. */
export async function proxyToNodePort(call: ConnectCall): Promise<ApiResponse> {
  const { address, port, tls } = nodePort(call);
  return await proxyTo(call, {
    host: `${address}:${port}`,
    tls,
    connect: async (signal) => {
      const socket = connect({ host: address, port, signal, timeout: dialTimeoutMs });
      socket.once("timeout", () => socket.destroy(new Error(`dial tcp ${address}:${port}: i/o timeout`)));
      await once(socket, "connect").catch((error: Error) => {
        throw newServiceUnavailable(`error trying to reach service: ${error.message}`);
      });
      socket.setTimeout(0);
      return { readable: socket, writable: socket, close: () => void socket.destroy() };
    },
  });
}

/** A page without a slash at its end would take the relative addresses in it for its neighbours'. */
export function redirectToRoot({ request, path }: ConnectCall): ApiResponse | undefined {
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (path !== "" || !isRead || request.upgrade !== undefined) return undefined;
  const query = request.query.toString();
  const location = `${decodeURI(request.path)}/${query === "" ? "" : `?${query}`}`;
  return { type: "stream", status: 301, headers: { location, "content-length": "0" }, chunks: nothing() };
}

async function* nothing(): AsyncIterable<Uint8Array> {}

async function proxyTo(call: ConnectCall, target: Target): Promise<ApiResponse> {
  const redirection = redirectToRoot(call);
  if (redirection !== undefined) return redirection;
  const connection = await target.connect(call.context.signal);
  const bytes = Duplex.from({ readable: connection.readable, writable: connection.writable });
  // Certificates of pods are not the cluster's; the connection does not leave the node.
  const socket = target.tls ? connectTls({ socket: bytes, rejectUnauthorized: false }) : bytes;
  bytes.on("error", () => connection.close());
  // It also fails when the pod goes away behind an answer, and then nobody else listens any more.
  socket.on("error", () => connection.close());
  // Node's http brings fetch along, 15 ms of a start that only a proxy would need.
  const { request: send } = await import("node:http");
  const query = call.request.query.toString();
  const { upgrade } = call.request;
  return await new Promise((resolve, reject) => {
    const outgoing = send({
      method: call.request.method,
      path: `${call.path === "" ? "/" : call.path}${query === "" ? "" : `?${query}`}`,
      headers: { ...requestHeaders(call), ...upgradeHeaders(upgrade) },
      createConnection: () => socket,
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
        ...answerOf(call, incoming, target),
      });
    });
    if (upgrade !== undefined) {
      outgoing.on("upgrade", (incoming, remote, head) => {
        const agreed = { answer: incoming, socket: remote, head };
        resolve({ type: "upgraded", ended: joinUpgrade(upgrade, agreed, () => connection.close()) });
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

/** Addresses in pages of HTML lead through the proxy, as redirections do. */
function answerOf(
  call: ConnectCall,
  incoming: IncomingMessage,
  { host }: Target,
): Pick<StreamResponse, "headers" | "chunks"> {
  const headers = responseHeaders(incoming.headers, call, host);
  const type = (incoming.headers["content-type"] ?? "").split(";")[0]?.trim();
  const encoding = incoming.headers["content-encoding"] ?? "";
  const isPage = type === "text/html" && incoming.headers.location === undefined;
  if (!isPage || call.request.method === "HEAD" || !["", "gzip", "deflate"].includes(encoding)) {
    return { headers, chunks: incoming };
  }
  delete headers["content-length"];
  const prefix = proxyPrefix(call);
  const requestHost = call.request.header("host");
  const rewrite = (page: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> =>
    rewriteHtml(page, (address) => throughProxy(address, prefix, host, requestHost));
  if (encoding === "") return { headers, chunks: rewrite(incoming) };
  const [unpack, pack] =
    encoding === "gzip" ? [createGunzip(), createGzip()] : [createInflateRaw(), createDeflateRaw()];
  // A failure ends the answer before its end, which is all that can be said by then.
  pipeline(incoming, unpack, rewrite, pack, () => undefined);
  return { headers, chunks: pack };
}

const upgradeHeaders = (upgrade: UpgradeRequest | undefined): Record<string, string> =>
  upgrade === undefined ? {} : { connection: "Upgrade", upgrade: upgrade.message.headers.upgrade ?? "" };

const isReadable = (source: unknown): source is Readable =>
  typeof source === "object" && source !== null && "pipe" in source && typeof source.pipe === "function";
