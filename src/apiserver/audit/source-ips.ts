import { isIP } from "node:net";
import type { ApiRequest } from "../endpoints/api-request.ts";

/** The server's own components speak to it without a socket; in Kubernetes they come over loopback. */
const loopback = "::1";

/**
 * Where a request came from: what proxies say first, the address of the connection last, which alone cannot be made up
 * (mirrors k8s.io/apimachinery/pkg/util/net.SourceIPs).
 */
export function sourceIps(request: ApiRequest): string[] {
  const ips = (request.header("x-forwarded-for") ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => isIP(part) !== 0);
  const real = request.header("x-real-ip") ?? "";
  if (isIP(real) !== 0 && !ips.includes(real)) ips.push(real);
  const remote = request.remoteAddress ?? (request.isInProcess ? loopback : undefined);
  if (remote !== undefined) {
    const address = remote.startsWith("::ffff:") ? remote.slice("::ffff:".length) : remote;
    if (ips.at(-1) !== address) ips.push(address);
  }
  return ips;
}
