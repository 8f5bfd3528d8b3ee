import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { RequestState } from "../endpoints/api-request.ts";
import { hopHeaders, originHeaders } from "../endpoints/hop-headers.ts";
import type { SocketAddress } from "../webhook/service-endpoints.ts";
import { identityHeaders } from "./identity-headers.ts";
import { authority, type RemoteTransport } from "./remote-transport.ts";

/** What told this server who asks, and where, and what frames the body anew. */
const notForwarded: ReadonlySet<string> = new Set([...hopHeaders, "host", "content-length", "authorization"]);
const tokenProtocol = "base64url.bearer.authorization.k8s.io.";

/** What the other server is asked with: the headers of the client, and who that is. */
export function requestHeaders(
  state: RequestState,
  address: SocketAddress,
  transport: Pick<RemoteTransport, "namesUser">,
): OutgoingHttpHeaders {
  const { request, user, auditId } = state;
  const headers: OutgoingHttpHeaders = {};
  for (const name of request.headerNames()) {
    const isOurs = name.startsWith("impersonate-") || transport.namesUser(name);
    const value = request.header(name);
    if (value !== undefined && !name.startsWith(":") && !isOurs && !notForwarded.has(name)) {
      headers[name] = value;
    }
  }
  const protocols = request.header("sec-websocket-protocol");
  if (protocols?.includes(tokenProtocol) === true) {
    const others = protocols.split(",").filter((protocol) => !protocol.trim().startsWith(tokenProtocol));
    headers["sec-websocket-protocol"] = others.map((protocol) => protocol.trim()).join(", ");
  }
  // What follows the body may be asked for by name.
  if (request.header("te")?.includes("trailers") === true) headers["te"] = "trailers";
  headers["x-forwarded-uri"] = request.path;
  headers["x-forwarded-host"] = authority(address);
  headers["x-forwarded-proto"] = "https";
  if (request.remoteAddress !== undefined) {
    const before = request.header("x-forwarded-for");
    headers["x-forwarded-for"] = `${before === undefined ? "" : `${before}, `}${request.remoteAddress}`;
  }
  if (auditId !== "") headers["audit-id"] = auditId;
  return { ...headers, ...identityHeaders(user) };
}

/** What the request is called is for this server to say. */
const notPassedOn: ReadonlySet<string> = new Set([...hopHeaders, ...originHeaders, "audit-id"]);

/** What the client is answered with. */
export function answerHeaders(given: IncomingHttpHeaders): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(given))
    if (value !== undefined && !notPassedOn.has(name)) headers[name] = value;
  return headers;
}
