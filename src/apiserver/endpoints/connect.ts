import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newMethodNotAllowed, newNotFound, newServiceUnavailable } from "../../apimachinery/status.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import type { RequestContext } from "../request-context.ts";
import { admissionAttributes } from "./admit.ts";
import type { ApiRequest, ApiResponse, RequestState } from "./api-request.ts";
import { newRequestContext } from "./context.ts";
import type { ServerCore } from "./server-core.ts";

/**
 * Who speaks with the client once a connection to a pod, service or node was asked for and permitted. Authorization
 * and admission are done; `object` is the pod, service or node, frozen. For exec, attach and portforward
 * `request.upgrade` holds the socket (HTTP/1.1), or `request.channel` takes the client's end of an in-process one; the
 * answer is then `{ type: "upgraded", ended }`. A handler that fails before
 * it answered throws StatusError, which becomes an ordinary answer.
 */
export interface ConnectHandlers {
  exec(call: ConnectCall): Promise<ApiResponse>;
  attach(call: ConnectCall): Promise<ApiResponse>;
  portForward(call: ConnectCall): Promise<ApiResponse>;
  /** Any method; `path` is what follows `proxy`. */
  proxy(call: ConnectCall): Promise<ApiResponse>;
}

export interface ConnectCall {
  /** `pods`, `services` or `nodes`. */
  readonly resource: string;
  /** The name in the URL; for proxies it may carry scheme and port: `https:web:443`. */
  readonly name: string;
  readonly namespace: string;
  /** Absent for a proxy to something that does not exist. */
  readonly object: UnstructuredObject | undefined;
  readonly context: RequestContext;
  readonly request: ApiRequest;
  /** Below `proxy`, still escaped, beginning with "/" or empty. */
  readonly path: string;
}

const handlerNames: Readonly<Record<string, keyof ConnectHandlers>> = {
  exec: "exec",
  attach: "attach",
  portforward: "portForward",
  proxy: "proxy",
};

export const isConnect = (subresource: string): boolean => Object.hasOwn(handlerNames, subresource);

const optionKinds: Readonly<Record<string, string>> = {
  exec: "PodExecOptions",
  attach: "PodAttachOptions",
  portforward: "PodPortForwardOptions",
};
const proxyOptionKinds: Readonly<Record<string, string>> = {
  pods: "PodProxyOptions",
  services: "ServiceProxyOptions",
  nodes: "NodeProxyOptions",
};

/** CONNECT: exec, attach, port-forward and proxies. */
export async function connect(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
): Promise<ApiResponse> {
  const { subresource, name, namespace, resource, path } = state.info;
  const handler = handlerNames[subresource];
  if (handler === undefined || served.store === undefined) throw newMethodNotAllowed();
  if (subresource !== "proxy" && !["GET", "POST"].includes(state.request.method)) throw newMethodNotAllowed();
  const context = newRequestContext(state);
  await core.watchCache.current();
  const object = served.store.cache.get(namespace, bareName(subresource, name))?.object;
  if (object === undefined) throw newNotFound(served.info, bareName(subresource, name));
  const kind = optionKinds[subresource] ?? proxyOptionKinds[resource] ?? "";
  const attributes = admissionAttributes(
    context,
    { group: "", version: "v1", kind },
    {
      operation: "CONNECT",
      object: connectOptions(kind, state),
      oldObject: undefined,
    },
  );
  await core.admission.mutate(attributes);
  await core.admission.validate(attributes);
  const request = state.request;
  const rest = new RegExp(`^(?:/[^/]+)*?/${resource}/[^/]+/${subresource}(/.*)?$`).exec(path)?.[1] ?? "";
  return core.connect[handler]({ resource, name, namespace, object, context, request, path: rest });
}

/** "https:web:443" and "web:http" → "web". */
function bareName(subresource: string, name: string): string {
  if (subresource !== "proxy") return name;
  const parts = name.split(":");
  return (parts.length === 3 ? parts[1] : parts[0]) ?? "";
}

function connectOptions(kind: string, state: RequestState): UnstructuredObject {
  const options: Record<string, unknown> = { kind, apiVersion: "v1" };
  const { query } = state.request;
  for (const name of new Set(query.keys())) {
    const values = query.getAll(name);
    const value = values[0] ?? "";
    if (name === "command") options[name] = values;
    else if (name === "ports") options[name] = values.map(Number);
    else
      options[name] =
        value === "true" || value === "1" ? true : value === "false" || value === "0" ? false : value;
  }
  return options as UnstructuredObject;
}

const unavailable = (): Promise<never> =>
  Promise.reject(newServiceUnavailable("this server has no connection to its nodes"));

/** For servers without nodes: each connection is refused by name. */
export const noConnections: ConnectHandlers = {
  exec: unavailable,
  attach: unavailable,
  portForward: unavailable,
  proxy: unavailable,
};
