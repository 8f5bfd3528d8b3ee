import type { Pod } from "../../api/types/core-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { newBadRequest, newMethodNotAllowed, newNotFound } from "../../apimachinery/status.ts";
import { connectedNode } from "../../apiserver/connected-node.ts";
import { type ApiResponse, textResponse } from "../../apiserver/endpoints/api-request.ts";
import type { ConnectCall } from "../../apiserver/endpoints/connect.ts";
import { logOptions } from "../../apiserver/endpoints/log.ts";
import type { ObjectReader } from "../../apiserver/object-reader.ts";
import type { NodeLocator } from "../../apiserver/registry/strategy.ts";
import type { NodeConnection } from "../../streaming/node-connection.ts";
import { nodeCommand } from "./node-commands.ts";
import { proxyToNodePort, redirectToRoot } from "./proxy.ts";
import { parseProxyName } from "./proxy-target.ts";

const kubeletPort = "10250";

/**
 * nodes/proxy: what a kubelet serves on its port. A kubelet here has no port; it is asked over its connection. Other ports are the node's own. Whoever may use
 * `nodes/proxy` may read all of it: the finer resources (`nodes/stats`, `nodes/metrics`, …) are judged by a kubelet of its own
 * address only, and there is none.
 */
export async function proxyToNode(
  call: ConnectCall,
  reader: ObjectReader,
  nodes: NodeLocator,
  clock: Clock,
): Promise<ApiResponse> {
  const { name, port } = parseProxyName("node", call.name);
  if (port !== "" && port !== kubeletPort) return await proxyToNodePort(call);
  const redirection = redirectToRoot(call);
  if (redirection !== undefined) return redirection;
  const node = connectedNode({ reader, nodes }, name);
  const path = unescaped(call.path);
  const answered = await nodeCommand(call, path, { reader, node, nodeName: name, clock });
  if (answered !== undefined) return answered;
  const { method } = call.request;
  if (method !== "GET" && method !== "HEAD") throw newMethodNotAllowed();
  if (path.startsWith("/containerLogs/")) return await containerLog(call, reader, node, name, path);
  const page = await node.page?.(path === "" ? "/" : path);
  if (page === undefined) return textResponse(404, "404 page not found\n");
  const { contentType, body, chunks, location } = page;
  if (chunks !== undefined && method === "GET") {
    return { type: "stream", status: 200, headers: { "content-type": contentType }, chunks };
  }
  const bytes = Buffer.from(body);
  return location === undefined
    ? { type: "bytes", status: 200, contentType, bytes }
    : { type: "bytes", status: 301, contentType, bytes, headers: { location } };
}

/** `/containerLogs/NAMESPACE/POD/CONTAINER`, with the query of a pod's log. */
async function containerLog(
  { request, context }: ConnectCall,
  reader: ObjectReader,
  node: NodeConnection,
  nodeName: string,
  path: string,
): Promise<ApiResponse> {
  const [, , namespace = "", name = "", container = ""] = path.split("/");
  const pod = reader.get<Pod>({ group: "", resource: "pods" }, namespace, name);
  if (pod === undefined || pod.spec.nodeName !== nodeName) {
    throw newNotFound({ group: "", resource: "pods" }, name);
  }
  const target = { namespace, pod: name, podUid: pod.metadata.uid ?? "", container };
  const chunks = await node.logs(target, logOptions(request.query, name), context.signal);
  return { type: "stream", status: 200, headers: { "content-type": "text/plain" }, chunks };
}

function unescaped(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw newBadRequest(`the path ${JSON.stringify(path)} is not escaped as it should be`);
  }
}
