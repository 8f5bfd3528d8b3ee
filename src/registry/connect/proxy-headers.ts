/** Headers on their way through a proxy, after k8s.io/apimachinery/pkg/util/proxy. */
import type { IncomingHttpHeaders } from "node:http";
import { posix } from "node:path";
import type { ConnectCall } from "../../apiserver/endpoints/connect.ts";
import { hopHeaders, originHeaders } from "../../apiserver/endpoints/hop-headers.ts";

/** What must not travel to a pod, the client's credentials among it. */
const notForwarded: ReadonlySet<string> = new Set([...hopHeaders, "authorization"]);
const notAnswered: ReadonlySet<string> = new Set([...notForwarded, ...originHeaders]);

/** The path of the request up to and with `proxy`. */
export function proxyPrefix({ request, path }: ConnectCall): string {
  return decodeURI(request.path.slice(0, request.path.length - path.length));
}

/** What the pod is asked with: the client's headers, and under which address the client knows it. */
export function requestHeaders(call: ConnectCall): Record<string, string> {
  const { request } = call;
  const headers: Record<string, string> = { host: request.header("host") ?? "localhost" };
  for (const name of request.headerNames()) {
    const value = request.header(name);
    const isIdentity = name.startsWith("impersonate-") || name.startsWith("x-remote-");
    if (value !== undefined && !name.startsWith(":") && !isIdentity && !notForwarded.has(name)) {
      headers[name] = value;
    }
  }
  headers["x-forwarded-uri"] = joinPaths(proxyPrefix(call), call.path);
  if (request.remoteAddress !== undefined) {
    const before = headers["x-forwarded-for"];
    headers["x-forwarded-for"] = `${before === undefined ? "" : `${before}, `}${request.remoteAddress}`;
  }
  return headers;
}

/** What the client gets: a redirection within what was asked leads through the proxy again. */
export function responseHeaders(
  headers: IncomingHttpHeaders,
  call: ConnectCall,
  targetHost: string,
): Record<string, string | string[]> {
  const result: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !notAnswered.has(name)) result[name] = value;
  }
  const { location } = headers;
  if (location !== undefined) {
    result["location"] = throughProxy(location, proxyPrefix(call), targetHost, call.request.header("host"));
  }
  return result;
}

/** `prefix` before paths from the root of the target's own host; all other addresses stay. */
export function throughProxy(
  address: string,
  prefix: string,
  targetHost: string,
  requestHost: string | undefined,
): string {
  const [, origin = "", host = "", path = "", rest = ""] =
    /^((?:[a-zA-Z][\w+.-]*:)?(?:\/\/([^/?#]*))?)([^?#]*)(.*)$/s.exec(address) ?? [];
  const isElsewhere = host !== "" && host !== targetHost && host !== requestHost;
  if (isElsewhere || !path.startsWith("/")) return address;
  const kept = host !== "" && host === requestHost ? origin : "";
  return `${kept}${path.startsWith(prefix) ? path : joinPaths(prefix, path)}${rest}`;
}

const joinPaths = (prefix: string, path: string): string => posix.join(prefix, path);
